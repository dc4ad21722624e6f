"""Why: every feature's contribution, laid on the words it was read from.

Knows where each feature stands in the text. A feature that stands in several places, or covers several words, is
shared out evenly; shapes become clues about the whole message. Slower than scoring by a factor of twenty, and only
run when asked. Invariant: the sum of all contributions is the score less the bias, because each feature is shared
out completely.
"""

from __future__ import annotations

from math import sqrt
from zlib import crc32

from despam.core import features, shapes
from despam.core.model import Clue
from despam.core.repair import Offsets, repair

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    Place = tuple[int, ...]  # the words that one occurrence of a feature covers


def explain(text: str, weights: memoryview, factors: tuple[float, ...]) -> list[Clue]:
    """Give one clue a word with a contribution, and one a shape."""
    trace: list[list[tuple[int, int, str]]] = []
    repaired_text, repaired = repair(text, trace)
    words, written = features.split(repaired_text)
    shares = [0.0] * len(words)
    mask = len(weights) - 1
    for group, seed_places in enumerate(occurrences(words, written)):
        places: dict[int, list[Place]] = {}
        for hashed, place in seed_places:
            places.setdefault(hashed & mask, []).append(place)
        for feature, found in places.items():
            contribution = factors_for(group, factors) * weights[feature] / sqrt(len(places))
            for place in found:
                for word in place:
                    shares[word] += contribution / (len(found) * len(place))
    clues = word_clues(text, repaired_text, trace, shares)
    return clues + shape_clues(repaired_text, words, written, repaired, weights, factors[4])


def factors_for(group: int, factors: tuple[float, ...]) -> float:
    """Give the factor of the group at this place of `occurrences`, which leaves shapes out."""
    return factors[group if group < 4 else 5]


def occurrences(words: list[str], written: list[str]) -> Iterator[Iterator[tuple[int, Place]]]:
    """Give, group by group without shapes, every occurrence as (32-bit hash, words covered)."""
    yield ((hashed, (at,)) for at, word in enumerate(words) for hashed in features.MEMO[word][0])
    yield across_occurrences(words)
    yield ((features.MEMO[word][1], (at,)) for at, word in enumerate(words))
    yield pair_occurrences(words)
    yield (
        (crc32(word.encode(), features.CASE), (at,))
        for at, (word, lower) in enumerate(zip(written, words, strict=True))
        if word != lower
    )


def across_occurrences(words: list[str]) -> Iterator[tuple[int, Place]]:
    """Give the windows across words."""
    if len(words) < 2:
        return
    line = f" {' '.join(words)} "
    owners: list[int] = [-1]
    for at, word in enumerate(words):
        owners += [at] * len(word) + [-1]
    for start, size in sorted(features.across_places(line)):
        place = tuple(sorted({owner for owner in owners[start : start + size] if owner >= 0}))
        yield crc32(line[start : start + size].encode(), features.ACROSS), place


def pair_occurrences(words: list[str]) -> Iterator[tuple[int, Place]]:
    """Give the pairs of words."""
    for gap in (1, 2, 3):
        for at in range(len(words) - gap):
            left, right = features.MEMO[words[at]][2], crc32(words[at + gap].encode(), features.PAIRS)
            yield left + right + gap * features.PAIR_STEP, (at, at + gap)


def word_clues(
    text: str, repaired_text: str, trace: list[list[tuple[int, int, str]]], shares: list[float]
) -> list[Clue]:
    """Lay the shares on the text as given; words that came from one span there become one clue."""
    offsets = Offsets(len(text), trace) if trace else None
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


def shape_clues(
    text: str, words: list[str], written: list[str], repaired: tuple[str, ...], weights: memoryview, factor: float
) -> list[Clue]:
    """Give one clue about the whole message for each shape; shapes that share a bucket share its weight."""
    mask = len(weights) - 1
    places: dict[int, list[bytes]] = {}
    for shape in sorted(shapes.shapes(text, words, written, repaired)):
        places.setdefault(crc32(shape, features.SHAPES) & mask, []).append(shape)
    clues: list[Clue] = []
    for feature, names in places.items():
        contribution = factor * weights[feature] / sqrt(len(places)) / len(names)
        if contribution:
            clues.extend(Clue(shapes.describe(name), None, None, contribution) for name in names)
    return clues
