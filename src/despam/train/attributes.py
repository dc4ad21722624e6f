"""The attributes of a fitted scikit-learn object, whether it is an inert stand-in or alive.

Knows how stand-ins keep their state, and how to make float64 vectors of the arrays and sparse matrices they hold.
Refuses to know what an attribute means. Invariant: nothing of a stand-in is called, and a matrix made here has no more
numbers than the bytes it is of, a sparse one than LIMIT_NUMBERS; it is filled only inside of its shape.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from despam.errors import PickleRefused
from despam.train.inert import Array, Inert, Name

Vector = np.ndarray[Any, np.dtype[np.float64]]
LIMIT_NUMBERS = 1 << 27  # 1 GiB of float64


def kind_of(thing: Any) -> str:
    """Name the class of a stand-in or a live object."""
    return thing.name if isinstance(thing, Inert) else type(thing).__name__


def get(thing: Any, key: str, default: Any = None) -> Any:
    """Read a stored attribute."""
    state = thing.state if isinstance(thing, Inert) else getattr(thing, "__dict__", {})
    return state.get(key, default)


def shown(value: Any) -> str:
    """Name a value in a message; never by `repr`, which a hostile structure makes endless."""
    if isinstance(value, str | int | float | Name):
        return str(value)[:60]
    return getattr(value, "__qualname__", None) or kind_of(value)


def need(thing: Any, key: str) -> Any:
    """Read an attribute that fitting sets."""
    value = get(thing, key)
    if value is None:
        raise PickleRefused(f"the {kind_of(thing)} is not fitted (it has no {key}): fit it before dumping it")
    return value


def matrix(value: Any) -> Vector:
    """Make a float64 array of an array or a sparse matrix."""
    if isinstance(value, Array):
        if value.kind.letter not in "fiub":
            raise PickleRefused("an array of the model holds no numbers")
        code = f"{value.kind.order}{value.kind.letter}{value.kind.item_bytes}"
        numbers = np.frombuffer(bytes(value.data), dtype=code)
        return numbers.reshape(value.shape, order="F" if value.fortran else "C").astype(np.float64)
    if isinstance(value, Inert):
        return dense(value)
    if hasattr(value, "toarray"):
        value = value.toarray()
    return np.asarray(value, dtype=np.float64)


def vector(value: Any) -> Vector:
    """Make a flat float64 array."""
    return matrix(value).ravel()


def diagonal(value: Any) -> Vector:
    """Give the numbers of a diagonal matrix: how scikit-learn before 1.5 kept its idf."""
    if not isinstance(value, Inert):
        return np.asarray(value.diagonal(), dtype=np.float64)
    if kind_of(value).startswith(("csr", "csc")):
        side = sparse_shape(value)[0]
        columns = matrix(need(value, "indices"))
        if columns.size != side or not np.array_equal(columns, np.arange(side)):
            raise PickleRefused("the idf is no diagonal matrix")
    return vector(need(value, "data"))


def dense(value: Inert) -> Vector:
    """Fill a sparse matrix of one row or few; each index is checked."""
    if not kind_of(value).startswith("csr"):
        raise PickleRefused(f"the coefficients are a {kind_of(value)}; a dense array or a csr_matrix can be carried")
    rows, columns = sparse_shape(value)
    if rows * columns > LIMIT_NUMBERS:
        raise PickleRefused(f"a sparse matrix of {rows:,} x {columns:,} is too large")
    starts, places = matrix(need(value, "indptr")), matrix(need(value, "indices")).astype(np.int64)
    numbers = vector(need(value, "data"))
    if len(starts) != rows + 1 or starts[0] != 0 or starts[-1] > len(numbers) or np.any(np.diff(starts) < 0):
        raise PickleRefused("a sparse matrix lies about its rows")
    if len(places) < starts[-1] or np.any((places < 0) | (places >= columns)):
        raise PickleRefused("a sparse matrix lies about its columns")
    filled = np.zeros((rows, columns))
    for row in range(rows):
        span = slice(int(starts[row]), int(starts[row + 1]))
        np.add.at(filled[row], places[span], numbers[span])
    return filled


def sparse_shape(value: Inert) -> tuple[int, int]:
    """Read a sparse matrix's shape."""
    shape = need(value, "_shape")
    if (
        not isinstance(shape, tuple)
        or len(shape) != 2
        or not all(isinstance(side, int) and side >= 0 for side in shape)
    ):
        raise PickleRefused("a sparse matrix has no shape")
    return shape
