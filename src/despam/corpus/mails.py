"""Rows out of mail sources: an mbox, one .eml, or a cell that holds a whole message.

Splitting an mbox is done here, on lines that begin with "From " after an empty one; reading a message is
`core.mail`'s work. A mail carries no label: that comes from the name of the file or folder (spam, ham), or there is
none.

Invariant: of one message at most MESSAGE_BYTES are held, however long it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from despam.corpus.columns import SPAM_WORDS, TELLING_WORDS, plain
from despam.corpus.opening import Source, stem
from despam.corpus.row import Plan, Row
from despam.errors import DataError

MESSAGE_BYTES = 1 << 20
BLOCK_BYTES = 1 << 19


class MailBlock(NamedTuple):
    """Some messages of one mbox, each with its number."""

    source: str
    label: str | None
    messages: list[tuple[int, bytes]]
    position: int

    def size(self) -> int:
        """Count the rows."""
        return len(self.messages)

    def rows(self, plan: Plan) -> Iterator[Row]:
        """Decode the messages."""
        for number, data in self.messages:
            yield mail_row(data, self.source, number, self.label, {"message": number}, plan)


def split_mbox(source: Source, label: str | None) -> Iterator[MailBlock]:
    """Cut an mbox into messages."""
    name = stem(source.path)
    messages: list[tuple[int, bytes]] = []
    held = 0
    try:
        for number, data in enumerate(messages_of(source), 1):
            messages.append((number, data))
            held += len(data)
            if held > BLOCK_BYTES:
                yield MailBlock(name, label, messages, source.position())
                messages, held = [], 0
    except DataError:  # what was read before the damage still comes
        if messages:
            yield MailBlock(name, label, messages, source.position())
        raise
    if messages:
        yield MailBlock(name, label, messages, source.position())


def messages_of(source: Source) -> Iterator[bytes]:
    """Give each message's source, without its "From " line and with ">From " put back."""
    lines: list[bytes] = []
    held = 0
    blank = True
    begun = False  # empty lines before the first message are none
    for line in source.lines():
        if blank and line.startswith(b"From "):
            if begun:
                yield b"".join(lines)
            lines, held, begun, blank = [], 0, True, False
            continue
        blank = not line.strip()
        if held < MESSAGE_BYTES:
            lines.append(re.sub(rb"^>(>*From )", rb"\1", line) if line.startswith(b">") else line)
            held += len(line)
        begun = begun or not blank
    if begun:
        yield b"".join(lines)


def mail_row(data: bytes, source: str, number: int, label: str | None, fields: dict[str, object], plan: Plan) -> Row:
    """Make a row of one message's bytes."""
    row = Row(data.decode("latin-1"), label, source, number, dict(fields))
    return decoded(row, "latin-1", plan)


def read_cell(row: Row, plan: Plan) -> Row:
    """Read a cell as a mail source where the plan or the row itself says that it is one."""
    charset = row.fields.get("raw_charset")
    return decoded(row, charset, plan) if plan.mail or charset else row


def decoded(row: Row, charset: object, plan: Plan) -> Row:
    """Turn a row whose text is a mail source into one whose text is the message."""
    row.mail = True
    if plan.decode_mail:
        from despam.core import mail

        row.text = mail.read(source_bytes(row.raw, charset))
    else:
        row.fields.setdefault("raw_charset", charset) if charset else None
    return row


def source_bytes(text: str, charset: object) -> bytes:
    """Give back the bytes that a cell's text was decoded from; a charset that is none of text counts as UTF-8."""
    from despam.core.charsets import own_codec

    if isinstance(charset, str) and (name := own_codec(charset)):
        try:
            return text.encode(name)
        except ValueError:  # not in it
            pass
    return text.encode("utf-8", "surrogatepass")


def label_of_name(path: Path) -> str | None:
    """Read a label off a file's name (spam.mbox, easy_ham_2.mbox), else off a folder named exactly spam or ham.

    Folders are those of the path as it was typed, nearest first, or the one the file is in: no chance name far above.
    """
    words = re.findall(r"[a-z]+", re.sub(r"(?<![a-z])no[nt]?[^a-z]*spam", "ham", stem(path).lower()))
    if {"spam", "ham"} <= set(words):
        return None
    if "spam" in words or "ham" in words:
        return "spam" if "spam" in words else "ham"
    for folder in (*reversed(path.parent.parts), path.absolute().parent.name):
        if (word := plain(folder)) in TELLING_WORDS:
            return "spam" if word in SPAM_WORDS else "ham"
    return None


def whole(source: Source, label: str | None) -> Iterator[MailBlock]:
    """Read a file that is one message."""
    data = b""
    while len(data) < MESSAGE_BYTES and (piece := source.read()):
        data += piece
    yield MailBlock(stem(source.path), label, [(1, data[:MESSAGE_BYTES])], source.size_bytes)
