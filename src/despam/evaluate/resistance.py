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
COUNTS = ("spam", "caught", "clean", "ham", "lost", "lost_clean")
MOST_WHITE_BOX = 150  # these look at the weights again after every word


def resist(
    model: Model,
    rows: Sequence[Measured],
    names: Sequence[str] = (),
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
    part_of: int = 1,
) -> dict[str, Any]:
    """Give, for each attack, the recall kept at the 0.5 % cutoff and the share of altered ham that is lost.

    Of one of several parts that will be pooled (`part_of`), so much less is drawn.
    """
    chosen = check_names(names)
    ranking = metrics.Ranking([row.score for row in rows], [row.spam for row in rows])
    cutoff_score = ranking.score_at(RATE)
    rng = random.Random(seed)
    spam = _sample([row for row in rows if row.spam], max(1, MOST_SPAM // part_of), rng)
    ham = _sample([row for row in rows if not row.spam], max(1, MOST_HAM // part_of), rng)
    arms = Arms(good_words([row.text for row in rows if not row.spam]), model)
    attacks = {}
    for name in chosen:
        if progress:
            progress(name)
        most = max(1, MOST_WHITE_BOX // part_of) if name in WHITE_BOX else MOST_SPAM
        attacks[name] = under(name, model, spam[:most], ham[:most], cutoff_score, arms, seed)
    clean = sum(row.score > cutoff_score for row in spam)
    return {
        "rate": RATE,
        "cutoff_score": cutoff_score,
        "clean": clean,
        "clean_recall": _share(clean, len(spam)),
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
    cutoff_score: float,
    arms: Arms,
    seed: int = 0,
) -> dict[str, Any]:
    """Measure one attack on some spam and ham."""
    clean = sum(row.score > cutoff_score for row in spam)
    caught = sum(model.score(alter(name, row.text, arms, seed, i)) > cutoff_score for i, row in enumerate(spam))
    lost = sum(model.score(alter(name, row.text, arms, seed, i)) > cutoff_score for i, row in enumerate(ham))
    counts = {
        "spam": len(spam),
        "caught": caught,
        "clean": clean,
        "ham": len(ham),
        "lost": lost,
        "lost_clean": sum(row.score > cutoff_score for row in ham),
    }
    return shares(ATTACKS[name][0], counts)


def shares(what: str, counts: dict[str, int]) -> dict[str, Any]:
    """Give the figures of one attack from its counts, which stay with them: those of several models add up."""
    caught, clean, spam, ham = (counts[name] for name in ("caught", "clean", "spam", "ham"))
    return {
        "what": what,
        **counts,
        "recall": _share(caught, spam),
        "recall_interval": list(intervals.wilson(caught, spam)),
        "clean_recall": _share(clean, spam),
        "kept": _share(caught, clean),
        "ham_lost": _share(counts["lost"], ham),
        "ham_lost_clean": _share(counts["lost_clean"], ham),
    }


def pool(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Put together what models of several folds lose, each measured on its own messages at its own 0.5 % cutoff."""
    spam, clean = (sum(part[name] for part in parts) for name in ("spam", "clean"))
    return {
        "rate": RATE,
        "cutoff_score": None,
        "clean": clean,
        "clean_recall": _share(clean, spam),
        "spam": spam,
        "ham": sum(part["ham"] for part in parts),
        "seed": parts[0]["seed"],
        "models": len(parts),
        "attacks": {name: _pooled([part["attacks"][name] for part in parts]) for name in parts[0]["attacks"]},
    }


def _pooled(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    counts = {name: sum(part[name] for part in parts) for name in COUNTS}
    return shares(parts[0]["what"], counts)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _sample(rows: list[Measured], most: int, rng: random.Random) -> list[Measured]:
    """Draw at most so many rows, in a random but fixed order."""
    return rng.sample(rows, min(most, len(rows)))
