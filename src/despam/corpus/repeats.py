"""Messages that say the same thing, and messages that say it under both labels.

Two rows are repeats when their normalised texts are equal: NFKC, lower case, letters and digits only (a text without
any is compared as it stands). Repeats count once; a text that carries both labels is left out and named. Also the
fixed order that makes training give the same bytes whatever the order of the files.

Invariant: the result depends on the set of rows only, never on the order in which they came.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from despam.core.marks import normal_form
from despam.corpus.row import Row
from despam.errors import TrainingError

LEAST = 10  # fewer messages of a class than this and nothing can be measured, let alone learnt
TAG = re.compile(r"<[^<>]{0,2000}>")
TAGS = re.compile(rf"<!--.*?-->|{TAG.pattern}", re.DOTALL)
HEAD_LINES = re.compile(r"(?:\s*(?:from|to|cc|date|subject)\s*:[^\n]*\n)+", re.IGNORECASE)
OTHER = re.compile(r"[\W_]+")
ASCII_SIGNS = bytes(code for code in range(128) if not chr(code).isalnum())


class Distinct(NamedTuple):
    """The rows to learn from, and what was left out."""

    rows: list[Row]
    read: int  # rows that came
    repeats: int  # rows left out because an equal text is in
    conflicts: int  # distinct texts left out because they carry both labels
    conflict_rows: int  # rows they made up
    examples: list[str]  # where the first conflicts stand


def normal(text: str, mail: bool = False) -> str:
    """Normalise a text for comparing; of a mail the body alone, whatever its subject."""
    if mail and (body := fold(without_tags(text.partition("\n")[2]))):
        return body
    return fold(text) or " ".join(text.split())


def without_tags(text: str) -> str:
    """Leave out comments and tags; a comment is looked for only where one can end, or many open ones are quadratic."""
    last = text.rfind("-->")
    closed = last + 3 if last >= 0 else 0
    return TAGS.sub(" ", text[:closed]) + TAG.sub(" ", text[closed:])


def fold(text: str) -> str:
    """Keep letters and digits, without address lines at the head."""
    head = HEAD_LINES.match(text)
    body = text[head.end() :] if head else text
    return letters(normal_form("NFKC", body or text).lower())


def letters(text: str) -> str:
    """Keep letters and digits: ASCII signs go by table, as the expression asks for every one of them."""
    kept = text.encode("utf-8", "surrogatepass").translate(None, ASCII_SIGNS).decode("utf-8", "surrogatepass")
    return kept if kept.isascii() else OTHER.sub("", kept)


def distinct(rows: Iterable[Row], *, keep_repeats: bool = False) -> Distinct:
    """Leave out repeats and conflicts, and put the rows in a fixed order."""
    groups: dict[str, list[Row]] = {}
    count = 0
    for row in rows:
        count += 1
        groups.setdefault(normal(row.text, row.mail), []).append(row)
    kept: list[Row] = []
    conflicts: list[list[Row]] = []
    for key in sorted(groups):
        group = sorted(groups[key], key=order)
        if len({row.label for row in group}) > 1:
            conflicts.append(group)
        else:
            kept.extend(group if keep_repeats else group[:1])
    out = sum(map(len, conflicts))
    conflicts.sort(key=lambda group: order(group[0]))
    return Distinct(
        kept, count, count - out - len(kept), len(conflicts), out, [places(group) for group in conflicts[:5]]
    )


def order(row: Row) -> tuple[str, int, str, str]:
    """Sort by place, then by what is in it: two files of one name give one order."""
    return (row.source, row.line, row.text, row.label or "")


def places(group: list[Row]) -> str:
    """Name where a conflict stands: the first line of each label."""
    first = {row.label: row for row in reversed(group)}
    return " and ".join(
        f"{row.source}, line {row.line} ({label})"
        for label, row in sorted(first.items(), key=lambda item: str(item[0]))
    )


def require_both(rows: Iterable[Row]) -> None:
    """Refuse messages that nothing can be learnt from: one class only, or too few of one."""
    counts = {"spam": 0, "ham": 0}
    for row in rows:
        counts[row.label or "ham"] += 1
    for label, other in (("spam", "ham"), ("ham", "spam")):
        if not counts[label]:
            have = (
                f"all {counts[other]:,} messages are {other}, none is {label}"
                if counts[other]
                else "there are no messages"
            )
            raise TrainingError(f"{have}; give messages of both kinds")
        if counts[label] < LEAST:
            detail = f"only {counts[label]} {label} beside {counts[other]:,} {other}, repeats not counted"
            raise TrainingError(f"{detail}; at least {LEAST} of each are needed, give more messages")
