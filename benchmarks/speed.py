"""Speed beside what people would pick instead, in one run on one machine, on the same messages.

    make bench            every peer that can be had; writes docs/benchmarks/speed.md, .json and .svg
    make bench-quick      ours and scikit-learn, under two minutes

Knows how to time; the systems are accuracy_systems.py's, fitted on the same rows. Times are medians of rounds in
which the systems take turns, so that a busy moment of the machine hits all; ratios are to despam in the same run.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import accuracy_systems
import speed_costs
import speed_report

from despam import corpus
from despam.corpus import Row
from despam.evaluate.metrics import Ranking

SIZES = {"SMS": 160, "1 KB": 1_000, "10 KB": 10_000}
QUICK = ("scikit-learn, the tutorial's recipe", "scikit-learn, words + characters")
MINI_LM = "MiniLM + logistic regression"
Judge = Callable[[Sequence[str]], Any]


def main() -> None:
    """Measure and report."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true", help="ours and scikit-learn only, on data/ alone")
    arguments.add_argument("--output", default="docs/benchmarks", help="the folder for table and plot")
    arguments.add_argument("--every", type=int, default=3, help="take every Nth message: MiniLM reads ten a second")
    options = arguments.parse_args()
    taught, held_out = split(read_rows(options.quick, options.every))
    texts = sample_texts(held_out, options.quick)
    systems, skipped = fit_all(taught, options.quick)
    figures = {name: quality(system, held_out) for name, system in systems.items()}
    timed = {name: system for name, system in systems.items() if name != MINI_LM}
    if MINI_LM in systems:
        skipped[f"{MINI_LM}, times"] = (
            "its embeddings are kept between turns (mini_lm.py): warm times would be of that memo"
        )
    for name, times in warm_times(timed, texts, 5 if options.quick else 9).items():
        figures[name] |= times
    for name, rate in bulk_rates(timed, texts["bulk"]).items():
        figures[name] |= rate
    with tempfile.TemporaryDirectory() as folder:
        figures["despam"] |= speed_costs.measure_ours(Path(folder), texts, options.quick)
        speed_costs.measure_first_answers(Path(folder), figures, systems, taught, options.quick)
    report = {
        "machine": speed_costs.machine(),
        "messages": [len(taught), len(held_out)],
        "systems": figures,
        "skipped": skipped,
    }
    print(speed_report.as_text(report))
    if not options.quick:
        speed_report.write(report, Path(options.output))
    (Path(tempfile.gettempdir()) / "despam-speed.json").write_text(json.dumps(report, indent=1))


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
    for name, size in list(SIZES.items())[1:]:
        real = [text[:size] for text in texts if len(text) >= size]
        chosen[name] = (real if len(real) >= 40 else joined(texts, size))[:60]
    bulk = [text for text in texts if len(text) >= 500] or joined(texts, 5_000)
    chosen["bulk"] = bulk[: 300 if quick else 2_000]
    return chosen


def joined(texts: Sequence[str], size: int) -> list[str]:
    """Put messages together to texts of one size."""
    stream = " ".join(texts)
    return [stream[at : at + size] for at in range(0, len(stream) - size, size)]


def fit_all(rows: Sequence[Row], quick: bool) -> tuple[dict[str, Any], dict[str, str]]:
    """Fit despam and each peer on the same rows; one that is missing is named with the reason."""
    systems, skipped = {"despam": accuracy_systems.despam_file(rows)}, {}
    for name, (fit, missing) in accuracy_systems.peers().items():
        if quick and name not in QUICK:
            continue
        if missing:
            skipped[name] = missing
            continue
        sys.stderr.write(f"fitting {name}\n")
        systems[name] = fit(rows, None)
    return systems, skipped


def quality(system: Any, rows: Sequence[Row]) -> dict[str, float]:
    """Measure accuracy and recall on the rows held out."""
    spam = [row.label == "spam" for row in rows]
    scores, _ = system.judge([row.text for row in rows])
    right = sum((score >= system.cutoff) == is_spam for score, is_spam in zip(scores, spam, strict=True))
    return {
        "accuracy": right / len(rows),
        "recall at 1 %": Ranking(scores, spam).recall_at(0.01) or 0.0,
        "model bytes": system.size_bytes,
        "training s": system.fit_seconds,
    }


def warm_times(systems: dict[str, Any], texts: dict[str, list[str]], rounds: int) -> dict[str, dict[str, float]]:
    """Time one text at a time, the systems in turns: p50 and p99 in microseconds by size."""
    times: dict[str, dict[str, list[float]]] = {name: {size: [] for size in SIZES} for name in systems}
    for _ in range(rounds):
        for name, system in systems.items():
            for size in SIZES:
                slow = name not in ("despam", "fastText")
                times[name][size] += one_by_one(system.judge, texts[size][: 20 if slow else None])
    return {
        name: {
            f"{size} {part} us": value
            for size, found in by_size.items()
            for part, value in (("p50", statistics.median(found)), ("p99", statistics.quantiles(found, n=100)[98]))
        }
        for name, by_size in times.items()
    }


def one_by_one(judge: Judge, texts: Sequence[str]) -> list[float]:
    """Time each call, in microseconds."""
    clock = time.perf_counter_ns
    found = []
    for text in texts:
        begun = clock()
        judge([text])
        found.append((clock() - begun) / 1000)
    return found


def bulk_rates(systems: dict[str, Any], texts: Sequence[str]) -> dict[str, dict[str, float]]:
    """Measure MB/s over distinct texts in one call, one thread: the best of three turns."""
    size_mb = sum(len(text.encode("utf-8", "replace")) for text in texts) / 1e6
    best = dict.fromkeys(systems, float("inf"))
    for _ in range(3):
        for name, system in systems.items():
            begun = time.perf_counter()
            system.judge(texts)
            best[name] = min(best[name], time.perf_counter() - begun)
    return {name: {"bulk MB/s": size_mb / seconds} for name, seconds in best.items()}


if __name__ == "__main__":
    main()
