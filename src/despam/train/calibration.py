"""From scores to probabilities and cutoffs, on scores of messages the model has not learnt from.

Knows out-of-fold scores and labels. Does not know features or files. The probability is Platt's: 1 / (1 + exp(-(a s
+ b))), with his targets, so that a perfect separation does not give infinite certainty. The cutoff is the score of
the highest accuracy, or the promise that was asked for.
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


Sources = Mapping[str, tuple[int, int]]  # name -> its first row and the one after its last


def calibrate(
    scores: Floats,
    labels: NDArray[np.int8],
    weights: Floats,
    max_false_positives: float | None = None,
    unsure: tuple[float, float] = (0.2, 0.8),
    unsure_rates: tuple[float, float] | None = None,
    sources: Sources | None = None,
) -> Calibration:
    """Fit probability and cutoffs; `unsure_rates` (of ham, of spam) take the place of the two probabilities.

    With `sources`, the scores are of models that have not learnt from the row's source: only rows of these count, and
    each source counts once.
    """
    by_source = dict(sources or {})
    if by_source:
        weights = source_weights(len(scores), by_source)
    a, b = platt(scores, labels > 0, weights)
    kept = None
    if max_false_positives is None:
        score = best_cutoff(scores, labels, weights if by_source else None)
    else:
        kept = promised(scores, labels, max_false_positives, by_source)
        score = kept.cutoff_score
    cutoff = as_probability(a * score + b)
    low, high = unsure
    if unsure_rates is not None:
        ends = unsure_ends(scores, labels, unsure_rates, by_source)
        low, high = (as_probability(a * end + b) for end in ends)
    if not 0 <= low <= high <= 1:
        raise SettingError(
            f"the unsure band is {low:g} to {high:g}; give two probabilities in order, 0.2,0.8 for example"
        )
    return Calibration(a, b, cutoff, min(low, cutoff), max(high, cutoff), kept)


def source_weights(rows: int, sources: Sources) -> Floats:
    """Weigh rows so that each source counts once; rows of none count nothing."""
    weights = np.zeros(rows)
    for first, last in sources.values():
        weights[first:last] = rows / len(sources) / (last - first)
    return weights


def of_class(scores: Floats, chosen: NDArray[np.bool_], sources: Sources) -> dict[str, list[float]]:
    """Give the chosen scores of each source."""
    return {name: scores[first:last][chosen[first:last]].tolist() for name, (first, last) in sources.items()}


def promised(scores: Floats, labels: NDArray[np.int8], rate: float, sources: Sources) -> promise.Promise:
    """Give the cutoff that loses at most `rate` of the ham: of all together, or of the sources on average."""
    ham, spam = labels < 0, labels > 0
    if sources:
        return promise.cutoff_by_source(of_class(scores, ham, sources), rate, of_class(scores, spam, sources))
    return promise.cutoff(scores[ham].tolist(), rate, scores[spam].tolist())


def unsure_ends(
    scores: Floats, labels: NDArray[np.int8], rates: tuple[float, float], sources: Sources
) -> tuple[float, float]:
    """Give the two scores between which a verdict is unsure: at most so much ham above, so much spam below."""
    if not sources:
        return promise.unsure_from_rates(scores[labels < 0].tolist(), scores[labels > 0].tolist(), *rates)
    high = promised(scores, labels, rates[0], sources).cutoff_score
    low = -promised(-scores, -labels, rates[1], sources).cutoff_score
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


def best_cutoff(scores: Floats, labels: NDArray[np.int8], weights: Floats | None = None) -> float:
    """Give the score of the highest accuracy: the middle of the widest run of equally good places."""
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    gains = np.where(labels > 0, 1, -1) if weights is None else np.where(labels > 0, weights, -weights)
    right = np.concatenate(([0], np.cumsum(gains[order])))
    # a cutoff lies between two different scores, or beyond the ends
    edges = np.concatenate(([True], ranked[1:] != ranked[:-1], [True]))
    best = np.flatnonzero(edges & (right == right[edges].max()))
    padded = np.concatenate(([ranked[0] + 1.0], ranked, [ranked[-1] - 1.0]))
    middles = (padded[best] + padded[best + 1]) / 2
    widths = padded[best] - padded[best + 1]
    return float(middles[np.argmax(widths)])
