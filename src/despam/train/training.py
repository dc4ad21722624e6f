"""Labelled messages -> a model: read features, score out of fold, calibrate, fit on all, round, pack.

Knows the order of the stages and what the card says of them. Does not know how DATA is read (corpus) or drawn (cli).
Invariant: the same set of rows, settings and seed give the same bytes, in whatever order the rows come.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from despam.core import features
from despam.core.model import Model
from despam.corpus import require_both
from despam.evaluate import metrics
from despam.evaluate.repeats import remembered
from despam.train import export, recipe
from despam.train.calibration import Calibration, calibrate
from despam.train.hold_out import HoldOut, choose
from despam.train.recipe import Settings, Weights
from despam.train.solver import Problem
from despam.train.table import Table

Floats = NDArray[np.float64]
KNOWN_BYTES = 1 << 17  # 2^20 bits: some 6 % of unknown words pass for known ones with 65,000 known


class Message(Protocol):
    """What training reads of a row."""

    @property
    def text(self) -> str: ...
    @property
    def label(self) -> str | None: ...
    @property
    def source(self) -> str: ...


Progress = Callable[[str, int, int], None]  # stage, done, of


@dataclass(frozen=True)
class TrainedModel:
    """A trained model: its bytes, and what was found on the way."""

    data: bytes
    card: dict[str, Any]
    calibration: Calibration
    out_of_fold: Floats  # one score a row, in the order of `rows`
    rows: list[Message]

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
    unsure: tuple[float, float] = (0.2, 0.8),
    unsure_rates: tuple[float, float] | None = None,
    hold_out: str = "auto",
    settings: Settings | None = None,
    card: dict[str, Any] | None = None,
    progress: Progress | None = None,
) -> TrainedModel:
    """Learn the default recipe from rows with text, label and source.

    Raises TrainingError where a class is missing or has fewer than ten messages. Repeats are the caller's affair
    (`corpus.distinct`).

    Probabilities and cutoffs are set on scores of messages that the scoring model has not learnt from. `hold_out` says
    which: "sources" leaves one source out at a time, which shows how the model does elsewhere, "folds" a fifth of all
    messages; "auto" takes sources where there are four with 100 ham and 20 spam or more.
    """
    settings = settings or Settings(seed=seed)
    messages = sorted(rows, key=lambda row: (row.source, row.text, row.label or ""))
    require_both(messages)  # type: ignore[arg-type]  # it reads labels only
    tell = progress or (lambda stage, done, of: None)
    table = Table(settings.mask, settings.scales)
    table.extend((row.text for row in messages), lambda done: tell("features", done, len(messages)))
    labels = np.array([1 if row.label == "spam" else -1 for row in messages], np.int8)
    sources = [row.source for row in messages]
    problem = recipe.make_problem(table, labels, sources, settings)
    held = choose(hold_out, labels, sources, settings.seed)
    weights, scores = fit_and_score(table, problem, sources, held, settings, tell)
    # the ham's triple cost is for learning; probabilities are of the messages as they came
    shares = problem.costs / np.where(labels < 0, settings.ham_cost, 1.0)
    calibration = calibrate(scores, labels, shares, max_false_positives, unsure, unsure_rates, held.counted)
    own = make_card(messages, labels, scores, calibration, settings) | {"held_out": held.way}
    full_card = own | (card or {}) | {"figures": own["figures"] | ((card or {}).get("figures") or {})}
    seen = remembered(row.text for row in messages)
    return TrainedModel(
        pack_model(table, weights, calibration, settings, full_card, seen),
        full_card,
        calibration,
        scores,
        messages,
    )


def fit_and_score(
    table: Table, problem: Problem, sources: Sequence[str], held: HoldOut, settings: Settings, tell: Progress
) -> tuple[Weights, Floats]:
    """Fit on all rows, and score each row by a fit that has not seen it; the fits share the cores."""
    scores = np.zeros(len(problem.labels))
    problem_of = problems_without(table, problem, sources, held, settings)
    done = 0
    tell("learning", 0, held.parts + 1)

    def fit_without(part: int) -> Weights:
        nonlocal done
        taught = np.flatnonzero(held.part_of != part).astype(np.int32)
        weights = recipe.fit(table, problem_of(part, taught), taught)
        left_out = np.flatnonzero(held.part_of == part).astype(np.int32)
        if len(left_out):
            scores[left_out] = weights.scores(table, left_out)
        done += 1
        tell("learning", done, held.parts + 1)
        return weights

    with ThreadPoolExecutor(max_workers=min(os.cpu_count() or 1, held.parts + 1)) as pool:
        fits = [pool.submit(fit_without, part) for part in range(-1, held.parts)]  # part -1 holds nothing out
        for fit in fits[1:]:
            fit.result()
        return fits[0].result(), scores


def problems_without(
    table: Table, problem: Problem, sources: Sequence[str], held: HoldOut, settings: Settings
) -> Callable[[int, NDArray[np.int32]], Problem]:
    """Give what makes the problem of a fit from its part and its rows: a source left out is left out of priors too."""
    if held.way == "folds":
        return lambda part, rows: problem
    sums, counts = recipe.source_frequencies(table, sources, held.part_of)
    total, number = sums.sum(axis=0), counts.sum()

    def without(part: int, rows: NDArray[np.int32]) -> Problem:
        if part < 0:
            return problem
        rest = (total - sums[part]) / (number - counts[part])
        return recipe.problem_without(problem, rest, rows, settings)

    return without


def pack_model(
    table: Table,
    weights: Weights,
    calibration: Calibration,
    settings: Settings,
    card: dict[str, Any],
    seen: tuple[int, list[int]],
) -> bytes:
    """Round the weights and put the file together; the calibration goes into unit and bias: scores are log-odds."""
    integers, unit = export.quantise(weights.values)
    return export.pack(
        {
            "weights": integers,
            "known": known_bits(table.known_words(2 if len(table) < 20_000 else 3)),
            "seen": np.array(seen[1], np.uint32),
        },
        {
            "recipe": "default",
            "features": str(features.VERSION),
            "settings": {"unit": unit * calibration.a, "scales": settings.scales, "seen_every": seen[0]},
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


def known_bits(hashes: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """Set one bit a known word."""
    bits = np.zeros(KNOWN_BYTES * 8, np.uint8)
    bits[hashes & (KNOWN_BYTES * 8 - 1)] = 1
    return np.packbits(bits, bitorder="little")


def make_card(
    rows: Sequence[Message], labels: NDArray[np.int8], scores: Floats, calibration: Calibration, settings: Settings
) -> dict[str, Any]:
    """Say what the model was made of and how it did on messages it had not seen."""
    spam = int((labels > 0).sum())
    figures = out_of_fold_figures(labels, scores, calibration)
    sources: dict[str, list[int]] = {}
    for row, label in zip(rows, labels, strict=True):
        counts = sources.setdefault(row.source, [0, 0])
        counts[0 if label > 0 else 1] += 1
    return {
        "recipe": "default",
        "messages": len(rows),
        "spam": spam,
        "ham": len(rows) - spam,
        "sources": [
            {"name": name, "messages": sum(n), "spam": n[0], "ham": n[1]} for name, n in sorted(sources.items())
        ],
        "seed": settings.seed,
        "settings": {
            "bits": settings.bits,
            "ham_cost": settings.ham_cost,
            "prior_power": settings.prior_power,
            "source_power": settings.source_power,
            "strength": settings.strength,
        },
        "figures": {
            "out_of_fold": figures,
            "by_source": source_figures([row.source for row in rows], labels, scores, calibration),
        },
    }


def out_of_fold_figures(labels: NDArray[np.int8], scores: Floats, calibration: Calibration) -> dict[str, Any]:
    """Measure the out-of-fold scores."""
    flagged, spam = is_flagged(scores, calibration), labels > 0
    hits, false = int((flagged & spam).sum()), int((flagged & ~spam).sum())
    precision = hits / (hits + false) if hits + false else 0.0
    recall = hits / int(spam.sum())
    ranking = metrics.Ranking(scores.tolist(), spam.tolist())
    figures: dict[str, Any] = {
        "accuracy": float((flagged == spam).mean()),
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / (precision + recall) if precision + recall else 0.0,
        "false_positive_rate": false / int((~spam).sum()),
        "auc": ranking.auc(),
    }
    figures["recall_at_fpr"] = {str(rate): ranking.recall_at(rate) for rate in (0.001, 0.005, 0.01)}
    return {key: round(value, 6) if isinstance(value, float) else value for key, value in figures.items()}


def source_figures(
    sources: Sequence[str], labels: NDArray[np.int8], scores: Floats, calibration: Calibration
) -> dict[str, Any]:
    """Measure each source by itself, at the one cutoff."""
    found: dict[str, Any] = {}
    for first, last in recipe.source_blocks(sources):
        spam, flagged = labels[first:last] > 0, is_flagged(scores[first:last], calibration)
        counts: dict[str, Any] = {"messages": last - first, "accuracy": round(float((flagged == spam).mean()), 4)}
        for name, rows in (("recall", spam), ("false_positive_rate", ~spam)):
            counts[name] = round(float(flagged[rows].mean()), 4) if rows.any() else None
        found[sources[first]] = counts
    return found


def is_flagged(scores: Floats, calibration: Calibration) -> NDArray[np.bool_]:
    """Say which scores the cutoff flags."""
    power = np.clip(calibration.a * scores + calibration.b, -700, 700)
    return np.asarray(1.0 / (1.0 + np.exp(-power)) >= calibration.cutoff)
