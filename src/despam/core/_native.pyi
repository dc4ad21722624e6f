# What the C kernel offers; the reference for each is in features.py and train/solver.py.
from typing import Any

FEATURE_VERSION: int
INTERFACE: int

Measured = tuple[tuple[int, ...], tuple[int, ...], int, int]

def bind(weights: memoryview, known: memoryview, bias: float, factors: tuple[float, ...]) -> Any: ...
def score(handle: Any, text: str) -> float | tuple[float, int, int] | None: ...
def scan(text: str, weights: memoryview, known: memoryview, repairs: bytes = ...) -> Measured | None: ...
def scan_ids(text: str, mask: int, repairs: bytes = ...) -> tuple[bytes, ...] | None: ...
def scan_line(
    line: bytes, written: bytes, bones: bytes, shapes: bytes, weights: memoryview, known: memoryview
) -> Measured: ...
def scan_line_ids(line: bytes, written: bytes, bones: bytes, shapes: bytes, mask: int) -> tuple[bytes, ...]: ...
def solve(
    ids: Any,
    ends: Any,
    values: Any,
    labels: Any,
    costs: Any,
    prior: Any,
    order: Any,
    active: int,
    weights: Any,
    alpha: Any,
    bias_prior: float,
    tolerance: float,
) -> float: ...
