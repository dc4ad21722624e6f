"""Recall at 1 % of every system beside its bytes and its microseconds: two panels of one SVG.

Knows P1's results and how to draw. Refuses to know how they came about.
"""

from __future__ import annotations

from html import escape
from math import log10
from pathlib import Path
from typing import Any

IN_PLOT = {
    "scikit-learn, words + characters": "words + chars",
    "scikit-learn, the tutorial's recipe": "tutorial",
    "MiniLM + logistic regression": "MiniLM",
}
Box = tuple[float, float, float, float]  # left, top, right, bottom
TITLE = "Recall at 1 % false positives on the SMS Spam Collection (P1), every system on the same five folds"
BYTES = {1e4: "10 kB", 1e5: "100 kB", 1e6: "1 MB", 1e7: "10 MB", 1e8: "100 MB"}
TIMES = {1.0: "1 us", 1e1: "10 us", 1e2: "100 us", 1e3: "1 ms", 1e4: "10 ms", 1e5: "100 ms"}
FLOOR = 326.0  # below stand the names of the ticks
SLOW = {1e6: "1 s"}


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
