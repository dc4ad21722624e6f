"""The arithmetic of figures: from scores, probabilities and labels to numbers.

Knows sequences of floats and of booleans (True is spam). Refuses to know models, messages and files.

Everything that depends on order is computed from one sort (`Ranking`), so 60,000 messages take milliseconds and a
bootstrap round takes no sort at all. Ties are counted as half in the AUC and never split by a cutoff. A figure
that the data cannot give (one class only) is None, never a made-up number.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, compress, groupby, pairwise
from operator import mul, not_

# how many ham a recall at this rate of false positives needs before it may be quoted (accuracy.md, section 3)
HAM_NEEDED = {0.001: 15_000, 0.005: 3_000, 0.01: 1}

BINS = 15  # equal-mass bins of the expected calibration error


class Ranking:
    """Scores in falling order, with where each tie begins and ends."""

    def __init__(self, scores: Sequence[float], spam: Sequence[bool]) -> None:
        order = sorted(range(len(scores)), key=scores.__getitem__, reverse=True)
        self.order = order
        self.scores = [scores[i] for i in order]
        self.spam = [bool(spam[i]) for i in order]
        self.first: list[int] = []  # position where this score begins
        self.after: list[int] = []  # position behind the last equal score
        position = 0
        for _, group in groupby(self.scores):
            size = sum(1 for _ in group)
            self.first.extend([position] * size)
            self.after.extend([position + size] * size)
            position += size

    def _split(self, weights: Sequence[int] | None) -> tuple[list[int], list[int]]:
        """Give the weight of spam and of ham at each position."""
        if weights is None:
            return [int(s) for s in self.spam], [int(not s) for s in self.spam]
        ordered = [weights[i] for i in self.order]
        return list(map(mul, ordered, self.spam)), list(map(mul, ordered, map(not_, self.spam)))

    def auc(self, weights: Sequence[int] | None = None) -> float | None:
        """Give the chance that a spam scores above a ham."""
        spam, ham = self._split(weights)
        above = [0, *accumulate(ham)]
        total_spam, total_ham = sum(spam), above[-1]
        if not total_spam or not total_ham:
            return None
        lost: int = sum(map(mul, spam, map(above.__getitem__, self.first)))
        lost += sum(map(mul, spam, map(above.__getitem__, self.after)))
        return 1 - lost / 2 / (total_spam * total_ham)

    def pr_auc(self, weights: Sequence[int] | None = None) -> float | None:
        """Give the average precision: the step-wise area under precision over recall."""
        spam, ham = self._split(weights)
        caught, taken = [0, *accumulate(spam)], [0, *accumulate(map(int.__add__, spam, ham))]
        if not caught[-1]:
            return None
        ends = self.after
        area = sum(spam[i] * caught[ends[i]] / taken[ends[i]] for i in range(len(spam)) if spam[i])
        return area / caught[-1]

    def recall_at(self, rate: float, weights: Sequence[int] | None = None) -> float | None:
        """Give the best recall whose false positives stay within `rate` of the ham."""
        spam, ham = self._split(weights)
        lost = list(accumulate(ham))
        total_spam = sum(spam)
        if not total_spam or not lost or not lost[-1]:
            return None
        # a rate such as 0.01 is not exact in binary: 0.01 * 4,700 must allow 47
        stop = bisect_right(lost, math.floor(rate * lost[-1] + 1e-9))
        caught = total_spam if stop == len(lost) else sum(spam[: self.first[stop]])
        return caught / total_spam

    def score_at(self, rate: float) -> float:
        """Give the score that only more than `rate` of the ham reach: flag what is above it."""
        lost = list(accumulate(map(int, map(not_, self.spam))))
        if not lost or not lost[-1]:
            return -math.inf
        stop = bisect_right(lost, math.floor(rate * lost[-1] + 1e-9))
        return -math.inf if stop == len(lost) else self.scores[stop]

    def roc(self, points: int = 400) -> list[tuple[float, float]]:
        """Give (false positive rate, recall) along the curve, corners only, thinned to about `points`."""
        spam, ham = self._split(None)
        total_spam, total_ham = sum(spam), sum(ham)
        if not total_spam or not total_ham:
            return []
        caught, lost = list(accumulate(spam)), list(accumulate(ham))
        ends = sorted(set(self.after))
        curve = [(0, 0), *((lost[end - 1], caught[end - 1]) for end in ends)]
        corners = [
            here
            for before, here, behind in zip(curve, curve[1:], [*curve[2:], (-1, -1)], strict=False)
            if not (before[0] == here[0] == behind[0] or before[1] == here[1] == behind[1])
        ]
        step = max(1, len(corners) // points)
        # the left end, where false positives are few, is what people look at: keep all of it
        kept = [c for i, c in enumerate(corners) if i < points or i % step == 0 or i == len(corners) - 1]
        return [(0.0, 0.0), *((x / total_ham, y / total_spam) for x, y in kept)]


def confusion(flagged: Sequence[bool], spam: Sequence[bool]) -> dict[str, int]:
    """Count the four outcomes; positive means spam."""
    caught = sum(map(mul, flagged, spam))
    taken, total = sum(flagged), sum(spam)
    return {
        "true_positives": caught,
        "false_positives": taken - caught,
        "false_negatives": total - caught,
        "true_negatives": len(spam) - total - taken + caught,
    }


def rates(counts: dict[str, int]) -> dict[str, float | None]:
    """Give the figures of a decision from its four outcomes."""
    tp, fp = counts["true_positives"], counts["false_positives"]
    fn, tn = counts["false_negatives"], counts["true_negatives"]
    return {
        "accuracy": _share(tp + tn, tp + fp + fn + tn),
        "precision": _share(tp, tp + fp),
        "recall": _share(tp, tp + fn),
        "f1": _share(2 * tp, 2 * tp + fp + fn),
        "mcc": _mcc(tp, fp, fn, tn),
        "false_positive_rate": _share(fp, fp + tn),
    }


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _mcc(tp: int, fp: int, fn: int, tn: int) -> float | None:
    """Give Matthews' correlation; None when a margin is empty."""
    product = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    return (tp * tn - fp * fn) / math.sqrt(product) if product else None


def recall_at_fpr(ranking: Ranking, ham: int, *, force: bool = False) -> tuple[dict[str, float | None], dict[str, str]]:
    """Give recall at 0.1, 0.5 and 1 % false positives, and the reason for each one that is not given."""
    values: dict[str, float | None] = {}
    reasons: dict[str, str] = {}
    for rate, needed in HAM_NEEDED.items():
        carried = force or ham >= needed
        values[f"{rate:g}"] = ranking.recall_at(rate) if carried else None
        if not carried:
            reasons[f"{rate:g}"] = f"{ham:,} real messages; a rate of {rate:.1%} needs {needed:,}"
    return values, reasons


def brier(probabilities: Sequence[float], spam: Sequence[bool]) -> float | None:
    """Give the mean squared error of the probabilities."""
    if not probabilities:
        return None
    return math.fsum((p - s) ** 2 for p, s in zip(probabilities, spam, strict=True)) / len(probabilities)


def log_loss(probabilities: Sequence[float], spam: Sequence[bool]) -> float | None:
    """Give the mean logarithmic loss; a certain and wrong probability counts as 1e-15."""
    if not probabilities:
        return None
    told = (p if s else 1 - p for p, s in zip(probabilities, spam, strict=True))
    return -math.fsum(math.log(max(p, 1e-15)) for p in told) / len(probabilities)


def calibration(probabilities: Sequence[float], spam: Sequence[bool], bins: int = BINS) -> list[dict[str, float]]:
    """Cut the messages, ordered by probability, into bins of equal size: what was said, what was true.

    Where a cut goes through a tie each side gets the tie's mean, so that the order of the rows means nothing.
    """
    order = sorted(range(len(probabilities)), key=lambda i: (probabilities[i], i))
    total = len(order)
    truth: list[float] = []
    for _, tie in groupby(order, key=probabilities.__getitem__):
        members = list(tie)
        truth += [sum(spam[i] for i in members) / len(members)] * len(members)
    edges = [round(total * k / bins) for k in range(bins + 1)]
    table = []
    for low, high in pairwise(edges):
        part = order[low:high]
        if part:
            said = math.fsum(probabilities[i] for i in part) / len(part)
            true = math.fsum(truth[low:high])
            table.append({"messages": len(part), "said": said, "spam": true, "true": true / len(part)})
    return table


def ece(probabilities: Sequence[float], spam: Sequence[bool], bins: int = BINS) -> float | None:
    """Give the expected calibration error over bins of equal mass."""
    if not probabilities:
        return None
    table = calibration(probabilities, spam, bins)
    return math.fsum(abs(b["said"] - b["true"]) * b["messages"] for b in table) / len(probabilities)


def best_cutoff(scores: Sequence[float], spam: Sequence[bool]) -> float:
    """Give the score with the highest accuracy when everything at or above it is flagged; the middle of the gap."""
    ranking = Ranking(scores, spam)
    best, place = sum(map(not_, spam)), 0
    right = best
    for position, is_spam in enumerate(ranking.spam):
        right += 1 if is_spam else -1
        if ranking.after[position] == position + 1 and right > best:
            best, place = right, position + 1
    if place == 0:
        return math.nextafter(ranking.scores[0], math.inf) if ranking.scores else 0.0
    if place == len(ranking.scores):
        return ranking.scores[-1]
    return (ranking.scores[place - 1] + ranking.scores[place]) / 2


def histogram(values: Sequence[float], spam: Sequence[bool], low: float, high: float, bins: int) -> list[list[int]]:
    """Count ham and spam in equal steps between low and high; what lies outside goes into the end bins."""
    counts = [[0] * bins, [0] * bins]
    width = (high - low) / bins or 1.0
    for value, is_spam in zip(values, spam, strict=True):
        place = min(bins - 1, max(0, int((value - low) / width)))
        counts[1 if is_spam else 0][place] += 1
    return counts


def only(values: Sequence[float], chosen: Sequence[bool]) -> list[float]:
    """Keep the values whose flag is set."""
    return list(compress(values, chosen))
