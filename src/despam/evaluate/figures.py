"""All figures of one measurement, as one JSON-able dictionary.

Knows measured messages (`measure.Measured`), the arithmetic (`metrics`) and the intervals. Refuses to know files,
models and how things are shown: the terminal's table and the report read the same dictionary.

Keys of the contract are always there: messages, spam, ham, accuracy, precision, recall, f1, auc, recall_at_fpr with
"0.001", "0.005" and "0.01". A figure that these data cannot give is None, with the reason beside it.

`raw` counts every message; `cleaned` only the first of each cluster of near-repeats and none whose repeats carry both
labels. The top level is raw, as the contract's readers expect.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from despam.evaluate import intervals, metrics
from despam.evaluate.measure import Measured, grouping
from despam.evaluate.repeats import clusters as find_clusters

Figures = dict[str, Any]


def compute(rows: Sequence[Measured], *, force: bool = False) -> Figures:
    """Give the plain figures of some messages, without intervals: accuracy to log loss."""
    spam = [row.spam for row in rows]
    scores = [row.score for row in rows]
    probabilities = [row.probability for row in rows]
    counts = metrics.confusion([row.flagged for row in rows], spam)
    ranking = metrics.Ranking(scores, spam)
    ham = len(rows) - sum(spam)
    recall, reasons = metrics.recall_at_fpr(ranking, ham, force=force)
    return {
        "messages": len(rows),
        "spam": sum(spam),
        "ham": ham,
        **metrics.rates(counts),
        "auc": ranking.auc(),
        "pr_auc": ranking.pr_auc(),
        "recall_at_fpr": recall,
        "recall_at_fpr_reasons": reasons,
        "brier": metrics.brier(probabilities, spam),
        "ece": metrics.ece(probabilities, spam),
        "log_loss": metrics.log_loss(probabilities, spam),
        "unsure": sum(row.unsure for row in rows),
        "confusion": counts,
    }


def with_intervals(rows: Sequence[Measured], clusters: Sequence[int], seed: int = 0) -> dict[str, list[float]]:
    """Give 95 % intervals: Wilson for rates, bootstrap over clusters for the rest."""
    spam = [row.spam for row in rows]
    counts = metrics.confusion([row.flagged for row in rows], spam)
    tp, fp = counts["true_positives"], counts["false_positives"]
    fn, tn = counts["false_negatives"], counts["true_negatives"]
    found = {
        "accuracy": intervals.wilson(tp + tn, len(rows)),
        "precision": intervals.wilson(tp, tp + fp),
        "recall": intervals.wilson(tp, tp + fn),
        "false_positive_rate": intervals.wilson(fp, fp + tn),
    }
    ranking = metrics.Ranking([row.score for row in rows], spam)
    flagged = [row.flagged for row in rows]

    def resample(weights: Sequence[int]) -> dict[str, float | None]:
        taken = sum(w for w, f in zip(weights, flagged, strict=True) if f)
        total = sum(w for w, s in zip(weights, spam, strict=True) if s)
        caught = sum(w for w, f, s in zip(weights, flagged, spam, strict=True) if f and s)
        return {
            "auc": ranking.auc(weights),
            "recall_at_0.01": ranking.recall_at(0.01, weights),
            "f1": 2 * caught / (taken + total) if taken + total else None,
        }

    found.update(intervals.bootstrap(resample, clusters, intervals.rounds_for(len(rows)), seed))
    return {name: list(interval) for name, interval in found.items()}


def keep_cleaned(rows: Sequence[Measured], clusters: Sequence[int]) -> list[int]:
    """Give the positions of the first message of each cluster, without clusters that carry both labels."""
    labels: dict[int, set[bool]] = {}
    for row, cluster in zip(rows, clusters, strict=True):
        labels.setdefault(cluster, set()).add(row.spam)
    return [i for i, cluster in enumerate(clusters) if i == cluster and len(labels[cluster]) == 1]


def grouped(rows: Sequence[Measured], by: str) -> dict[str, Figures]:
    """Give the figures of each group: lengths from short to long, others from large to small."""
    name: Callable[[Measured], str] = grouping(by)
    groups: dict[str, list[Measured]] = {}
    for row in rows:
        groups.setdefault(name(row), []).append(row)
    longest = {key: max(len(row.text) for row in part) for key, part in groups.items()}
    order = sorted(groups, key=lambda k: (longest[k] if by == "length" else -len(groups[k]), k))
    return {key: compute(groups[key]) for key in order}


def full(rows: Sequence[Measured], by: Sequence[str] = (), seed: int = 0) -> Figures:
    """Give everything: raw and cleaned, intervals, groups, calibration, curve."""
    clusters = find_clusters([row.text for row in rows])
    kept = keep_cleaned(rows, clusters)
    clean_rows = [rows[i] for i in kept]
    out = compute(rows)
    out["intervals"] = with_intervals(rows, clusters, seed)
    out["repeats"] = len(rows) - len(set(clusters))
    out["conflicts"] = len(set(clusters)) - len(kept)
    out["cleaned"] = compute(clean_rows) if clean_rows else None
    if clean_rows:
        out["cleaned"]["intervals"] = with_intervals(clean_rows, list(range(len(clean_rows))), seed)
    out["calibration"] = metrics.calibration([row.probability for row in rows], [row.spam for row in rows])
    out["by"] = {
        field: grouped(rows, field) for field in dict.fromkeys([*by, "source", "language", "channel", "length"])
    }
    return out
