"""Which column is the text, which is the label, and which label means spam.

Knows the usual names and nothing of file formats. Names are compared without case, blanks and byte order mark. A
look-up that fails says what there is. A label that is no known word is never guessed at: it is named, with the line
it stands in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

# the usual names, most telling first: when a file has several, the first of these wins
TEXT_NAMES = (
    "text", "message", "body", "content", "sms", "v2", "msg", "comment", "email", "mail", "message_text", "email_text",
    "email text", "text_combined",
)  # fmt: skip
LABEL_NAMES = (
    "label", "category", "class", "v1", "spam", "is_spam", "isspam", "spam/ham", "target", "labels", "label_num",
)  # fmt: skip

SPAM_WORDS = frozenset({"spam", "1", "1.0", "true", "yes"})
HAM_WORDS = frozenset(
    {
        "ham",
        "0",
        "0.0",
        "false",
        "no",
        "not spam",
        "not_spam",
        "notspam",
        "non-spam",
        "nonspam",
        "no spam",
        "legitimate",
    }
)
NUMBERS = frozenset({"1", "0", "1.0", "0.0"})
SWITCHES = NUMBERS | {"true", "false", "yes", "no"}  # mean nothing without the name of their column
TELLING_WORDS = (SPAM_WORDS | HAM_WORDS) - SWITCHES


def plain(name: str) -> str:
    """Fold a column name for comparing."""
    return name.strip().strip("\ufeff\"'").strip().lower()


def find_column(names: Sequence[str], usual: Sequence[str], wanted: str | None = None) -> int | None:
    """Find a column by the name wanted, else by the usual names; None when there is none."""
    folded = [plain(name) for name in names]
    if wanted is not None:
        if wanted in names:
            return list(names).index(wanted)
        return folded.index(plain(wanted)) if plain(wanted) in folded else None
    return next((folded.index(name) for name in usual if name in folded), None)


def find_field(row: dict[str, Any], usual: Sequence[str], wanted: str | None = None) -> str | None:
    """Find a field's name in a JSON object."""
    if wanted is None and usual[0] in row:
        return usual[0]
    return find_name(tuple(row), usual, wanted)


@lru_cache(maxsize=8)  # rows of one file have the same names; few, for a name may be as long as a line
def find_name(names: tuple[str, ...], usual: Sequence[str], wanted: str | None) -> str | None:
    """Find a name among names."""
    place = find_column(names, usual, wanted)
    return None if place is None else names[place]


def missing_column(names: Iterable[str], kind: str, wanted: str | None) -> str:
    """Say that a column is not there, and which are."""
    there = ", ".join(repr(name) for name in list(names)[:20]) or "none"
    what = f"no column {wanted!r} for the {kind}" if wanted is not None else f"no column that looks like the {kind}"
    return f"{what}; the columns are {there}; name it with --{kind}-column"


class Labels:
    """What the labels of one file mean, and which were seen."""

    def __init__(self, spam_labels: Sequence[str] = ()) -> None:
        self.spam_labels = {word.strip().lower() for word in spam_labels}
        self.seen: dict[str, int] = {}
        self.found: dict[str, str] = {}  # word -> meaning, the fast path

    def meaning(self, value: Any) -> str | None:
        """Say "spam" or "ham", or None for a label nobody can know."""
        word = label_word(value)
        self.seen[word] = self.seen.get(word, 0) + 1
        known = self.found.get(word)
        if known is None:
            known = self.look_up(word.lower())
            if known:
                self.found[word] = known
        return known or None

    def look_up(self, word: str) -> str:
        """Turn a word into its meaning, "" for none."""
        if self.spam_labels:
            return "spam" if word in self.spam_labels else "ham" if word else ""
        return "spam" if word in SPAM_WORDS else "ham" if word in HAM_WORDS else ""

    def numbered(self) -> bool:
        """Say whether spam and ham came as bare numbers, with no word said which is which."""
        return not self.spam_labels and any(word in NUMBERS for word in self.seen)

    def never_spam(self) -> bool:
        """Say whether the label that --spam-label names did not occur."""
        return bool(self.spam_labels) and not any(word.lower() in self.spam_labels for word in self.seen)

    def listed(self) -> str:
        """List the labels seen, most frequent first."""
        ranked = sorted(self.seen.items(), key=lambda item: (-item[1], item[0]))
        shown = ", ".join(f"{word[:40]!r} ({count:,})" for word, count in ranked[:8])
        return shown + (f" and {len(ranked) - 8:,} more" if len(ranked) > 8 else "")


def label_word(value: Any) -> str:
    """Write a label cell as a word: JSON's true is "true", 1.0 is "1"."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()
