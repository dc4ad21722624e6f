"""A cutoff that promises how many real messages are lost.

Knows scores of ham (and of spam, for the price), and the exact binomial bound. Refuses to know models: the caller
hands in scores of messages that the scoring model has not learnt from (out-of-fold scores).

The guarantee: of n independent ham, the cutoff lies above all but k, with k the largest count whose one-sided 95 %
Clopper-Pearson bound is within the promised rate. The share of future ham above the (k+1)-th highest score follows
Beta(k+1, n-k), so the promise is broken in at most 5 of 100 trainings. Near-copies are not independent: the caller
hands in one score of each cluster of them, the worst, by a model that has learnt from none of it (`train` does).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from despam.errors import EvaluationError, SettingError
from despam.evaluate.intervals import beta_share, upper_bound

CONFIDENCE = 0.95
NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d*)?|[\d.]+"  # 1,000 or 0.001

APART = "that are no near-copies of each other"


@dataclass(frozen=True, slots=True)
class Promise:
    """What a cutoff holds, and at what price."""

    cutoff_score: float  # flag a message whose score is at or above it
    asked_rate: float
    supported_rate: float  # the rate that is promised: the asked one, or the best these data can show
    ham: int  # near-copies of each other count once
    false_positives: int  # of these ham
    recall: float | None  # of the spam handed in; None when there was none
    kept: bool  # the data support what was asked
    sources: int = 0  # how many were left out in turn; 0: scores of folds
    worst: tuple[str, float] = ("", 0.0)  # the source that loses most at the cutoff, and the share it loses

    @property
    def sentence(self) -> str:
        """Say in one sentence what is promised."""
        price = "" if self.recall is None else f"; it catches {self.recall:.1%} of the spam"
        if self.kept and self.sources:
            return (
                f"at most {in_words(self.asked_rate)} real messages lost on average over {self.sources} sources left "
                f"out, {self.worst[1]:.2%} of {self.worst[0]} at worst{price}"
            )
        if self.kept:
            return (
                f"at most {in_words(self.asked_rate)} real messages lost (95 % sure; "
                f"{self.false_positives:,} of {self.ham:,} that are no near-copies of each other lie above the "
                f"cutoff){price}"
            )
        if self.sources:
            return (
                f"{self.ham:,} real messages of {self.sources} sources, each source and, in it, near-copies counted "
                f"once, support "
                f"{in_words(self.supported_rate)}, not {in_words(self.asked_rate)}: the cutoff lies above all of "
                f"them{price}; for {in_words(self.asked_rate)} give more real messages of the small sources"
            )
        return (
            f"{self.ham:,} real messages that are no near-copies of each other support "
            f"{in_words(self.supported_rate)}, not {in_words(self.asked_rate)}: the cutoff lies above all of "
            f"them{price}; for {in_words(self.asked_rate)} train on at least {ham_needed(self.asked_rate):,} such "
            "messages"
        )


def cutoff(ham_scores: Sequence[float], rate: float, spam_scores: Sequence[float] = ()) -> Promise:
    """Find the lowest cutoff whose 95 % bound on the share of lost ham keeps `rate`."""
    _check_rate(rate)
    ham = sorted(ham_scores, reverse=True)
    if not ham:
        raise EvaluationError("a promise about real messages needs the scores of some: there is no ham in the data")
    if any(math.isnan(score) for score in ham):
        raise EvaluationError("a promise cannot be made on scores that are no numbers (NaN): train the model again")
    count = _count_within(len(ham), rate)
    lost, score = _place(ham, max(count, 0))
    return Promise(
        cutoff_score=score,
        asked_rate=rate,
        supported_rate=rate if count >= 0 else upper_bound(0, len(ham), CONFIDENCE),
        ham=len(ham),
        false_positives=lost,
        recall=sum(s >= score for s in spam_scores) / len(spam_scores) if spam_scores else None,
        kept=count >= 0,
    )


def cutoff_by_source(
    ham_scores: Mapping[str, Sequence[float]], rate: float, spam_scores: Mapping[str, Sequence[float]] | None = None
) -> Promise:
    """Find the lowest cutoff at which the sources lose `rate` of their ham on average, each counted once.

    The scores of a source are of a model that has not learnt from it. How sources differ outweighs chance inside them,
    and a handful of sources gives no bound for the next: the mean is what is promised, the worst is said.
    """
    _check_rate(rate)
    ranked = sorted(
        ((score, 1 / len(scores)) for scores in ham_scores.values() for score in scores), key=lambda pair: -pair[0]
    )
    # the ham of a fair sample that would say as much as these sources, each counted once (Kish)
    worth = int(len(ham_scores) ** 2 / math.fsum(1 / len(scores) for scores in ham_scores.values()))
    kept = worth >= ham_needed(rate)
    allowed = rate * len(ham_scores) * (1 + 1e-12) if kept else 0.0
    count, lost = 0, 0.0
    while count < len(ranked) - 1 and lost + ranked[count][1] <= allowed:
        lost += ranked[count][1]
        count += 1
    false, score = _place([score for score, _ in ranked], count)
    shares = {name: sum(s >= score for s in scores) / len(scores) for name, scores in ham_scores.items()}
    worst = max(sorted(shares), key=lambda name: shares[name])
    caught = [sum(s >= score for s in scores) / len(scores) for scores in (spam_scores or {}).values()]
    return Promise(
        cutoff_score=score,
        asked_rate=rate,
        supported_rate=rate if kept else upper_bound(0, worth, CONFIDENCE),
        ham=len(ranked),
        false_positives=false,
        recall=sum(caught) / len(caught) if caught else None,
        kept=kept,
        sources=len(ham_scores),
        worst=(worst, shares[worst]),
    )


def _check_rate(rate: float) -> None:
    if not 0 < rate < 1:
        raise SettingError(f"a rate of lost real messages lies between 0 and 1, not at {rate:g}: try 1/1000")


def _count_within(ham: int, rate: float) -> int:
    """Give the largest k whose upper bound for k of `ham` is within `rate`; -1 when not even none is."""
    low, high = -1, ham - 1
    while low < high:
        middle = (low + high + 1) // 2
        # the bound is within the rate exactly when so many or fewer would be seen in at most 5 % of cases
        if beta_share(middle + 1, ham - middle, rate) >= CONFIDENCE:
            low = middle
        else:
            high = middle - 1
    return low


def _place(ham: Sequence[float], count: int) -> tuple[int, float]:
    """Put the cutoff in the gap below the `count` highest ham; ties move it up."""
    while count and ham[count - 1] == ham[count]:
        count -= 1
    if count == 0:
        # a hair above the highest: far more than rounding, far less than a clue
        return 0, ham[0] + max(1e-6, abs(ham[0]) * 1e-9)
    return count, (ham[count - 1] + ham[count]) / 2


def ham_needed(rate: float) -> int:
    """Give the number of real messages from which on `rate` can be promised at all."""
    return math.ceil(math.log(1 - CONFIDENCE) / math.log1p(-rate))


@dataclass(frozen=True, slots=True)
class Band:
    """The two scores between which a verdict is unsure, and what is promised of the verdicts beyond them."""

    low: float
    high: float
    sure_spam: Promise  # about the ham above the high end
    sure_ham: Promise  # about the spam below the low end, on scores with their signs turned

    @property
    def sentences(self) -> list[str]:
        """Say what is promised, or what the data support, one sentence an end."""
        ends = (("spam", "real messages", self.sure_spam), ("ham", "spam", self.sure_ham))
        return [_sure(verdict, what, made) for verdict, what, made in ends]


def _sure(verdict: str, what: str, made: Promise) -> str:
    """Say what is promised of one end of a band."""
    asked = in_words(made.asked_rate)
    if made.kept and made.sources:
        worst = f"{made.worst[1]:.2%} of {made.worst[0]} at worst"
        return f"surely {verdict}: at most {asked} {what} on average over {made.sources} sources left out, {worst}"
    if made.kept:
        return f"surely {verdict}: at most {asked} {what} (95 % sure, by {made.ham:,} {APART})"
    counted, more = APART, f"train on at least {ham_needed(made.asked_rate):,} such"
    if made.sources:
        counted = f"of {made.sources} sources, each source and, in it, near-copies counted once,"
        more = f"give more {what} of the small sources"
    support = f"{made.ham:,} {what} {counted} support {in_words(made.supported_rate)}, not {asked}"
    return f"surely {verdict}: {support}: none of them is; for {asked} {more}"


def unsure_from_rates(
    ham_scores: Sequence[float],
    spam_scores: Sequence[float],
    ham_rate: float,
    spam_rate: float,
    cutoff_score: float | None = None,
) -> Band:
    """Give the band of unsure verdicts.

    Above the high end at most `ham_rate` of the ham are found, below the low one at most `spam_rate` of the spam, both
    as promises.
    """
    sure_spam, sure_ham = cutoff(ham_scores, ham_rate), cutoff([-score for score in spam_scores], spam_rate)
    return band(sure_spam, sure_ham, cutoff_score)


def band(sure_spam: Promise, sure_ham: Promise, cutoff_score: float | None = None) -> Band:
    """Put the two ends in order.

    Where they overlap nothing is unsure and both are the cutoff, or what is nearest to it: all in between keep both.
    """
    low, high = -sure_ham.cutoff_score, sure_spam.cutoff_score
    if low > high:
        low = high = (low + high) / 2 if cutoff_score is None else min(max(cutoff_score, high), low)
    return Band(low, high, sure_spam, sure_ham)


def unsure_from_costs(lost_ham: float, missed_spam: float, look: float) -> tuple[float, float]:
    """Give the two probabilities between which a look by a person costs less than either verdict (Chow's rule)."""
    if not all(0 < cost < math.inf for cost in (lost_ham, missed_spam, look)):
        raise SettingError("costs must be above 0: a lost real message, a missed spam and a look by a person")
    low, high = look / missed_spam, 1 - look / lost_ham
    if low >= high:
        # looking never pays: the one cutoff of the two costs
        low = high = cutoff_from_costs(lost_ham, missed_spam)
    return low, high


def cutoff_from_costs(lost_ham: float, missed_spam: float) -> float:
    """Give the probability from which on a message costs less as spam than as ham."""
    return lost_ham / (lost_ham + missed_spam)


def parse_rate(text: str) -> float:
    """Read "1/1000", "0.1%" or "0.001"; a comma parts thousands and nothing else: 0,1 is no number here."""
    match = re.fullmatch(rf"\s*({NUMBER})\s*(?:/\s*({NUMBER})|(%))?\s*", text)
    try:
        if not match:
            raise ValueError
        value = float(match[1].replace(",", ""))
        value /= float(match[2].replace(",", "")) if match[2] else 100 if match[3] else 1
    except (ValueError, ZeroDivisionError):
        raise SettingError(f"{text!r} is no rate: write it as 1/1000, 0.1% or 0.001, with a point") from None
    if not 0 < value < 1:
        raise SettingError(f"a rate lies between 0 and 1, {text!r} does not: write it as 1/1000, 0.1% or 0.001")
    return value


def in_words(rate: float) -> str:
    """Say a rate the way people do: 1 in 400."""
    return f"1 in {math.floor(1 / rate + 1e-9):,}" if rate <= 0.5 else f"{rate:.0%}"
