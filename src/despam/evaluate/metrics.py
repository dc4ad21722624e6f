"""The arithmetic of figures: from scores, probabilities and labels to numbers.

Knows sequences of floats and of booleans (True is spam). Refuses to know models, messages and files.

Everything that depends on order is computed from one sort (`Ranking`), so 60,000 messages take milliseconds and a
bootstrap round takes no sort at all. Ties are counted as half in the AUC and never split by a cutoff. A figure
that the data cannot give (one class only) is None, never a made-up number.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, compress, groupby, pairwise
from operator import add, mul, not_

# how many ham a recall at this rate of false positives needs before it may be quoted: fifteen that may be lost at the
# two small rates, and one at 1 %, which small data are compared by, with a wide interval
HAM_NEEDED = {0.001: 15_000, 0.005: 3_000, 0.01: 100}

LOWER_IS_BETTER = ("false_positive_rate", "ece", "brier", "log_loss", "ham_lost")

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

    def weigh(self, weights: Sequence[int] | None = None) -> Weighed:
        """Let each message count so many times, once if not said."""
        return Weighed(self, weights)

    def auc(self, weights: Sequence[int] | None = None) -> float | None:
        """Give the chance that a spam scores above a ham."""
        return self.weigh(weights).auc()

    def pr_auc(self, weights: Sequence[int] | None = None) -> float | None:
        """Give the average precision: the step-wise area under precision over recall."""
        return self.weigh(weights).pr_auc()

    def recall_at(self, rate: float, weights: Sequence[int] | None = None) -> float | None:
        """Give the best recall whose false positives stay within `rate` of the ham."""
        return self.weigh(weights).recall_at(rate)

    def score_at(self, rate: float) -> float:
        """Give the score that only more than `rate` of the ham reach: flag what is above it."""
        lost = list(accumulate(map(int, map(not_, self.spam))))
        if not lost or not lost[-1]:
            return -math.inf
        stop = bisect_right(lost, math.floor(rate * lost[-1] + 1e-9))
        return -math.inf if stop == len(lost) else self.scores[stop]

    def roc(self, points: int = 400) -> list[tuple[float, float]]:
        """Give (false positive rate, recall) along the curve, corners only, thinned to about `points`."""
        weighed = self.weigh()
        caught, lost = weighed.caught, weighed.lost
        total_spam, total_ham = caught[-1], lost[-1]
        if not total_spam or not total_ham:
            return []
        curve = [(0, 0), *((lost[end], caught[end]) for end in sorted(set(self.after)))]
        corners = [
            here
            for before, here, behind in zip(curve, curve[1:], [*curve[2:], (-1, -1)], strict=False)
            if not (before[0] == here[0] == behind[0] or before[1] == here[1] == behind[1])
        ]
        step = max(1, len(corners) // points)
        # the left end, where false positives are few, is what people look at: keep all of it
        kept = [c for i, c in enumerate(corners) if i < points or i % step == 0 or i == len(corners) - 1]
        return [(0.0, 0.0), *((x / total_ham, y / total_spam) for x, y in kept)]


class Weighed:
    """A ranking in which each message counts so many times: a draw of the bootstrap, or all of them once."""

    def __init__(self, ranking: Ranking, weights: Sequence[int] | None) -> None:
        ordered = [1] * len(ranking.order) if weights is None else [weights[i] for i in ranking.order]
        self.first, self.after = ranking.first, ranking.after
        self.spam: list[int] = list(map(mul, ordered, ranking.spam))
        # how much spam, and how much ham, stands above each position, and behind the last one altogether
        self.caught: list[int] = [0, *accumulate(self.spam)]
        self.lost: list[int] = [0, *accumulate(map(mul, ordered, map(not_, ranking.spam)))]

    def auc(self) -> float | None:
        """Give the chance that a spam scores above a ham."""
        pairs = self.caught[-1] * self.lost[-1]
        if not pairs:
            return None
        above = self.lost.__getitem__
        lost: int = sum(map(mul, self.spam, map(above, self.first))) + sum(map(mul, self.spam, map(above, self.after)))
        return 1 - lost / 2 / pairs

    def pr_auc(self) -> float | None:
        """Give the average precision: the step-wise area under precision over recall."""
        caught, lost, spam, after = self.caught, self.lost, self.spam, self.after
        if not caught[-1]:
            return None
        precision = [c / (c + x) if c else 0.0 for c, x in zip(caught, lost, strict=True)]
        area: float = sum(map(mul, spam, map(precision.__getitem__, after)))
        return area / caught[-1]

    def recall_at(self, rate: float) -> float | None:
        """Give the best recall whose false positives stay within `rate` of the ham."""
        caught, lost = self.caught, self.lost
        if not caught[-1] or not lost[-1]:
            return None
        # a rate such as 0.01 is not exact in binary: 0.01 * 4,700 must allow 47
        stop = bisect_right(lost, math.floor(rate * lost[-1] + 1e-9), 1) - 1
        return (caught[-1] if stop == len(self.first) else caught[self.first[stop]]) / caught[-1]


class Probabilities:
    """What was said of each message and what was true: the figures of a draw, in which messages have weights."""

    def __init__(self, said: Sequence[float], spam: Sequence[bool]) -> None:
        self.squares = [(p - s) ** 2 for p, s in zip(said, spam, strict=True)]
        self.losses = [-math.log(max(p if s else 1 - p, 1e-15)) for p, s in zip(said, spam, strict=True)]
        self.rising = Ranking([-p for p in said], spam)

    def brier(self, weights: Sequence[int]) -> float | None:
        """Give the mean squared error."""
        return _share(math.fsum(map(mul, weights, self.squares)), sum(weights))

    def log_loss(self, weights: Sequence[int]) -> float | None:
        """Give the mean logarithmic loss."""
        return _share(math.fsum(map(mul, weights, self.losses)), sum(weights))

    def ece(self, weights: Sequence[int], bins: int = BINS) -> float | None:
        """Give what `ece` gives of as many copies of each message; a tie is cut in proportion."""
        rising, weighed = self.rising, self.rising.weigh(weights)
        mass: list[int] = list(map(add, weighed.caught, weighed.lost))
        if not mass[-1]:
            return None
        said: Iterator[float] = accumulate(map(mul, map(weights.__getitem__, rising.order), rising.scores), initial=0.0)
        # how much more spam was true than was said, up to each position
        excess: list[float] = list(map(add, weighed.caught, said))

        def at(edge: int) -> float:
            place = bisect_left(mass, edge, 1) - 1
            first, after = rising.first[place], rising.after[place]
            part = (edge - mass[first]) / ((mass[after] - mass[first]) or 1)
            return excess[first] + part * (excess[after] - excess[first])

        edges = [at(round(mass[-1] * k / bins)) for k in range(bins + 1)]
        return math.fsum(abs(high - low) for low, high in pairwise(edges)) / mass[-1]


def confusion(flagged: Sequence[bool], spam: Sequence[bool]) -> dict[str, int]:
    """Count the four outcomes; positive means spam."""
    return four_outcomes(sum(map(mul, flagged, spam)), sum(flagged), sum(spam), len(spam))


def four_outcomes(caught: int, taken: int, spam: int, messages: int) -> dict[str, int]:
    """Give the four outcomes from spam caught, messages taken for spam, spam and messages."""
    return {
        "true_positives": caught,
        "false_positives": taken - caught,
        "false_negatives": spam - caught,
        "true_negatives": messages - spam - taken + caught,
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
