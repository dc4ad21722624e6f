"""Cuts keep near-copies together, and the model measured has not seen the message."""

from __future__ import annotations

import random
from typing import Any

import pytest

from despam.errors import EvaluationError
from despam.evaluate import split
from despam.evaluate.repeats import clusters


def many(rows: Any, source: str = "here") -> list[Any]:
    rng = random.Random(source)
    letters = "abcdefghijklmnopqrstuvwxyz"
    texts = ["".join(rng.choice(letters) for _ in range(20)) for _ in range(60)]
    return rows([f"win {t}" for t in texts[:20]] + ["win " + texts[0]] * 6, [f"tea {t}" for t in texts[20:]], source)


class Remember:
    """A fit that keeps what it was given."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.given: list[list[Any]] = []

    def __call__(self, rows: list[Any]) -> Any:
        self.given.append(rows)
        return self.model


def test_folds_keep_clusters_whole_and_classes_even(rows: Any) -> None:
    """Every fold gets its share of spam and ham; repeats share a fold."""
    data = many(rows)
    groups = clusters([row.text for row in data])
    fold_of = split.folds(data, groups, 5, seed=1)
    for cluster in set(groups):
        assert len({f for f, c in zip(fold_of, groups, strict=True) if c == cluster}) == 1
    for fold in range(5):
        ham = sum(f == fold and row.label == "ham" for f, row in zip(fold_of, data, strict=True))
        assert ham == 8
    assert fold_of == split.folds(data, groups, 5, seed=1)
    assert fold_of != split.folds(data, groups, 5, seed=2)


def test_cross_validation_measures_each_message_once_by_a_model_that_did_not_see_it(word_model: Any, rows: Any) -> None:
    """Order kept; five models; no repeat of a held-out message is learnt from."""
    data = many(rows)
    fit = Remember(word_model)
    measured = split.cross_validate(data, fit, 5)
    assert [row.text for row in measured] == [row.text for row in data]
    assert len(fit.given) == 5
    assert sum(len(data) - len(given) for given in fit.given) == len(data)
    for given in fit.given:
        held = {row.text for row in data} - {row.text for row in given}
        assert held
        assert not held & {row.text for row in given}


def test_the_order_of_the_files_does_not_change_the_folds(word_model: Any, rows: Any) -> None:
    """The same messages are learnt from together; what comes out is in the order that went in."""
    one, other = many(rows, "one"), many(rows, "other")
    given = []
    for data in ([*one, *other], [*other, *one]):
        fit = Remember(word_model)
        measured = split.cross_validate(data, fit, 4)
        assert [row.text for row in measured] == [row.text for row in data]
        given.append([sorted((row.source, row.line) for row in part) for part in fit.given])
    assert given[0] == given[1]


def test_each_model_is_shown_with_what_it_was_measured_on(word_model: Any, rows: Any) -> None:
    """Attacks are on the fold's own messages by the fold's own model."""
    data, shown = many(rows), []
    split.cross_validate(data, Remember(word_model), 4, judge=lambda model, held: shown.append((model, len(held))))
    assert [model for model, _ in shown] == [word_model] * 4
    assert sum(count for _, count in shown) == len(data)


def test_a_class_of_three_messages_cannot_be_cut_in_five(word_model: Any, rows: Any) -> None:
    """Said in one sentence."""
    with pytest.raises(EvaluationError, match="only 3 spam, this measurement needs 5"):
        split.cross_validate(rows(["a", "b", "c"], [str(i) for i in range(30)]), Remember(word_model), 5)


def test_a_class_of_near_copies_leaves_nothing_to_learn_from(word_model: Any, rows: Any) -> None:
    """They share a fold; said before a model is trained on one class."""
    fit = Remember(word_model)
    ham = ["".join(random.Random(i).choices("abcdefghij", k=30)) for i in range(20)]
    with pytest.raises(EvaluationError, match=r"to learn from without fold \d \(near-copies .*, there is no spam"):
        split.cross_validate(rows(["win a prize at the new casino"] * 5, ham), fit, 2)
    assert all({row.label for row in given} == {"spam", "ham"} for given in fit.given)


def test_a_source_left_out_leaves_with_its_near_copies(word_model: Any, rows: Any) -> None:
    """A message that is also elsewhere is not learnt from."""
    one, other = many(rows, "one"), many(rows, "other")
    other += rows([one[0].text.upper()], [], "other")
    fit = Remember(word_model)
    measured = split.leave_one_source_out([*one, *other], fit)
    assert [row.source for row in measured] == ["one"] * len(one) + ["other"] * len(other)
    first = fit.given[0]
    assert {row.source for row in first} == {"other"}
    assert len(first) == len(other) - 1


def test_one_source_cannot_be_left_out(word_model: Any, rows: Any) -> None:
    """There would be nothing to learn from."""
    with pytest.raises(EvaluationError, match="needs at least two, there is only here"):
        split.leave_one_source_out(many(rows), Remember(word_model))
