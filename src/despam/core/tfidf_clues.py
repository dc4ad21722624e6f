"""Why, for the recipe `tfidf`: each n-gram's contribution, laid on the text that it was read from.

Knows how lowering, stripping accents and joining spaces move letters, so that offsets refer to the text as given. An
n-gram that stands in several places is shared out evenly between them. N-grams of words become clues of their own;
n-grams of characters are shared out evenly to the words they touch: nobody reads a list of a thousand letter triples.
Loaded when asked.

Invariant: `spans` gives the very n-grams that `Part.blocks` gives; contributions sum to the score less the bias.
"""

from __future__ import annotations

import re

from despam.core.model import Clue
from despam.core.tfidf import SPACES, Part, Tfidf, strip_accents

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    Span = tuple[str, int, int]  # n-gram, start and end in the prepared text; the padding of char_wb has no width

WORDS = re.compile(r"\S+")
LETTERS_LIMIT = 50_000  # a clue costs twenty times what a score does: behind it, one clue stands for all


def explain(model: Tfidf, text: str) -> list[Clue]:
    """Give one clue for each place that n-grams of words have, and one for each word that n-grams of letters touch."""
    shares: dict[tuple[int, int] | None, float] = {}
    words = [match.span() for match in WORDS.finditer(text[:LETTERS_LIMIT])]
    total = 0.0
    for part in model.parts:
        prepared, places = prepare(part, text[:LETTERS_LIMIT])
        counts = part.count(text)
        wholes = dict(zip(counts, part.contributions(counts), strict=True))
        total += sum(wholes.values())
        seen = occurrences(part, prepared, places) if part.hashed else counts
        for index, start, end in found(part, prepared, places):
            if whole := wholes.get(index, 0.0):
                targets = [(start, end)] if part.analyzer == "word" else touched(words, start, end)
                for target in targets:
                    shares[target] = shares.get(target, 0.0) + whole / (seen[index] * len(targets))
    clues = [make_clue(text, place, share) for place, share in shares.items()]
    if len(text) > LETTERS_LIMIT:
        rest = total - sum(shares.values())
        clues.append(Clue(f"everything after the first {LETTERS_LIMIT:,} letters", None, None, rest))
    return clues


def occurrences(part: Part, text: str, places: list[int]) -> dict[int, float]:
    """Count how often each bucket is met: signed counts do not tell."""
    seen: dict[int, float] = {}
    for index, _, _ in found(part, text, places):
        seen[index] = seen.get(index, 0.0) + 1.0
    return seen


def found(part: Part, text: str, places: list[int]) -> Iterator[tuple[int, int, int]]:
    """Give index, start and end of each n-gram."""
    for gram, start, end in spans(part, text, places):
        (code,) = part.look_up((gram,))
        yield code >> 1 if part.hashed else code, start, end


def make_clue(text: str, place: tuple[int, int] | None, share: float) -> Clue:
    """Give a clue about a span, or about the message's spaces."""
    if place is None or place[0] >= place[1]:
        return Clue("spaces" if place is None else "", None, None, share)
    return Clue(text[place[0] : place[1]], place[0], place[1], share)


def touched(words: list[tuple[int, int]], start: int, end: int) -> list[tuple[int, int] | None]:
    """Give the words that a span touches, [None] for a span of spaces alone."""
    low, high = 0, len(words)
    while low < high:  # the first word that ends behind the start
        middle = (low + high) // 2
        if words[middle][1] <= start:
            low = middle + 1
        else:
            high = middle
    found: list[tuple[int, int] | None] = []
    while low < len(words) and words[low][0] < end:
        found.append(words[low])
        low += 1
    return found or [None]


def prepare(part: Part, text: str) -> tuple[str, list[int]]:
    """Prepare as `Part.prepare` does, with the place in `text` that each letter comes from, and the end."""
    pieces = [letter.lower() if part.lowercase else letter for letter in text]
    if part.accents:
        pieces = [piece if piece.isascii() else strip_accents(piece, part.accents) for piece in pieces]
    places = [at for at, piece in enumerate(pieces) for _ in piece]
    prepared = part.prepare(text)
    # a sigma lowers by its neighbours, to another letter of the same length: lengths always agree
    return prepared, [*places, len(text)]


def spans(part: Part, text: str, places: list[int]) -> Iterator[Span]:
    """Cut the prepared text as `Part.blocks` does, with start and end in the text as given."""
    if part.analyzer == "word":
        yield from word_spans(part, text, places)
        return
    letters, places = join_spaces(text, places)
    if part.analyzer == "char":
        for size in range(part.low, min(part.high, len(letters)) + 1):
            for at in range(len(letters) - size + 1):
                yield letters[at : at + size], places[at], places[at + size - 1] + 1
        return
    for match in WORDS.finditer(letters):
        yield from inside_spans(part, match.group(), match.start(), places)


def word_spans(part: Part, text: str, places: list[int]) -> Iterator[Span]:
    """Cut words and their neighbours."""
    group = part.pattern.groups  # 0: the whole match
    tokens = [(match.group(group) or "", *match.span(group)) for match in part.pattern.finditer(text)]
    tokens = [token for token in tokens if token[0] not in part.stop_words]
    for size in range(part.low, min(part.high, len(tokens)) + 1):
        for at in range(len(tokens) - size + 1):
            run = tokens[at : at + size]
            start, end = max(run[0][1], 0), max(run[-1][2], 0)
            yield (
                " ".join([token[0] for token in run]),
                places[start],
                places[end - 1] + 1 if end > start else places[start],
            )


def join_spaces(text: str, places: list[int]) -> tuple[str, list[int]]:
    """Make one space of several, as SPACES does, with the places that stay."""
    joined: list[int] = []
    at = 0
    for match in SPACES.finditer(text):
        joined += places[at : match.start() + 1]
        at = match.end()
    return SPACES.sub(" ", text), joined + places[at:]


def inside_spans(part: Part, word: str, first: int, places: list[int]) -> Iterator[Span]:
    """Cut inside one word, padded by a space on either side that has no place of its own."""
    padded = f" {word} "
    own = [places[first], *places[first : first + len(word)], places[first + len(word) - 1]]
    for size in range(part.low, part.high + 1):
        for at in range(max(len(padded) - size, 0) + 1):
            gram = padded[at : at + size]
            yield gram, own[at], own[at + len(gram) - 1] + 1
        if size >= len(padded):
            break
