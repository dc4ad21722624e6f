"""Which messages each fit does not see: fifths of all messages, or whole sources and one fifth.

Knows labels and names of sources. Refuses to know texts, features and scores. Folds show what a model does on more of
the same; sources left out show what it does on messages from elsewhere (docs/decisions/0007). Invariant: every message
is left out by one fit or more, and by which does not depend on the order in which sources were given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from despam.errors import SettingError, TrainingError
from despam.train.recipe import source_blocks

WAYS = ("auto", "sources", "folds")
FOLDS = 5
LEAST_SOURCES = 4  # three say too little of a fourth: the spread between them is what the cutoff is about
LEAST_HAM, LEAST_SPAM = 100, 20  # of a source that may set a cutoff: one lost message is 1 % at most
MOST_PARTS = 10  # fits beside the one on everything; more sources than that share parts


@dataclass(frozen=True)
class HoldOut:
    """How the rows are left out."""

    way: str  # "sources" or "folds"
    left_out: list[NDArray[np.bool_]]  # of each fit, the rows that it does not see
    usable: dict[str, tuple[int, int]]  # by sources: those that set cutoffs, and their first and last rows
    part_of: NDArray[np.int64]  # by sources: of each row, the fit that does not see its source


def choose(way: str, labels: NDArray[np.int8], sources: Sequence[str], seed: int) -> HoldOut:
    """Leave sources out where there are enough of them (`auto`), or as asked."""
    if way not in WAYS:
        raise SettingError(f"messages are held out by {', '.join(WAYS)}, not by {way!r}")
    usable = {sources[first]: (first, last) for first, last in source_blocks(sources) if is_usable(labels[first:last])}
    enough = len(usable) >= LEAST_SOURCES and 2 * sum(last - first for first, last in usable.values()) >= len(labels)
    if way == "sources" and not enough:
        raise TrainingError(
            f"{len(usable)} sources hold {LEAST_HAM} ham and {LEAST_SPAM} spam or more; holding sources out needs "
            f"{LEAST_SOURCES} of them, with half of all messages: give more sources, or hold out folds"
        )
    folds = make_folds(labels, seed)
    if way == "folds" or not enough:
        return HoldOut("folds", [folds == fold for fold in range(FOLDS)], {}, folds)
    part_of = deal(usable, len(labels))
    parts = [part_of == part for part in range(int(part_of.max()) + 1)]
    # the last fit is for the probability, which is of more of the same: its two numbers need no more than a fifth
    return HoldOut("sources", [*parts, folds == 0], usable, part_of)


def is_usable(labels: NDArray[np.int8]) -> bool:
    """Say whether a source holds enough of both classes."""
    return int((labels < 0).sum()) >= LEAST_HAM and int((labels > 0).sum()) >= LEAST_SPAM


def deal(usable: dict[str, tuple[int, int]], rows: int) -> NDArray[np.int64]:
    """Give each source a part, the largest first into the smallest part; small sources are one part together."""
    part_of = np.full(rows, -1, np.int64)
    sizes = [0] * min(len(usable), MOST_PARTS)
    for first, last in sorted(usable.values(), key=lambda block: (block[0] - block[1], block[0])):
        part = sizes.index(min(sizes))
        part_of[first:last] = part
        sizes[part] += last - first
    part_of[part_of < 0] = len(sizes)
    return part_of


def make_folds(labels: NDArray[np.int8], seed: int) -> NDArray[np.int64]:
    """Give each row a fold, each class spread evenly."""
    random = np.random.default_rng(seed)
    folds = np.zeros(len(labels), np.int64)
    for label in (-1, 1):
        rows = random.permutation(np.flatnonzero(labels == label))
        folds[rows] = np.arange(len(rows)) % FOLDS
    return folds
