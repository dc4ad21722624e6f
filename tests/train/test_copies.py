"""Disguised copies: other signs than those that measure, the same whatever the order, and of what was asked."""

from __future__ import annotations

from despam.core.repair import repair
from despam.evaluate import attack_tables
from despam.train.copies import HIDDEN, LEET, in_leet, make_copies
from despam.train.recipe import Settings

TEXTS = [f"see you at lunch on day {n}, said Ann" for n in range(200)]
SPAM = [n % 2 == 1 for n in range(200)]


def test_no_letter_is_written_as_the_attacks_write_it() -> None:
    """A model is never measured on the substitutions it was shown."""
    for letter, signs in LEET.items():
        assert not set(signs) & set(attack_tables.LEET.get(letter, ""))
    assert HIDDEN not in attack_tables.INVISIBLE + attack_tables.SOFT_HYPHEN


def test_marked_copies_are_repaired_and_reported() -> None:
    """Each way of hiding words is undone by repair, which says so."""
    reported: set[str] = set()
    alone = Settings(leet_copies=(0, 0), marked_copies=(1, 1), word_copies=(0, 0))
    for copy in make_copies(TEXTS, SPAM, ["s"] * 200, alone):
        text, kinds = repair(copy.text)
        assert text.replace("'", "") == TEXTS[copy.row].replace("'", "")
        reported.update(kinds)
    assert reported == {"zero-width", "full-width", "spaced-out"}


def test_copies_follow_text_and_seed_not_the_order() -> None:
    """The same texts are copied, in the same way, when the rows come the other way round."""
    settings = Settings(word_copies=(0.0, 0.0))
    there = list(make_copies(TEXTS, SPAM, ["s"] * 200, settings))
    back = make_copies(TEXTS[::-1], SPAM[::-1], ["s"] * 200, settings)
    assert there
    assert {copy.text for copy in there} == {copy.text for copy in back}
    assert {copy.text for copy in there} != {
        copy.text for copy in make_copies(TEXTS, SPAM, ["s"] * 200, Settings(seed=1, word_copies=(0.0, 0.0)))
    }


def test_each_class_gets_its_share() -> None:
    """Shares of 0 and 1 copy none and all of a class; words come from real messages of the same source."""
    none = Settings(leet_copies=(0.0, 0.0), marked_copies=(0.0, 0.0), word_copies=(0.0, 0.0))
    assert not list(make_copies(TEXTS, SPAM, ["s"] * 200, none))
    alone = Settings(leet_copies=(0, 0), marked_copies=(0, 0), word_copies=(0, 1))
    words = list(make_copies([*TEXTS, "alone"], [*SPAM, True], ["s"] * 200 + ["t"], alone))
    behind = [copy for copy in words if SPAM[copy.row] and copy.text.startswith(TEXTS[copy.row])]
    assert len(behind) == 100
    real = set(" ".join(TEXTS).replace(",", "").split())
    assert all(set(copy.text[len(TEXTS[copy.row]) :].split()) <= real for copy in behind)
    assert all(copy.row < 200 for copy in words)


def test_leet_keeps_the_length_and_the_other_letters() -> None:
    """Only letters of the table change, one sign each."""
    import random

    assert (
        in_leet("\u0131\u017f" * 50, random.Random(0)) == "\u0131\u017f" * 50
    )  # cased like i and s, but other letters
    written = in_leet("Please call me back at six", random.Random(0))
    assert len(written) == 26
    assert written != "Please call me back at six"
    assert all(a == b or a.lower() in LEET for a, b in zip("Please call me back at six", written, strict=True))
