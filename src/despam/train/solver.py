"""The optimiser: logistic loss, L2 with a prior scale a bucket, dual coordinate descent (Yu, Huang, Lin 2011).

Knows arrays only. Minimises  sum_i cost_i log(1 + exp(-y_i s_i)) + sum_j w_j^2 / (2 prior_j),  s_i = bias + sum of
values times weights. The kernel does the work where it is built; the loop below is the reference, gives the same
numbers bit for bit (sums in the same order), and takes many times as long. Weights and priors are of single
precision, which halves what a visit waits for (they are rounded to int8 afterwards); sums are of double precision.
A row whose best move is below a tenth of the tolerance does not move, and is looked at in every third pass only.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from despam.core import engine
from despam.train.table import Table

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
KEPT_ROWS = 20_000  # whose views of the table the loop in Python keeps, at a kilobyte each
LANES = 4  # sums that the weights of a row are added in: one alone would wait for itself at every id
REST = 3  # passes from one visit to the next of a row that does not move: a third of all touches saved


class Problem(NamedTuple):
    """What one fit needs beside the table: per row of the table, whether it takes part or not."""

    labels: NDArray[np.int8]  # +1 spam, -1 ham
    costs: Floats
    prior: Singles  # squared prior scale of each bucket
    bias_prior: float
    passes: int
    tolerance: float
    seed: int
    limit: float  # of a group's sum, when the fit scores: learning knows none


def solve(table: Table, problem: Problem, rows: NDArray[np.int32]) -> tuple[Singles, float]:
    """Learn from the given rows of the table: (weights, bias)."""
    order = visits(rows, problem.passes, problem.seed)
    weights = np.zeros(table.mask + 1, np.float32)
    alpha = np.minimum(0.001 * problem.costs, 1e-3)
    if engine.native is not None:
        bias = engine.native.solve(
            table.ids, table.ends, table.values, problem.labels, problem.costs, problem.prior, order, len(rows),
            weights, alpha, problem.bias_prior, problem.tolerance,
        )  # fmt: skip
        return weights, float(bias)
    return weights, solve_python(table, problem, order.reshape(problem.passes, len(rows)), weights, alpha)


def visits(rows: NDArray[np.int32], passes: int, seed: int) -> NDArray[np.int32]:
    """Give the order of the visits: every pass in an order of its own."""
    random = np.random.default_rng(seed)
    return np.concatenate([random.permutation(rows) for _ in range(passes)]).astype(np.int32)


def solve_python(table: Table, problem: Problem, order: NDArray[np.int32], weights: Singles, alpha: Floats) -> float:
    """Do what `_native.solve` does; changes `weights` and `alpha`, gives the bias."""
    ids, ends, values = table.ids, table.ends, table.values
    state = [0.0]

    @lru_cache(maxsize=KEPT_ROWS)
    def groups(row: int) -> list[tuple[NDArray[np.uint32], float]]:
        stops = [int(ends[row - 1, -1]) if row else 0, *map(int, ends[row])]
        return [(ids[a:b], float(value)) for a, b, value in zip(stops, stops[1:], values[row], strict=False) if b > a]

    def update(row: int, delta: float) -> None:
        state[0] += delta * problem.bias_prior
        for group, value in groups(row):
            change = delta * value * problem.prior[group].astype(np.float64)
            np.add.at(weights, group, change.astype(np.float32))  # an id may stand more than once

    def norm(row: int) -> float:
        square = problem.bias_prior
        for group, value in groups(row):
            # cumsum adds in order, as C does; sum() adds in pairs
            square += value * value * float(np.cumsum(problem.prior[group] * squares(group), dtype=np.float64)[-1])
        return square

    resting, least = np.zeros(len(table), bool), problem.tolerance / 10
    norms = {int(row): norm(int(row)) for row in order[0]}

    def visit(row: int) -> float:
        score = state[0]
        for group, value in groups(row):
            score += value * in_lanes(weights[group])
        label, cost, old = int(problem.labels[row]), float(problem.costs[row]), float(alpha[row])
        fresh = minimise(old, cost, norms[row], label * score)
        resting[row] = abs(fresh - old) <= least * cost
        if not resting[row]:
            alpha[row] = fresh
            update(row, label * (fresh - old))
        return abs(fresh - old) / cost

    for row in order[0]:
        update(int(row), int(problem.labels[row]) * float(alpha[row]))
    for number, rows in enumerate(order):
        awake = rows[~resting[rows]] if number % REST else rows
        if max((visit(int(row)) for row in awake), default=0.0) < problem.tolerance:
            break
    return state[0]


def in_lanes(weights: Singles) -> float:
    """Add up as the kernel does: every fourth in a lane of its own."""
    lanes = np.zeros((-(-len(weights) // LANES), LANES))
    lanes.ravel()[: len(weights)] = weights
    one, two, three, four = lanes.cumsum(axis=0)[-1].tolist()  # in order, as C does
    return float((one + two) + (three + four))


def squares(group: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Give 1, 3, 5 ... along equal ids: an id that stands k times counts k * k times in a square."""
    first = np.concatenate(([True], group[1:] != group[:-1]))
    starts = np.flatnonzero(first)
    return np.asarray(2 * (np.arange(len(group)) - starts[np.cumsum(first) - 1]) + 1, np.int64)


def minimise(old: float, cost: float, square: float, margin: float) -> float:
    """Minimise over one dual variable in (0, cost) by Newton's method, from the side that is safe."""
    flip = 0.5 * square * (cost - 2 * old) + margin < 0
    start, sign = (cost - old, -1.0) if flip else (old, 1.0)
    z = 0.1 * start if cost - start < 0.5 * cost else start
    slope = square * (z - start) + sign * margin + math.log(z / (cost - z))
    for _ in range(100):
        if abs(slope) <= 1e-6:
            break
        step = z - slope / (square + cost / (cost - z) / z)
        z = 0.1 * z if step <= 0 else step
        slope = square * (z - start) + sign * margin + math.log(z / (cost - z))
    return cost - z if flip else z
