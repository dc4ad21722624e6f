"""Compare kernel and Python on every message of every corpus there is: sums, counts, ids, scores. 0 differences or
exit code 1.

    python benchmarks/engines.py [--every N]

Knows both engines and the corpora. A difference is named by file and line, never by text.
"""

from __future__ import annotations

import argparse
import sys
import time

import despam
from despam import corpus
from despam.core import engine, features, hashed


def main() -> None:
    """Compare and report."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--every", type=int, default=1, help="compare every Nth message")
    every = arguments.parse_args().every
    if engine.native is None:
        sys.exit("the kernel is not built here: nothing to compare")
    opened = despam.load()
    kernel = opened.scorer
    assert isinstance(kernel, hashed.NativeScorer)
    unit = opened.settings
    reference = hashed.HashedScorer({"weights": kernel.weights, "known": kernel.known}, unit, opened.bias, opened.path)
    files = [
        path for folder in (corpus.data_folder(), corpus.corpora_folder()) if folder for path in folder.glob("*.gz")
    ]
    compared = differences = left = 0
    seconds = [0.0, 0.0]
    for path in {path.name: path for path in files}.values():
        for row in list(corpus.read([path]))[::every]:
            compared += 1
            left += engine.native.score(kernel.handle, row.text) is None
            if differs(row.text, kernel, reference, seconds):
                differences += 1
                print(f"{path.name}, line {row.line}: the engines differ")
    print(
        f"{compared:,} messages, {differences} differences, {left} left to Python to repair; "
        f"Python takes {seconds[1] / seconds[0]:.1f} times as long"
    )
    sys.exit(1 if differences else 0)


def differs(text: str, kernel: hashed.NativeScorer, reference: hashed.HashedScorer, seconds: list[float]) -> bool:
    """Compare one text."""
    begun = time.perf_counter()
    fast = (kernel.measure(text), kernel.integers(text))
    between = time.perf_counter()
    measured = reference.vocabulary.measure(text)
    seconds[0] += between - begun
    seconds[1] += time.perf_counter() - between
    sums, counts, known, words, repaired = measured
    slow = (reference.combine(sums, counts), repaired, hashed.too_little(known, words))
    same_ids = features.ids_native(text, kernel.mask)[:2] == features.ids_python(text, kernel.mask)[:2]
    return fast != (slow, measured) or not same_ids


if __name__ == "__main__":
    main()
