"""Repaired text -> feature ids, in groups: THE definition, part of the file format (engine.VERSION).

Knows what is counted. Does not know weights, labels or where the text came from. What is counted is counted once a
message, however often it stands there; a feature's id is a 32-bit hash cut to `bits`.

    grams    the 4- and 5-grams of each distinct word between blanks
    across   the windows of 4 and 6 characters around each distinct blank-with-its-neighbours (a context)
    words    each distinct word
    pairs    two words that follow each other, or stand one or two words apart; each id once
    shapes   what the message looks like (shapes.py)
    case     each distinct word that holds a capital, as written

Words and contexts are the units, not ids: two words that share a gram both count it. So an engine may keep the sums
of a word it has met (vocabulary.py, `_native.c`), and give the same integers, bit for bit.

A word: letters and marks, lower case, every digit as 0, apostrophes (' and U+2019) dropped, every ideograph by itself.
U+02BC, an apostrophe to the eye, is a letter to Unicode and stays. Changing anything here, in shapes.py or in repair.py
changes what released models mean: raise engine.VERSION (fastText froze a sign bug for that).
"""

from __future__ import annotations

from zlib import crc32

from despam.core import engine, shapes
from despam.core.repair import REPAIRS, look_of, repair

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# one seed a group, so that the same letters mean different features in each
SEEDS = tuple(crc32(name.encode()) for name in engine.GROUPS)
GRAMS, ACROSS, WORDS, PAIRS, SHAPES, CASE = SEEDS
PAIR_FACTOR, PAIR_STEP = 31, 0x9E3779B1  # (31 a + b + gap * step): order and gap count, one multiplication
GAPS = (1, 2, 3)

EDGE = "\0\0\0"  # beyond the ends of a line, so that every blank inside has CONTEXT characters around it
CONTEXT = 4  # to the left and to the right of a blank: what a window of six that holds it can reach


class Folding(dict[int, str]):
    """What each character becomes inside words; learns characters beyond ASCII when it meets them."""

    def __missing__(self, code: int) -> str:
        if code < 128:  # another thread is between clear() and update()
            return ASCII_FOLDING[code]
        from unicodedata import category

        character = chr(code)
        kind = category(character)
        if kind == "Nd":
            folded = "0"
        elif shapes.is_ideograph(code):
            folded = f" {character} "
        elif kind[0] in "LM":
            folded = character
        else:
            folded = "" if character == "\u2019" else " "
        if len(self) > 20_000:
            self.clear()
            self.update(ASCII_FOLDING)
        self[code] = folded
        return folded


ASCII_FOLDING = {
    code: chr(code) if chr(code).isalpha() else "0" if chr(code).isdigit() else "" if chr(code) == "'" else " "
    for code in range(128)
}
FOLDING = Folding(ASCII_FOLDING)


def split(text: str) -> tuple[list[str], list[str]]:
    """Give the words in lower case and as written, place for place."""
    folded = text.translate(FOLDING)
    if folded.isascii():
        return folded.lower().split(), folded.split()
    # str.lower() looks around a capital sigma; here each character stands for itself
    return folded.replace("\u03a3", "\u03c3").lower().split(), folded.split()


def word_grams(word: str) -> list[int]:
    """Hash the 4- and 5-grams of one word between blanks."""
    padded = f" {word} "
    if padded.isascii():
        data = padded.encode()
        return [crc32(data[at : at + size], GRAMS) for size in (4, 5) for at in range(len(data) - size + 1)]
    return [crc32(padded[at : at + size].encode(), GRAMS) for size in (4, 5) for at in range(len(padded) - size + 1)]


def contexts(words: list[str]) -> list[str]:
    """Give the characters around each blank between words: CONTEXT before it, the blank, CONTEXT after it."""
    line = f"{EDGE} {' '.join(words)} {EDGE}"
    found = []
    at = len(EDGE)
    for word in words[:-1]:
        at += len(word) + 1
        found.append(line[at - CONTEXT : at + CONTEXT + 1])
    return found


def windows(context: str) -> list[tuple[int, int]]:
    """Give (start, end) of the windows of 4 and 6 characters of a context with its blank inside."""
    places = [(2, 6), (3, 7), *((at, at + 6) for at in range(CONTEXT))]
    return [(start, end) for start, end in places if "\0" not in context[start:end]]


def context_grams(context: str) -> list[int]:
    """Hash those windows."""
    return [crc32(context[start:end].encode(), ACROSS) for start, end in windows(context)]


def word_hash(word: str) -> int:
    """Hash a word: its id, and its place among the known ones."""
    return crc32(word.encode(), WORDS)


def pair_hash(word: str) -> int:
    """Hash a word as part of a pair."""
    return crc32(word.encode(), PAIRS)


def case_hash(word: str) -> int:
    """Hash a word as written."""
    return crc32(word.encode(), CASE)


def shape_hash(shape: shapes.Shape) -> int:
    """Hash a shape."""
    return crc32(shapes.shape_bytes(shape), SHAPES)


def pair_id(left: int, right: int, gap: int, mask: int) -> int:
    """Give the id of two words by their hashes and how far they stand apart."""
    return PAIR_FACTOR * left + right + gap * PAIR_STEP & mask


def pair_ids(hashes: list[int], mask: int) -> set[int]:
    """Give the ids of the pairs of words whose hashes stand in a row: pair_id of each, in line for speed."""
    found: set[int] = set()
    for gap in GAPS:
        step = gap * PAIR_STEP
        found.update([PAIR_FACTOR * a + b + step & mask for a, b in zip(hashes, hashes[gap:])])  # noqa: B905  the shorter ends it
    return found


# of a row, for training: ids of all groups one after another, in order inside each; how many each has; words' hashes
Ids = tuple[bytes, tuple[int, ...], bytes]


def scan(text: str, mask: int) -> tuple[list[list[int]], list[int], tuple[str, ...]]:
    """Repair `text` and give (the ids of each group, the 32-bit hashes of its distinct words, the repairs).

    The reference: nothing is kept between texts. An id stands as often as it is counted.
    """
    text, repaired = repair(text)
    words, written = split(text)
    distinct = dict.fromkeys(words)
    hashes = [word_hash(word) for word in distinct]
    cased = dict.fromkeys(word for word, lower in zip(written, words, strict=True) if word != lower)
    groups: list[Iterable[int]] = [
        (gram for word in distinct for gram in word_grams(word)),
        (gram for context in dict.fromkeys(contexts(words)) for gram in context_grams(context)),
        hashes,
        pair_ids([pair_hash(word) for word in words], mask),
        map(shape_hash, shapes.shapes(text, words, written, repaired)),
        map(case_hash, cased),
    ]
    return [[hashed & mask for hashed in group] for group in groups], hashes, repaired


def ids_python(text: str, mask: int) -> Ids:
    """`ids`, in Python alone."""
    from array import array

    groups, hashes, _ = scan(text, mask)
    in_order = (array("I", sorted(group)).tobytes() for group in groups)
    return b"".join(in_order), tuple(map(len, groups)), array("I", hashes).tobytes()


def repairs_at(places: bytes) -> tuple[str, ...]:
    """Give the repairs whose places in REPAIRS these are."""
    kinds = tuple(REPAIRS)
    return tuple(kinds[place] for place in places)


def ids_native(text: str, mask: int) -> Ids:
    """`ids`, with the kernel."""
    found: Ids | None = engine.native.scan_ids(text, mask)
    if found is None:
        text, repaired = repair(text)
        found = engine.native.scan_ids(text, mask, repair_places(repaired))
        assert found is not None
    return found


def repair_places(repaired: tuple[str, ...]) -> bytes:
    """Give the places of repairs in REPAIRS, one byte each: what the kernel takes for them."""
    return bytes(shape & 0xFF for shape in shapes.repair_shapes(repaired))


# what the kernel asks of a character beyond ASCII: `Character` in _native.c
LETTER, UPPER, LOWER, DIGIT, CHANGES, IDEOGRAPH, ALPHANUMERIC = 1, 2, 4, 8, 16, 32, 64


def describe_characters(characters: str) -> bytes:
    """Describe characters to the kernel, 32 bytes each; it asks once for every one that it meets.

    The tables are those of the running interpreter, so the kernel cannot disagree with `split`, `skeleton` and repair.
    """
    return b"".join(map(describe_character, characters))


def describe_character(character: str) -> bytes:
    """Give skeleton, flags, how repair sees it; expansion, as written, lower case; its Latin look-alike."""
    from struct import pack
    from unicodedata import category

    from despam.core.look_alikes import LATIN_FOR

    folded = FOLDING[ord(character)]
    written = folded.strip() or (chr(1) if not folded else chr(0))  # 1: nothing, 0: a separator
    lower = "\u03c3" if written == "\u03a3" else written.lower()
    flags = (
        LETTER * character.isalpha()
        | UPPER * written.isupper()
        | LOWER * (written.islower() or category(written) == "Lt")
        | DIGIT * (category(character) == "Nd")
        | CHANGES * (written != lower)
        | IDEOGRAPH * shapes.is_ideograph(ord(character))
        | ALPHANUMERIC * character.isalnum()
    )
    look, expansion = look_of(character)
    points = [*padded(expansion, 3), ord(written), *padded(lower, 2), ord(LATIN_FOR.get(character, "\0"))]
    return pack("<BBBx7I", shapes.skeleton(character)[0], flags, look, *points)


def padded(text: str, size: int) -> list[int]:
    """Give the code points of a text, zeros after it."""
    return [*map(ord, text), *[0] * (size - len(text))]


# ids(text, mask) -> (ids group by group, in order inside each; how many each group has; hashes of the distinct words);
# ids and hashes as the bytes of uint32
ids = ids_native if engine.native else ids_python
