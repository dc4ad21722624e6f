"""What a model says of itself: data, settings, and the figures of messages that no fit had seen when it scored them.

Knows the names that `inspect`, the page and the registry read, and how the out-of-fold scores become figures. Does not
know how scores are made or where the card is kept. Invariant: no text and no clock: the same training writes the same
card.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from despam.corpus import Message
from despam.evaluate import metrics
from despam.train import recipe
from despam.train.calibration import UNSURE, Calibration
from despam.train.hold_out import HoldOut
from despam.train.recipe import Settings

Floats = NDArray[np.float64]


def make_card(
    rows: Sequence[Message],
    labels: NDArray[np.int8],
    scores: Floats,
    held: HoldOut,
    calibration: Calibration,
    settings: Settings,
) -> dict[str, Any]:
    """Say what the model was made of and how it did on messages it had not seen."""
    spam = int((labels > 0).sum())
    same = held.left_out[-1] if held.way == "sources" else np.ones(len(labels), bool)
    figures = out_of_fold_figures(labels[same], scores[-1, same], calibration)
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
        "held_out": held.way,
        "settings": card_settings(settings, len(sources)),
        **({"unsure_promises": calibration.band.sentences} if calibration.band else {}),
        "figures": {
            "out_of_fold": figures,
            "by_source": source_figures([row.source for row in rows], labels, scores[0], calibration),
        },
    }


def complete(own: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Add what the caller says of the model: its figures beside those that are there, anything else in its place."""
    return own | given | {"figures": own["figures"] | (given.get("figures") or {})}


def card_settings(settings: Settings, sources: int) -> dict[str, Any]:
    """Give the settings that decide what is learnt, for `evaluate --cross-validate` to train so again."""
    limit = settings.limit(sources)
    return {
        "bits": settings.bits,
        "ham_cost": settings.ham_cost,
        "prior_power": settings.prior_power,
        "source_power": settings.source_power,
        "group_limit": limit if math.isfinite(limit) else None,
        "strength": settings.strength,
        "many": settings.many,
        "least_messages": settings.least_messages,
        "leet_copies": list(settings.leet_copies),
        "marked_copies": list(settings.marked_copies),
        "word_copies": list(settings.word_copies),
        "copy_cost": settings.copy_cost,
    }


def asked_for(
    max_false_positives: float | None,
    unsure: tuple[float, float],
    unsure_rates: tuple[float, float] | None,
    unsure_costs: tuple[float, float, float] | None,
    hold_out: str,
) -> dict[str, Any]:
    """Give what the card says of rates and bands that were asked for; nothing where all are the defaults."""
    given = {
        "max_false_positives": max_false_positives,
        "unsure": None if tuple(unsure) == UNSURE else unsure,
        "unsure_rates": unsure_rates,
        "unsure_costs": unsure_costs,
        "hold_out": None if hold_out == "auto" else hold_out,
    }
    asked = {name: list(one) if isinstance(one, tuple) else one for name, one in given.items() if one is not None}
    return {"asked": asked} if asked else {}


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
    # a rate that these few real messages cannot carry is left out, as `evaluate` does
    recalls, _ = metrics.recall_at_fpr(ranking, int((~spam).sum()))
    figures["recall_at_fpr"] = {rate: round(value, 6) for rate, value in recalls.items() if value is not None}
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
