"""Comparisons are paired, and name what flips."""

from __future__ import annotations

from typing import Any

import pytest

from despam.errors import EvaluationError
from despam.evaluate.compare import compare
from despam.evaluate.measure import measure


def test_flips_and_mcnemar_are_counted_pair_by_pair(word_model_class: Any, rows: Any) -> None:
    """The new model finds ten more spam and loses two ham."""
    old = word_model_class({"win": 4.0})
    new = word_model_class({"win": 4.0, "casino": 4.0, "cards": 4.0})
    data = rows([f"win {i}" for i in range(20)] + [f"casino {i}" for i in range(10)], [f"hello {i}" for i in range(30)])
    data += rows([], ["cards tonight", "cards tomorrow"], "cards")
    before, after = measure(old, data), measure(new, data)
    found = compare(before, after)
    assert (found["only_new_right"], found["only_old_right"]) == (10, 2)
    assert found["mcnemar_p"] == pytest.approx(0.03857421875)
    assert found["ham_lost_now"] == 2
    assert [data[i].text for i in found["broken"]] == ["cards tonight", "cards tomorrow"]
    low, high = found["differences"]["accuracy"]["interval"]
    assert found["differences"]["accuracy"]["difference"] == pytest.approx(8 / 62)
    assert low < 8 / 62 < high
    assert {"recall", "false_positive_rate", "auc", "brier", "ece"} <= set(found["differences"])
    assert "recall_at_0.01" not in found["differences"]  # of 32 ham


def test_a_model_does_not_differ_from_itself(word_model: Any, rows: Any) -> None:
    """No flips, p = 1, intervals of zero width."""
    data = measure(word_model, rows(["win a prize", "casino"], ["lunch", "thanks", "table"]))
    found = compare(data, data)
    assert found["mcnemar_p"] == 1.0
    assert found["fixed"] == found["broken"] == []
    assert found["differences"]["auc"]["interval"] == [0.0, 0.0]


def test_other_messages_cannot_be_compared(word_model: Any, rows: Any) -> None:
    """One sentence, no figures."""
    one, other = measure(word_model, rows(["win"], ["tea"])), measure(word_model, rows(["win"], ["coffee"]))
    with pytest.raises(EvaluationError, match="same messages"):
        compare(one, other)
