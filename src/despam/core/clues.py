"""Why: every feature's contribution, laid on the words it was read from.

Knows where each feature stands in the text. A feature that stands in several places, or covers several words, is
shared out evenly; shapes become clues about the whole message. What the limit of a group takes from its sum it takes
from each of its features alike. Slower than scoring by a factor of twenty, and only run when asked. Invariant: the sum
of all contributions is the score less the bias, because each feature is shared out completely.
"""

from __future__ import annotations

from math import sqrt

from despam.core import features, shapes
from despam.core.model import Clue
from despam.core.repair import repair

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    Place = tuple[int, ...]  # the words that one occurrence of a feature covers
    Counted = tuple[list[int], list[list[Place]]]  # hashes counted together, and what they cover where they stand


def explain(text: str, weights: memoryview, factors: tuple[float, ...], limit: float) -> list[Clue]:
    """Give one clue a word with a contribution, and one a shape."""
    trace: list[list[tuple[int, int, str]]] = []
    repaired_text, repaired = repair(text, trace)
    words, written = features.split(repaired_text)
    shares = [0.0] * len(words)
    mask = len(weights) - 1
    for factor, counted in zip((*factors[:4], factors[5]), occurrences(words, written, mask), strict=True):
        each = limited(factor, [weights[hashed & mask] for hashes, _ in counted for hashed in hashes], limit)
        for hashes, places in counted:
            for hashed, covered in zip(hashes, zip(*places, strict=True), strict=True):
                contribution = each * weights[hashed & mask]
                for place in covered:
                    for word in place:
                        shares[word] += contribution / (len(covered) * len(place))
    clues = word_clues(text, repaired_text, trace, shares)
    found = sorted(shapes.shapes(repaired_text, words, written, repaired), key=shapes.shape_bytes)
    held = [weights[features.shape_hash(shape) & mask] for shape in found]
    each = limited(factors[4], held, limit)
    return clues + [
        Clue(shapes.describe(shape), None, None, each * weight)
        for shape, weight in zip(found, held, strict=True)
        if weight
    ]


def limited(factor: float, weights: list[int], limit: float) -> float:
    """Give what a weight of one in this group adds to the score, beside the others (hashed.HashedScorer.combine)."""
    if not weights:
        return 0.0
    each = factor / sqrt(len(weights))
    part = each * sum(weights) / limit
    return each / sqrt(1.0 + part * part)


def occurrences(words: list[str], written: list[str], mask: int) -> Iterator[list[Counted]]:
    """Give what is counted once, group by group without shapes."""
    where = places_of(words)
    yield [plain(features.word_grams(word), places) for word, places in where.items()]
    yield context_occurrences(words)
    yield [plain([features.word_hash(word)], places) for word, places in where.items()]
    yield pair_occurrences(words, mask)
    cased = [word if word != lower else "" for word, lower in zip(written, words, strict=True)]
    yield [plain([features.case_hash(word)], places) for word, places in places_of(cased).items() if word]


def places_of(units: list[str]) -> dict[str, list[int]]:
    """Give where each distinct one stands."""
    where: dict[str, list[int]] = {}
    for at, unit in enumerate(units):
        where.setdefault(unit, []).append(at)
    return where


def plain(hashes: list[int], places: list[int]) -> Counted:
    """Let every hash of a word cover that word."""
    return hashes, [[(at,)] * len(hashes) for at in places]


def context_occurrences(words: list[str]) -> list[Counted]:
    """Give each context with the words that each of its windows covers."""
    if len(words) < 2:
        return []
    owners: list[int] = [-1]
    blanks = []
    for at, word in enumerate(words):
        owners += [at] * len(word) + [-1]
        blanks.append(len(owners) - 1)
    found = []
    for context, places in places_of(features.contexts(words)).items():
        spans = features.windows(context)
        starts = [blanks[at] - features.CONTEXT for at in places]
        covered = [[covers(owners, first + start, first + end) for start, end in spans] for first in starts]
        found.append((features.context_grams(context), covered))
    return found


def covers(owners: list[int], start: int, end: int) -> Place:
    """Give the words that own the characters from start to end."""
    return tuple(sorted({owner for owner in owners[max(start, 0) : end] if owner >= 0}))


def pair_occurrences(words: list[str], mask: int) -> list[Counted]:
    """Give each id of a pair with the words of every pair that has it."""
    hashes = [features.pair_hash(word) for word in words]
    found: dict[int, list[list[Place]]] = {}
    for gap in features.GAPS:
        for at in range(len(words) - gap):
            pair = features.pair_id(hashes[at], hashes[at + gap], gap, mask)
            found.setdefault(pair, []).append([(at, at + gap)])
    return [([pair], places) for pair, places in found.items()]


def word_clues(
    text: str, repaired_text: str, trace: list[list[tuple[int, int, str]]], shares: list[float]
) -> list[Clue]:
    """Lay the shares on the text as given; words that came from one span there become one clue."""
    offsets = None
    if trace:
        from despam.core.offsets import Offsets  # a plain text stands where it stood

        offsets = Offsets(len(text), trace)
    merged: dict[tuple[int, int], float] = {}
    for (start, end), share in zip(word_spans(repaired_text), shares, strict=True):
        span = offsets.span(start, end) if offsets else (start, end)
        merged[span] = merged.get(span, 0.0) + share
    return [Clue(text[start:end], start, end, share) for (start, end), share in sorted(merged.items()) if share]


def word_spans(text: str) -> list[tuple[int, int]]:
    """Give the span of each word of a repaired text, in the order of `features.split`."""
    spans: list[tuple[int, int]] = []
    start = end = -1
    for at, character in enumerate(text):
        folded = features.FOLDING[ord(character)]
        if folded == "":
            continue  # an apostrophe belongs to the word around it
        if folded[0] == " ":
            if start >= 0:
                spans.append((start, end))
            start = -1
            if len(folded) > 1:
                spans.append((at, at + 1))
            continue
        if start < 0:
            start = at
        end = at + 1
    if start >= 0:
        spans.append((start, end))
    return spans
