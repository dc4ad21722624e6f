"""From scores to probabilities and cutoffs, on scores of messages the model has not learnt from.

Knows out-of-fold scores and labels, and those of sources left out. Does not know features or files. The probability is
Platt's: 1 / (1 + exp(-(a s + b))), with his targets, so that a perfect separation does not give infinite certainty. The
cutoff is the score of the highest accuracy, or the promise that was asked for; a promise is about messages from
elsewhere where sources were left out to set it on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from despam.errors import SettingError
from despam.evaluate import promise

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Calibration:
    """How a score is read."""

    a: float
    b: float
    cutoff: float
    unsure_low: float
    unsure_high: float
    promise: promise.Promise | None = None


Elsewhere = Mapping[str, tuple[list[float], list[float]]]  # source -> scores of its ham and spam when it was left out


def calibrate(
    scores: Floats,
    labels: NDArray[np.int8],
    weights: Floats,
    max_false_positives: float | None = None,
    unsure: tuple[float, float] = (0.2, 0.8),
    unsure_rates: tuple[float, float] | None = None,
    elsewhere: Elsewhere | None = None,
) -> Calibration:
    """Fit probability and cutoffs; `unsure_rates` (of ham, of spam) take the place of the two probabilities.

    Every rate that is asked for is a promise: it is set on `elsewhere` where that is given.
    """
    ham, spam = scores[labels < 0].tolist(), scores[labels > 0].tolist()
    a, b = platt(scores, labels > 0, weights)
    kept = None
    if max_false_positives is None:
        score = best_cutoff(scores, labels)
    else:
        kept = promised(ham, spam, max_false_positives, elsewhere)
        score = kept.cutoff_score
    cutoff = as_probability(a * score + b)
    low, high = unsure
    if unsure_rates is not None:
        ends = unsure_ends(ham, spam, unsure_rates, elsewhere)
        low, high = (as_probability(a * end + b) for end in ends)
    if not 0 <= low <= high <= 1:
        raise SettingError(
            f"the unsure band is {low:g} to {high:g}; give two probabilities in order, 0.2,0.8 for example"
        )
    return Calibration(a, b, cutoff, min(low, cutoff), max(high, cutoff), kept)


def promised(ham: list[float], spam: list[float], rate: float, elsewhere: Elsewhere | None) -> promise.Promise:
    """Give the cutoff that loses at most `rate` of the ham: of all together, or of the sources left out on average."""
    if not elsewhere:
        return promise.cutoff(ham, rate, spam)
    return promise.cutoff_by_source(
        {name: scores[0] for name, scores in elsewhere.items()},
        rate,
        {name: scores[1] for name, scores in elsewhere.items()},
    )


def unsure_ends(
    ham: list[float], spam: list[float], rates: tuple[float, float], elsewhere: Elsewhere | None
) -> tuple[float, float]:
    """Give the two scores between which a verdict is unsure: at most so much ham above, so much spam below."""
    if not elsewhere:
        return promise.unsure_from_rates(ham, spam, *rates)
    mirrored = {name: ([-s for s in bad], [-s for s in good]) for name, (good, bad) in elsewhere.items()}
    high = promised(ham, spam, rates[0], elsewhere).cutoff_score
    low = -promised(spam, ham, rates[1], mirrored).cutoff_score
    # where the two overlap nothing is unsure
    return (low, high) if low <= high else ((low + high) / 2, (low + high) / 2)


def as_probability(log_odds: float) -> float:
    """Turn log-odds into a probability; never exactly 0 or 1: a cutoff there would be no cutoff."""
    return min(max(1.0 / (1.0 + math.exp(-min(max(log_odds, -700.0), 700.0))), 1e-12), 1 - 1e-12)


def platt(scores: Floats, spam: NDArray[np.bool_], weights: Floats) -> tuple[float, float]:
    """Fit the sigmoid by Newton's method with Platt's targets (Lin, Lin, Weng 2007)."""
    positives, negatives = float(spam.sum()), float((~spam).sum())
    target = np.where(spam, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    a, b = 1.0, 0.0
    loss = sigmoid_loss(scores, target, weights, a, b)
    for _ in range(100):
        p = 1.0 / (1.0 + np.exp(-np.clip(a * scores + b, -500, 500)))
        error, spread = weights * (p - target), weights * p * (1 - p) + 1e-12
        gradient = np.array([error @ scores, error.sum()])
        cross = spread @ scores
        hessian = np.array([[spread @ (scores * scores) + 1e-9, cross], [cross, spread.sum() + 1e-9]])
        step = np.linalg.solve(hessian, gradient)
        size = 1.0
        while size > 1e-10:
            new = sigmoid_loss(scores, target, weights, a - size * step[0], b - size * step[1])
            if new < loss and a - size * step[0] > 1e-6:
                break
            size /= 2
        else:
            break
        a, b, gain = a - size * step[0], b - size * step[1], loss - new
        loss = new
        if gain < 1e-10 * loss:
            break
    return float(a), float(b)


def sigmoid_loss(scores: Floats, target: Floats, weights: Floats, a: float, b: float) -> float:
    """Cross entropy of the sigmoid."""
    z = np.clip(a * scores + b, -500, 500)
    return float(weights @ (np.logaddexp(0, z) - target * z))


def best_cutoff(scores: Floats, labels: NDArray[np.int8]) -> float:
    """Give the score of the highest accuracy: the middle of the widest run of equally good places."""
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    right = np.concatenate(([0], np.cumsum(np.where(labels[order] > 0, 1, -1))))
    # a cutoff lies between two different scores, or beyond the ends
    edges = np.concatenate(([True], ranked[1:] != ranked[:-1], [True]))
    best = np.flatnonzero(edges & (right == right[edges].max()))
    padded = np.concatenate(([ranked[0] + 1.0], ranked, [ranked[-1] - 1.0]))
    middles = (padded[best] + padded[best + 1]) / 2
    widths = padded[best] - padded[best + 1]
    return float(middles[np.argmax(widths)])
