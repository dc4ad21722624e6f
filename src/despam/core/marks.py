"""The compatible normal forms of Unicode (NFKC, NFKD) of any text, in time linear in it.

Knows that CPython puts the marks behind a letter in order by insertion, which takes seconds for 50,000 of them and
hours for a text of 1 MiB. Long runs are put in order here before it sees them. Does not know what a text is normalised
for. Invariant: the result is `unicodedata.normalize`'s.
"""

from __future__ import annotations

import re
from unicodedata import combining, normalize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    Form = Literal["NFKC", "NFKD"]

SHORT = 32  # marks: put in order by insertion in no time
# every mark that has an order is neither ASCII nor, to `re`, a letter, digit or blank, but for two that become marks
LONG_RUN = re.compile(rf"(?:[^\w\s\x00-\x7f]|[\uff9e\uff9f]){{{SHORT},}}")


def normal_form(form: Form, text: str) -> str:
    """Give the text in NFKC or NFKD."""
    return normalize(form, text if text.isascii() else LONG_RUN.sub(in_order, text))


def in_order(run: re.Match[str]) -> str:
    """Decompose a run and put its marks in order: what normalising does first, and leaves as it is when done."""
    known = {character: normalize("NFKD", character) for character in set(run[0])}
    parts: list[str] = []
    marks: list[str] = []
    for character in "".join([known[character] for character in run[0]]):
        if combining(character):
            marks.append(character)
            continue
        parts += sorted(marks, key=combining)
        parts.append(character)
        marks.clear()
    return "".join(parts + sorted(marks, key=combining))
