"""The figures of the protocols as people read them: a table with the targets, on the terminal and as a page.

Knows the results of accuracy_protocols.py and what the contract asks of each. Refuses to know how they were measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

# what each attack may cost: the share of the clean recall that is kept
FLOORS = {
    "look-alikes": 0.998, "zero-width": 0.998, "spaced": 0.985, "full-width": 0.998, "leet": 0.995, "swaps-10": 0.985,
    "good-words-50": 0.95,
}  # fmt: skip
# recall at 1 % of the best configuration that the spikes found, language by language
BEST = {
    "sms_turkish": 1.0, "sms_indonesian": 0.911, "sms_chinese": 0.760, "telegram_chinese": 0.848,
    "telegram_russian": 0.950, "facebook_vietnamese": 0.827,
}  # fmt: skip
PUBLISHED = {"SMS": 0.985, "Enr": 0.993, "You": 0.96}
ROUNDING = 0.003  # what int8 may move recall at 1 %

Line = tuple[str, str, str, bool | None]  # what, figure, target, reached


def rows_of(result: dict[str, Any]) -> list[Line]:
    """Give each line of the table."""
    lines: list[Line] = []
    if "P1" in result:
        lines += inside(result["P1"])
    for key, name in (("P2", "as it is"), ("P2 without near-copies", "without near-copies")):
        if key in result:
            lines += left_out(result[key], name, first=key == "P2")
    lines += languages(result.get("P3", {}))
    lines += attacked(result.get("P4", {}))
    lines += published(result.get("X", {}))
    lines += foreign(result.get("bundled", {}))
    return lines


def line(what: str, value: float, target: float | None, least: bool = True, digits: int = 4) -> Line:
    """Give one line; reached is None where there is nothing to reach."""
    reached = None if target is None else value >= target if least else value <= target
    sign = "" if target is None else f"{'>=' if least else '<='} {target:g}"
    return what, f"{value:.{digits}f}", sign, reached


def span(interval: Sequence[float]) -> str:
    """Write an interval."""
    return f"{interval[0]:.3f} to {interval[1]:.3f}"


def inside(found: dict[str, Any]) -> Iterator[Line]:
    """Give P1's lines."""
    yield line("P1 accuracy", found["accuracy"], 0.9935)
    yield line("P1 F1", found["f1"], 0.972)
    yield line("P1 1-AUC %", 100 * (1 - found["auc"]), 0.28, least=False)
    yield line("P1 recall at 1 %", found["recall_at_fpr"]["0.01"], 0.975)
    yield line("P1 recall at 0.1 %", found["recall_at_fpr"]["0.001"], 0.945)
    if floats := found.get("float"):
        yield from rounding("P1 recall at 1 %", found["recall_at_fpr"]["0.01"], floats["recall_at_fpr"]["0.01"])


def rounding(what: str, rounded: float, floats: float) -> Iterator[Line]:
    """Give what the same models reach before their weights are rounded to int8, and how far apart the two are."""
    yield line(f"{what}, float weights", floats, None)
    yield line(f"{what}: int8 and float weights apart by", abs(rounded - floats), ROUNDING, least=False)


def left_out(found: dict[str, Any], name: str, first: bool) -> Iterator[Line]:
    """Give the lines of P2 and P5, once as it is and once without near-copies."""
    mean = found["mean"]
    yield line(f"P2 mean AUC, {name}", mean["auc"], 0.955 if first else None, digits=3)
    yield line(f"P2 mean recall at 1 %, {name}", mean["recall_at_0.01"], 0.70 if first else None, digits=3)
    for key, what in (("auc", "AUC"), ("recall_at_0.01", "recall at 1 %")):
        if key in mean.get("intervals", {}):
            yield f"P2 mean {what}, {name}: 95 % interval", span(mean["intervals"][key]), "", None
    if "float_recall_at_0.01" in mean:
        what = f"P2 mean recall at 1 %, {name}"
        yield from rounding(what, mean["recall_at_0.01"], mean["float_recall_at_0.01"])
    yield line(f"P2 promised 1 %: mean lost, {name}", mean["promised_false_positives"], 0.02, False)
    yield line(f"P2 promised 1 %: worst lost, {name}", mean["promised_false_positives_worst"], 0.05, False)
    yield line(f"P2 promised 1 %: mean recall, {name}", mean["promised_recall"], 0.55, digits=3)
    yield line(f"P5 mean ECE, {name}", mean["ece"], 0.06, False)
    for source, one in found.items():
        if source != "mean":
            promised = f"{one['recall']:.3f} at {one['false_positive_rate']:.4f} lost"
            floats = f", float weights {one['float']['recall_at_fpr']['0.01']:.3f}" if "float" in one else ""
            told = f"AUC {one['auc']:.3f}, promised: {promised}{floats}"
            drawn = f" ({span(one['intervals']['recall_at_0.01'])})" if "intervals" in one else ""
            yield f"   {source}, {name}", f"{one['recall_at_fpr']['0.01']:.3f}{drawn}", told, None


def languages(found: dict[str, Any]) -> Iterator[Line]:
    """Give P3's lines."""
    for source, one in found.items():
        what = f"P3 {source}: recall at 1 % (AUC {one['auc']:.4f})"
        yield line(what, one["recall_at_fpr"]["0.01"], BEST[source], digits=3)


def attacked(found: dict[str, Any]) -> Iterator[Line]:
    """Give P4's lines."""
    for name, one in found.items():
        if isinstance(one, dict):
            yield line(f"P4 {name}: recall kept", one["kept"], FLOORS.get(name), digits=3)
            yield line(f"P4 {name}: ham lost", one["ham_lost"], 0.01 if name in FLOORS else None, False)


def published(found: dict[str, Any]) -> Iterator[Line]:
    """Give the lines of the splits that others published; the targets are theirs, so they hold for their rows only."""
    for name, one in found.items():
        theirs = "as published" in name
        yield line(f"{name}: accuracy", one["accuracy"], PUBLISHED[name[:3]] if theirs else None)
        if name.startswith("SMS"):
            yield line(f"{name}: ham blocked", one["false_positive_rate"], 0.002 if theirs else None, False)


def foreign(found: dict[str, Any]) -> Iterator[Line]:
    """Give what the bundled model does in languages that it did not learn; there is nothing to reach, but to know."""
    for name, one in found.items():
        told = f"accuracy {one['accuracy']:.3f}, real messages called spam {one['false_positive_rate']:.3f}"
        yield f"bundled model on {name}: unsure", f"{one['unsure']:.3f}", told, None
        yield f"bundled model on {name}: sure, and wrong", f"{one['sure_and_wrong']:.3f}", "", None


def show(result: dict[str, Any]) -> None:
    """Print the table."""
    for what, value, target, reached in rows_of(result):
        mark = "" if reached is None else "reached" if reached else "MISSED"
        print(f"{what:66} {value:>8}  {target:14} {mark}")
    if cost := result.get("training"):
        print(training_line(cost))


def write_page(result: dict[str, Any], path: Path) -> None:
    """Write the table as a page of the docs."""
    lines = [
        "# Figures",
        "",
        "Made by `make accuracy`; what the protocols are is in [accuracy.md](../accuracy.md), all figures are in",
        "[accuracy.json](accuracy.json). Every figure went through an exported model file and the core, save those of",
        "float weights: the same fits before their weights were rounded to int8.",
        f"{days(result['dates'])}; Python {result['machine']['python']}.",
        "",
        "| what | figure | target | |",
        "|---|--:|---|---|",
    ]
    for what, value, target, reached in rows_of(result):
        mark = "" if reached is None else "reached" if reached else "missed"
        lines.append(f"| {what.strip()} | {value} | {target} | {mark} |")
    if cost := result.get("training"):
        lines += ["", training_line(cost)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def days(dates: dict[str, str]) -> str:
    """Say what was measured on which day, the last day first."""
    every = sorted(set(dates.values()), reverse=True)
    if len(every) == 1:
        return every[0]
    return "; ".join(f"{day}: {', '.join(sorted(key for key in dates if dates[key] == day))}" for day in every)


def training_line(cost: dict[str, Any]) -> str:
    """Say what training the bundled model takes."""
    return (
        f"Training the bundled model, {cost['messages']:,} messages, takes {cost['seconds']:,.0f} s on "
        f"{cost['cores']} core(s): {cost['cpu_seconds']:,.0f} s of CPU, {cost['watt_hours']:g} Wh ({cost['energy']})."
    )
