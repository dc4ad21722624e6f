"""The engine in Python: what a model says of words it has met is kept, so that a warm text is a few look-ups a word.

Knows one model's integer weights and the definition in features.py. Does not know floats, cutoffs or the kernel.
Invariant: the integers are those of `features.scan` summed one by one; what is kept is only ever a sum of them, so
forgetting it (a memo that is full starts anew) changes nothing but time.
"""

from __future__ import annotations

from despam.core import features, shapes
from despam.core.repair import repair

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Measured = tuple[tuple[int, ...], tuple[int, ...], int, int, tuple[str, ...]]

MEMO_WORDS = 50_000  # entries of each memo: about 10 MB, then it starts anew
MEMO_LENGTH = 32  # longer words are no vocabulary


class WordMemo(dict[str, tuple[int, int, int, int, int]]):
    """Word -> (number of its grams, sum of their weights, its own weight, 1 if known, its hash in pairs)."""

    def __init__(self, weights: memoryview, known: memoryview) -> None:
        self.weights, self.mask = weights, len(weights) - 1
        self.known, self.known_mask = known, len(known) * 8 - 1

    def __missing__(self, word: str) -> tuple[int, int, int, int, int]:
        grams, hashed = features.word_grams(word), features.word_hash(word)
        at = hashed & self.known_mask
        value = (
            len(grams),
            sum([self.weights[gram & self.mask] for gram in grams]),
            self.weights[hashed & self.mask],
            self.known[at >> 3] >> (at & 7) & 1,
            features.pair_hash(word),
        )
        if len(word) <= MEMO_LENGTH:
            keep(self, word, value)
        return value


class ContextMemo(dict[str, tuple[int, int]]):
    """Context -> (number of its windows, sum of their weights)."""

    def __init__(self, weights: memoryview) -> None:
        self.weights, self.mask = weights, len(weights) - 1

    def __missing__(self, context: str) -> tuple[int, int]:
        grams = features.context_grams(context)
        value = (len(grams), sum([self.weights[gram & self.mask] for gram in grams]))
        keep(self, context, value)
        return value


class CaseMemo(dict[str, int]):
    """Word as written -> its weight."""

    def __init__(self, weights: memoryview) -> None:
        self.weights = weights

    def __missing__(self, word: str) -> int:
        value: int = self.weights[features.case_hash(word) & (len(self.weights) - 1)]
        if len(word) <= MEMO_LENGTH:
            keep(self, word, value)
        return value


class ShapeMemo(dict["shapes.Shape", int]):
    """Shape -> its weight."""

    def __init__(self, weights: memoryview) -> None:
        self.weights = weights

    def __missing__(self, shape: shapes.Shape) -> int:
        value: int = self.weights[features.shape_hash(shape) & (len(self.weights) - 1)]
        keep(self, shape, value)
        return value


def keep(memo: dict[Any, Any], key: object, value: object) -> None:
    """Remember a value; a full memo starts anew."""
    if len(memo) >= MEMO_WORDS:
        memo.clear()
    memo[key] = value


class Vocabulary:
    """What one model says of words, contexts, words as written and shapes."""

    def __init__(self, weights: memoryview, known: memoryview) -> None:
        """Start with nothing met; sizes are the caller's to check."""
        self.weights, self.mask = weights, len(weights) - 1
        self.words = WordMemo(weights, known)
        self.contexts, self.cased, self.shapes = ContextMemo(weights), CaseMemo(weights), ShapeMemo(weights)

    def measure(self, text: str) -> Measured:
        """Give (sums by group, counts by group, known words, distinct words, repairs)."""
        text, repaired = repair(text)
        words, written = features.split(text)
        found = shapes.shapes(text, words, written, repaired)
        shaped = sum(map(self.shapes.__getitem__, found))
        if not words:
            return (0, 0, 0, 0, shaped, 0), (0, 0, 0, 0, len(found), 0), 0, 0, repaired
        entries = dict(zip(words, map(self.words.__getitem__, words), strict=True))
        gram_counts, gram_sums, own, known, _ = zip(*entries.values(), strict=True)
        around = set(features.contexts(words))
        across = list(map(self.contexts.__getitem__, around))
        pairs = features.pair_ids([entries[word][4] for word in words], self.mask)
        cased = set(written).difference(words) if written != words else ()
        sums = (
            sum(gram_sums), sum([total for _, total in across]), sum(own), sum(map(self.weights.__getitem__, pairs)),
            shaped, sum(map(self.cased.__getitem__, cased)),
        )  # fmt: skip
        counts = (
            sum(gram_counts), sum([count for count, _ in across]), len(own), len(pairs), len(found), len(cased),
        )  # fmt: skip
        return sums, counts, sum(known), len(own), repaired
