"""Every system on the same splits: P1 with its costs, and each source left out; a page of both, and the results' file.

Knows which systems run where, and how results of several runs stay together, each with its date. Refuses to know how a
peer learns and how the plot is drawn.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from accuracy_plot import write_plot
from accuracy_protocols import fold_figures, p2_ranking, say
from accuracy_rows import P2_BESIDE, P2_SOURCES, cleaned, missing
from accuracy_systems import Fit
from accuracy_unseen import unseen_page

SHORT = ("sms_spam_collection", "sms_smishing_mishra_soni", "sms_india", "youtube_spam_collection")
JUDGED_MOST = {"MiniLM + logistic regression": 1_500}  # messages of a source: it embeds about ten a second, of 50,000
Systems = dict[str, tuple[Fit, str]]
Results = dict[str, Any]


@dataclass(frozen=True)
class Wanted:
    """What a run is to measure."""

    parts: Sequence[str]  # of P1 and P2; the last run's figures of a part that is not wanted stay
    most: int  # messages that P2 learns from a source; 0 is all
    systems: Sequence[str]  # parts of names; none is all
    quick: bool

    def has(self, name: str) -> bool:
        """Say whether a system is to run."""
        return not self.systems or any(part.lower() in name.lower() for part in self.systems)


def compare(systems: Systems, wanted: Wanted, folder: Path, machine: dict[str, Any]) -> None:
    """Measure all systems and write results, plot and page after each step; a quick run writes nothing."""
    path = folder / "accuracy-peers.json"
    results = {} if wanted.quick else read_results(path)

    def store() -> None:
        if wanted.quick:
            return
        whole = {**results, "machine": machine}
        path.write_text(json.dumps(whole, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        ordered = {name: results[name] for name in systems if name in results}
        if inside := {name: found for name, found in ordered.items() if "P1" in found}:
            write_plot(inside, folder / "accuracy-peers.svg")
        (folder / "accuracy-peers.md").write_text("\n".join(page(ordered, machine)) + "\n", encoding="utf-8")

    run_peers(systems, wanted, results, store)
    if wanted.quick:
        print("\n".join(unseen_page(results)))


def read_results(path: Path) -> Results:
    """Read what earlier runs measured."""
    found: Results = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    found.pop("machine", None)
    return found


def run_peers(systems: Systems, wanted: Wanted, results: Results, store: Callable[[], None]) -> None:
    """Measure each system and `store` after each step: one that is stopped costs nobody else's figures."""
    for name, (fit, lacking) in systems.items():
        if not wanted.has(name):
            continue
        if lacking:
            print(f"skipped: {name}: {lacking}")
            continue
        say(name)
        found = results.setdefault(name, {})
        if "P1" in wanted.parts:
            found["P1"] = {**run_inside(fit), "date": date.today().isoformat()}
            store()
        if "P2" in wanted.parts:
            run_unseen(fit, found, wanted, JUDGED_MOST.get(name, 0), store)
        print(line_of(name, found), flush=True)


def run_inside(fit: Fit) -> dict[str, Any]:
    """Run P1, and measure what a message and a fit cost."""
    rows = cleaned("sms_spam_collection")
    assert rows is not None
    found, pooled = fold_figures(rows, fit, 5, spans=False)
    fitted, held = pooled.models[0]
    found["microseconds"] = round(microseconds(fitted, [rows[i].text for i in held][:300]), 1)
    found["fit_seconds"] = round(fitted.fit_seconds, 2)  # the first: later ones may remember its embeddings
    return found


def run_unseen(fit: Fit, found: dict[str, Any], wanted: Wanted, judged: int, store: Callable[[], None]) -> None:
    """Leave out one source after the other, as P2 does; Telegram groups are learnt from and not measured.

    At most `judged` messages of the source are judged, 0: all.
    """
    names = [name for name in (SHORT if wanted.quick else P2_SOURCES) if name not in missing(P2_SOURCES)]
    learnt = [*names, *([P2_BESIDE] if not missing([P2_BESIDE]) else [])]
    found["P2"] = {"date": date.today().isoformat(), "most": wanted.most, "judged": judged, "sources": {}}
    for name in names:
        found["P2"]["sources"][name] = p2_ranking(fit, name, learnt, wanted.most, judged)
        store()


def microseconds(fitted: Any, texts: list[str]) -> float:
    """Time one message, asked for alone as a service does; a number behind each defeats what systems remember."""
    fitted.judge(texts[:5])
    spent = []
    for number, text in enumerate(texts):
        begun = time.perf_counter()
        fitted.judge([f"{text} {number}"])
        spent.append(time.perf_counter() - begun)
    return statistics.median(spent) * 1e6  # a mean would count what other work on the machine took


def line_of(name: str, found: dict[str, Any]) -> str:
    """Write one line of the terminal."""
    parts = [f"{name:38}"]
    if one := found.get("P1"):
        parts.append(f"accuracy {one['accuracy']:.4f}  recall at 1 % {one['recall_at_fpr']['0.01']:.3f}")
        time_of_one = "" if one["microseconds"] is None else f"{one['microseconds']:.0f} us  "
        parts.append(f"{one['size_bytes'] / 1e6:.2f} MB  {time_of_one}fit {one['fit_seconds']:.1f} s")
    if sources := found.get("P2", {}).get("sources"):
        caught = [one["recall_at_fpr"]["0.01"] for one in sources.values()]
        parts.append(f"{len(caught)} unseen sources {sum(caught) / len(caught):.3f}")
    return "  ".join(parts)


def page(results: Results, machine: dict[str, Any]) -> list[str]:
    """Write both tables as a page of the docs."""
    lines = [
        "# Peers on the same splits",
        "",
        "Made by `make accuracy-peers`; all figures are in [accuracy-peers.json](accuracy-peers.json). The date is",
        f"that of a row's run; the last ran on {machine['cores']} cores and Python {machine['python']}.",
        "",
        "## Inside one collection",
        "",
        "P1: SMS Spam Collection, five folds, repeats left out. Times are in passing: the median of messages asked",
        "for alone and the first of five fits, on a machine that others may have used; to compare speed, see",
        "[speed.md](speed.md).",
        "",
        "![recall at 1 % against size and time](accuracy-peers.svg)",
        "",
        "| system | accuracy | F1 | 1-AUC % | recall at 1 % | MB | us a message | fit s | date |",
        "|---|--:|--:|--:|--:|--:|--:|--:|---|",
    ]
    for name, found in results.items():
        if one := found.get("P1"):
            asked = "not measured" if one["microseconds"] is None else f"{one['microseconds']:,.0f}"
            lines.append(
                f"| {name} | {one['accuracy']:.4f} | {one['f1']:.3f} | {100 * (1 - one['auc']):.2f} "
                f"| {one['recall_at_fpr']['0.01']:.3f} | {one['size_bytes'] / 1e6:.2f} | {asked} "
                f"| {one['fit_seconds']:.1f} | {one['date']} |"
            )
    return [*lines, "", *unseen_page(results)]
