"""Long runs of marks are normalised as `unicodedata` would, given the time."""

from __future__ import annotations

import random
import sys
from typing import Literal
from unicodedata import combining, normalize

import pytest

from despam.core.marks import LONG_RUN, SHORT, normal_form

# marks of many orders, some of which are made of two; a letter, an ideograph's form, an emoji
SIGNS = (
    "\u0315\u0300\u05ae\u0301\u0323\u0344\u0f71\u0f73\u0f75\u0f81\u3099\u20dd\u0340\uff9ea\u1e9b\ufb01\uf900\U0001f600"
)


@pytest.mark.parametrize("form", ["NFKC", "NFKD"])
def test_runs_of_any_marks_give_what_unicodedata_gives(form: Literal["NFKC", "NFKD"]) -> None:
    chance = random.Random(0)
    for _ in range(2_000):
        text = "".join(chance.choices(SIGNS[: chance.randint(2, len(SIGNS))], k=chance.randint(0, 3 * SHORT)))
        assert normal_form(form, text) == normalize(form, text)


def test_no_mark_that_has_an_order_is_overlooked() -> None:
    ordered = [chr(code) for code in range(sys.maxunicode + 1) if combining(normalize("NFKD", chr(code))[0])]
    assert len(ordered) > 800
    assert [mark for mark in ordered if not LONG_RUN.fullmatch(mark * SHORT)] == []
