"""Which messages each fit does not see: fifths of all messages, or whole sources and one fifth.

Knows labels, names of sources and, where a rate is promised, which messages are near-copies of each other. Refuses to
know texts, features and scores. Folds show what a model does on more of the same; sources left out show what it does on
messages from elsewhere (docs/decisions/0007). Invariants: every message is left out by one fit or more, and by which
does not depend on the order in which sources were given; where near-copies are told, no fit learns from a near-copy of
a message that it scores (docs/decisions/0050).
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

Flags = NDArray[np.bool_]
Groups = NDArray[np.int64]  # of each row, the number of its cluster of near-copies


@dataclass(frozen=True)
class HoldOut:
    """How the rows are left out."""

    way: str  # "sources" or "folds"
    left_out: list[Flags]  # of each fit, the rows that it scores and does not see
    untaught: list[Flags]  # of each fit, these and the rows elsewhere that are near-copies of one of them
    usable: dict[str, tuple[int, int]]  # by sources: those that set cutoffs, and their first and last rows
    part_of: NDArray[np.int64]  # by sources: of each row, the fit that does not see its source
    promised: bool = False  # near-copies are told, as a rate is promised: what is left out tells a fit nothing at all

    def taught(self, part: int) -> Flags:
        """Give the rows that a fit learns from; part -1 learns from all."""
        return ~self.untaught[part] if part >= 0 else np.ones(len(self.part_of), bool)

    def has_copies_elsewhere(self, part: int) -> bool:
        """Say whether a fit must do without more rows than those it scores."""
        return bool((self.untaught[part] & ~self.left_out[part]).any())


def choose(
    way: str, labels: NDArray[np.int8], sources: Sequence[str], seed: int, groups: Groups | None = None
) -> HoldOut:
    """Leave sources out where there are enough of them (`auto`), or as asked; `groups` are near-copies, if they count.

    What counts of a source, then, is its clusters.
    """
    if way not in WAYS:
        raise SettingError(f"messages are held out by {', '.join(WAYS)}, not by {way!r}")
    usable = {
        sources[first]: (first, last)
        for first, last in source_blocks(sources)
        if is_usable(labels[first:last], None if groups is None else groups[first:last])
    }
    enough = len(usable) >= LEAST_SOURCES and 2 * sum(last - first for first, last in usable.values()) >= len(labels)
    if way == "sources" and not enough:
        raise TrainingError(
            f"{len(usable)} sources hold {LEAST_HAM} ham and {LEAST_SPAM} spam or more; holding sources out needs "
            f"{LEAST_SOURCES} of them, with half of all messages: give more sources, or hold out folds"
        )
    folds = make_folds(labels, seed, groups)
    if way == "folds" or not enough:
        return by_folds(folds, groups)
    held = by_sources(usable, folds, groups)
    if all(leaves_enough(held.left_out[at], held.untaught[at], labels, groups) for at in range(len(held.left_out))):
        return held
    if way == "sources":
        raise TrainingError(
            "without the near-copies of a source's messages too little is left of the others to learn from: give "
            "sources with messages of their own, or hold out folds"
        )
    return by_folds(folds, groups)


def by_folds(folds: NDArray[np.int64], groups: Groups | None) -> HoldOut:
    """Leave each fold out in turn."""
    left_out = [folds == fold for fold in range(FOLDS)]
    return HoldOut("folds", left_out, left_out, {}, folds, groups is not None)


def by_sources(usable: dict[str, tuple[int, int]], folds: NDArray[np.int64], groups: Groups | None) -> HoldOut:
    """Leave each source out in turn, and one fold."""
    part_of = deal(usable, len(folds))
    # the last fit is for the probability, which is of more of the same: its two numbers need no more than a fifth
    left_out = [*(part_of == part for part in range(int(part_of.max()) + 1)), folds == 0]
    untaught = left_out if groups is None else [rows | np.isin(groups, groups[rows]) for rows in left_out]
    return HoldOut("sources", left_out, untaught, usable, part_of, groups is not None)


def leaves_enough(left_out: Flags, untaught: Flags, labels: NDArray[np.int8], groups: Groups | None) -> bool:
    """Say whether near-copies take no more than half of what a fit learns from, and leave enough of both classes."""
    if groups is None:
        return True
    taught = ~untaught
    return 2 * int(taught.sum()) >= int((~left_out).sum()) and is_usable(labels[taught], groups[taught])


def is_usable(labels: NDArray[np.int8], groups: Groups | None = None) -> bool:
    """Say whether these rows hold enough of both classes; near-copies of each other count once."""
    ham, spam = labels < 0, labels > 0
    if groups is not None:
        return len(np.unique(groups[ham])) >= LEAST_HAM and len(np.unique(groups[spam])) >= LEAST_SPAM
    return int(ham.sum()) >= LEAST_HAM and int(spam.sum()) >= LEAST_SPAM


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


def make_folds(labels: NDArray[np.int8], seed: int, groups: Groups | None = None) -> NDArray[np.int64]:
    """Give each row a fold, each class spread evenly; clusters stay whole, each dealt as most of its messages are."""
    random = np.random.default_rng(seed)
    if groups is None:
        return deal_classes(labels, random)
    _, cluster_of = np.unique(groups, return_inverse=True)
    sides = np.where(np.bincount(cluster_of, labels) > 0, 1, -1)
    folds = deal_classes(sides.astype(np.int8), random)[cluster_of]
    for name, label in (("real messages", -1), ("spam", 1)):
        if len(np.unique(folds[labels == label])) < 2:
            raise TrainingError(
                f"all {name} are near-copies of each other, so none can be scored by a model that has not learnt from "
                "one like it, and no rate can be promised: give different ones, or leave the rates out"
            )
    return folds


def deal_classes(labels: NDArray[np.int8], random: np.random.Generator) -> NDArray[np.int64]:
    """Deal the members of each class in turn."""
    folds = np.zeros(len(labels), np.int64)
    for label in (-1, 1):
        rows = random.permutation(np.flatnonzero(labels == label))
        folds[rows] = np.arange(len(rows)) % FOLDS
    return folds
