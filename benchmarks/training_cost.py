"""What one run of `despam train` costs: seconds, CPU seconds, peak memory, and energy.

Knows where Linux shows the processor's own energy counters (RAPL). They count all that the machine does meanwhile, and
many machines, virtual ones most of all, do not show them: then energy is an estimate, CPU seconds times a stated
assumption, and says so. Refuses to know what is done with the figures.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

COUNTERS = Path("/sys/class/powercap")
WATTS = 10.0  # a busy core of a server with its share of memory and power supply: an assumption, not a measurement


@dataclass(frozen=True)
class Cost:
    """What a run took; joules are None where the machine does not show them."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    joules: float | None


def run_training(files: Sequence[str]) -> Cost:
    """Run the command in a process of its own and give its cost."""
    with tempfile.TemporaryDirectory() as folder:
        target = str(Path(folder) / "model.safetensors")
        command = [sys.executable, "-m", "despam", "train", *files, "-o", target, "--json"]
        counters, before = read_counters(), time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - before
        joules = spent(counters, read_counters())
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}")
    return Cost(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, joules)


def read_counters(folder: Path = COUNTERS) -> dict[str, tuple[int, int]]:
    """Read (microjoules, where the counter starts again) of each processor and its memory; empty where not shown."""
    found = {}
    for zone in sorted(folder.glob("intel-rapl:*")):
        try:
            # a part of a processor is counted in its whole already, save the memory
            if zone.name.count(":") > 1 and (zone / "name").read_text().strip() != "dram":
                continue
            found[zone.name] = int((zone / "energy_uj").read_text()), int((zone / "max_energy_range_uj").read_text())
        except (OSError, ValueError):  # root alone may read them on many machines
            return {}
    return found


def spent(before: dict[str, tuple[int, int]], after: dict[str, tuple[int, int]]) -> float | None:
    """Give the joules between two readings; a counter starts again at most once in the minutes of a training."""
    if not before or before.keys() != after.keys():
        return None
    differences = ((after[zone][0] - start, most) for zone, (start, most) in before.items())
    return sum(found + most if found < 0 else found for found, most in differences) / 1e6


def described(cost: Cost, messages: int) -> dict[str, Any]:
    """Say what a run cost as a model card does, measured or estimated."""
    joules = cost.cpu_seconds * WATTS if cost.joules is None else cost.joules
    how = (
        f"estimated: CPU seconds times an assumed {WATTS:g} W a busy core, as the machine showed no energy counters"
        if cost.joules is None
        else "measured: RAPL counters of processor and memory, whatever else ran on the machine included"
    )
    return {
        "messages": messages,
        "seconds": round(cost.seconds, 1),
        "cpu_seconds": round(cost.cpu_seconds, 1),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "watt_hours": float(f"{joules / 3600:.2g}"),
        "energy": how,
        "date": date.today().isoformat(),
    }


def bundled_cost() -> dict[str, Any] | None:
    """Train on what the bundled model learns from; None, said aloud, where its corpora are not on this machine."""
    from despam import corpus
    from despam.errors import TrainingError
    from despam.train.bundled import find_sources

    try:
        files = find_sources()
    except TrainingError as error:
        print(f"skipped: what training the bundled model takes: {error}")
        return None
    messages = len(corpus.distinct(corpus.read(files)).rows)
    return described(run_training(files), messages)
