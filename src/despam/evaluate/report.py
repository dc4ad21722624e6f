"""The report: one HTML file with everything that was measured, made to be looked at, kept and printed.

Knows figures and measured messages, and puts them into report.html, .css and .js. Refuses to know how figures are
computed. Writes no file: the command does.

Invariants: the page asks no other host for anything (its Content-Security-Policy allows only its own style and
script, by hash); every text from data is escaped; without `show_text` no message, nor any clue that fewer than three
messages share, is in the file.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from bisect import bisect_left
from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from despam.evaluate import metrics, report_tables
from despam.evaluate.figures import APART
from despam.evaluate.measure import Measured, overlap_sentence

if TYPE_CHECKING:
    from despam.core.model import Model

HERE = Path(__file__).parent
REACH = 10.0  # the slider runs over these log-odds: probabilities from .00005 to .99995
STEPS = 400
COLUMNS = 80


def page(
    model: Model,
    rows: Sequence[Measured],
    result: dict[str, Any],
    *,
    show_text: bool = False,
    attacks: dict[str, Any] | None = None,
) -> str:
    """Write the whole page as one string."""
    style = (HERE / "report.css").read_text(encoding="utf-8")
    script = (HERE / "report.js").read_text(encoding="utf-8")
    sources = ", ".join(result["by"]["source"])
    parts = {
        "style": style,
        "script": script,
        "style_hash": _digest(style),
        "script_hash": _digest(script),
        "title": escape(f"despam: {model.version} on {sources}"),
        "version": escape(model.version),
        "headline": escape(headline(result)),
        "lead": escape(lead(result, sources)),
        "overlap": escape(overlap_sentence(result["trained_on"])),
        "spam_share": f"{100 * result['spam'] / result['messages']:.0f}",
        "to_model": to_model(result),
        "roc_note": escape(roc_note(result)),
        "cutoffs": report_tables.cutoffs(model, rows, result),
        "figures": report_tables.sources_table(result) + report_tables.figures_table(result),
        "calibration": report_tables.calibration_table(result),
        "groups": report_tables.groups(result),
        "attacks": report_tables.attacks_section(attacks),
        "clues": report_tables.clues(model, rows, show_text) + whose_clues(result),
        "mistakes": report_tables.mistakes(rows, show_text),
        "method": report_tables.method(model, rows, result),
        "data": _embed(drawing(rows, result)),
    }
    return Template((HERE / "report.html").read_text(encoding="utf-8")).substitute(parts)


def _digest(text: str) -> str:
    """Give the hash that the Content-Security-Policy names."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _embed(data: dict[str, Any]) -> str:
    """Write JSON that cannot end its script element."""
    return json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def headline(result: dict[str, Any]) -> str:
    """Say the two figures that people ask for."""
    over = result["over_sources"]
    if over:
        recall, lost = over["recall"], over["false_positive_rate"]
        return (
            f"On a source left out it catches {_percent(recall['mean'])} of the spam and loses "
            f"{_percent(lost['mean'])} of the real messages on average"
        )
    lost = _percent(result["false_positive_rate"]) if result["false_positive_rate"] else "none"
    return f"It catches {_percent(result['recall'])} of the spam and loses {lost} of the real messages"


def lead(result: dict[str, Any], sources: str) -> str:
    """Say what was measured on what."""
    cut, over = result["confusion"], result["over_sources"] or {}
    worst = "".join(
        f"At worst it {verb} {_percent(over[key]['worst'])} ({over[key]['worst_source']}). "
        for key, verb in (("recall", "catches"), ("false_positive_rate", "loses"))
        if key in over
    )
    return worst + (
        f"{result['messages']:,} messages from {sources}: {cut['true_positives']:,} of {result['spam']:,} spam were "
        f"found, {cut['false_positives']:,} of {result['ham']:,} real messages were taken for spam. "
        f"Unsure verdicts: {result['unsure']:,}. Measured: {result['how']}."
    )


def to_model(result: dict[str, Any]) -> str:
    """Give the button to the model's cutoff; models trained anew have each their own, and the slider none to show."""
    if result["cutoff"] is None:
        return ""
    return f'<button type="button" id="toModel">The model\'s cutoff ({result["cutoff"]:.3f})</button>'


def whose_clues(result: dict[str, Any]) -> str:
    """Say that the clues are not of what was measured, where they are not."""
    told = "The clues are those of the model given; the figures are of models trained anew, each without its messages."
    return f'<p class="soft">{told}</p>' if result["cutoff"] is None else ""


def roc_note(result: dict[str, Any]) -> str:
    """Say the area, and which recalls these data cannot carry."""
    said = f"AUC {result['auc']:.4f}." if result["auc"] is not None else ""
    if result["over_sources"]:
        return f" No curve is drawn: {APART}."
    reasons = [f"{float(rate):.1%}" for rate in result["recall_at_fpr_reasons"]]
    if reasons:
        said += f" {result['ham']:,} real messages are too few to speak of recall at {' and '.join(reasons)}."
    return said


def drawing(rows: Sequence[Measured], result: dict[str, Any]) -> dict[str, Any]:
    """Give the numbers that the pictures are drawn from: counts only, no message."""
    logits = [_log_odds(row.probability) for row in rows]
    spam = [row.spam for row in rows]
    edges = [round(-REACH + 2 * REACH * step / STEPS, 4) for step in range(STEPS + 1)]
    ham_columns, spam_columns = metrics.histogram(
        [_logit(row.probability) for row in rows], spam, -REACH, REACH, COLUMNS
    )
    ranking = metrics.Ranking([row.score for row in rows], spam)
    cut, cutoff, unsure = result["confusion"], result["cutoff"], result["unsure_between"]
    return {
        "spam": result["spam"],
        "ham": result["ham"],
        "curve": {
            "logit": edges,
            "spam": _reaching(sorted(metrics.only(logits, spam)), edges),
            "ham": _reaching(sorted(metrics.only(logits, [not s for s in spam])), edges),
        },
        "histogram": {"ham": ham_columns, "spam": spam_columns},
        "roc": [] if result["over_sources"] else [[round(x, 7), round(y, 5)] for x, y in ranking.roc()],
        "calibration": result["calibration"],
        "cutoff_logit": None if cutoff is None else _logit(cutoff),
        "at_cutoff": {"spam": cut["true_positives"], "ham": cut["false_positives"]},
        "unsure": None if unsure is None else [_logit(end) for end in unsure],
    }


def _reaching(ordered: Sequence[float], edges: Sequence[float]) -> list[int]:
    """Count the messages at or above each edge."""
    return [len(ordered) - bisect_left(ordered, edge) for edge in edges]


def _log_odds(probability: float) -> float:
    """Give log-odds as they are: what lies left of the slider is not flagged by its left end."""
    if probability <= 0 or probability >= 1:
        return math.copysign(math.inf, probability - 0.5)
    return math.log(probability / (1 - probability))


def _logit(probability: float) -> float:
    """Give log-odds, kept on the slider's axis."""
    return min(REACH, max(-REACH, _log_odds(probability)))


def _percent(value: float) -> str:
    return report_tables.percent(value, 2 if 0 < value < 0.01 or 0.99 < value < 1 else 1)
