"""The speed report: tables, one plot, one JSON file. Draws what speed.py measured, measures nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import accuracy_plot

QUALITY = ("accuracy", "recall at 1 %")
COSTS = ("model bytes", "package bytes", "training s", "training MB", "first verdict ms")
TIMES = ("SMS p50 us", "SMS p99 us", "1 KB p50 us", "1 KB p99 us", "10 KB p50 us", "10 KB p99 us", "bulk MB/s",
         "bulk, all cores MB/s")  # fmt: skip
HIDDEN = (*QUALITY, *COSTS, *TIMES, "version", "settings")  # stand in the other tables
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


def rows_of(report: dict[str, Any], columns: tuple[str, ...]) -> list[list[str]]:
    """Give a table: a line a system; in brackets the ratio to despam and the quartiles."""
    ours = report["systems"]["despam"]
    lines = [["system", *columns]]
    for name, figures in report["systems"].items():
        lines.append([name, *(cell(figures, ours if name != "despam" else {}, column) for column in columns)])
    return lines


def cell(figures: dict[str, Any], ours: dict[str, Any], column: str) -> str:
    """Write one figure with its ratio and its spread."""
    value, spread = figures.get(column), figures.get(f"{column} range")
    beside = [f"{number(value / ours[column])}x"] if value and ours.get(column) and column not in QUALITY else []
    beside += [f"{number(spread[0])} to {number(spread[1])}"] if spread else []
    return number(value) + (f" ({'; '.join(beside)})" if beside else "")


def parties_of(report: dict[str, Any]) -> list[list[str]]:
    """Give who takes part: version and settings."""
    lines = [["system", "version", "settings"]]
    return lines + [[name, found["version"], found["settings"]] for name, found in report["systems"].items()]


def ours_of(report: dict[str, Any]) -> list[list[str]]:
    """Give despam's own figures, with their targets."""
    lines = [["despam", "measured", "target", ""]]
    for name, value in report["systems"]["despam"].items():
        if (name in HIDDEN and name not in TARGETS) or name.endswith(" range"):
            continue
        target = TARGETS.get(name)
        said = f"{'>=' if target[1] else '<='} {number(target[0])}" if target else ""
        reached = (
            "" if not target else "reached" if (value >= target[0]) == target[1] or value == target[0] else "MISSED"
        )
        lines.append([name, number(value), said, reached])
    return lines


def as_text(report: dict[str, Any]) -> str:
    """Write the tables for a terminal."""
    parts = [f"{report['machine']}"]
    for table in (rows_of(report, (*QUALITY, *COSTS)), rows_of(report, TIMES), ours_of(report)):
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        parts.append(
            "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in table)
        )
    parts += [f"skipped: {name} ({why})" for name, why in report["skipped"].items()]
    return "\n\n".join(parts)


def as_markdown(table: list[list[str]]) -> str:
    """Write a table in Markdown."""
    lines = ["| " + " | ".join(line) + " |" for line in table]
    return "\n".join([lines[0], "|" + "---|" * len(table[0]), *lines[1:]])


def head_of(report: dict[str, Any]) -> str:
    """Say where, when and on what it was measured."""
    machine, (taught, held_out), cases = report["machine"], report["messages"], report["cases"]
    return (
        f"Made by `make bench` on {machine['date']}: {machine['cpu']}, {machine['cores']} cores, {machine['system']}, "
        f"Python {machine['python']}, load {machine['load before']:.1f} before.\n\n"
        f"All in one run, on the same messages: SMS Spam Collection, Enron and SpamAssassin, of which every "
        f"{report['every']}th was taken (MiniLM reads ten a second). {taught:,} taught, {held_out:,} others judged. "
        f"Times are of {cases['SMS']} SMS, {cases['1 KB']} texts of 1 KB and {cases['10 KB']} of 10 KB among these, "
        f"bulk of {cases['bulk']:,} longer ones; slow systems read the first of them, ten at least. Each system has a "
        "process of its own, and they take turns.\n"
    )


NOTES = """In brackets: times as much as despam; first and third quartile of the rounds. p50 is the median of the
rounds' medians, p99 is of all texts of all rounds. A dash: not measured.

- Package bytes: the package and all that it requires, without the model (despam's carries one); of Debian's, without
  its base system (libc, perl).
- Training MB: the largest resident memory of the process that learns, Python and libraries with it; of rspamd, what its
  processes and redis hold after learning. Starting a daemon is no part of training.
- First verdict: a fresh process, over a bare interpreter where it is Python; of a daemon, its start.
- Warm: one text asked for alone; bogofilter is a process each time, spamd and rspamd are asked over loopback.
- Bulk: one call on one thread (of the daemons: one question after the other), then a process a core.
- MiniLM reads the first 256 word pieces of a text and passes over the rest, which its times and MB/s gain from.
- The texts are bare: SpamAssassin and rspamd, with no network, see neither sender nor route, which they weigh most.
"""


def write(report: dict[str, Any], folder: Path) -> None:
    """Write speed.json, speed.md and speed.svg."""
    folder.mkdir(parents=True, exist_ok=True)
    skipped = [f"Skipped: {name} ({why}).\n" for name, why in report["skipped"].items()]
    parts = [
        "# Speed\n",
        head_of(report),
        "![recall at 1 % against size and time](speed.svg)\n",
        "## Quality and costs\n",
        as_markdown(rows_of(report, (*QUALITY, *COSTS))) + "\n",
        "## Times\n",
        as_markdown(rows_of(report, TIMES)) + "\n",
        NOTES,
        *skipped,
        "## Who takes part\n",
        as_markdown(parties_of(report)) + "\n",
        "## despam alone\n",
        as_markdown(ours_of(report)) + "\n",
    ]
    (folder / "speed.md").write_text("\n".join(parts), encoding="utf-8")
    (folder / "speed.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    plot(report, folder / "speed.svg")


def plot(report: dict[str, Any], path: Path) -> None:
    """Draw recall at 1 % over model bytes and over the time of an SMS."""
    shaped = {
        name: {
            "P1": {
                "recall_at_fpr": {"0.01": found["recall at 1 %"]},
                "size_bytes": found["model bytes"],
                "microseconds": found["SMS p50 us"],
            }
        }
        for name, found in report["systems"].items()
    }
    title = "Recall at 1 % false positives over size and warm time of an SMS, all on the same messages"
    accuracy_plot.write_plot(shaped, path, title)
