"""Every peer on the same splits, and the plot beside bytes and microseconds.

Knows the results of the protocols and how to draw two panels of SVG. Refuses to know how a peer learns.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from html import escape
from math import log10
from pathlib import Path
from typing import Any

from accuracy import fold_figures, p2, say
from accuracy_rows import P2_SOURCES, cleaned, missing
from accuracy_systems import Fit

IN_PLOT = {
    "scikit-learn, words + characters": "words + chars",
    "scikit-learn, the tutorial's recipe": "tutorial",
    "MiniLM + logistic regression": "MiniLM",
}
Box = tuple[float, float, float, float]  # left, top, right, bottom
Store = Callable[[dict[str, Any]], None]
TITLE = "Recall at 1 % false positives on the SMS Spam Collection (P1), every system on the same five folds"
SHORT = ("sms_spam_collection", "sms_smishing_mishra_soni", "sms_india", "youtube_spam_collection")
BYTES = {1e4: "10 kB", 1e5: "100 kB", 1e6: "1 MB", 1e7: "10 MB", 1e8: "100 MB"}
TIMES = {1.0: "1 us", 1e1: "10 us", 1e2: "100 us", 1e3: "1 ms", 1e4: "10 ms", 1e5: "100 ms"}
FLOOR = 326.0  # below stand the names of the ticks
SLOW = {1e6: "1 s"}
LONG_TOO = ("despam", "scikit-learn, the tutorial's recipe", "NB-SVM")  # minutes, not hours, a source left out


def run_peers(systems: dict[str, tuple[Fit, str]], quick: bool, unseen: bool, store: Store) -> None:
    """Measure P1 for all; where `unseen` is asked for, P2 for those that can learn 50,000 mails in minutes.

    `store` gets what there is after each system: a slow one that is stopped costs nobody else's figures.
    """
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
        if unseen and name in LONG_TOO:
            results[name]["P2"] = p2(fit, names, near=False)["mean"]
        print(line_of(name, results[name]), flush=True)
        store(results)


def microseconds(fitted: Any, texts: list[str]) -> float:
    """Time one message, asked for alone as a service does; a number behind each defeats what systems remember."""
    fitted.judge(texts[:5])
    begun = time.perf_counter()
    for number, text in enumerate(texts):
        fitted.judge([f"{text} {number}"])
    return (time.perf_counter() - begun) / len(texts) * 1e6


def line_of(name: str, found: dict[str, Any]) -> str:
    """Write one line of the table."""
    one, two = found["P1"], found.get("P2")
    left = f"{name:38} accuracy {one['accuracy']:.4f}  recall at 1 % {one['recall_at_fpr']['0.01']:.3f}"
    unseen = f"  unseen sources {two['recall_at_0.01']:.3f}" if two else ""
    cost = f"{one['size_bytes'] / 1e6:.2f} MB  {one['microseconds']:.0f} us  fit {one['fit_seconds']:.1f} s"
    return f"{left}{unseen}  {cost}"


def write_plot(results: dict[str, Any], path: Path, title: str = TITLE) -> None:
    """Draw recall at 1 % over model bytes and over microseconds a message, both on logarithmic axes."""
    slow = any((found["P1"]["microseconds"] or 0) > max(TIMES) for found in results.values())
    panels = [
        panel(results, "size_bytes", "model size", 20, BYTES),
        panel(results, "microseconds", "time a message", 480, TIMES | SLOW if slow else TIMES),
    ]
    style = (
        "text{font:12px system-ui,sans-serif;fill:#605c53}.g{stroke:#dcd7cb}.p{fill:#605c53}.us{fill:#b0271d}"
        ".t{fill:#1f1e1b;font-weight:600}@media(prefers-color-scheme:dark){text{fill:#aaa598}.g{stroke:#37352f}"
        ".p{fill:#aaa598}.us{fill:#ff9488}.t{fill:#eceae3}}"
    )
    body = "".join(panels)
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 940 380" role="img" aria-label="{title}">'
        f"<title>{title}</title><style>{style}</style>{body}</svg>\n",
        encoding="utf-8",
    )


def panel(results: dict[str, Any], key: str, name: str, left: float, ticks: dict[float, str]) -> str:
    """Draw one scatter on logarithmic x."""
    low, high = log10(min(ticks)), log10(max(ticks))
    floor = min(0.85, *(recall_of(found) for found in results.values())) - 0.01

    def x(value: float) -> float:
        return left + 50 + 360 * min(1.0, max(0.0, (log10(value) - low) / (high - low)))

    def y(recall: float) -> float:
        return 320 - 270 * (recall - floor) / (1 - floor)

    out = [f'<text x="{left + 50}" y="30" class="t">recall at 1 % over {name}</text>']
    for value, tick in ticks.items():
        out.append(f'<path class="g" d="M{x(value):.1f} 50V320"/>')
        out.append(f'<text x="{x(value):.1f}" y="340" text-anchor="middle">{tick}</text>')
    step = 0.1 if floor < 0.5 else 0.05 if floor < 0.9 else 0.02
    for number in range(int((1 - floor) / step) + 1):
        recall = 1 - number * step
        out.append(f'<path class="g" d="M{left + 50} {y(recall):.1f}h360"/>')
        out.append(f'<text x="{left + 44}" y="{y(recall) + 4:.1f}" text-anchor="end">{recall:.2f}</text>')
    points = [
        (system, x(max(found["P1"][key], 1e-9)), y(recall_of(found)))
        for system, found in results.items()
        if found["P1"][key] is not None  # not measured in this run
    ]
    return "".join([*out, *labelled(points, left + 52, left + 430)])


def labelled(points: list[tuple[str, float, float]], left: float, right: float) -> list[str]:
    """Draw points, best first, each with its name in the first place beside it that is free."""
    out: list[str] = []
    taken = [(px - 6, py - 6, px + 6, py + 6) for _, px, py in points]
    for system, px, py in sorted(points, key=lambda point: point[2]):
        name = IN_PLOT.get(system, system)
        wide = 6.3 * len(name)
        places = [
            (x, y, anchor, (start, y - 11, start + wide, y + 3))
            for shift in (0, 16, -16, 32, -32, 48, 64)
            for x, y, anchor, start in (
                (px + 9, py + 4 + shift, "start", px + 9),
                (px - 9, py + 4 + shift, "end", px - 9 - wide),
                (px, py + 20 + shift, "middle", px - wide / 2),
            )
        ]
        free = (place for place in places if fits(place[3], taken, left, right))
        x, y, anchor, box = next(free, places[0])
        taken.append(box)
        kind = "us" if system == "despam" else "p"
        out.append(f'<circle class="{kind}" cx="{px:.1f}" cy="{py:.1f}" r="5"/>')
        out.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(name)}</text>')
    return out


def fits(box: Box, taken: list[Box], left: float, right: float) -> bool:
    """Say whether a name's box lies in the panel and touches nothing."""
    if box[0] < left or box[2] > right or box[3] > FLOOR:
        return False
    return all(box[2] < b[0] or b[2] < box[0] or box[3] < b[1] or b[3] < box[1] for b in taken)


def recall_of(found: dict[str, Any]) -> float:
    """Give recall at 1 % on P1."""
    return float(found["P1"]["recall_at_fpr"]["0.01"])


def write_table(results: dict[str, Any], path: Path, machine: dict[str, Any]) -> None:
    """Write the table as a page of the docs."""
    lines = [
        "# Peers on the same splits",
        "",
        "Made by `make accuracy-peers`, all systems in one run. P1: SMS Spam Collection, five folds, repeats left",
        "out. P2: mean over sources left out, for the systems that learn 50,000 mails in minutes. Times are of one",
        f"message asked for alone. {machine['date']}, {machine['cores']} cores, Python {machine['python']}.",
        "",
        "![recall at 1 % against size and time](accuracy-peers.svg)",
        "",
        "| system | accuracy | F1 | 1-AUC % | recall at 1 % | P2 AUC | P2 recall at 1 % | MB | us a message | fit s |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name, found in results.items():
        one, two = found["P1"], found.get("P2")
        unseen = f"{two['auc']:.3f} | {two['recall_at_0.01']:.3f}" if two else " | "
        missed = 100 * (1 - one["auc"])
        lines.append(
            f"| {name} | {one['accuracy']:.4f} | {one['f1']:.3f} | {missed:.2f} | {recall_of(found):.3f} "
            f"| {unseen} | {one['size_bytes'] / 1e6:.2f} | {one['microseconds']:,.0f} | {one['fit_seconds']:.1f} |"
        )
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
