"""The speed report: one table, one plot, one JSON file. Draws what speed.py measured, measures nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

COLUMNS = ("accuracy", "recall at 1 %", "model bytes", "training s", "first verdict ms", "SMS p50 us", "SMS p99 us",
           "1 KB p50 us", "1 KB p99 us", "10 KB p50 us", "10 KB p99 us", "bulk MB/s")  # fmt: skip
# figure -> (target, whether it is a least)
TARGETS = {
    "kernel: scorer plain SMS us": (1.5, False),
    "kernel: scorer plain 10 KB us": (40, False),
    "kernel: scorer bulk MB/s": (150, True),
    "pure Python: scorer plain SMS us": (10, False),
    "pure Python: scorer plain 10 KB us": (350, False),
    "first verdict ms": (10, False),
    "first verdict MB": (16, False),
    "training, all: seconds": (60, False),
    "training, all: peak MB": (1500, False),
    "batch, 1 job(s): peak MB": (60, False),
}


def number(value: Any) -> str:
    """Write a figure with as many digits as it deserves."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def rows_of(report: dict[str, Any]) -> list[list[str]]:
    """Give the table: a line a system, ratios to despam behind the times."""
    ours = report["systems"]["despam"]
    lines = [["system", *COLUMNS]]
    for name, figures in report["systems"].items():
        cells = [name]
        for column in COLUMNS:
            value = figures.get(column)
            ratio = ""
            if value and name != "despam" and ours.get(column) and column not in ("accuracy", "recall at 1 %"):
                ratio = f" ({number(value / ours[column])}x)"
            cells.append(number(value) + ratio)
        lines.append(cells)
    return lines


def ours_of(report: dict[str, Any]) -> list[list[str]]:
    """Give despam's own figures, with their targets."""
    lines = [["despam", "measured", "target", ""]]
    for name, value in report["systems"]["despam"].items():
        if name in COLUMNS and name not in TARGETS:
            continue
        target = TARGETS.get(name)
        said = f"{'>=' if target[1] else '<='} {number(target[0])}" if target else ""
        reached = (
            "" if not target else "reached" if (value >= target[0]) == target[1] or value == target[0] else "MISSED"
        )
        lines.append([name, number(value), said, reached])
    return lines


def as_text(report: dict[str, Any]) -> str:
    """Write both tables for a terminal."""
    parts = [f"{report['machine']}"]
    for table in (rows_of(report), ours_of(report)):
        columns = list(zip(*table, strict=True)) if table is not rows_of else []
        widths = [max(map(len, column)) for column in columns]
        parts.append(
            "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in table)
        )
    parts += [f"skipped: {name} ({why})" for name, why in report["skipped"].items()]
    return "\n\n".join(parts)


def as_markdown(table: list[list[str]]) -> str:
    """Write a table in Markdown."""
    lines = ["| " + " | ".join(line) + " |" for line in table]
    return "\n".join([lines[0], "|" + "---|" * len(table[0]), *lines[1:]])


def write(report: dict[str, Any], folder: Path) -> None:
    """Write speed.json, speed.md and speed.svg."""
    folder.mkdir(parents=True, exist_ok=True)
    machine = report["machine"]
    head = (
        f"# Speed\n\nMade by `make bench` on {machine['date']}: {machine['cpu']}, {machine['cores']} cores, Python "
        f"{machine['python']}; versions {machine['versions']}. Trained on {report['messages'][0]:,} messages, measured "
        f"on {report['messages'][1]:,} others. In brackets: times as much as despam.\n\n"
    )
    skipped = "".join(f"\nSkipped: {name} ({why}).\n" for name, why in report["skipped"].items())
    text = (
        head
        + as_markdown(rows_of(report))
        + "\n"
        + skipped
        + "\n"
        + as_markdown(ours_of(report))
        + "\n\n![plot](speed.svg)\n"
    )
    (folder / "speed.md").write_text(text, encoding="utf-8")
    (folder / "speed.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    plot(report, folder / "speed.svg")


def plot(report: dict[str, Any], path: Path) -> None:
    """Draw recall at 1 % over microseconds an SMS."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "despam"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4))
    for name, figures in report["systems"].items():
        if "SMS p50 us" not in figures:
            continue
        axes.scatter(figures["SMS p50 us"], figures["recall at 1 %"], s=60)
        axes.annotate(
            name, (figures["SMS p50 us"], figures["recall at 1 %"]), textcoords="offset points", xytext=(6, 6)
        )
    axes.set_xscale("log")
    axes.set_xlabel("microseconds for one SMS, warm (log)")
    axes.set_ylabel("recall at 1 % false positives")
    axes.margins(0.2)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
