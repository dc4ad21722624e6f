# What the C kernel offers; the reference for each is in repair.py, features.py and train/solver.py.
from collections.abc import Callable
from typing import Any

FEATURE_VERSION: int
INTERFACE: int

Measured = tuple[tuple[int, ...], tuple[int, ...], int, int, bytes]

def ask(
    describe_characters: Callable[[str], bytes],
    named_entity: Callable[[str], str],
    compose: Callable[[str], str],
    cyrillic_letters: Callable[[], str],
) -> None: ...
def bind(weights: memoryview, known: memoryview, bias: float, factors: tuple[float, ...], limit: float) -> Any: ...
def score(handle: Any, text: str, repairs: bytes = ...) -> float | tuple[float, int, int, bytes] | None: ...
def measure(handle: Any, text: str, repairs: bytes = ...) -> Measured | None: ...
def scan_ids(text: str, mask: int, repairs: bytes = ...) -> tuple[bytes, tuple[int, ...], bytes] | None: ...
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
