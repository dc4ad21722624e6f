"""Labelled messages -> a model: read features, score out of fold, calibrate, fit on all, round, pack.

Knows the order of the stages. Does not know how DATA is read (corpus) or drawn (cli), or what a card says (card.py).
Invariant: the same set of rows, settings and seed give the same bytes, in whatever order the rows come.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from despam.core import engine
from despam.core.model import Model
from despam.corpus import Message, require_both
from despam.evaluate.repeats import clusters, remembered
from despam.train import export, recipe
from despam.train.calibration import UNSURE, Calibration, Elsewhere, calibrate, worst_scores
from despam.train.card import asked_for, complete, make_card
from despam.train.copies import expect_copies, make_copies
from despam.train.hold_out import Groups, HoldOut, choose
from despam.train.recipe import Settings, Weights
from despam.train.scripts import words_of_rare_scripts
from despam.train.shingling import shingles
from despam.train.solver import Problem
from despam.train.table import Table

Floats = NDArray[np.float64]
KNOWN_BYTES = 1 << 17  # 2^20 bits: some 6 % of unknown words pass for known ones with 65,000 known


Progress = Callable[[str, int, int], None]  # stage, done, of


@dataclass(frozen=True)
class TrainedModel:
    """A trained model: its bytes, and what was found on the way."""

    data: bytes
    card: dict[str, Any]
    calibration: Calibration
    out_of_fold: Floats  # one score a row by a fit that has not seen it (its source), in the order of `rows`
    rows: list[Message]
    weights: Weights  # before rounding and calibration: what the rounding cost can be measured against

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model file."""
        export.write_bytes(path, self.data)

    def open(self) -> Model:
        """Give the model as `despam.load` would."""
        return Model.from_bytes(self.data)


def train(
    rows: Iterable[Message],
    *,
    seed: int = 0,
    max_false_positives: float | None = None,
    unsure: tuple[float, float] = UNSURE,
    unsure_rates: tuple[float, float] | None = None,
    unsure_costs: tuple[float, float, float] | None = None,
    hold_out: str = "auto",
    settings: Settings | None = None,
    card: dict[str, Any] | None = None,
    progress: Progress | None = None,
) -> TrainedModel:
    """Learn the default recipe from rows with text, label and source.

    Raises TrainingError where a class is missing or has fewer than ten messages. Repeats are the caller's affair
    (`corpus.distinct`).

    Rates that are promised (`max_false_positives`, `unsure_rates`) are set on messages that the scoring model has not
    learnt from, nor from a near-copy of them; near-copies of each other count once. `hold_out` says which: "sources"
    leaves one source out at a time, so that they hold elsewhere, "folds" a fifth of all messages; "auto" takes sources
    where a rate is promised and four sources or more hold 100 ham and 20 spam. Probabilities and the cutoff of the
    highest accuracy are of more of the same either way. `unsure_costs` are of a lost ham, a missed spam and a look; the
    first two set the cutoff too where no rate is promised.
    """
    settings = settings or Settings(seed=seed)
    messages = sorted(rows, key=lambda row: (row.source, row.text, row.label or ""))
    require_both(messages)  # type: ignore[arg-type]  # it reads labels only
    tell = progress or (lambda stage, done, of: None)
    labels = np.array([1 if row.label == "spam" else -1 for row in messages], np.int8)
    sources = [row.source for row in messages]
    promises = max_false_positives is not None or unsure_rates is not None
    groups = find_groups(messages, tell) if promises else None
    # without a rate to promise, the fits that leave sources out would set nothing
    held = choose(hold_out if promises or hold_out != "auto" else "folds", labels, sources, settings.seed, groups)
    table, made_of = read_features([row.text for row in messages], labels, sources, settings, tell)
    problem = recipe.with_copies(recipe.make_problem(table, labels, sources, settings), made_of, settings)
    weights, scores = fit_and_score(table, problem, made_of, sources, held, settings, tell)
    calibration = calibrate(
        *more_of_the_same(scores, problem, held, settings),
        max_false_positives,
        unsure,
        unsure_rates,
        from_elsewhere(scores, labels, held, groups),
        held_groups(groups, held),
        unsure_costs,
    )
    own = make_card(messages, labels, scores, held, calibration, settings)
    own |= asked_for(max_false_positives, unsure, unsure_rates, unsure_costs, hold_out)
    full_card = complete(own, card or {})
    seen = remembered(row.text for row in messages)
    return TrainedModel(
        pack_model(table, weights, calibration, settings, full_card, seen, known_words(table, messages)),
        full_card,
        calibration,
        scores[0],
        messages,
        weights,
    )


def find_groups(messages: Sequence[Message], tell: Progress) -> Groups:
    """Number the clusters of near-copies.

    What has learnt from a near-copy of a message has learnt from the message, as far as a promise goes.
    """
    texts = [row.text for row in messages]
    found = clusters(texts, hashed=shingles, progress=lambda done, of: tell("near-copies", done, of))
    return np.array(found, np.int64)


def read_features(
    texts: Sequence[str], labels: NDArray[np.int8], sources: Sequence[str], settings: Settings, tell: Progress
) -> tuple[Table, NDArray[np.int32]]:
    """Give a table of the messages with their disguised copies behind, and the rows that the copies were made of."""
    spam = (labels > 0).tolist()
    table, count = Table(settings.mask, settings.scales), len(texts) + expect_copies(spam, settings)
    made_of: list[int] = []

    def every() -> Iterator[str]:
        yield from texts
        for copy in make_copies(
            texts, spam, sources, settings
        ):  # one at a time: together they are as large as the texts
            made_of.append(copy.row)
            yield copy.text

    table.extend(every(), lambda done: tell("features", min(done, count), count))
    return table, np.array(made_of, np.int32)


def fit_and_score(
    table: Table,
    problem: Problem,
    made_of: NDArray[np.int32],
    sources: Sequence[str],
    held: HoldOut,
    settings: Settings,
    tell: Progress,
) -> tuple[Weights, Floats]:
    """Fit on all rows, and score each row by fits that have not seen it; the fits share the cores.

    The first row of scores is by folds or by sources, the second, where sources are left out, of one fold alone.
    """
    scores = np.zeros((1 if held.way == "folds" else 2, len(sources)))
    problem_of = problems_without(table, problem, sources, held, settings)
    count = len(held.left_out)
    tell("learning", 0, count + 1)

    def fit_without(part: int) -> Weights:
        left_out = held.left_out[part] if part >= 0 else np.zeros(len(sources), bool)
        taught = held.taught(part)
        # a copy goes where its message goes
        rows = np.flatnonzero(np.concatenate([taught, taught[made_of]])).astype(np.int32)
        weights = recipe.fit(table, problem_of(part, np.flatnonzero(taught).astype(np.int32)), rows)
        unseen = np.flatnonzero(left_out).astype(np.int32)
        scores[1 if held.way == "sources" and part == count - 1 else 0, unseen] = weights.scores(table, unseen)
        return weights

    with ThreadPoolExecutor(max_workers=min(os.cpu_count() or 1, count + 1)) as pool:
        fits = [pool.submit(fit_without, part) for part in range(-1, count)]  # part -1 holds nothing out
        for done, fit in enumerate(as_completed(fits), 1):
            fit.result()
            tell("learning", done, count + 1)
        return fits[0].result(), scores


def problems_without(
    table: Table, problem: Problem, sources: Sequence[str], held: HoldOut, settings: Settings
) -> Callable[[int, NDArray[np.int32]], Problem]:
    """Give what makes the problem of a fit from its part (-1 for all rows) and its rows.

    What is left out where a rate is promised is left out of priors too; the rows of the fit alone tell what is rare.
    """
    own = len(sources)
    if held.way == "folds" and held.promised:
        return lambda part, rows: recipe.problem_of(table, problem, sources, held.taught(part), settings)
    if held.way == "folds":
        held_by = [table.document_counts(0, own, left_out) for left_out in held.left_out]
        every = np.asarray(sum(held_by), np.int32)
        return lambda part, rows: recipe.without_rare(problem, every - held_by[part] if part >= 0 else every, settings)
    sums, counts, held_by = recipe.source_frequencies(table, sources, held.part_of)
    held_by.append(table.document_counts(0, own, held.left_out[-1]))
    total, number = sums.sum(axis=0), counts.sum()
    every = np.asarray(sum(held_by[:-1]), np.int32)

    def without(part: int, rows: NDArray[np.int32]) -> Problem:
        if part < 0:
            return recipe.without_rare(problem, every, settings)
        rest = problem
        if part < len(counts) and held.has_copies_elsewhere(part):
            frequency, held_here = recipe.taught_frequencies(table, sources, held.taught(part))
            return recipe.without_rare(recipe.problem_without(problem, frequency, rows, settings), held_here, settings)
        if part < len(counts):
            frequency = (total - sums[part]) / (number - counts[part])
            rest = recipe.problem_without(problem, frequency, rows, settings)
        return recipe.without_rare(rest, every - held_by[part], settings)

    return without


def more_of_the_same(
    scores: Floats, problem: Problem, held: HoldOut, settings: Settings
) -> tuple[Floats, NDArray[np.int8], Floats]:
    """Give scores, labels and weights of the rows that a fit on the same sources has not seen."""
    labels = problem.labels[: scores.shape[1]]
    # the ham's triple cost is for learning; probabilities are of the messages as they came
    shares = problem.costs[: len(labels)] / np.where(labels < 0, settings.ham_cost, 1.0)
    rows = held.left_out[-1] if held.way == "sources" else np.ones(len(labels), bool)
    return scores[-1, rows], labels[rows], shares[rows]


def from_elsewhere(scores: Floats, labels: NDArray[np.int8], held: HoldOut, groups: Groups | None) -> Elsewhere:
    """Give the scores of ham and spam of each source that was left out and is large enough; none by folds."""
    return {
        name: worst_scores(scores[0, first:last], labels[first:last], None if groups is None else groups[first:last])
        for name, (first, last) in held.usable.items()
    }


def held_groups(groups: Groups | None, held: HoldOut) -> Groups | None:
    """Give the clusters of the rows that `more_of_the_same` gives."""
    return groups[held.left_out[-1]] if groups is not None and held.way == "sources" else groups


def pack_model(
    table: Table,
    weights: Weights,
    calibration: Calibration,
    settings: Settings,
    card: dict[str, Any],
    seen: tuple[int, list[int]],
    known: NDArray[np.uint32],
) -> bytes:
    """Round the weights and put the file together; the calibration goes into unit and bias: scores are log-odds."""
    integers, unit = export.quantise(weights.values.astype(np.float64))
    limit = {"limit": weights.limit * calibration.a} if math.isfinite(weights.limit) else {}
    return export.pack(
        {
            "weights": integers,
            "known": known_bits(known),
            "seen": np.array(seen[1], np.uint32),
        },
        {
            "recipe": "default",
            "features": str(engine.VERSION),
            "settings": {"unit": unit * calibration.a, "scales": settings.scales, "seen_every": seen[0], **limit},
            "bias": weights.bias * calibration.a + calibration.b,
            "calibration": {"a": 1.0, "b": 0.0},
            "cutoffs": {
                "cutoff": calibration.cutoff,
                "unsure_low": calibration.unsure_low,
                "unsure_high": calibration.unsure_high,
            },
            "card": card,
        },
    )


def known_words(table: Table, messages: Sequence[Message]) -> NDArray[np.uint32]:
    """Give the hashes of the words that count as known: in several messages, and in a script that many hold."""
    several = table.known_words(2 if len(messages) < 20_000 else 3, len(messages))
    return np.setdiff1d(several, words_of_rare_scripts([row.text for row in messages]))


def known_bits(hashes: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """Set one bit a known word."""
    bits = np.zeros(KNOWN_BYTES * 8, np.uint8)
    bits[hashes & (KNOWN_BYTES * 8 - 1)] = 1
    return np.packbits(bits, bitorder="little")
