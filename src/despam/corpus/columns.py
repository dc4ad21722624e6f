"""Which column is the text, which is the label, and the usual words for spam and ham.

Knows the usual names and nothing of file formats. Names are compared without case, blanks and byte order mark. A
look-up that fails says what there is.
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
