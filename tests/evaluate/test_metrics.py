"""Figures agree with scikit-learn on random data with ties, and say None where data give none."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as theirs

from despam.evaluate import metrics

cases = st.lists(st.tuples(st.integers(-5, 5), st.booleans()), min_size=2, max_size=60).filter(
    lambda rows: len({label for _, label in rows}) == 2
)


@settings(deadline=None)
@given(cases)
def test_auc_is_scikit_learns(rows: list[tuple[int, bool]]) -> None:
    """AUC with ties."""
    scores, spam = [float(s) for s, _ in rows], [label for _, label in rows]
    assert metrics.Ranking(scores, spam).auc() == pytest.approx(theirs.roc_auc_score(spam, scores))


@settings(deadline=None)
@given(cases)
def test_pr_auc_is_scikit_learns_average_precision(rows: list[tuple[int, bool]]) -> None:
    """Average precision with ties."""
    scores, spam = [float(s) for s, _ in rows], [label for _, label in rows]
    assert metrics.Ranking(scores, spam).pr_auc() == pytest.approx(theirs.average_precision_score(spam, scores))


@settings(deadline=None)
@given(cases, st.sampled_from([0.0, 0.1, 0.25, 0.5]))
def test_recall_at_a_rate_is_the_highest_point_of_the_roc(rows: list[tuple[int, bool]], rate: float) -> None:
    """The best recall among the curve's points within the rate."""
    scores, spam = [float(s) for s, _ in rows], [label for _, label in rows]
    fpr, tpr, _ = theirs.roc_curve(spam, scores, drop_intermediate=False)
    expected = max(t for f, t in zip(fpr, tpr, strict=True) if f <= rate + 1e-12)
    ranking = metrics.Ranking(scores, spam)
    assert ranking.recall_at(rate) == pytest.approx(expected)
    above = ranking.score_at(rate)
    assert sum(s > above for s, label in rows if label) / sum(spam) == pytest.approx(expected)


@settings(deadline=None)
@given(cases, st.randoms(use_true_random=False))
def test_weights_are_copies(rows: list[tuple[int, bool]], rng: random.Random) -> None:
    """A message with weight 3 counts as three messages; one with 0 is not there."""
    scores, spam = [float(s) for s, _ in rows], [label for _, label in rows]
    weights = [rng.randrange(4) for _ in rows]
    copied = [(s, label) for s, label, w in zip(scores, spam, weights, strict=True) for _ in range(w)]
    ranking = metrics.Ranking(scores, spam)
    again = metrics.Ranking([s for s, _ in copied], [label for _, label in copied])
    for one, other in (
        (ranking.auc(weights), again.auc()),
        (ranking.pr_auc(weights), again.pr_auc()),
        (ranking.recall_at(0.25, weights), again.recall_at(0.25)),
    ):
        assert (one is None and other is None) or one == pytest.approx(other)


@settings(deadline=None)
@given(cases, st.randoms(use_true_random=False))
def test_weights_are_copies_where_probabilities_are_judged(rows: list[tuple[int, bool]], rng: random.Random) -> None:
    """Brier, log loss and calibration error, with ties of which a bin takes a part."""
    said, spam = [1 / (1 + 2.0**-s) for s, _ in rows], [label for _, label in rows]
    weights = [rng.randrange(4) for _ in rows]
    copied = [(p, label) for p, label, w in zip(said, spam, weights, strict=True) for _ in range(w)]
    copies = [p for p, _ in copied], [label for _, label in copied]
    judged = metrics.Probabilities(said, spam)
    for name in ("brier", "log_loss", "ece"):
        one, other = getattr(judged, name)(weights), getattr(metrics, name)(*copies)
        assert (one is None and other is None) or one == pytest.approx(other)


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=50))
def test_rates_are_scikit_learns(rows: list[tuple[bool, bool]]) -> None:
    """Accuracy, precision, recall, F1 and MCC."""
    flagged, spam = [f for f, _ in rows], [s for _, s in rows]
    found = metrics.rates(metrics.confusion(flagged, spam))
    assert found["accuracy"] == pytest.approx(theirs.accuracy_score(spam, flagged))
    for key, function in (
        ("precision", theirs.precision_score), ("recall", theirs.recall_score), ("f1", theirs.f1_score),
    ):  # fmt: skip
        assert (found[key] or 0.0) == pytest.approx(function(spam, flagged, zero_division=0))
    if len(set(spam)) == 2 and len(set(flagged)) == 2:
        assert found["mcc"] == pytest.approx(theirs.matthews_corrcoef(spam, flagged))


def test_probabilities_are_scored_as_scikit_learn_does() -> None:
    """Brier and log loss."""
    rng = random.Random(1)
    probabilities = [rng.random() for _ in range(200)]
    spam = [rng.random() < p for p in probabilities]
    assert metrics.brier(probabilities, spam) == pytest.approx(theirs.brier_score_loss(spam, probabilities))
    assert metrics.log_loss(probabilities, spam) == pytest.approx(theirs.log_loss(spam, probabilities))


def test_one_class_gives_none_and_no_invented_number() -> None:
    """Without ham there is no AUC."""
    ranking = metrics.Ranking([1.0, 2.0], [True, True])
    assert ranking.auc() is None
    assert ranking.recall_at(0.01) is None
    assert metrics.rates(metrics.confusion([True, False], [True, True]))["false_positive_rate"] is None
    assert metrics.Ranking([], []).auc() is None


def test_a_recall_that_the_ham_cannot_carry_is_null_with_a_reason() -> None:
    """0.1 % needs 15,000 ham, 0.5 % needs 3,000, 1 % a hundred; the keys stay."""
    spam = [True] * 10 + [False] * 3_000
    ranking = metrics.Ranking([float(s) for s in spam], spam)
    values, reasons = metrics.recall_at_fpr(ranking, 3_000)
    assert values == {"0.001": None, "0.005": 1.0, "0.01": 1.0}
    assert reasons == {"0.001": "3,000 real messages; a rate of 0.1% needs 15,000"}
    assert metrics.recall_at_fpr(ranking, 3_000, force=True)[0]["0.001"] == 1.0
    assert metrics.recall_at_fpr(ranking, 100)[0]["0.01"] == 1.0
    values, reasons = metrics.recall_at_fpr(ranking, 99)
    assert values == dict.fromkeys(("0.001", "0.005", "0.01"))
    assert reasons["0.01"] == "99 real messages; a rate of 1.0% needs 100"


def test_the_order_of_tied_messages_means_nothing_to_the_calibration() -> None:
    """All of one probability, ham first or spam first: each bin gets the mean of the tie."""
    said, spam = [0.5] * 90, [True] * 45 + [False] * 45
    assert metrics.ece(said, spam) == metrics.ece(said, spam[::-1]) == pytest.approx(0.0, abs=1e-12)
    assert sum(b["spam"] for b in metrics.calibration(said, spam)) == pytest.approx(45)


def test_calibration_of_perfect_probabilities_is_near_zero_and_of_boasting_ones_large() -> None:
    """ECE tells honest from boastful."""
    rng = random.Random(2)
    honest = [rng.random() for _ in range(20_000)]
    spam = [rng.random() < p for p in honest]
    boastful = [min(1.0, max(0.0, (p - 0.5) * 3 + 0.5)) for p in honest]
    assert metrics.ece(honest, spam) < 0.02  # type: ignore[operator]
    assert metrics.ece(boastful, spam) > 0.1  # type: ignore[operator]
    table = metrics.calibration(honest, spam)
    assert len(table) == 15
    assert sum(b["messages"] for b in table) == 20_000
    assert max(b["messages"] for b in table) - min(b["messages"] for b in table) <= 1


def test_sixty_thousand_messages_take_seconds() -> None:
    """Sorting, not pairs: a quadratic AUC would take an hour."""
    rng = random.Random(3)
    spam = [rng.random() < 0.4 for _ in range(60_000)]
    scores = [rng.gauss(float(s), 1.0) for s in spam]
    begun = time.perf_counter()
    ranking = metrics.Ranking(scores, spam)
    assert 0.7 < ranking.auc() < 0.8  # type: ignore[operator]
    ranking.auc([1] * 60_000)
    metrics.ece([min(1.0, max(0.0, s)) for s in scores], spam)
    assert time.perf_counter() - begun < 20


def test_the_curve_starts_at_nothing_and_ends_at_everything() -> None:
    """ROC points never fall."""
    rng = random.Random(4)
    spam = [rng.random() < 0.4 for _ in range(3_000)]
    curve = metrics.Ranking([rng.gauss(float(s), 1.0) for s in spam], spam).roc()
    assert curve[0] == (0.0, 0.0)
    assert curve[-1] == (1.0, 1.0)
    assert curve == sorted(curve)
