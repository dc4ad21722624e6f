"""The default recipe: what each bucket and each message weighs, and one fit.

Knows the settings that won (docs/decisions/0005-recipe.md, ../accuracy.md has the figures). Does not know files or
cutoffs.

    prior of a bucket   (log(1/f) / log(10^4)) ^ 1.2, f the document frequency averaged over sources; none where one
                        message alone holds it
    cost of a message   (size of its source)^-0.25, ham three times: no source drowns the others; the fewer
                        messages, the more
    sum s of a group    s / sqrt(1 + (s / limit)^2), once the weights are learnt, where there are four sources or more
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from despam.errors import SettingError
from despam.train.solver import Problem, Singles, solve
from despam.train.table import Table

Floats = NDArray[np.float64]

BITS = (10, 26)  # of a table's size: what the model file may hold (hashed.py), and the kernel asks for
SCALES = {"grams": 1.0, "across": 1.2, "words": 1.0, "pairs": 1.2, "shapes": 1.2, "case": 0.5}


class BitsError(SettingError, ValueError):
    """A table of no size: a despam error that is also what scikit-learn expects."""


def check_bits(bits: int) -> int:
    """Give the bits, if they are a table's. Raises BitsError."""
    least, most = BITS
    if not isinstance(bits, int | np.integer) or isinstance(bits, bool) or not least <= bits <= most:
        raise BitsError(f"bits is {bits!r}; give an integer from {least} to {most}: there are 2^bits weights")
    return int(bits)


@dataclass(frozen=True)
class Settings:
    """What can be set; the defaults are the recipe."""

    bits: int = 20
    scales: dict[str, float] = field(default_factory=lambda: dict(SCALES))
    prior_power: float = 1.2
    rarest: float = 1e-4  # document frequencies below it count as it
    least_messages: int = 2  # that hold a bucket; what one message alone holds has no weight
    source_power: float = -0.25
    ham_cost: float = 3.0
    group_limit: float = 1.25  # what a group adds at most where sources differ: no kind of evidence convinces alone
    limited_from: int = 4  # sources; what is particular to fewer is what there is to learn
    strength: float = 8.0  # mean cost of a message over the prior, before the ham's: 1 / (lambda * messages)
    many: int = 20_000  # messages; fewer cost more each, by the root of how many fewer
    visits: int = 700_000  # passes times messages
    least_passes: int = 12
    most_passes: int = 200
    tolerance: float = 1e-3
    bias_prior: float = 1.0
    leet_copies: tuple[float, float] = (0.5, 0.2)  # share of ham and of spam that is learnt from in leet too
    marked_copies: tuple[float, float] = (0.03, 0.1)  # in what repair undoes and reports
    word_copies: tuple[float, float] = (0.05, 0.1)  # and with words of real messages behind
    copy_cost: float = 0.5  # of what the message itself costs
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse a table that no model file can hold."""
        check_bits(self.bits)

    @property
    def mask(self) -> int:
        """Buckets less one."""
        return (1 << self.bits) - 1

    def mean_cost(self, rows: int) -> float:
        """Give what a message costs in the mean: few of them have to be learnt harder."""
        return self.strength * math.sqrt(max(1.0, self.many / max(rows, 1)))

    def limit(self, sources: int) -> float:
        """Give what a group adds at most when so many sources are learnt from; infinity is no limit."""
        return self.group_limit if sources >= self.limited_from else math.inf

    def passes(self, rows: int) -> int:
        """Give the number of passes: small sets need more of them."""
        return max(self.least_passes, min(self.most_passes, self.visits // max(rows, 1)))


@dataclass(frozen=True)
class Weights:
    """A fit before rounding."""

    values: Singles
    bias: float
    limit: float  # of a group

    def scores(self, table: Table, rows: NDArray[np.int32]) -> Floats:
        """Score rows of a table."""
        ids, ends, values = table.ids, table.ends, table.values
        out = np.empty(len(rows))
        for place, row in enumerate(rows):
            start = int(ends[row - 1, -1]) if row else 0
            stops = ends[row] - start
            sums = np.cumsum(np.concatenate(([0.0], self.values[ids[start : int(ends[row, -1])]])))[
                np.concatenate(([0], stops))
            ]
            groups = values[row] * np.diff(sums)
            out[place] = self.bias + float(np.sum(groups / np.sqrt(1 + (groups / self.limit) ** 2)))
        return out


def source_blocks(sources: Sequence[str]) -> list[tuple[int, int]]:
    """Give the first and last row of each source; rows of one source stand together."""
    blocks = []
    first = 0
    for row in range(1, len(sources) + 1):
        if row == len(sources) or sources[row] != sources[first]:
            blocks.append((first, row))
            first = row
    return blocks


def source_frequencies(
    table: Table, sources: Sequence[str], part_of: NDArray[np.int64]
) -> tuple[Floats, Floats, list[NDArray[np.int32]]]:
    """Give of each part: document frequencies of its sources added up, the number of sources, document counts."""
    parts = int(part_of.max()) + 1
    sums, numbers = np.zeros((parts, table.mask + 1)), np.zeros(parts)
    counts = [np.zeros(table.mask + 1, np.int32) for _ in range(parts)]
    for first, last in source_blocks(sources):
        part, found = int(part_of[first]), table.document_counts(first, last)
        sums[part] += found / (last - first)
        numbers[part] += 1
        counts[part] += found
    return sums, numbers, counts


def taught_frequencies(
    table: Table, sources: Sequence[str], taught: NDArray[np.bool_]
) -> tuple[Floats, NDArray[np.int32]]:
    """Give the document frequencies of the rows that are learnt from, averaged over their sources, and their counts."""
    total, number = np.zeros(table.mask + 1), 0
    counts = np.zeros(table.mask + 1, np.int32)
    for first, last in source_blocks(sources):
        if among := int(taught[first:last].sum()):
            found = table.document_counts(first, last, taught[first:last])
            total += found / among
            number += 1
            counts += found
    return total / max(number, 1), counts


def bucket_prior(frequency: Floats, settings: Settings) -> Singles:
    """Give the squared prior scale of each bucket from its document frequency."""
    scale = np.log(1.0 / np.clip(frequency, settings.rarest, 1.0)) / math.log(1.0 / settings.rarest)
    return np.asarray(np.maximum(scale, 0.0) ** (2 * settings.prior_power), np.float32)


def row_costs(labels: NDArray[np.int8], sources: Sequence[str], settings: Settings) -> Floats:
    """Give the cost of each row."""
    costs = np.empty(len(labels))
    for first, last in source_blocks(sources):
        costs[first:last] = float(last - first) ** settings.source_power
    costs *= settings.mean_cost(len(labels)) / costs.mean()
    costs[labels < 0] *= settings.ham_cost
    return costs


def make_problem(table: Table, labels: NDArray[np.int8], sources: Sequence[str], settings: Settings) -> Problem:
    """Put together what every fit on this table shares."""
    sums, numbers, _ = source_frequencies(table, sources, np.zeros(len(labels), np.int64))
    return Problem(
        labels,
        row_costs(labels, sources, settings),
        bucket_prior(sums[0] / numbers[0], settings),
        settings.bias_prior,
        settings.passes(len(labels)),
        settings.tolerance,
        settings.seed,
        settings.limit(len(set(sources))),
    )


def with_copies(problem: Problem, made_of: NDArray[np.int32], settings: Settings) -> Problem:
    """Give the problem with copies of some rows behind them; they tell nothing of how frequent words are."""
    return problem._replace(
        labels=np.concatenate([problem.labels, problem.labels[made_of]]),
        costs=np.concatenate([problem.costs, problem.costs[made_of] * settings.copy_cost]),
    )


def problem_without(problem: Problem, frequency: Floats, rows: NDArray[np.int32], settings: Settings) -> Problem:
    """Give the problem of the rows (copies not among them) that stay when sources are left out.

    Nothing of those is in it: `frequency` is of the sources that stay. A third of the passes: the others move scores by
    a hundredth, and each part costs a fit.
    """
    costs = problem.costs[rows] / np.where(problem.labels[rows] < 0, settings.ham_cost, 1.0)
    return problem._replace(
        costs=problem.costs * (settings.mean_cost(len(rows)) / float(costs.mean())),
        prior=bucket_prior(frequency, settings),
        passes=(settings.passes(len(rows)) + 2) // 3,
    )


def problem_of(
    table: Table, problem: Problem, sources: Sequence[str], taught: NDArray[np.bool_], settings: Settings
) -> Problem:
    """Give the problem of some rows: how frequent and how rare words are is told by these alone."""
    frequency, held_by = taught_frequencies(table, sources, taught)
    return without_rare(problem._replace(prior=bucket_prior(frequency, settings)), held_by, settings)


def without_rare(problem: Problem, held_by: NDArray[np.int32], settings: Settings) -> Problem:
    """Give the problem without the buckets that fewer messages of the fit (copies not counted) hold than are wanted.

    What one message alone holds is never met again, and would explain that message in the place of what is.
    """
    return problem._replace(prior=np.where(held_by < settings.least_messages, np.float32(0), problem.prior))


def fit(table: Table, problem: Problem, rows: NDArray[np.int32]) -> Weights:
    """Learn from some rows."""
    values, bias = solve(table, problem, rows)
    return Weights(values, bias, problem.limit)
