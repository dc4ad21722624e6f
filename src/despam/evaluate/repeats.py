"""Which messages are the same, or nearly so.

Knows texts only. Two are repeats when their normal forms (`corpus.normal`: letters and digits only) are equal, and
near-copies when the Jaccard similarity of the sets of 5-character shingles of these forms is at least 0.8.

Candidates come from MinHash: each set is hashed once, the hash space is cut into 64 parts, the least hash of each part
is kept (one permutation hashing; an empty part borrows from the next: Shrivastava and Li, 2014), and 16 bands of
4 are compared, which finds a pair at 0.8 with a chance of 99.98 %. Every candidate is then checked exactly. Clusters
are the connected parts: A like B and B like C puts all three together.

Invariant: the answer depends on the texts and their order alone, not on PYTHONHASHSEED.
"""

from __future__ import annotations

import zlib
from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import lru_cache

from despam.corpus.repeats import normal

SIMILAR = 0.8
SHINGLE = 5
READ = 3_000  # characters of the normal form that are compared: what a model reads, too
PARTS = 64
REMEMBERED = 2_048  # hashes that a model file carries
HASHED = 2_000  # characters that a hash is taken of
TELLING = 12  # letters from which on a text tells where it comes from
BAND = 4
KEPT = 64  # members of a bucket that a text is compared with

_EDGES = [part << 26 for part in range(PARTS)]  # 64 parts of the 32 bits


def normalised_hash(text: str) -> int | None:
    """Give the CRC-32 of the normal form: what a model file remembers of a training message.

    Of the first 2,000 characters; None where less than 12 letters remain: "ok" and "thank you" are everybody's.
    """
    form = normal(text[:HASHED])
    return zlib.crc32(form.encode("utf-8", "surrogatepass")) if len(form) >= TELLING else None


def remembered(texts: Iterable[str], most: int = REMEMBERED) -> tuple[int, list[int]]:
    """Give (every, hashes): the hashes divisible by `every`, the least power of two that leaves `most` or fewer.

    What a model file carries: a fair sample of what it was trained on, in 8 KB however many messages there were.
    """
    hashes = {value for text in texts if (value := normalised_hash(text)) is not None}
    every = 1
    while len(hashes) > most:
        every *= 2
        hashes = {value for value in hashes if value % every == 0}
    return every, sorted(hashes)


def shingles(form: str) -> frozenset[int]:
    """Hash every run of five characters of a normal form; a shorter one is a shingle by itself."""
    form = form[:READ]
    crc32 = zlib.crc32
    if form.isascii():
        data = form.encode()
        return frozenset([crc32(data[i : i + SHINGLE]) for i in range(max(1, len(data) - SHINGLE + 1))])
    runs = (form[i : i + SHINGLE] for i in range(max(1, len(form) - SHINGLE + 1)))
    return frozenset([crc32(run.encode("utf-8", "surrogatepass")) for run in runs])


def jaccard(one: frozenset[int], other: frozenset[int]) -> float:
    """Give the share of the common shingles."""
    common = len(one & other)
    return common / (len(one) + len(other) - common)


def signature(marks: frozenset[int]) -> list[int]:
    """Give the least hash of each of 64 parts; an empty part borrows the next part's."""
    ordered = sorted(marks)
    ordered.append(ordered[0])
    return [ordered[bisect_left(ordered, edge, 0, len(ordered) - 1)] for edge in _EDGES]


Hashed = Callable[[str], frozenset[int]]


class _Parts:
    """Union-find: which messages hang together."""

    def __init__(self, size: int) -> None:
        self.parent = list(range(size))

    def find(self, item: int) -> int:
        parent = self.parent
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    def join(self, one: int, other: int) -> None:
        one, other = self.find(one), self.find(other)
        # the first message of a cluster gives it its number
        self.parent[max(one, other)] = min(one, other)


def clusters(
    texts: Sequence[str],
    similar: float = SIMILAR,
    *,
    hashed: Hashed = shingles,
    progress: Callable[[int, int], None] | None = None,
) -> list[int]:
    """Give each text the position of the first text of its cluster; `hashed` does what `shingles` does, faster."""
    parts = _Parts(len(texts))
    forms = _join_equal(texts, parts)

    @lru_cache(maxsize=1_024)
    def marks(i: int) -> frozenset[int]:
        return hashed(forms[i])

    buckets: dict[Hashable, list[int]] = {}
    sizes: dict[int, int] = {}  # a set of under 0.8 of another's size is not like it
    for done, i in enumerate(forms):
        if progress and done % 500 == 0:
            progress(done, len(forms))
        mine = marks(i)
        values = signature(mine)
        sizes[i] = len(mine)
        tried: set[int] = set()
        for band in range(0, PARTS, BAND):
            key = (band, *values[band : band + BAND])
            members = buckets.setdefault(key, [])
            # a bucket keeps its first members and the last: enough to hang on to (with 4 some pairs of short messages
            # stayed apart), never a square of a template's copies
            for j in members:
                if j in tried or min(sizes[i], sizes[j]) < similar * max(sizes[i], sizes[j]):
                    continue
                tried.add(j)
                if parts.find(i) != parts.find(j) and jaccard(mine, marks(j)) >= similar:
                    parts.join(i, j)
            if len(members) < KEPT:
                members.append(i)
            else:
                members[-1] = i
    return [parts.find(i) for i in range(len(texts))]


def _join_equal(texts: Sequence[str], parts: _Parts) -> dict[int, str]:
    """Join texts of one normal form; give the position and the form of the first of each."""
    first: dict[str, int] = {}
    for i, text in enumerate(texts):
        form = normal(text)
        if form in first:
            parts.join(first[form], i)
        else:
            first[form] = i
    return {i: form for form, i in first.items()}
