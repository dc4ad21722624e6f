"""The page on where messages arrive: its IMAP function, as it stands there, on a mailbox that is made up.

Knows the four answers of imaplib that the function reads. Refuses every command but those that look and move, so a
function that deletes, flags or opens a mail as read fails here.
"""

from __future__ import annotations

import re
from typing import Any

import despam

from .conftest import ROOT

PAGE = ROOT / "docs" / "how-to" / "where-messages-arrive.md"
SPAM = b"Subject: URGENT!\r\n\r\nYou have won a cash prize, call 09061701461 now\r\n"
HAM = b"Subject: dinner\r\n\r\nAre you coming home for dinner?\r\n"


class Mailbox:
    """An inbox by UID, and what was moved out of it."""

    def __init__(self, inbox: dict[bytes, bytes]) -> None:
        self.inbox = inbox
        self.gone: set[bytes] = set()
        self.moved: list[tuple[bytes, str]] = []

    def select(self, folder: str) -> tuple[str, list[bytes]]:
        assert folder == "INBOX"
        return "OK", [b"%d" % len(self.inbox)]

    def uid(self, command: str, *given: Any) -> tuple[str, list[Any]]:
        """Answer as imaplib does."""
        if (command, given) == ("SEARCH", ("UNSEEN",)):
            return "OK", [b" ".join(self.inbox)]
        if command == "FETCH" and given[1] == "(BODY.PEEK[])":
            uid = given[0]
            return "OK", [None] if uid in self.gone else [(b"1 (UID %s BODY[] {9}" % uid, self.inbox[uid]), b")"]
        assert command == "MOVE", f"{command} neither looks nor moves"
        self.moved.append((given[0], given[1]))
        return ("NO" if given[1] == "Closed" else "OK"), [None]


def move_spam(box: Mailbox, model: despam.Model, folder: str = "Junk") -> int:
    """Run the page's function."""
    page = PAGE.read_text(encoding="utf-8")
    block = re.search(r"^```python\n(import imaplib.*?)\nwith imaplib", page, re.DOTALL | re.MULTILINE)
    assert block is not None
    names: dict[str, Any] = {}
    exec(block[1], names)
    return int(names["move_spam"](box, model, folder))


def test_spam_is_moved_and_the_rest_stays(bundled: despam.Model) -> None:
    box = Mailbox({b"4": SPAM, b"7": HAM, b"9": SPAM})
    assert move_spam(box, bundled) == 2
    assert box.moved == [(b"4", "Junk"), (b"9", "Junk")]


def test_a_mail_that_another_client_moved_is_passed_over(bundled: despam.Model) -> None:
    box = Mailbox({b"4": SPAM, b"9": SPAM})
    box.gone = {b"4"}
    assert move_spam(box, bundled) == 1


def test_a_move_that_the_server_refuses_is_not_counted(bundled: despam.Model) -> None:
    assert move_spam(Mailbox({b"4": SPAM}), bundled, "Closed") == 0


def test_an_empty_inbox_is_no_error(bundled: despam.Model) -> None:
    assert move_spam(Mailbox({}), bundled) == 0
