"""What `despam train` costs: seconds by stage and peak memory, each run in a process of its own; and mails of 10 KB.

    make bench-training

Trains on the SMS Spam Collection and, where the larger corpora are, on all messages that may be trained on. The
whole is the real command, the peak is what the kernel says of its process; the stages come from a second process that
calls the same functions. Then real mails of Enron of 8 to 12 KB are scored on both engines. What is not on this machine
is skipped, and the skip is printed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from training_cost import run_training

import despam
from despam import corpus
from despam.core import engine

SMS = ("sms_spam_collection",)
MANY = (
    *SMS, "sms_smishing_mishra_soni", "sms_india", "telegram_groups", "telegram_russian", "spamassassin", "enron_spam",
    "youtube_spam_collection",
)  # fmt: skip
MAIL_BYTES = (8_000, 12_000)
MAILS = 200


def main() -> None:
    """Measure and print, or be one of the processes that are measured."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--part", choices=("stages", "mails"), help=argparse.SUPPRESS)
    arguments.add_argument("files", nargs="*", help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.part == "stages":
        print(json.dumps(stages([Path(name) for name in options.files])))
    elif options.part == "mails":
        print(json.dumps(score_mails(Path(options.files[0]))))
    else:
        measure_all()


def measure_all() -> None:
    """Train on few and on many, then score mails."""
    print(f"{os.cpu_count()} cores, load of the machine {os.getloadavg()[0]:.1f}")
    for title, names in (("the SMS Spam Collection", SMS), ("all that may be trained on", MANY)):
        paths = [corpus.find_corpus(name) for name in names]
        missing = [name for name, path in zip(names, paths, strict=True) if path is None]
        if missing:
            print(f"\n{title}: skipped, not on this machine: {', '.join(missing)} (set DESPAM_CORPORA)")
        else:
            report_training(title, [str(path) for path in paths])
    enron = corpus.find_corpus("enron_spam")
    if enron is None:
        print("\nmails of 10 KB: skipped, enron_spam is not on this machine (set DESPAM_CORPORA)")
        return
    print()
    for pure in (False, True):
        report_mails(enron, pure=pure)


def report_mails(enron: Path, *, pure: bool) -> None:
    """Score mails on one engine and print what one costs."""
    found = run([sys.executable, __file__, "--part", "mails", str(enron)], pure=pure)
    engine = "Python" if pure else "C kernel"
    if not pure and not found["native"]:
        print("mails of 10 KB, C kernel: skipped, it is not built here")
        return
    print(f"mails of 10 KB, {engine}: {found['median_us']:,.1f} us, median of {found['mails']} Enron mails five times")


def report_training(title: str, files: list[str]) -> None:
    """Run the command, then its stages, and print both."""
    cost = run_training(files)
    found = run([sys.executable, __file__, "--part", "stages", *files])
    print(f"\n{title}: {found.pop('read'):,.0f} messages read, {found.pop('distinct'):,.0f} different")
    energy = "" if cost.joules is None else f", {cost.joules / 3600:.2g} Wh of the whole machine"
    print(f"  despam train {cost.seconds:9.1f} s, CPU {cost.cpu_seconds:.1f} s, peak {cost.peak_mb:,.0f} MB{energy}")
    for stage, seconds in found.items():
        print(f"    {stage:12} {seconds:7.1f} s")


def run(command: list[str], *, pure: bool = False) -> dict[str, float]:
    """Run this script as another process and give what it found."""
    environment = {key: value for key, value in os.environ.items() if key != "DESPAM_PURE"}
    environment |= {"DESPAM_PURE": "1"} if pure else {}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def stages(paths: list[Path]) -> dict[str, float]:
    """Train as the command does, and give the seconds of each stage."""
    marks = [("", time.perf_counter())]

    def mark(stage: str) -> None:
        marks.append((stage, time.perf_counter()))

    from despam.train import train

    mark("imports")
    rows = list(corpus.read(paths))
    mark("reading")
    found = corpus.distinct(rows)
    mark("repeats")
    seen: set[str] = set()

    def tell(stage: str, done: int, of: int) -> None:
        if stage == "learning" and stage not in seen:
            mark("features")
        seen.add(stage)
        if stage == "learning" and done == of:
            mark("learning")

    trained = train(found.rows, progress=tell)
    mark("calibration")
    with tempfile.TemporaryDirectory() as folder:
        trained.save(Path(folder) / "model.safetensors")
    mark("writing")
    spent = {stage: at - before for (_, before), (stage, at) in pairwise(marks)}
    return {"read": len(rows), "distinct": len(found.rows), **spent}


def score_mails(path: Path) -> dict[str, float]:
    """Score real mails of some 10 KB on this process's engine."""
    low, high = MAIL_BYTES
    mails = [row.text for row in corpus.read([path]) if low <= len(row.text) <= high][:MAILS]
    model = despam.load()
    spent = []
    for text in mails * 5:
        before = time.perf_counter()
        model.classify(text)
        spent.append((time.perf_counter() - before) * 1e6)
    return {"native": engine.native is not None, "mails": len(mails), "median_us": statistics.median(spent)}


if __name__ == "__main__":
    main()
