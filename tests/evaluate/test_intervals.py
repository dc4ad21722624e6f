"""Intervals agree with scipy and cover what they say."""

from __future__ import annotations

import random
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import betainc
from scipy.stats import binomtest

from despam.evaluate import intervals


@settings(deadline=None)
@given(st.integers(1, 5000), st.data())
def test_the_exact_upper_bound_is_scipys(total: int, data: st.DataObject) -> None:
    """Clopper and Pearson's, one-sided at 95 %: the upper end of scipy's two-sided 90 %."""
    hits = data.draw(st.integers(0, total))
    expected = binomtest(hits, total).proportion_ci(0.9, "exact")
    assert intervals.upper_bound(hits, total) == pytest.approx(expected.high, abs=1e-9)


@settings(deadline=None)
@given(st.integers(1, 5000), st.data())
def test_wilson_is_scipys(total: int, data: st.DataObject) -> None:
    """Wilson equals scipy's interval."""
    hits = data.draw(st.integers(0, total))
    expected = binomtest(hits, total).proportion_ci(0.95, "wilson")
    low, high = intervals.wilson(hits, total)
    assert low == pytest.approx(expected.low, abs=1e-9)
    assert high == pytest.approx(expected.high, abs=1e-9)


@settings(deadline=None)
@given(st.floats(0.5, 1e5), st.floats(0.5, 1e5), st.floats(0, 1))
def test_the_incomplete_beta_function_is_scipys(a: float, b: float, x: float) -> None:
    """Own continued fraction and scipy agree."""
    assert intervals.beta_share(a, b, x) == pytest.approx(float(betainc(a, b, x)), abs=1e-8)


@settings(deadline=None)
@given(st.integers(0, 300), st.integers(0, 300))
def test_mcnemar_is_the_exact_binomial_test(old: int, new: int) -> None:
    """McNemar's p-value is that of a fair coin."""
    expected = binomtest(old, old + new, 0.5).pvalue if old + new else 1.0
    assert intervals.mcnemar(old, new) == pytest.approx(float(expected), abs=1e-9)


@pytest.mark.parametrize("counts", [(0, 60), (60, 0), (0, 900), (1, 80), (3, 200), (10, 300), (400, 700), (30, 31)])
def test_a_small_p_is_as_exact_as_a_large_one(counts: tuple[int, int]) -> None:
    """Skewed counts, compared relatively: 0 against 60 is 1.7e-18 and not 0."""
    expected = float(binomtest(counts[0], sum(counts), 0.5).pvalue)
    assert intervals.mcnemar(*counts) == pytest.approx(expected, rel=1e-8, abs=0)


def test_no_p_is_zero() -> None:
    """Below what a number can hold it is the least one."""
    assert intervals.mcnemar(0, 5_000) == sys.float_info.min


def test_zero_lost_in_n_means_at_most_three_in_n() -> None:
    """The rule of three."""
    assert intervals.upper_bound(0, 1000) == pytest.approx(3 / 1000, rel=0.01)
    assert intervals.upper_bound(0, 0) == 1.0


def test_the_bootstrap_draws_whole_clusters() -> None:
    """All members of a cluster are in as often as one another."""
    clusters = [0, 0, 0, 3, 4, 4]
    for seed in range(20):
        weights = intervals.cluster_weights(clusters, random.Random(seed))
        assert weights[0] == weights[1] == weights[2]
        assert weights[4] == weights[5]
        assert weights[0] + weights[3] + weights[4] == 3


def test_repeats_widen_the_interval() -> None:
    """Ten copies of ten messages tell less than a hundred messages."""

    def share(weights: list[int]) -> dict[str, float | None]:
        total = sum(weights)
        return {"share": sum(w for i, w in enumerate(weights) if i % 10 < 5) / total if total else None}

    alone = intervals.bootstrap(share, list(range(100)))["share"]  # type: ignore[arg-type]
    copies = intervals.bootstrap(share, [i % 10 for i in range(100)])["share"]  # type: ignore[arg-type]
    assert copies[1] - copies[0] > 2 * (alone[1] - alone[0])


def test_the_same_seed_gives_the_same_interval() -> None:
    """Nothing but the seed decides."""

    def first(weights: list[int]) -> dict[str, float | None]:
        return {"w": float(weights[0])}

    one = intervals.bootstrap(first, [0, 1, 2], rounds=50, seed=3)  # type: ignore[arg-type]
    assert one == intervals.bootstrap(first, [0, 1, 2], rounds=50, seed=3)  # type: ignore[arg-type]
