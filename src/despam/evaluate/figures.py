"""All figures of one measurement, as one JSON-able dictionary.

Knows measured messages (`measure.Measured`), the arithmetic (`metrics`) and the intervals. Refuses to know files,
models and how things are shown: the terminal's table and the report read the same dictionary.

Keys of the contract are always there: messages, spam, ham, accuracy, precision, recall, f1, auc, recall_at_fpr with
"0.001", "0.005" and "0.01". A figure that these data cannot give is None, with the reason beside it.

`raw` counts every message; `cleaned` only the first of each cluster of near-copies and none whose copies carry both
labels. The top level is raw, as the contract's readers expect. Scores of different models are no ranking: where each
source was measured by a model of its own, AUC and recall at a rate are there by source, and over sources, only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from despam.evaluate import intervals, metrics
from despam.evaluate.drawn import Drawn
from despam.evaluate.intervals import Interval
from despam.evaluate.measure import Measured, grouping
from despam.evaluate.repeats import clusters as find_clusters

Figures = dict[str, Any]
Progress = Callable[[str, int, int], None]  # stage, done, of

OVER_SOURCES = ("accuracy", "recall", "false_positive_rate", "auc", "recall_at_0.01", "brier", "ece")
APART = "each source was scored by a model of its own: scores of different models are no ranking"


def compute(rows: Sequence[Measured], *, force: bool = False, apart: bool = False) -> Figures:
    """Give the plain figures of some messages, without intervals: accuracy to log loss.

    `apart` says that each source was scored by a model of its own: those of several sources are not ranked.
    """
    spam = [row.spam for row in rows]
    scores = [row.score for row in rows]
    probabilities = [row.probability for row in rows]
    counts = metrics.confusion([row.flagged for row in rows], spam)
    ranking = metrics.Ranking(scores, spam)
    ham = len(rows) - sum(spam)
    ranked = not apart or len({row.source for row in rows}) < 2
    recall, reasons = metrics.recall_at_fpr(ranking, ham, force=force)
    if not ranked:
        recall, reasons = dict.fromkeys(recall), dict.fromkeys(recall, APART)
    return {
        "messages": len(rows),
        "spam": sum(spam),
        "ham": ham,
        **metrics.rates(counts),
        "auc": ranking.auc() if ranked else None,
        "pr_auc": ranking.pr_auc() if ranked else None,
        "recall_at_fpr": recall,
        "recall_at_fpr_reasons": reasons,
        "brier": metrics.brier(probabilities, spam),
        "ece": metrics.ece(probabilities, spam),
        "log_loss": metrics.log_loss(probabilities, spam),
        "unsure": sum(row.unsure for row in rows),
        "confusion": counts,
    }


def with_intervals(
    rows: Sequence[Measured], clusters: Sequence[int], seed: int = 0, progress: Progress | None = None
) -> dict[str, list[float]]:
    """Give 95 % intervals: Wilson for rates, bootstrap over clusters for the rest."""
    drawn = Drawn(rows)
    tell = partial(progress, "intervals") if progress else None
    found = intervals.bootstrap(drawn, clusters, intervals.rounds_for(len(rows)), seed, tell)
    certain = without_chance(rows, clusters)
    found = {name: certain.get((name, *span), span) for name, span in found.items()}
    if "ece" in found:
        found["ece"] = turned(found["ece"], drawn([1] * len(rows))["ece"] or 0.0)
    counts = metrics.confusion(drawn.flagged, drawn.spam)
    tp, fp = counts["true_positives"], counts["false_positives"]
    fn, tn = counts["false_negatives"], counts["true_negatives"]
    found |= {
        "accuracy": intervals.wilson(tp + tn, len(rows)),
        "precision": intervals.wilson(tp, tp + fp),
        "recall": intervals.wilson(tp, tp + fn),
        "false_positive_rate": intervals.wilson(fp, fp + tn),
    }
    return {name: list(interval) for name, interval in found.items()}


def without_chance(rows: Sequence[Measured], clusters: Sequence[int]) -> dict[tuple[str, float, float], Interval]:
    """Give what stands for an interval of no width at 0 or 1, where each draw gave the same: Wilson's.

    Of as many as there are clusters of what the figure counts: of spam, and of the rarer class where it counts both.
    """
    sizes = [len({c for row, c in zip(rows, clusters, strict=True) if row.spam == side}) for side in (False, True)]
    of = {"auc": min(sizes), "pr_auc": min(sizes), "mcc": min(sizes), "f1": sizes[True]}
    of |= {f"recall_at_{rate:g}": sizes[True] for rate in metrics.HAM_NEEDED}
    ends = {(name, 1.0, 1.0): intervals.wilson(count, count) for name, count in of.items()}
    return ends | {(name, 0.0, 0.0): intervals.wilson(0, count) for name, count in of.items() if name != "mcc"}


def turned(drawn: Interval, value: float) -> Interval:
    """Turn an interval round its figure: a draw errs about what was measured as that does about the truth.

    For the calibration error, which chance only adds to: draws of a model without any lie above the figure.
    """
    return max(0.0, 2 * value - drawn[1]), max(value, 2 * value - drawn[0])


def keep_cleaned(rows: Sequence[Measured], clusters: Sequence[int]) -> list[int]:
    """Give the positions of the first message of each cluster, without clusters that carry both labels."""
    labels: dict[int, set[bool]] = {}
    for row, cluster in zip(rows, clusters, strict=True):
        labels.setdefault(cluster, set()).add(row.spam)
    return [i for i, cluster in enumerate(clusters) if i == cluster and len(labels[cluster]) == 1]


def grouped(rows: Sequence[Measured], by: str, *, apart: bool = False) -> dict[str, Figures]:
    """Give the figures of each group: lengths from short to long, others from large to small."""
    name: Callable[[Measured], str] = grouping(by)
    groups: dict[str, list[Measured]] = {}
    for row in rows:
        groups.setdefault(name(row), []).append(row)
    longest = {key: max(len(row.text) for row in part) for key, part in groups.items()}
    order = sorted(groups, key=lambda k: (longest[k] if by == "length" else -len(groups[k]), k))
    return {key: compute(groups[key], apart=apart) for key in order}


def full(
    rows: Sequence[Measured],
    by: Sequence[str] = (),
    seed: int = 0,
    *,
    apart: bool = False,
    progress: Progress | None = None,
) -> Figures:
    """Give everything: raw and cleaned, intervals, groups, calibration; `apart`: each source has its own model."""
    tell = partial(progress, "near-copies") if progress else None
    clusters = find_clusters([row.text for row in rows], progress=tell)
    kept = keep_cleaned(rows, clusters)
    clean_rows = [rows[i] for i in kept]
    out = with_spans(rows, clusters, seed, apart, progress)
    out["repeats"] = len(rows) - len(set(clusters))
    out["conflicts"] = len(set(clusters)) - len(kept)
    out["cleaned"] = with_spans(clean_rows, range(len(clean_rows)), seed, apart, progress) if clean_rows else None
    out["calibration"] = metrics.calibration([row.probability for row in rows], [row.spam for row in rows])
    out["by"] = {
        field: grouped(rows, field, apart=apart)
        for field in dict.fromkeys([*by, "source", "language", "channel", "length"])
    }
    out["over_sources"] = over_sources(out["by"]["source"]) if apart else None
    return out


def with_spans(
    rows: Sequence[Measured], clusters: Sequence[int], seed: int, apart: bool, progress: Progress | None
) -> Figures:
    """Give the plain figures with the intervals of those that are there."""
    out = compute(rows, apart=apart)
    there = out | {f"recall_at_{rate}": value for rate, value in out["recall_at_fpr"].items()}
    spans = with_intervals(rows, clusters, seed, progress)
    out["intervals"] = {name: span for name, span in spans.items() if there[name] is not None}
    return out


def over_sources(by_source: dict[str, Figures]) -> dict[str, dict[str, Any]]:
    """Give the mean over sources, each counted once, and the worst: the figures of models that learnt from others."""
    out: dict[str, dict[str, Any]] = {}
    for name in OVER_SOURCES:
        values = {
            source: found["recall_at_fpr"]["0.01"] if name == "recall_at_0.01" else found[name]
            for source, found in by_source.items()
        }
        told = {source: value for source, value in values.items() if value is not None}
        if told:
            worst = (max if name in metrics.LOWER_IS_BETTER else min)(sorted(told), key=told.__getitem__)
            mean = math.fsum(told.values()) / len(told)
            out[name] = {"mean": mean, "sources": len(told), "worst": told[worst], "worst_source": worst}
    return out
