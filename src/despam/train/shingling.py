"""The shingles of `evaluate.repeats`, by arrays: what a promise costs before training starts.

Knows the CRC-32 of five bytes as five table look-ups. Refuses to know what shingles are for. Invariant: the same sets
as `repeats.shingles`, which is the definition (tests/train/test_shingling.py).
"""

from __future__ import annotations

import zlib

import numpy as np

from despam.evaluate import repeats

SHINGLE = repeats.SHINGLE
_ZERO = zlib.crc32(bytes(SHINGLE))
# of a byte at each place: what it turns in the CRC-32 of zeros, as the CRC is linear
_TABLES = [
    np.array(
        [zlib.crc32(bytes(at) + bytes([byte]) + bytes(SHINGLE - 1 - at)) ^ _ZERO for byte in range(256)], np.uint32
    )
    for at in range(SHINGLE)
]


def shingles(form: str) -> frozenset[int]:
    """Hash every run of five characters of a normal form."""
    form = form[: repeats.READ]
    if not form.isascii() or len(form) < SHINGLE:
        return repeats.shingles(form)
    data = np.frombuffer(form.encode(), np.uint8)
    runs = len(data) - SHINGLE + 1
    hashes = np.full(runs, _ZERO, np.uint32)
    for at, table in enumerate(_TABLES):
        hashes ^= table[data[at : at + runs]]
    return frozenset(hashes.tolist())
