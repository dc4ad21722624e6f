"""Messages as arrays of feature ids: no Python object a feature.

Knows `core.features` and numpy. Does not know labels' meaning for learning, solvers or files. A row has six groups
of ids; the value of a feature is scale / sqrt(number of ids of its group in the row), so only ids, ends and six
values a row are kept. An id stands as often as it is counted.

    ids     uint32, all rows one after another, sorted inside each group, so that both engines give the same floats
    ends    int64 (rows, 6): where each group ends in ids; the first starts at 0
    values  float64 (rows, 6)
    words   uint32, the 32-bit hashes of each row's distinct words; word_ends int64 (rows,)
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable
from itertools import accumulate, islice

import numpy as np
from numpy.typing import NDArray

from despam.core import engine, features

BLOCK = 2_000  # rows that are counted at once


class Table:
    """The features of a list of texts."""

    def __init__(self, mask: int, scales: dict[str, float]) -> None:
        self.mask = mask
        self.scales = np.array([scales[group] for group in engine.GROUPS])
        self._ids = array("I")
        self._ends = array("q")
        self._words = array("I")
        self._word_ends = array("q")

    def add(self, text: str) -> None:
        """Append one row."""
        ids, counts, words = features.ids(text, self.mask)
        self._ends.extend(islice(accumulate(counts, initial=len(self._ids)), 1, None))
        self._ids.frombytes(ids)
        self._words.frombytes(words)
        self._word_ends.append(len(self._words))

    def extend(self, texts: Iterable[str], progress: Callable[[int], None] | None = None) -> Table:
        """Append a row for each text, telling `progress` the number of rows done."""
        for count, text in enumerate(texts, 1):
            self.add(text)
            if progress and count % 500 == 0:
                progress(count)
        return self

    def __len__(self) -> int:
        return len(self._word_ends)

    @property
    def ids(self) -> NDArray[np.uint32]:
        """All ids."""
        return np.frombuffer(self._ids, np.uint32)

    @property
    def ends(self) -> NDArray[np.int64]:
        """Where each group ends."""
        return np.frombuffer(self._ends, np.int64).reshape(-1, len(engine.GROUPS))

    @property
    def values(self) -> NDArray[np.float64]:
        """The value of a feature of each group in each row."""
        flat = self.ends.reshape(-1)
        counts = np.diff(flat, prepend=0).reshape(self.ends.shape)
        return np.asarray(self.scales / np.sqrt(np.maximum(counts, 1)), np.float64)

    def row_span(self, first: int, last: int) -> tuple[int, int]:
        """Give where the ids of rows first to last (not included) lie."""
        ends = self.ends
        return (int(ends[first - 1, -1]) if first else 0), (int(ends[last - 1, -1]) if last else 0)

    def document_counts(self, first: int, last: int, among: NDArray[np.bool_] | None = None) -> NDArray[np.int32]:
        """Count in how many of the rows first to last each bucket occurs (a bucket in two groups counts twice).

        With `among`, a truth value a row from `first` on, only in those of them that are true.
        """
        counts = np.zeros(self.mask + 1, np.int32)
        for at in range(first, last, BLOCK):
            stop = min(at + BLOCK, last)
            start, end = self.row_span(at, stop)
            ids, ends = self.ids[start:end], self.ends[at:stop] - start
            # an id that stands more than once in its group counts once: equal ones stand side by side
            fresh = np.ones(len(ids), bool)
            np.not_equal(ids[1:], ids[:-1], out=fresh[1:])
            starts = ends.reshape(-1)[:-1]
            fresh[starts[starts < len(ids)]] = True
            if among is not None:
                fresh &= np.repeat(among[at - first : stop - first], np.diff(ends[:, -1], prepend=0))
            counts += np.bincount(ids[fresh], minlength=self.mask + 1)
        return counts

    def known_words(self, least: int, rows: int) -> NDArray[np.uint32]:
        """Give the hashes of words that occur in at least `least` of the first rows."""
        words = np.frombuffer(self._words, np.uint32)[: self._word_ends[rows - 1]]
        hashes, counts = np.unique(words, return_counts=True)
        return np.asarray(hashes[counts >= least], np.uint32)
