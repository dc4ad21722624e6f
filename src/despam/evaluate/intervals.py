"""How far a measured figure can be from the truth.

Knows Wilson's interval for showing, the exact one-sided bound of Clopper and Pearson for promising, the bootstrap over
clusters of near-copies, and the exact McNemar test. Refuses to know what is being counted.

Invariants: the exact bound never covers less than it says; the bootstrap draws whole clusters, never single
messages, and the same seed gives the same interval.

The incomplete beta function is the continued fraction of Numerical Recipes (Press et al., 6.4), evaluated by Lentz's
method; tests compare it with scipy.
"""

from __future__ import annotations

import math
import random
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import repeat

Interval = tuple[float, float]

Z95 = 1.959963984540054  # two-sided 95 % of the normal distribution


def wilson(hits: int, total: int, z: float = Z95) -> Interval:
    """Give Wilson's interval for `hits` of `total`; (0, 1) when nothing was counted."""
    if total <= 0:
        return 0.0, 1.0
    share = hits / total
    spread = z * z / total
    centre = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(share * (1 - share) / total + spread / (4 * total))
    return (0.0 if hits == 0 else max(0.0, centre - half)), (1.0 if hits == total else min(1.0, centre + half))


def beta_share(a: float, b: float, x: float) -> float:
    """Give the regularised incomplete beta function I_x(a, b)."""
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    if x < (a + 1.0) / (a + b + 2.0):
        return math.exp(log_front) * _beta_fraction(a, b, x) / a
    return 1.0 - math.exp(log_front) * _beta_fraction(b, a, 1.0 - x) / b


def _beta_fraction(a: float, b: float, x: float) -> float:
    """Evaluate the continued fraction of the incomplete beta function by Lentz's method."""
    tiny = 1e-300
    c = 1.0
    d = 1.0 - (a + b) * x / (a + 1.0)
    d = 1.0 / (d if abs(d) > tiny else tiny)
    value = d
    # about sqrt(max(a, b)) rounds are needed; the bound only guards against a loop without end
    for m in range(1, 100_000):
        for step in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1.0 + step * d
            d = 1.0 / (d if abs(d) > tiny else tiny)
            c = 1.0 + step / c
            c = c if abs(c) > tiny else tiny
            change = c * d
            value *= change
        if abs(change - 1.0) < 1e-15:
            break
    return value


def beta_quantile(share: float, a: float, b: float) -> float:
    """Give the x at which I_x(a, b) reaches `share`, by bisection to the last bit."""
    low, high = 0.0, 1.0
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if beta_share(a, b, middle) < share:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def upper_bound(hits: int, total: int, confidence: float = 0.95) -> float:
    """Give the exact one-sided upper bound: zero hits in n mean at most about 3/n."""
    if total <= 0 or hits >= total:
        return 1.0
    return beta_quantile(confidence, hits + 1, total - hits)


def mcnemar(only_old_right: int, only_new_right: int) -> float:
    """Give the exact two-sided p-value that two models differ only by chance; never 0, at least 2.2e-308."""
    total = only_old_right + only_new_right
    if total == 0:
        return 1.0
    fewer = min(only_old_right, only_new_right)
    # P(X <= fewer) for a fair coin; 1 - P(X > fewer) would cancel to 0 from 0 against 60 on
    tail = beta_share(total - fewer, fewer + 1, 0.5)
    return min(1.0, max(2 * tail, sys.float_info.min))


def cluster_weights(clusters: Sequence[int], rng: random.Random) -> list[int]:
    """Draw as many clusters as there are, with replacement; say how often each message is in."""
    names = sorted(set(clusters))
    drawn = Counter(rng.choices(names, k=len(names)))
    return list(map(drawn.get, clusters, repeat(0)))


def bootstrap(
    figures: Callable[[Sequence[int]], dict[str, float | None]],
    clusters: Sequence[int],
    rounds: int = 400,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Interval]:
    """Give the 95 % percentile interval of each figure that `figures(weights)` computes.

    A round in which a figure cannot be computed (no ham was drawn) does not count for it.
    """
    rng = random.Random(seed)
    seen: dict[str, list[float]] = {}
    for done in range(rounds):
        if progress:
            progress(done, rounds)
        for name, value in figures(cluster_weights(clusters, rng)).items():
            if value is not None:
                seen.setdefault(name, []).append(value)
    return {name: _middle(sorted(values), 0.95) for name, values in seen.items()}


def rounds_for(messages: int) -> int:
    """Choose the number of bootstrap rounds that stays within seconds."""
    return 400 if messages <= 8_000 else 200 if messages <= 30_000 else 100


def _middle(ordered: Sequence[float], confidence: float) -> Interval:
    """Cut the same share off both ends."""
    cut = (1 - confidence) / 2 * (len(ordered) - 1)
    return ordered[math.floor(cut)], ordered[len(ordered) - 1 - math.floor(cut)]
