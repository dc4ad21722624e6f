"""Write a model file: the only place that does.

Knows the names in docs/model-file.md and the safetensors package. The same tensors and metadata give the same
bytes: keys are sorted, numbers are Python's shortest form. How a file is put in place is `core/writing.py`'s.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from despam.core.metadata import FORMAT
from despam.core.writing import replace_file
from despam.errors import DataError

Floats = NDArray[np.float64]
LARGEST = {"int8": 127, "int16": 32767}


def pack(tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any]) -> bytes:
    """Give the bytes of a model file; metadata values that are no strings are written as JSON."""
    from safetensors.numpy import save

    entries = {"format": FORMAT} | {
        key: value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
        for key, value in metadata.items()
    }
    # safetensors writes metadata in the order of its hash map, another one each time: put the header in order
    return sort_header(save(dict(tensors), metadata=entries))


def sort_header(data: bytes) -> bytes:
    """Write the JSON header again with sorted keys, padded to eight bytes."""
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    text = json.dumps(header, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data[8 + length :]


def write(path: str | os.PathLike[str], tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any]) -> bytes:
    """Write a model file and give its bytes."""
    data = pack(tensors, metadata)
    write_bytes(path, data)
    return data


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Put bytes in place of a file, whole or not at all. Raises DataError."""
    try:
        replace_file(path, data)
    except OSError as error:
        there = Path(path).parent.is_dir()
        step = "free space or give another path" if there else "give a path in a folder that exists"
        raise DataError(f"cannot be written ({error.strerror}); {step}", str(path)) from None


def quantise(values: Floats, kind: str = "int8") -> tuple[NDArray[Any], float]:
    """Round to integers with one unit for all, clipped where the squared error is least: (integers, unit)."""
    largest = LARGEST[kind]
    top = float(np.abs(values).max())
    if top == 0:
        return np.zeros(len(values), kind), 1.0
    best = (np.inf, top / largest)
    for share in range(8, 65):
        unit = top * share / 64 / largest
        rounded = np.clip(np.rint(values / unit), -largest, largest)
        error = float(np.square(rounded * unit - values).sum())
        if error < best[0]:
            best = (error, unit)
    return np.clip(np.rint(values / best[1]), -largest, largest).astype(kind), best[1]
