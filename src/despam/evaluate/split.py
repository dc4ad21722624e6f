"""Cut labelled rows into what is learnt from and what is measured on, and measure.

Knows rows and a function `fit(rows) -> Model`, which the caller brings (this layer lies below training). Refuses to
know how a model is made.

Invariant: near-copies stay on one side of every cut. With the same seed the cuts are the same, whatever the order of
the rows' sources.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from despam.errors import EvaluationError
from despam.evaluate.measure import Measured, RowLike, measure, require_both
from despam.evaluate.repeats import clusters as find_clusters

if TYPE_CHECKING:
    from despam.core.model import Model

Fit = Callable[[list[RowLike]], "Model"]
Judge = Callable[["Model", list[Measured]], None]  # is shown each model and what it was measured on


def folds(rows: Sequence[RowLike], clusters: Sequence[int], count: int, seed: int = 0) -> list[int]:
    """Give each row its fold: clusters whole, each fold with about its share of spam and of ham."""
    if count < 2:
        raise EvaluationError(f"cross-validation needs at least 2 folds, not {count}")
    sizes: dict[int, list[int]] = {}
    for row, cluster in zip(rows, clusters, strict=True):
        sizes.setdefault(cluster, [0, 0])[row.label == "spam"] += 1
    order = sorted(sizes)
    random.Random(seed).shuffle(order)
    # the largest clusters first, each into the fold that has the least of its class: an even deal
    order.sort(key=lambda cluster: -sum(sizes[cluster]))
    load = [[0, 0] for _ in range(count)]
    place: dict[int, int] = {}
    for cluster in order:
        ham, spam = sizes[cluster]
        side = int(spam > ham)
        fold = min(range(count), key=lambda f: (load[f][side], sum(load[f]), f))
        place[cluster] = fold
        load[fold][0] += ham
        load[fold][1] += spam
    return [place[cluster] for cluster in clusters]


def cross_validate(
    rows: Sequence[RowLike],
    fit: Fit,
    count: int = 5,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
    judge: Judge | None = None,
) -> list[Measured]:
    """Measure every row by a model that has not learnt from it, nor from a near-copy of it."""
    require_both(rows, least=count)
    order, clusters = in_order(rows)
    fold_of = [0] * len(rows)
    for place, fold in zip(order, folds([rows[i] for i in order], clusters, count, seed), strict=True):
        fold_of[place] = fold
    out: list[Measured | None] = [None] * len(rows)
    for fold in range(count):
        if progress:
            progress(f"fold {fold + 1} of {count}")
        held = [i for i, f in enumerate(fold_of) if f == fold]
        training = [row for row, f in zip(rows, fold_of, strict=True) if f != fold]
        require_both(training, f"what is left to learn from without fold {fold + 1} (near-copies share a fold)")
        model = fit(training)
        found = measure(model, [rows[i] for i in held])
        if judge:
            judge(model, found)
        for i, measured in zip(held, found, strict=True):
            out[i] = measured
    return [measured for measured in out if measured is not None]


def in_order(rows: Sequence[RowLike]) -> tuple[list[int], list[int]]:
    """Give the places of the rows in an order that is not that of the files, and in it the clusters."""
    order = sorted(range(len(rows)), key=lambda i: (rows[i].source, rows[i].line, rows[i].text))
    return order, find_clusters([rows[i].text for i in order])


def leave_one_source_out(
    rows: Sequence[RowLike],
    fit: Fit,
    progress: Callable[[str], None] | None = None,
    judge: Judge | None = None,
) -> list[Measured]:
    """Measure each source by a model trained on the others, without near-copies of the source's messages."""
    sources = sorted({row.source for row in rows})
    if len(sources) < 2:
        raise EvaluationError(
            f"leaving a source out needs at least two, there is only {''.join(sources) or 'none'}: name more files"
        )
    order, found = in_order(rows)
    clusters = [cluster for _, cluster in sorted(zip(order, found, strict=True))]
    out: list[Measured] = []
    for source in sources:
        if progress:
            progress(f"{source} left out")
        held = [i for i, row in enumerate(rows) if row.source == source]
        touched = {clusters[i] for i in held}
        training = [row for row, c in zip(rows, clusters, strict=True) if row.source != source and c not in touched]
        require_both(training, f"what is left without {source}", least=3)
        model = fit(training)
        measured = measure(model, [rows[i] for i in held])
        if judge:
            judge(model, measured)
        out.extend(measured)
    return out
