"""What a training will take in memory, known before it starts.

Knows how many features a sample of the texts has and what each costs. Does not know labels or what is learnt. It says
and does not refuse: memory that is short may be swapped, and an estimate may be wrong (tests/train/test_memory.py holds
it to a third of what a training took).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from despam.train.recipe import Settings
from despam.train.table import Table

SAMPLE = 200  # texts, spread evenly over all
ID_BYTES = 4.5  # of a feature: its id, and what an array that grows keeps free
USUAL_BYTES = 200 << 20  # of Python with the training's libraries, where the system does not say
SOLVER_BYTES = 110 << 20  # weights, priors and counts of two fits at once, whatever the messages are


def expect_bytes(texts: Sequence[str], copies: int, settings: Settings) -> int:
    """Estimate the peak of this process, in bytes, when it learns from texts and so many disguised copies of them."""
    sample = texts[:: max(1, len(texts) // SAMPLE)]
    table = Table(settings.mask, settings.scales).extend(sample)
    features = len(table.ids) / max(1, len(sample)) * (len(texts) + copies)
    return resident_bytes() + SOLVER_BYTES + round(features * ID_BYTES)


def resident_bytes() -> int:
    """Give the memory that this process holds."""
    return read_kilobytes("/proc/self/status", "VmRSS:") or USUAL_BYTES


def available_bytes() -> int | None:
    """Give the memory that the machine can give without swapping, or None where it does not say."""
    return read_kilobytes("/proc/meminfo", "MemAvailable:")


def read_kilobytes(path: str, name: str) -> int | None:
    """Read one number of Linux's tables, in bytes; None elsewhere."""
    try:
        lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith(name)]
    return int(found[0]) << 10 if found else None
