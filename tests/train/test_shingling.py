"""The fast shingles are the slow ones."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from despam.evaluate import repeats
from despam.train.shingling import shingles


@given(st.one_of(st.text(max_size=40), st.text("abc1 ", max_size=4_000)))
def test_arrays_give_the_same_sets(form: str) -> None:
    """Any text: short, long, of other scripts."""
    assert shingles(form) == repeats.shingles(form)
