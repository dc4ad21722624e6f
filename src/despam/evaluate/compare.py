"""Two models on the same messages.

Knows pairs of measurements. What is shown is paired: the messages where the two verdicts differ, McNemar's exact test
on who is right there, and the bootstrap (over clusters of near-copies) of the difference in each figure.

Invariant: `old` and `new` are measured on the same rows in the same order.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from despam.errors import EvaluationError
from despam.evaluate import figures, intervals
from despam.evaluate.drawn import Drawn
from despam.evaluate.measure import Measured
from despam.evaluate.repeats import clusters as find_clusters


def compare(
    old: Sequence[Measured],
    new: Sequence[Measured],
    seed: int = 0,
    progress: figures.Progress | None = None,
) -> dict[str, Any]:
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
        "differences": differences(old, new, seed, progress),
        "only_old_right": len(broken),
        "only_new_right": len(fixed),
        "mcnemar_p": intervals.mcnemar(len(broken), len(fixed)),
        "broken": broken,
        "fixed": fixed,
        "ham_lost_now": sum(not new[i].spam for i in broken),
        "ham_saved_now": sum(not new[i].spam for i in fixed),
    }


def differences(
    old: Sequence[Measured], new: Sequence[Measured], seed: int, progress: figures.Progress | None = None
) -> dict[str, dict[str, Any]]:
    """Give new minus old for each figure that these data carry, with its paired 95 % interval."""
    before, after = Drawn(old), Drawn(new)

    def difference(weights: Sequence[int]) -> dict[str, float | None]:
        one, other = before(weights), after(weights)
        return {name: _minus(other[name], one[name]) for name in one}

    near, drawing = (partial(progress, stage) if progress else None for stage in ("near-copies", "intervals"))
    clusters = find_clusters([row.text for row in old], progress=near)
    rounds = max(100, intervals.rounds_for(len(old)) // 2)
    spans = intervals.bootstrap(difference, clusters, rounds, seed, drawing)
    whole = difference([1] * len(old))
    return {
        name: {"difference": value, "interval": list(spans[name])}
        for name, value in whole.items()
        if name in spans and value is not None
    }


def _minus(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other
