"""What is left of a model's recall when spam is disguised, and of real messages when they look disguised.

Knows attacks, a model and labelled rows. The cutoff is the one that loses 0.5 % of the undisguised ham of these very
data: the figures are about the disguise, not about calibration.

Invariant: the same data, model and seed give the same figures.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from despam.evaluate import intervals, metrics
from despam.evaluate.attacks import ATTACKS, WHITE_BOX, Arms, alter, check_names, good_words

if TYPE_CHECKING:
    from despam.core.model import Model
    from despam.evaluate.measure import Measured

RATE = 0.005
MOST_SPAM = 1_000
MOST_HAM = 500
MOST_WHITE_BOX = 150  # these look at the weights again after every word


def resist(
    model: Model,
    rows: Sequence[Measured],
    names: Sequence[str] = (),
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Give, for each attack, the recall kept at the 0.5 % cutoff and the share of altered ham that is lost."""
    chosen = check_names(names)
    ranking = metrics.Ranking([row.score for row in rows], [row.spam for row in rows])
    threshold = ranking.score_at(RATE)
    rng = random.Random(seed)
    spam = _sample([row for row in rows if row.spam], MOST_SPAM, rng)
    ham = _sample([row for row in rows if not row.spam], MOST_HAM, rng)
    arms = Arms(good_words([row.text for row in rows if not row.spam]), model)
    attacks = {}
    for name in chosen:
        if progress:
            progress(name)
        most = MOST_WHITE_BOX if name in WHITE_BOX else MOST_SPAM
        attacks[name] = under(name, model, spam[:most], ham[:most], threshold, arms, seed)
    return {
        "rate": RATE,
        "cutoff_score": threshold,
        "clean_recall": _share(sum(row.score > threshold for row in spam), len(spam)),
        "spam": len(spam),
        "ham": len(ham),
        "seed": seed,
        "attacks": attacks,
    }


def under(
    name: str,
    model: Model,
    spam: Sequence[Measured],
    ham: Sequence[Measured],
    threshold: float,
    arms: Arms,
    seed: int = 0,
) -> dict[str, Any]:
    """Measure one attack on some spam and ham."""
    clean = sum(row.score > threshold for row in spam)
    caught = sum(model.score(alter(name, row.text, arms, seed, i)) > threshold for i, row in enumerate(spam))
    lost = sum(model.score(alter(name, row.text, arms, seed, i)) > threshold for i, row in enumerate(ham))
    return {
        "what": ATTACKS[name][0],
        "spam": len(spam),
        "recall": _share(caught, len(spam)),
        "recall_interval": list(intervals.wilson(caught, len(spam))),
        "kept": _share(caught, clean),
        "ham": len(ham),
        "ham_lost": _share(lost, len(ham)),
        "ham_lost_clean": _share(sum(row.score > threshold for row in ham), len(ham)),
    }


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _sample(rows: list[Measured], most: int, rng: random.Random) -> list[Measured]:
    """Draw at most so many rows, in a random but fixed order."""
    return rng.sample(rows, min(most, len(rows)))
