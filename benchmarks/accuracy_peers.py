"""Every peer on the same splits, and the plot beside bytes and microseconds.

Knows the results of the protocols and how to draw two panels of SVG. Refuses to know how a peer learns.
"""

from __future__ import annotations

import time
from html import escape
from pathlib import Path
from typing import Any

from accuracy import fold_figures, p2, say
from accuracy_rows import P2_SOURCES, cleaned, missing
from accuracy_systems import Fit

SHORT = ("sms_spam_collection", "sms_smishing_mishra_soni", "sms_india", "youtube_spam_collection")
LONG_TOO = ("despam", "scikit-learn, the tutorial's recipe", "NB-SVM", "fastText")  # minutes, not hours, a fit


def run_peers(systems: dict[str, tuple[Fit, str]], quick: bool) -> dict[str, Any]:
    """Measure P1 for all; P2 for those that can learn 50,000 mails in minutes."""
    results: dict[str, Any] = {}
    rows = cleaned("sms_spam_collection")
    assert rows is not None
    names = [name for name in (SHORT if quick else P2_SOURCES) if name not in missing(P2_SOURCES)]
    for name, (fit, lacking) in systems.items():
        if lacking:
            print(f"skipped: {name}: {lacking}")
            continue
        say(name)
        found, pooled = fold_figures(rows, fit, 5, spans=False)
        fitted, held = pooled.models[0]
        found["microseconds"] = round(microseconds(fitted, [rows[i].text for i in held][:300]), 1)
        found["fit_seconds"] = round(fitted.fit_seconds, 2)
        results[name] = {"P1": found}
        if name in LONG_TOO:
            results[name]["P2"] = p2(fit, names, near=False)["mean"]
        print(line_of(name, results[name]), flush=True)
    return results


def microseconds(fitted: Any, texts: list[str]) -> float:
    """Time one message, asked for alone as a service does."""
    fitted.judge(texts[:5])
    begun = time.perf_counter()
    for text in texts:
        fitted.judge([text])
    return (time.perf_counter() - begun) / len(texts) * 1e6


def line_of(name: str, found: dict[str, Any]) -> str:
    """Write one line of the table."""
    one, two = found["P1"], found.get("P2")
    left = f"{name:38} accuracy {one['accuracy']:.4f}  recall at 1 % {one['recall_at_fpr']['0.01']:.3f}"
    unseen = f"  unseen sources {two['recall_at_0.01']:.3f}" if two else ""
    return f"{left}{unseen}  {one['size_bytes'] / 1e6:.2f} MB  {one['microseconds']:.0f} us  fit {one['fit_seconds']:.1f} s"


def write_plot(results: dict[str, Any], path: Path) -> None:
    """Draw recall at 1 % over model bytes and over microseconds a message, both on logarithmic axes."""
    panels = [
        panel(results, "size_bytes", "model size", 20, {1e4: "10 kB", 1e5: "100 kB", 1e6: "1 MB", 1e7: "10 MB", 1e8: "100 MB"}),
        panel(results, "microseconds", "time a message", 480, {1: "1 us", 10: "10 us", 1e2: "100 us", 1e3: "1 ms", 1e4: "10 ms", 1e5: "100 ms"}),
    ]  # fmt: skip
    style = (
        "text{font:12px system-ui,sans-serif;fill:#605c53}.g{stroke:#dcd7cb}.p{fill:#605c53}.us{fill:#b0271d}"
        ".t{fill:#1f1e1b;font-weight:600}@media(prefers-color-scheme:dark){text{fill:#aaa598}.g{stroke:#37352f}"
        ".p{fill:#aaa598}.us{fill:#ff9488}.t{fill:#eceae3}}"
    )
    title = "Recall at 1 % false positives on the SMS Spam Collection (P1), every system on the same five folds"
    body = "".join(panels)
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 940 380" role="img" aria-label="{title}">'
        f"<title>{title}</title><style>{style}</style>{body}</svg>\n",
        encoding="utf-8",
    )


def panel(results: dict[str, Any], key: str, name: str, left: float, ticks: dict[float, str]) -> str:
    """Draw one scatter; names stand beside their points, moved apart where they would touch."""
    from math import log10

    low, high = log10(min(ticks)), log10(max(ticks))
    bottom_recall = min(0.85, *(found["P1"]["recall_at_fpr"]["0.01"] for found in results.values())) - 0.01

    def x(value: float) -> float:
        return left + 50 + 360 * min(1.0, max(0.0, (log10(value) - low) / (high - low)))

    def y(recall: float) -> float:
        return 320 - 270 * (recall - bottom_recall) / (1 - bottom_recall)

    out = [f'<text x="{left + 50}" y="30" class="t">recall at 1 % over {name}</text>']
    out += [
        f'<path class="g" d="M{x(v):.1f} 50V320"/><text x="{x(v):.1f}" y="340" text-anchor="middle">{t}</text>'
        for v, t in ticks.items()
    ]
    step = 0.05 if bottom_recall < 0.9 else 0.02
    recall = 1.0
    while recall > bottom_recall:
        out.append(
            f'<path class="g" d="M{left + 50} {y(recall):.1f}h360"/><text x="{left + 44}" y="{y(recall) + 4:.1f}" text-anchor="end">{recall:.2f}</text>'
        )
        recall -= step
    taken: list[float] = []
    for system, found in sorted(results.items(), key=lambda item: -item[1]["P1"]["recall_at_fpr"]["0.01"]):
        px, py = x(max(found["P1"][key], 1e-9)), y(found["P1"]["recall_at_fpr"]["0.01"])
        label = py
        while any(abs(label - other) < 14 for other in taken):
            label += 14
        taken.append(label)
        kind = "us" if system == "despam" else "p"
        anchor, shift = ("end", -9) if px > left + 260 else ("start", 9)
        out.append(f'<circle class="{kind}" cx="{px:.1f}" cy="{py:.1f}" r="5"/>')
        out.append(f'<text x="{px + shift:.1f}" y="{label + 4:.1f}" text-anchor="{anchor}">{escape(system)}</text>')
    return "".join(out)
