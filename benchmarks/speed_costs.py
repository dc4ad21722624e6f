"""What despam itself costs: first verdict, scorer and handler, both engines, two cores, training, memory of a batch.

Each is measured in processes of their own, so that nothing is warm that a user's process would not have. Returns
figures; prints nothing but progress.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import service

from despam import corpus

ROOT = Path(__file__).resolve().parents[1]
FIRST = "import despam; despam.load().classify('WIN a free iPhone now').classification"

SCORER = """
import json, sys, time, statistics, despam
from despam.core import features
texts = json.load(open(sys.argv[1]))
model = despam.load()
def best(call, some):
    found = []
    for _ in range(15):
        begun = time.perf_counter_ns()
        for text in some: call(text)
        found.append((time.perf_counter_ns() - begun) / len(some) / 1000)
    return min(found)
bulk = texts["bulk"]
size = sum(len(text.encode("utf-8", "replace")) for text in bulk)
begun = time.perf_counter()
for text in bulk: model.score(text)
first = time.perf_counter() - begun
found = {"scorer SMS us": best(model.score, texts["SMS"]), "classify SMS us": best(model.classify, texts["SMS"])}
found["scorer 10 KB us"] = best(model.score, texts["10 KB"])
for name in ("SMS", "10 KB"):  # what one call of the kernel takes: no markup, no entity, nothing beyond ASCII
    plain = ["".join(letter for letter in text if " " <= letter <= "~" and letter not in "<&") for text in texts[name]]
    found[f"scorer plain {name} us"] = best(model.score, plain)
found["scorer bulk MB/s"] = size / best(model.score, bulk) / len(bulk)
found["scorer bulk first pass MB/s"] = size / first / 1e6
print(json.dumps(found))
"""

TRAIN = """
import json, resource, sys, time
from despam import corpus
from despam.train import train
begun = time.perf_counter()
rows = corpus.distinct(corpus.read(sys.argv[1:]), keep_repeats=True).rows
read = time.perf_counter() - begun
train(rows)
print(json.dumps({"messages": len(rows), "seconds": time.perf_counter() - begun, "reading seconds": read,
                  "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""


def machine() -> dict[str, Any]:
    """Name the machine and the day."""
    cpu = next((line.split(":")[1].strip() for line in read_cpu() if line.startswith("model name")), platform.machine())
    return {"cpu": cpu, "cores": os.cpu_count(), "python": platform.python_version(), "date": time.strftime("%Y-%m-%d"),
            "system": f"{platform.system()} {platform.release()}", "load before": os.getloadavg()[0]}  # fmt: skip


def read_cpu() -> list[str]:
    """Read what Linux says of the processor."""
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


def run_json(code: str, arguments: Sequence[str], pure: str = "") -> dict[str, float]:
    """Run a script in a process of its own and parse what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=os.environ | {"DESPAM_PURE": pure},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def measure_ours(folder: Path, texts: dict[str, list[str]], quick: bool) -> dict[str, Any]:
    """Measure what only despam has: engines, cores, training, batch."""
    (folder / "texts.json").write_text(json.dumps(texts))
    found: dict[str, Any] = {}
    for pure, engine in (("", "kernel"), ("1", "pure Python")):
        for name, value in run_json(SCORER, [str(folder / "texts.json")], pure).items():
            found[f"{engine}: {name}"] = value
    found |= measure_batch(folder, 20, 1) if quick else measure_batch(folder, 1_000, 3)
    paths = [
        path
        for folder in (corpus.corpora_folder() or corpus.data_folder(),)
        if folder
        for path in sorted(folder.glob("*.gz"))
    ]
    if not quick and len(paths) > 10:
        sys.stderr.write("training on every corpus\n")
        names = ("phishing_pot_2022_2024", "youtube_livechat_indonesian", "telegram_chinese")
        some = [str(path) for path in paths if not path.name.startswith(names)]
        found |= {f"training, all: {name}": value for name, value in run_json(TRAIN, some).items()}
    return found


def measure_batch(folder: Path, size_mb: int, turns: int) -> dict[str, float]:
    """Classify a file of mails with one process and with all, in turns: the median MB/s, and the parent's peak memory.

    One run of each is no figure: the machine is faster one minute than the next.
    """
    source = folder / "batch.jsonl"
    mails = [row.text for row in corpus.read([path for path in [find_mails()] if path])]
    lines = [json.dumps({"text": text}) for text in mails]
    with source.open("w", encoding="utf-8") as file:
        at = written = 0
        while written < size_mb * 1_000_000:
            written += file.write(lines[at % len(lines)] + "\n")
            at += 1
    runs: dict[str, list[float]] = {}
    for _ in range(turns):
        for jobs in (1, os.cpu_count() or 1):
            command = [sys.executable, "-m", "despam", "classify", "--batch", str(source), "-o",
                       str(folder / "out.jsonl"), "--jobs", str(jobs)]  # fmt: skip
            begun = time.perf_counter()
            peak_mb = run_watched(command)
            speed = written / 1e6 / (time.perf_counter() - begun)
            runs.setdefault(f"batch, {jobs} job(s): MB/s", []).append(speed)
            runs.setdefault(f"batch, {jobs} job(s): peak MB", []).append(peak_mb)
    source.unlink()
    return {name: max(each) if "peak" in name else statistics.median(each) for name, each in runs.items()}


def find_mails() -> Path | None:
    """Find mails, else the SMS set."""
    return corpus.find_corpus("enron_spam") or corpus.find_corpus("sms_spam_collection")


def run_watched(command: Sequence[str]) -> float:
    """Run a command and give the largest resident size of its process, in MB, read ten times a second."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = 0.0
    while process.poll() is None:
        try:
            peak = max(peak, service.read_resident(process.pid))
        except (OSError, IndexError, ValueError, StopIteration):
            break
        time.sleep(0.1)
    if process.wait():
        raise RuntimeError(f"{' '.join(command[:6])} failed")
    return peak


def measure_first(folder: Path, quick: bool) -> dict[str, Any]:
    """Time a fresh process to its first verdict in a clean environment, over a bare interpreter in turns."""
    python = service.make_environment(folder)
    times = []
    for _ in range(9 if quick else 25):
        first, bare = service.time_process(python, FIRST, ""), service.time_process(python, "", "")
        times.append(first[0] - bare[0])
    memory = service.read_memory(python, FIRST, "") - service.read_memory(python, "", "")
    return {
        "first verdict ms": statistics.median(times),
        "first verdict ms range": quartiles(times),
        "first verdict MB": memory,
    }


def quartiles(values: Sequence[float]) -> list[float]:
    """Give the first and the third quartile: half of what was measured lies between them."""
    first, _, third = statistics.quantiles(values, n=4, method="inclusive")
    return [first, third]
