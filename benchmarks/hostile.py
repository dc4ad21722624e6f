"""What texts that were made to be slow cost, beside an ordinary text of the same length, on both engines.

    make bench-hostile              the slowest twenty of each engine
    make bench-hostile ARGS=--all   every text

Knows the hostile texts and mails of tests/core/test_hostile_texts.py; a short one is repeated up to 1 MiB. Each engine
has a process of its own: the choice is made at import. Times are medians, the texts taking turns, so that a busy moment
of the machine hits all. Two aims are printed beside: 50 ms, and at most twice an ordinary text of that length. A text
of 1 MiB is cut to a window before it is scored: an ordinary one costs little, and the second aim is the harder one.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.core.test_hostile_texts import MAILS, TEXTS  # noqa: E402

import despam  # noqa: E402
from despam import corpus  # noqa: E402
from despam.core import engine  # noqa: E402

MIB = 1 << 20
LIMIT_MS, LIMIT_RATIO = 50.0, 2.0
ORDINARY = "an ordinary text"


class Timed(NamedTuple):
    """What one text cost."""

    name: str
    kind: str  # text, or mail
    size: int
    median_ms: float
    ratio: float = 1.0  # to an ordinary one of its kind


def main() -> None:
    """Measure each engine in its process and print the tables, or be such a process."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--runs", type=int, default=5, help="rounds; the median counts")
    arguments.add_argument("--all", action="store_true", help="print every text, not the slowest twenty")
    arguments.add_argument("--engine", choices=("here",), help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.engine:
        print(json.dumps({"native": engine.native is not None, "timed": measure(options.runs)}))
        return
    print(f"load of the machine: {os.getloadavg()[0]:.1f}")
    for pure in (False, True):
        found = in_process(options.runs, pure=pure)
        if not pure and not found["native"]:
            print("\nC kernel: skipped, it is not built here\n")
            continue
        report("Python" if pure else "C kernel", [Timed(*one) for one in found["timed"]], whole=options.all)


def in_process(runs: int, *, pure: bool) -> dict[str, list[list[str]]]:
    """Measure one engine."""
    environment = {key: value for key, value in os.environ.items() if key != "DESPAM_PURE"}
    environment |= {"DESPAM_PURE": "1"} if pure else {}
    command = [sys.executable, __file__, "--runs", str(runs), "--engine", "here"]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, list[list[str]]] = json.loads(done.stdout)
    return found


def measure(runs: int) -> list[Timed]:
    """Time every text and mail in this process's engine."""
    model = despam.load()
    works: dict[tuple[str, str, int], Callable[[], object]] = {}
    for name, text in {ORDINARY: ordinary(), **{name: stretch(text) for name, text in TEXTS.items() if text}}.items():
        works[name, "text", len(text)] = lambda text=text: model.classify(text)
        works[name, "mail", len(text)] = lambda text=text: model.classify(text, mail=True)
    for name, source in MAILS.items():
        works[f"{name} (source)", "mail", len(source)] = lambda source=source: model.classify_mail(source)
    times: dict[tuple[str, str, int], list[float]] = {key: [] for key in works}
    for _ in range(runs):
        for key, work in works.items():
            before = time.perf_counter()
            work()
            times[key].append((time.perf_counter() - before) * 1000)
    medians = {key: statistics.median(spent) for key, spent in times.items()}
    usual = {key[1]: median for key, median in medians.items() if key[0] == ORDINARY}
    return [Timed(*key, median, median / usual[key[1]]) for key, median in medians.items()]


def ordinary() -> str:
    """Give 1 MiB of real messages, one behind the other."""
    path = corpus.find_corpus("sms_spam_collection")
    if path is None:
        sys.exit("data/ is not here: nothing to compare with")
    return stretch("\n".join(row.text for row in corpus.read([path])))


def stretch(text: str) -> str:
    """Repeat a text up to 1 MiB, and cut it there."""
    return (text * (MIB // len(text) + 1))[:MIB] if len(text) < MIB else text[:MIB]


def report(engine: str, timed: list[Timed], *, whole: bool) -> None:
    """Print one engine's table, slowest first, and how many texts miss the aims."""
    shown = sorted(timed, key=lambda one: -one.median_ms)
    print(f"\n{engine}: aims are {LIMIT_MS:g} ms, and {LIMIT_RATIO:g} times an ordinary text of that length\n")
    print(f"{'text':52} {'read as':8} {'size':>9} {'median':>9} {'ratio':>7}")
    usual = [one for one in shown if one.name == ORDINARY]
    for one in usual + [one for one in (shown if whole else shown[:20]) if one.name != ORDINARY]:
        missed = [f"over {LIMIT_MS:g} ms"] * (one.median_ms > LIMIT_MS)
        missed += [f"over {LIMIT_RATIO:g} x"] * (one.ratio > LIMIT_RATIO)
        figures = f"{one.name:52} {one.kind:8} {one.size:9,} {one.median_ms:6.1f} ms {one.ratio:6.1f}x"
        print(figures, " " + ", ".join(missed) if missed else "")
    slow = sum(one.median_ms > LIMIT_MS for one in timed)
    dear = sum(one.ratio > LIMIT_RATIO for one in timed)
    print(f"\nof {len(timed)}: {slow} over {LIMIT_MS:g} ms, {dear} over {LIMIT_RATIO:g} times an ordinary text")


if __name__ == "__main__":
    main()
