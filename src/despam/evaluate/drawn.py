"""The figures of one draw of the bootstrap: measured messages, each counted so many times.

Knows what can be prepared once (the ranking, the squared errors), so that a draw of 20,000 messages takes some 25 ms.
Refuses to know how draws are made (`intervals`) and what is shown of them.

Invariant: with weights 1 the figures are those of `figures.compute`; a recall at a rate that the ham cannot carry is
no key of a draw either.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress
from operator import and_

from despam.evaluate import metrics
from despam.evaluate.measure import Measured


class Drawn:
    """Call it with weights, one a message, to get figures."""

    def __init__(self, rows: Sequence[Measured]) -> None:
        self.spam = [row.spam for row in rows]
        self.flagged = [row.flagged for row in rows]
        self.caught = list(map(and_, self.spam, self.flagged))
        self.ranking = metrics.Ranking([row.score for row in rows], self.spam)
        self.probabilities = metrics.Probabilities([row.probability for row in rows], self.spam)
        ham = len(rows) - sum(self.spam)
        self.rates = [rate for rate, needed in metrics.HAM_NEEDED.items() if ham >= needed]

    def __call__(self, weights: Sequence[int]) -> dict[str, float | None]:
        """Give the figures of a draw; None where it holds one class only."""
        caught, taken, spam = (sum(compress(weights, chosen)) for chosen in (self.caught, self.flagged, self.spam))
        counts = metrics.four_outcomes(caught, taken, spam, sum(weights))
        weighed = self.ranking.weigh(weights)
        return {
            **metrics.rates(counts),
            "auc": weighed.auc(),
            "pr_auc": weighed.pr_auc(),
            **{f"recall_at_{rate:g}": weighed.recall_at(rate) for rate in self.rates},
            "brier": self.probabilities.brier(weights),
            "ece": self.probabilities.ece(weights),
            "log_loss": self.probabilities.log_loss(weights),
        }
