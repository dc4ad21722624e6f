"""A large file through `despam classify --batch`: rows a second with one job and with two, and whether memory is flat.

    make bench-batch                   64 MB, a few seconds
    make bench-batch ARGS=--mb=1000    what was asked for: 1 GB

Writes JSON Lines of mails (Enron's where they are, else the messages in data/), again and again with other digits, so
that rows are distinct; the file is removed afterwards. Jobs take turns, so that a busy moment of the machine hits both.
Memory is read from /proc four times a second: the peak of parent and workers each, and the highest sum (PSS: what is
shared counts once) in the second and in the last quarter of the run, which are alike where memory is flat.
Two commands at once, each with the whole file, say what the machine gives two processes that share nothing.
Aims: 60 MB a process, 1.8 times the rows with two jobs where two cores are free.
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
from pathlib import Path
from typing import NamedTuple

from despam import corpus

MEMORY_LIMIT_MB, RATE_LIMIT = 60, 1.8
DIGITS = b"0123456789"


class Run(NamedTuple):
    """What one run of the command cost."""

    seconds: float
    cpu_seconds: float  # of all processes
    parent_mb: float
    worker_mb: float  # the largest worker, 0 without
    early_mb: float  # all processes, in the second quarter
    late_mb: float  # and in the last


def main() -> None:
    """Write the file, run, print."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--mb", type=int, default=64, help="size of the file")
    arguments.add_argument("--runs", type=int, default=2, help="runs of each number of jobs")
    arguments.add_argument("--folder", help="where the file goes; a temporary folder if not given")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        source = Path(folder) / "messages.jsonl"
        rows = write(source, options.mb * 1_000_000)
        print(f"{rows:,} rows, {source.stat().st_size / 1e6:,.0f} MB; {os.cpu_count()} cores", flush=True)
        found: dict[int, list[Run]] = {1: [], 2: []}
        apart = []
        for _ in range(options.runs):
            for jobs, runs in found.items():
                load = os.getloadavg()[0]
                runs.append(run(source, jobs))
                report(jobs, rows, runs[-1], load)
            apart.append(run_apart(source))
    check_rate(found, apart)


def write(target: Path, size_bytes: int) -> int:
    """Write distinct rows up to a size, and count them."""
    path = corpus.find_corpus("enron_spam") or corpus.find_corpus("sms_spam_collection")
    if path is None:
        sys.exit("no corpus is here: data/ is missing")
    if path.name.startswith("sms"):
        print("enron_spam is not on this machine (set DESPAM_CORPORA): short messages instead of mails")
    lines = [
        json.dumps(row.text, ensure_ascii=False).encode("utf-8", "backslashreplace") for row in corpus.read([path])
    ]
    rows = written = 0
    with target.open("wb") as file:
        for turn in range(1 << 30):
            other = bytes.maketrans(DIGITS, DIGITS[turn % 10 :] + DIGITS[: turn % 10])
            for line in lines:
                rows += 1
                written += file.write(b'{"id": %d, "text": %s %d"}\n' % (rows, line.translate(other)[:-1], rows))
                if written >= size_bytes:
                    return rows
    raise AssertionError("never reached")


def make_command(source: Path, target: Path, jobs: int) -> list[str]:
    """Give the command that is measured."""
    command = [sys.executable, "-m", "despam", "classify", "--batch"]
    return [*command, str(source), "-o", str(target), "--jobs", str(jobs)]


def run_apart(source: Path) -> float:
    """Run two commands at once, and give the seconds until both have ended."""
    targets = [source.with_name(f"verdicts-{number}.jsonl") for number in range(2)]
    before = time.perf_counter()
    running = [
        subprocess.Popen(make_command(source, target, 1), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for target in targets
    ]
    codes = [process.wait() for process in running]
    seconds = time.perf_counter() - before
    for target in targets:
        target.unlink(missing_ok=True)
    if any(codes):
        sys.exit(f"one of two commands at once ended with {max(codes)}")
    return seconds


def run(source: Path, jobs: int) -> Run:
    """Run the command and watch its memory."""
    target = source.with_name("verdicts.jsonl")
    command = make_command(source, target, jobs)
    before = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peaks: dict[int, float] = {}
    sums: list[float] = []
    while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
        ids = [process.pid, *children(process.pid)]
        peaks |= {each: max(peaks.get(each, 0.0), memory_mb(each, "status", "VmHWM:")) for each in ids}
        sums.append(sum(memory_mb(each, "smaps_rollup", "Pss:") for each in ids))
        time.sleep(0.25)
    seconds = time.perf_counter() - before
    _, status, used = ended
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}")
    target.unlink()
    parent = peaks.pop(process.pid)
    quarter = max(1, len(sums) // 4)
    early, late = max(sums[quarter : 2 * quarter] or sums), max(sums[-quarter:])
    return Run(seconds, used.ru_utime + used.ru_stime, parent, max(peaks.values(), default=0.0), early, late)


def children(parent: int) -> list[int]:
    """List the processes that one has started."""
    try:
        return [int(each) for each in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
    except OSError:
        return []


def memory_mb(process: int, file: str, name: str) -> float:
    """Read a figure from /proc; 0 for a process that has ended."""
    try:
        lines = Path(f"/proc/{process}/{file}").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(name)), 0.0)


def report(jobs: int, rows: int, found: Run, load: float) -> None:
    """Print one run."""
    over = f" (over {MEMORY_LIMIT_MB})" if max(found.parent_mb, found.worker_mb) > MEMORY_LIMIT_MB else ""
    print(f"--jobs {jobs}: {rows / found.seconds:9,.0f} rows a second", end="")
    print(f" ({found.seconds:.1f} s, CPU {found.cpu_seconds:.1f} s; load before {load:.1f})", end="")
    print(f", peak of the parent {found.parent_mb:.0f} MB, of a worker {found.worker_mb:.0f} MB{over}", end="")
    print(f"; together {found.early_mb:.0f} MB early, {found.late_mb:.0f} MB late", flush=True)


def check_rate(found: dict[int, list[Run]], apart: list[float]) -> None:
    """Print the ratio of the fastest runs, and of the medians; and what two processes gain that share nothing."""
    one, two = ([each.seconds for each in runs] for runs in found.values())
    fastest, median = min(one) / min(two), statistics.median(one) / statistics.median(two)
    print(f"two jobs are {fastest:.2f} times as fast as one (fastest), {median:.2f} (medians); the aim is {RATE_LIMIT}")
    fastest, median = 2 * min(one) / min(apart), 2 * statistics.median(one) / statistics.median(apart)
    print(f"two commands at once, which share nothing: {fastest:.2f} (fastest), {median:.2f} (medians)")
    free = 2 * min(each.cpu_seconds for each in found[1]) / min(each.cpu_seconds for each in found[2])
    print(f"by their CPU time alone: {free:.2f} on two cores that nobody else uses")


if __name__ == "__main__":
    main()
