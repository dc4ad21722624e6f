"""Two models on the same messages.

Knows pairs of measurements. What is shown is paired: the messages where the two verdicts differ, McNemar's exact test
on who is right there, and the bootstrap (over clusters of near-repeats) of the difference in AUC and recall.

Invariant: `old` and `new` are measured on the same rows in the same order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from despam.errors import EvaluationError
from despam.evaluate import figures, intervals, metrics
from despam.evaluate.measure import Measured
from despam.evaluate.repeats import clusters as find_clusters


def compare(old: Sequence[Measured], new: Sequence[Measured], seed: int = 0) -> dict[str, Any]:
    """Give both sides' figures, the differences with intervals, McNemar's p, and which messages flip."""
    if len(old) != len(new) or any(a.text != b.text for a, b in zip(old, new, strict=False)):
        raise EvaluationError("two models can only be compared on the same messages in the same order")
    right_old = [row.flagged == row.spam for row in old]
    right_new = [row.flagged == row.spam for row in new]
    broken = [i for i, (a, b) in enumerate(zip(right_old, right_new, strict=True)) if a and not b]
    fixed = [i for i, (a, b) in enumerate(zip(right_old, right_new, strict=True)) if b and not a]
    return {
        "old": figures.compute(old),
        "new": figures.compute(new),
        "differences": differences(old, new, seed),
        "only_old_right": len(broken),
        "only_new_right": len(fixed),
        "mcnemar_p": intervals.mcnemar(len(broken), len(fixed)),
        "broken": broken,
        "fixed": fixed,
        "ham_lost_now": sum(not new[i].spam for i in broken),
        "ham_saved_now": sum(not new[i].spam for i in fixed),
    }


def differences(old: Sequence[Measured], new: Sequence[Measured], seed: int) -> dict[str, dict[str, Any]]:
    """Give new minus old for the figures that rank and decide, each with its paired 95 % interval."""
    spam = [row.spam for row in old]
    before = metrics.Ranking([row.score for row in old], spam)
    after = metrics.Ranking([row.score for row in new], spam)
    gain = [(b.flagged == b.spam) - (a.flagged == a.spam) for a, b in zip(old, new, strict=True)]

    def difference(weights: Sequence[int]) -> dict[str, float | None]:
        total = sum(weights)
        return {
            "accuracy": sum(w * g for w, g in zip(weights, gain, strict=True)) / total if total else None,
            "auc": _minus(after.auc(weights), before.auc(weights)),
            "recall_at_0.01": _minus(after.recall_at(0.01, weights), before.recall_at(0.01, weights)),
        }

    clusters = find_clusters([row.text for row in old])
    spans = intervals.bootstrap(difference, clusters, max(100, intervals.rounds_for(len(old)) // 2), seed)
    whole = difference([1] * len(old))
    return {name: {"difference": whole[name], "interval": list(spans[name])} for name in whole if name in spans}


def _minus(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other
