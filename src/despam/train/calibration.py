"""From scores to probabilities and cutoffs, on scores of messages the model has not learnt from.

Knows out-of-fold scores and labels, and those of sources left out. Does not know features or files. The probability is
Platt's: 1 / (1 + exp(-(a s + b))), with his targets, so that a perfect separation does not give infinite certainty. The
cutoff is the score of the highest accuracy, or of the lowest cost, or the promise that was asked for; a promise is
about messages from elsewhere where sources were left out to set it on. Invariant: near-copies of each other count once
in a promise, by the one that fares worst.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from despam.errors import SettingError
from despam.evaluate import promise
from despam.evaluate.promise import Band

Floats = NDArray[np.float64]
Worst = tuple[list[float], list[float]]  # scores of ham and of spam

UNSURE = (0.2, 0.8)  # the band where none is asked for


@dataclass(frozen=True)
class Calibration:
    """How a score is read."""

    a: float
    b: float
    cutoff: float
    unsure_low: float
    unsure_high: float
    promise: promise.Promise | None = None
    band: Band | None = None  # of the unsure rates, where some were asked for; its ends are scores


Elsewhere = Mapping[str, Worst]  # source -> scores of its ham and spam when it was left out


def calibrate(
    scores: Floats,
    labels: NDArray[np.int8],
    weights: Floats,
    max_false_positives: float | None = None,
    unsure: tuple[float, float] = (0.2, 0.8),
    unsure_rates: tuple[float, float] | None = None,
    elsewhere: Elsewhere | None = None,
    groups: NDArray[np.int64] | None = None,
    unsure_costs: tuple[float, float, float] | None = None,
) -> Calibration:
    """Fit probability and cutoffs; `unsure_rates` (of ham, of spam) take the place of the two probabilities.

    Every rate that is asked for is a promise: it is set on `elsewhere` where that is given, and else on one score of
    each of `groups`. `unsure_costs` (lost ham, missed spam, a look) set the cutoff too where no rate is promised.
    """
    a, b = platt(scores, labels > 0, weights)
    worst = worst_scores(scores, labels, groups)
    kept = None if max_false_positives is None else promised(*worst, max_false_positives, elsewhere)
    score = best_cutoff(scores, labels) if kept is None else kept.cutoff_score
    cutoff = as_probability(a * score + b)
    low, high = unsure
    if unsure_costs is not None:
        low, high = promise.unsure_from_costs(*unsure_costs)
        # the cutoff of the two costs lies in the band; a promised one does not move, and may be all there is to it
        cutoff = inside(promise.cutoff_from_costs(*unsure_costs[:2])) if kept is None else cutoff
        low, high = (low, high) if low < high else (cutoff, cutoff)
    band = None if unsure_rates is None else unsure_band(*worst, unsure_rates, elsewhere, score)
    if band is not None:
        low, high = (as_probability(a * end + b) for end in (band.low, band.high))
    if not 0 <= low <= high <= 1:
        raise SettingError(
            f"the unsure band is {low:g} to {high:g}; give two probabilities in order, 0.2,0.8 for example"
        )
    return Calibration(a, b, cutoff, min(low, cutoff), max(high, cutoff), kept, band)


def worst_scores(scores: Floats, labels: NDArray[np.int8], groups: NDArray[np.int64] | None) -> Worst:
    """Give one score of each cluster, the highest of its ham and the lowest of its spam; without clusters all."""
    ham, spam = labels < 0, labels > 0
    if groups is None:
        return scores[ham].tolist(), scores[spam].tolist()
    return highest(scores[ham], groups[ham]).tolist(), (-highest(-scores[spam], groups[spam])).tolist()


def highest(scores: Floats, groups: NDArray[np.int64]) -> Floats:
    """Give the highest score of each group."""
    names, places = np.unique(groups, return_inverse=True)
    found = np.full(len(names), -np.inf)
    np.maximum.at(found, places, scores)
    return found


def promised(ham: list[float], spam: list[float], rate: float, elsewhere: Elsewhere | None) -> promise.Promise:
    """Give the cutoff that loses at most `rate` of the ham: of all together, or of the sources left out on average."""
    if not elsewhere:
        return promise.cutoff(ham, rate, spam)
    return promise.cutoff_by_source(
        {name: scores[0] for name, scores in elsewhere.items()},
        rate,
        {name: scores[1] for name, scores in elsewhere.items()},
    )


def unsure_band(
    ham: list[float], spam: list[float], rates: tuple[float, float], elsewhere: Elsewhere | None, cutoff: float
) -> Band:
    """Give the band of unsure verdicts: at most so much ham above, so much spam below."""
    if not elsewhere:
        return promise.unsure_from_rates(ham, spam, *rates, cutoff)
    mirrored = {name: ([-s for s in bad], [-s for s in good]) for name, (good, bad) in elsewhere.items()}
    sure_spam, sure_ham = promised(ham, spam, rates[0], elsewhere), promised(spam, ham, rates[1], mirrored)
    return promise.band(sure_spam, sure_ham, cutoff)


def as_probability(log_odds: float) -> float:
    """Turn log-odds into a probability; never exactly 0 or 1: a cutoff there would be no cutoff."""
    return inside(1.0 / (1.0 + math.exp(-min(max(log_odds, -700.0), 700.0))))


def inside(probability: float) -> float:
    """Keep a probability off its two ends."""
    return min(max(probability, 1e-12), 1 - 1e-12)


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
