"""The tables of the report, as HTML.

Knows figures and how a table reads well: few columns, numbers to the right, one bar where a rate is compared. Every
text that did not come from this file goes through `escape`.

Privacy: a message is shown only when asked for; a clue is named only when at least three messages share it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from html import escape
from typing import TYPE_CHECKING, Any

from despam.evaluate import metrics
from despam.evaluate.measure import Measured
from despam.evaluate.metrics import HAM_NEEDED

if TYPE_CHECKING:
    from despam.core.model import Model

MISTAKES = 25  # of each kind
EXTRACT = 240  # characters
EXPLAINED = 400  # messages whose clues are counted
SHARED = 3  # messages that must hold a clue before it is named
HEAVIEST = 14
OVER_SOURCES = {
    "accuracy": "Accuracy", "recall": "Recall: of the spam, caught", "false_positive_rate": "Real messages lost",
    "auc": "AUC: a spam scores above a ham", "recall_at_0.01": "Recall with 1 % of real messages lost",
    "brier": "Brier score", "ece": "Calibration error (ECE)",
}  # fmt: skip


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]], texts: int = 1) -> str:
    """Lay out cells that are HTML already; the first `texts` columns are words, the others numbers."""

    def cell(i: int, content: str, tag: str = "td") -> str:
        kind = ' class="n"' if i >= texts else ""
        scope = ' scope="col"' if tag == "th" else ""
        return f"<{tag}{kind}{scope}>{content}</{tag}>"

    head = "".join(cell(i, escape(name), "th") for i, name in enumerate(heads))
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>' + "".join(cell(i, c) for i, c in enumerate(row) if i) + "</tr>"
        for row in rows
    )
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    # a table wider than a telephone scrolls, by keyboard too
    region = f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption) or "Table"}">'
    return f"{region}<table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def percent(value: float | None, digits: int = 1) -> str:
    """Write a share; what is not there is a dash."""
    return "–" if value is None else f"{100 * value:.{digits}f}\u00a0%"


def span(interval: Sequence[float] | None) -> str:
    """Write an interval of shares."""
    return f"{100 * interval[0]:.2f} to {100 * interval[1]:.2f} %" if interval else ""


def bar(value: float | None, side: str) -> str:
    """Draw a share as a bar beside its number."""
    if value is None:
        return ""
    width = max(0.0, min(1.0, value)) * 100
    return (
        f'<svg class="bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="{side}" width="{width:.1f}" height="6"/></svg>'
    )


def sources_table(result: dict[str, Any]) -> str:
    """Lay out the mean over sources and the worst, where each source was measured by a model of its own."""
    over = result["over_sources"]
    if not over:
        return ""
    rows = []
    for key, name in OVER_SOURCES.items():
        if found := over.get(key):
            write = _number if key in ("brier", "ece") else partial(percent, digits=2)
            cells = write(found["mean"]), write(found["worst"]), f"{found['sources']:,}"
            rows.append([name, escape(found["worst_source"]), *cells])
    heads = ["", "worst source", "mean of sources", "worst", "of sources"]
    told = "Below, all messages together, each at the cutoff of its own model."
    caption = "Over sources, each counted once"
    return table(caption, heads, rows, texts=2) + f'<p class="soft">{told}</p>'


def figures_table(result: dict[str, Any]) -> str:
    """Lay out all figures, raw and without repeats."""
    clean = result["cleaned"] or {"recall_at_fpr": {}}
    rows = []
    for name, key in (
        ("Accuracy", "accuracy"), ("Precision: of what it calls spam, spam", "precision"),
        ("Recall: of the spam, caught", "recall"),
        ("Real messages lost", "false_positive_rate"), ("F1", "f1"), ("Matthews correlation", "mcc"),
        ("AUC: a spam scores above a ham", "auc"), ("Area under precision and recall", "pr_auc"),
    ):  # fmt: skip
        rows.append([name, percent(result[key], 2), span(result["intervals"].get(key)), percent(clean.get(key), 2)])
    for rate, value in result["recall_at_fpr"].items():
        reason = result["recall_at_fpr_reasons"].get(rate)
        between = (
            f'<span class="why">{escape(reason)}</span>'
            if reason
            else span(result["intervals"].get(f"recall_at_{rate}"))
        )
        shown = percent(value, 2), between, percent(clean["recall_at_fpr"].get(rate), 2)
        rows.append([f"Recall with {100 * float(rate):g} % of real messages lost", *shown])
    for name, key in (("Brier score", "brier"), ("Calibration error (ECE)", "ece"), ("Logarithmic loss", "log_loss")):
        span_here = result["intervals"].get(key)
        between = f"{span_here[0]:.4f} to {span_here[1]:.4f}" if span_here else ""
        rows.append([name, _number(result[key]), between, _number(clean.get(key))])
    rows.append(["Messages", f"{result['messages']:,}", "", f"{clean.get('messages', 0):,}"])
    told = (
        f'<p class="soft">{result["repeats"]:,} messages are near-copies of others, {result["conflicts"]:,} groups of '
        "near-copies carry both labels. The right column counts each group once and leaves those with both labels "
        "out.</p>"
    )
    return table("", ["", "all messages", "95 % interval", "without repeats"], rows) + told


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def cutoffs(model: Model, rows: Sequence[Measured], result: dict[str, Any]) -> str:
    """Lay out the cutoff and the band of unsure verdicts, and what lies in each part."""
    anew = result["cutoff"] is None
    low, high = ("each fold's own",) * 2 if anew else (f"{end:.3f}" for end in result["unsure_between"])
    between = "each fold's own band" if anew else f"{low} to {high}"
    parts: list[tuple[str, list[Measured]]] = [
        (f"sure ham (below {low})", [r for r in rows if not r.unsure and not r.flagged]),
        (f"unsure ({between}, or too little evidence)", [r for r in rows if r.unsure]),
        (f"sure spam (from {high})", [r for r in rows if not r.unsure and r.flagged]),
    ]
    lines = []
    for name, part in parts:
        spam = sum(r.spam for r in part)
        lines.append([escape(name), f"{len(part) - spam:,}", f"{spam:,}", percent(len(part) / len(rows))])
    title = "Each fold's own cutoff" if anew else f"The model's cutoffs: spam from {model.cutoff:.3f}"
    return table(title, ["", "ham", "spam", "of all"], lines)


def calibration_table(result: dict[str, Any]) -> str:
    """Say the calibration error, and lay out the bins."""
    ece = result["ece"]
    word = "closely" if ece < 0.02 else "roughly" if ece < 0.06 else "badly"
    told = (
        f"Said and true differ by {percent(ece)} on average: on these messages the probability can be believed {word}."
    )
    rows = [[percent(b["said"]), percent(b["true"]), f"{b['messages']:,}"] for b in result["calibration"]]
    return (
        f"<h3>{told}</h3><p class='soft'>Fifteen bins of equal size; lines are 95 % intervals.</p>"
        f"<details><summary>The bins</summary>{table('', ['said', 'true', 'messages'], rows, texts=0)}</details>"
    )


def groups(result: dict[str, Any]) -> str:
    """Lay out one table for each way of grouping that tells more than one group."""
    out = []
    for field, parts in result["by"].items():
        if len(parts) < 2 and field != "source":
            continue
        rows = []
        for name, part in list(parts.items())[:40]:
            recall, lost = part["recall"], part["false_positive_rate"]
            rows.append([
                escape(name), f"{part['spam']:,}", f"{part['ham']:,}", percent(recall) + bar(recall, "spam"),
                percent(lost, 2), _number(part["auc"]), percent(part["recall_at_fpr"]["0.01"]), percent(part["ece"]),
            ])  # fmt: skip
        heads = ["", "spam", "ham", "recall", "ham lost", "AUC", "recall at 1 %", "ECE"]
        out.append(table(f"By {field}" + (" in characters" if field == "length" else ""), heads, rows))
    return "".join(out)


def attacks_section(found: dict[str, Any] | None) -> str:
    """Lay out what is left under each attack."""
    if not found:
        return ""
    rows = []
    for name, one in found["attacks"].items():
        kept = one["kept"]
        rows.append([
            f"{escape(name)}<br><span class='soft'>{escape(one['what'])}</span>", percent(one["recall"]),
            percent(kept) + bar(kept, "spam"), percent(one["ham_lost"]) + bar(one["ham_lost"], "ham"),
        ])  # fmt: skip
    clean = percent(found["clean_recall"])
    whose = f"Each of {found['models']} models trained anew, on its own messages: t" if "models" in found else "T"
    told = (
        f"{whose}he cutoff that loses {percent(found['rate'])} of the undisguised real messages catches {clean} of the "
        f"spam. This is what it catches when {found['spam']:,} spam are disguised, and what it loses when "
        f"{found['ham']:,} real messages are disguised the same way. Seed {found['seed']}."
    )
    body = table("", ["attack", "caught", "kept", "ham lost"], rows)
    head = '<section aria-labelledby="h-attacks"><h2 id="h-attacks">Under attack</h2>'
    return f'{head}<p class="soft">{escape(told)}</p>{body}</section>'


def clues(model: Model, rows: Sequence[Measured], show_text: bool) -> str:
    """Lay out the clues that moved these messages most, on average over the messages that hold them."""
    step = max(1, len(rows) // EXPLAINED)
    weights: dict[str, list[float]] = {}
    sample = rows[::step][:EXPLAINED]
    for row in sample:
        mine: dict[str, float] = {}
        for clue in model.classify(row.text).clues:
            name = " ".join(clue.text.lower().split())[:40]
            mine[name] = mine.get(name, 0.0) + clue.contribution
        for name, weight in mine.items():
            weights.setdefault(name, []).append(weight)
    least = 1 if show_text else SHARED
    named = {name: values for name, values in weights.items() if len(values) >= least and name}
    # a clue counts by what it moved altogether: strong and rare beside weak and frequent
    ranked = sorted(named, key=lambda name: (-abs(sum(named[name])), name))
    out = []
    for caption, sign in (("Towards spam", 1), ("Towards ham", -1)):
        chosen = [name for name in ranked if sign * sum(named[name]) > 0][:HEAVIEST]
        lines = [
            [escape(name), f"{sum(named[name]) / len(named[name]):+.2f}", f"{len(named[name]):,}"] for name in chosen
        ]
        out.append(table(caption, ["clue", "mean", "messages"], lines))
    told = f"Contributions to the score (log-odds) in {len(sample):,} of these messages"
    told += "." if show_text else f"; only what at least {SHARED} of them share is named."
    return f'<p class="soft">{told}</p><div class="beside"><div>{out[0]}</div><div>{out[1]}</div></div>'


def mistakes(rows: Sequence[Measured], show_text: bool) -> str:
    """List the mistakes, the surest first; extracts only when asked for."""
    out = []
    for caption, side in (("Real messages taken for spam", False), ("Spam taken for ham", True)):
        wrong = [row for row in rows if row.spam == side and row.flagged != row.spam]
        if not wrong:
            out.append(f"<h3>{caption}: none</h3>")
            continue
        wrong.sort(key=lambda row: -abs(row.probability - row.spam))
        lines = []
        for row in wrong[:MISTAKES]:
            repaired = ", ".join(row.repaired)
            cells = [escape(f"{row.source}, line {row.line}")]
            if show_text:
                cells.append(f'<div class="text" dir="auto">{escape(" ".join(row.text.split())[:EXTRACT])}</div>')
            cells += [escape(repaired), f"{len(row.text):,}", f"{row.probability:.3f}"]
            lines.append(cells)
        heads = ["where", *(["extract"] if show_text else []), "repaired", "characters", "probability"]
        shown = f"{caption}: {len(wrong):,}" + (f", the {MISTAKES} surest" if len(wrong) > MISTAKES else "")
        out.append(table(shown, heads, lines, texts=3 if show_text else 2))
    if not show_text:
        out.append('<p class="soft">Messages are not shown; add --show-text for extracts.</p>')
    return "".join(out)


def method(model: Model, rows: Sequence[Measured], result: dict[str, Any]) -> str:
    """Say how things were measured, and on what model."""
    card = model.card
    facts = [
        ("Model", f"{model.version}, recipe {model.recipe}, {model.size_bytes / 1e6:.2f} MB"),
        ("Trained", f"{card.get('created', 'date not told')} on {_count(card.get('messages'))} messages"),
        ("Way", result["how"]),
        ("Near-copies", "letters and digits only, Jaccard similarity of the 5-character shingles at least 0.8"),
        ("Intervals", "95 %: Wilson for rates, bootstrap over groups of near-copies for all else; where each draw "
         "gives 0 or 1, Wilson for the number of groups"),
        ("Recall at a rate", f"read on these very messages; {_needed()}"),
        ("Calibration error", f"mean distance of said and true in {metrics.BINS} bins of equal size"),
    ]  # fmt: skip
    return '<dl class="facts">' + "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in facts) + "</dl>"


def _needed() -> str:
    """Say how many real messages a rate needs."""
    return ", ".join(f"at {100 * rate:g} % from {needed:,} real messages on" for rate, needed in HAM_NEEDED.items())


def _count(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else "an untold number of"
