"""Speed beside what people would pick instead, in one run on one machine, on the same messages.

    make bench            every peer that can be had; writes docs/benchmarks/speed.md, .json and .svg
    make bench-quick      ours and scikit-learn, under two minutes

Knows who takes part, on what, and in which order; each system runs in a process of its own (speed_worker.py). Times are
medians of rounds in which the systems take turns, so that a busy moment of the machine hits all; the spread beside them
is the quartiles of the rounds; ratios are to despam in the same run.
"""

from __future__ import annotations

import argparse
import json
import pickle
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import accuracy_systems
import daemons
import speed_costs
import speed_peers
import speed_report
from speed_costs import quartiles
from speed_worker import SIZES, Failed, Worker

from despam import corpus
from despam.corpus import Row

BYTES = {"1 KB": 1_000, "10 KB": 10_000}
QUICK = ("scikit-learn, the tutorial's recipe", "scikit-learn, words + characters")
BULK = ("bulk MB/s", "bulk, all cores MB/s")
Figures = dict[str, Any]


def main() -> None:
    """Measure and report."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true", help="ours and scikit-learn only, on data/ alone")
    arguments.add_argument("--output", default="docs/benchmarks", help="the folder for table and plot")
    arguments.add_argument("--every", type=int, default=16, help="take every Nth message: MiniLM reads ten a second")
    arguments.add_argument("--trial", action="store_true", help="few rounds, no large files: figures for nobody")
    options = arguments.parse_args()
    short = options.quick or options.trial
    taught, held_out = split(read_rows(options.quick, options.every))
    texts = sample_texts(held_out, options.quick)
    report: dict[str, Any] = {
        "machine": speed_costs.machine(),
        "messages": [len(taught), len(held_out)],
        "every": 1 if options.quick else options.every,
        "cases": {size: len(texts[size]) for size in (*SIZES, "bulk")},
        "skipped": {},
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        report["systems"] = measure_all((taught, held_out, texts), folder, options.quick, short, report["skipped"])
        say("despam alone")
        report["systems"]["despam"] |= speed_costs.measure_ours(folder, texts, short)
        report["systems"]["despam"] |= speed_costs.measure_first(folder, short)
    print(speed_report.as_text(report))
    if not options.quick:
        speed_report.write(report, Path(options.output))
    (Path(tempfile.gettempdir()) / "despam-speed.json").write_text(json.dumps(report, indent=1))


def say(what: str) -> None:
    """Tell whoever waits what is going on."""
    print(f"... {what}", file=sys.stderr, flush=True)


def read_rows(quick: bool, every: int) -> list[Row]:
    """Read what is measured on: the SMS set, and mails where they are."""
    names = ["sms_spam_collection"] + ([] if quick else ["enron_spam", "spamassassin"])
    found = [path for path in map(corpus.find_corpus, names) if path]
    if len(found) < len(names):
        sys.stderr.write("the mail corpora are not on this machine: measuring on data/ alone (set DESPAM_CORPORA)\n")
    rows = [row for row in corpus.read(found) if not row.fields.get("dup") and not row.fields.get("label_conflict")]
    return rows if quick else rows[::every]


def split(rows: list[Row]) -> tuple[list[Row], list[Row]]:
    """Hold every fifth row out."""
    return [row for at, row in enumerate(rows) if at % 5], rows[::5]


def sample_texts(rows: Sequence[Row], quick: bool) -> dict[str, list[str]]:
    """Choose texts of each size: real ones where there are, else messages put together."""
    texts = [row.text for row in rows]
    chosen = {"SMS": [text for text in texts if 40 <= len(text) <= 200][:300]}
    for name, size in BYTES.items():
        real = [text[:size] for text in texts if len(text) >= size]
        chosen[name] = (real if len(real) >= 40 else joined(texts, size))[:60]
    bulk = [text for text in texts if len(text) >= 500] or joined(texts, 5_000)
    chosen["bulk"] = bulk[: 300 if quick else 2_000]
    return chosen


def joined(texts: Sequence[str], size: int) -> list[str]:
    """Put messages together to texts of one size."""
    stream = " ".join(texts)
    return [stream[at : at + size] for at in range(0, len(stream) - size, size)]


def participants(quick: bool) -> tuple[list[str], dict[str, str]]:
    """Name who takes part, and who does not with the reason."""
    peers = {**accuracy_systems.peers(), **daemons.peers()}
    asked = {name: lacking for name, (_, lacking) in peers.items() if not quick or name in QUICK}
    return ["despam", *(name for name in asked if not asked[name])], {name: why for name, why in asked.items() if why}


def measure_all(data: Any, folder: Path, quick: bool, short: bool, skipped: dict[str, str]) -> dict[str, Figures]:
    """Let each system learn and judge, then time them in turns; one that fails is named in `skipped`."""
    source = folder / "data.pkl"
    source.write_bytes(pickle.dumps(data))
    names, lacking = participants(quick)
    skipped |= lacking
    workers = {name: Worker(name, source) for name in names}
    figures: dict[str, Figures] = {name: speed_peers.describe(name) for name in names}
    turns = Turns(workers, figures, skipped)
    try:
        turns.each("learning", lambda name, worker: figures[name].update(worker.ask("fit")))
        turns.each("judging", lambda name, worker: figures[name].update(worker.ask("quality")))
        time_warm(turns, 5 if short else 9, 0.2 if short else 0.5)
        time_bulk(turns, 3 if short else 5, 2.0)
        time_first(turns, 3 if short else 7)
    finally:
        for worker in workers.values():
            worker.close()
    return figures


class Turns:
    """The systems that still take part; each does the same thing after the other."""

    def __init__(self, workers: dict[str, Worker], figures: dict[str, Figures], skipped: dict[str, str]) -> None:
        """Keep what is shared."""
        self.workers, self.figures, self.skipped = dict(workers), figures, skipped

    def each(self, what: str, do: Callable[[str, Worker], Any]) -> None:
        """Let each have its turn; who fails has no further one."""
        for name, worker in list(self.workers.items()):
            say(f"{what}: {name}")
            try:
                do(name, worker)
            except Failed as error:
                if name == "despam":
                    raise
                self.skipped[name] = f"{what}: {error}"
                del self.workers[name], self.figures[name]


def time_warm(turns: Turns, rounds: int, seconds: float) -> None:
    """Time one text at a time, in microseconds by size: median and quartiles of the rounds' p50, and p99 of all."""
    times: dict[str, dict[str, list[list[float]]]] = {name: {size: [] for size in SIZES} for name in turns.workers}

    def turn(name: str, worker: Worker) -> None:
        for size in SIZES:
            times[name][size].append(worker.ask("warm", size, seconds))

    for at in range(rounds):
        turns.each(f"warm, round {at + 1} of {rounds}", turn)
    for name in turns.workers:
        for size, found in times[name].items():
            every = [value for one in found for value in one]
            middles = [statistics.median(one) for one in found]
            turns.figures[name] |= {
                f"{size} p50 us": statistics.median(middles),
                f"{size} p50 us range": quartiles(middles),
                f"{size} p99 us": statistics.quantiles(every, n=100, method="inclusive")[98],
            }


def time_bulk(turns: Turns, rounds: int, seconds: float) -> None:
    """Measure MB/s in one call, on one thread and on all cores."""
    rates: dict[str, list[list[float]]] = {name: [] for name in turns.workers}
    for at in range(rounds):
        what = f"bulk, round {at + 1} of {rounds}"
        turns.each(what, lambda name, worker: rates[name].append(worker.ask("bulk", seconds)))
    for name in turns.workers:
        for column, found in zip(BULK, zip(*rates[name], strict=True), strict=True):
            turns.figures[name] |= {column: statistics.median(found), f"{column} range": quartiles(found)}


def time_first(turns: Turns, rounds: int) -> None:
    """Time fresh processes to their first verdict; despam's own is measured in a clean environment afterwards."""
    times: dict[str, list[float]] = {name: [] for name in turns.workers}

    def turn(name: str, worker: Worker) -> None:
        if name != "despam":
            times[name].append(worker.ask("first"))

    for at in range(rounds):
        turns.each(f"first verdict, round {at + 1} of {rounds}", turn)
    for name in turns.workers:
        if times[name]:
            found = times[name]
            turns.figures[name] |= {
                "first verdict ms": statistics.median(found),
                "first verdict ms range": quartiles(found),
            }


if __name__ == "__main__":
    main()
