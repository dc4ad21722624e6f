"""A line of JSON that cannot be held is an error in its place."""

from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path

import pytest

from despam.corpus import Plan, blocks


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("size_bytes", [17 << 20, 40 << 20])
@pytest.mark.parametrize("end", [b"\n", b""])
def test_a_line_over_the_limit_costs_neither_the_others_nor_memory(
    tmp_path: Path, packed: bool, size_bytes: int, end: bytes
) -> None:
    path = tmp_path / ("a.jsonl.gz" if packed else "a.jsonl")
    behind = b'{"text": "two"}\n\n{"text": "three"}' if end else b""
    content = b'{"text": "one"}\n{"text": "' + b"x" * size_bytes + b'"}' + end + behind
    path.write_bytes(gzip.compress(content, 1) if packed else content)
    del content
    tracemalloc.start()
    rows, size = [], 0
    for block in blocks(path, Plan(), labelled=False):
        size += block.size()
        rows += [(row.line, row.text, row.error) for row in block.rows(Plan())]
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    error = "a line longer than 16 MiB; JSON Lines has one object a line"
    others = [(3, "two", ""), (5, "three", "")] if end else []
    assert rows == [(1, "one", ""), (2, "", error), *others]
    assert size == len(rows)
    assert peak_bytes < 24 << 20
