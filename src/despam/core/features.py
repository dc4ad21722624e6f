"""Repaired text -> feature ids, in groups: THE definition, part of the file format (VERSION).

Knows what is counted. Does not know weights, labels or where the text came from. A feature is present or not; its
id is a 32-bit hash cut to `bits`. `_native.c` holds the same loops: `scan` gives the same ids from both, bit for
bit.

    grams    4- and 5-grams of each word between blanks
    across   4- and 6-grams of the words with a blank inside
    words    each word
    pairs    two words that follow each other, or stand one or two words apart
    shapes   what the message looks like (shapes.py)
    case     words that hold a capital, as written

A word: letters and marks, lower case, every digit as 0, apostrophes dropped, every ideograph by itself. Changing
anything here, in shapes.py or in repair.py changes what released models mean: raise VERSION (fastText froze a sign
bug for that).
"""

from __future__ import annotations

import os
from zlib import crc32

from despam.core import shapes
from despam.core.repair import repair

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    Measured = tuple[tuple[int, ...], tuple[int, ...], int, int, tuple[str, ...]]

VERSION = 1
INTERFACE = 2  # of the kernel: a stale build of it is refused
GROUPS = ("grams", "across", "words", "pairs", "shapes", "case")
# one seed a group, so that the same letters mean different features in each
SEEDS = tuple(crc32(name.encode()) for name in GROUPS)
GRAMS, ACROSS, WORDS, PAIRS, SHAPES, CASE = SEEDS
PAIR_FACTOR, PAIR_STEP = 31, 0x9E3779B1  # (31 a + b + gap * step): order and gap count, one multiplication

MEMO_WORDS = 50_000  # words whose ids are kept: about 30 MB, then it starts anew
MEMO_LENGTH = 32  # longer words are no vocabulary


class Folding(dict[int, str]):
    """What each character becomes inside words; learns characters beyond ASCII when it meets them."""

    def __missing__(self, code: int) -> str:
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
            folded = "" if character in "\u2019\u02bc" else " "
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


class Memo(dict[str, tuple[tuple[int, ...], int, int]]):
    """Word -> (ids of its grams, its own id, its hash as the left part of a pair), all 32 bits wide."""

    def __missing__(self, word: str) -> tuple[tuple[int, ...], int, int]:
        value = (tuple(word_grams(word)), crc32(word.encode(), WORDS), crc32(word.encode(), PAIRS) * PAIR_FACTOR)
        if len(word) <= MEMO_LENGTH:
            if len(self) >= MEMO_WORDS:
                self.clear()
            self[word] = value
        return value


MEMO = Memo()


class WordIds(dict[str, tuple[tuple[int, ...], int, int, int]]):
    """Word -> (ids of its grams, its id, its hash as left and as right part of a pair), the ids cut by `mask`."""

    def __init__(self, mask: int) -> None:
        self.mask = mask

    def __missing__(self, word: str) -> tuple[tuple[int, ...], int, int, int]:
        grams, own, left = MEMO[word]
        value = (tuple({gram & self.mask for gram in grams}), own & self.mask, left, crc32(word.encode(), PAIRS))
        if len(word) <= MEMO_LENGTH:
            if len(self) >= MEMO_WORDS:
                self.clear()
            self[word] = value
        return value


EDGE = "\0\0\0"  # beyond the ends of a line, so that every blank inside has CONTEXT characters around it
CONTEXT = 4  # to the left and to the right of a blank: what a window of six that holds it can reach


class ContextIds(dict[str, tuple[int, ...]]):
    """The nine characters around a blank -> ids of the windows across it, cut by `mask`."""

    def __init__(self, mask: int) -> None:
        self.mask = mask

    def __missing__(self, context: str) -> tuple[int, ...]:
        windows = [context[2:6], context[3:7], *(context[at : at + 6] for at in range(CONTEXT))]
        value = tuple(crc32(window.encode(), ACROSS) & self.mask for window in windows if "\0" not in window)
        if len(self) >= MEMO_WORDS:
            self.clear()
        self[context] = value
        return value


MEMOS: dict[int, tuple[WordIds, ContextIds]] = {}


def word_grams(word: str) -> Iterable[int]:
    """Hash the 4- and 5-grams of one word between blanks."""
    padded = f" {word} "
    if padded.isascii():
        data = padded.encode()
        return [crc32(data[at : at + size], GRAMS) for size in (4, 5) for at in range(len(data) - size + 1)]
    return [crc32(padded[at : at + size].encode(), GRAMS) for size in (4, 5) for at in range(len(padded) - size + 1)]


def across_places(line: str) -> set[tuple[int, int]]:
    """Find the windows of 4 and 6 characters with a blank inside; `line` has one at both ends."""
    places = set()
    last = len(line)
    at = line.find(" ", 1)
    while 0 <= at < last - 1:
        for size, first in ((4, at - 2), (6, at - 4)):
            for start in range(max(first, 0), min(at, last - size + 1)):
                places.add((start, size))
        at = line.find(" ", at + 1)
    return places


def across_ids(words: list[str], contexts: ContextIds) -> set[int]:
    """Give the ids of those windows."""
    line = f"{EDGE} {' '.join(words)} {EDGE}"
    found: set[int] = set()
    at = len(EDGE)
    for word in words[:-1]:
        at += len(word) + 1
        found.update(contexts[line[at - CONTEXT : at + CONTEXT + 1]])
    return found


def split(text: str) -> tuple[list[str], list[str]]:
    """Give the words in lower case and as written, place for place."""
    folded = text.translate(FOLDING)
    return folded.lower().split(), folded.split()


def scan_words(words: list[str], written: list[str], mask: int) -> list[set[int]]:
    """Give the sets of ids of all groups but shapes, in the order of GROUPS (shapes left empty)."""
    if mask not in MEMOS:
        MEMOS[mask] = (WordIds(mask), ContextIds(mask))
    memo, contexts = MEMOS[mask]
    known = [memo[word] for word in words]
    grams: set[int] = set()
    grams.update(*[entry[0] for entry in known])
    lefts, rights = [entry[2] for entry in known], [entry[3] for entry in known]
    pairs: set[int] = set()
    for gap in (1, 2, 3):
        step = gap * PAIR_STEP
        pairs.update([left + right + step & mask for left, right in zip(lefts, rights[gap:])])  # noqa: B905  the shorter ends it
    cased = {crc32(word.encode(), CASE) & mask for word, lower in zip(written, words, strict=True) if word != lower}
    across = across_ids(words, contexts) if len(words) > 1 else set()
    return [grams, across, {entry[1] for entry in known}, pairs, set(), cased]


def scan_python(text: str, mask: int) -> tuple[list[set[int]], set[int], tuple[str, ...]]:
    """Repair `text` and give (the sets of ids by group, the 32-bit hashes of its distinct words, the repairs)."""
    text, repaired = repair(text)
    words, written = split(text)
    groups = scan_words(words, written, mask)
    groups[4] = {crc32(shape, SHAPES) & mask for shape in shapes.shapes(text, words, written, repaired)}
    return groups, {MEMO[word][1] for word in words}, repaired


def measure_python(text: str, weights: memoryview, known: memoryview) -> Measured:
    """`measure`, in Python alone."""
    groups, hashes, repaired = scan_python(text, len(weights) - 1)
    sums = tuple(sum(map(weights.__getitem__, group)) for group in groups)
    last = len(known) * 8 - 1
    seen = sum(known[(hashed & last) >> 3] >> (hashed & 7) & 1 for hashed in hashes)
    return sums, tuple(map(len, groups)), seen, len(hashes), repaired


def ids_python(text: str, mask: int) -> tuple[list[bytes], bytes]:
    """`ids`, in Python alone."""
    from array import array

    groups, hashes, _ = scan_python(text, mask)
    return [array("I", group).tobytes() for group in groups], array("I", hashes).tobytes()


def made_line(text: str, repaired: tuple[str, ...]) -> tuple[bytes, bytes, bytes, bytes]:
    """Give what the kernel's scan_line takes: the words, as written, the skeleton, the shapes of words and repairs."""
    words, written = split(text)
    found = set(shapes.word_shapes(words, written))
    found.update(shapes.repair_shapes(repaired))
    hashed = b"".join(crc32(shape, SHAPES).to_bytes(4, "little") for shape in found)
    line = f" {' '.join(words)} " if words else "  "
    return line.encode(), f" {' '.join(written)} ".encode(), shapes.skeleton(text), hashed


def measure_native(text: str, weights: memoryview, known: memoryview) -> Measured:
    """`measure`, with the kernel."""
    if text.isascii():
        found = native.scan(text, weights, known)
        if found is not None:
            return *found, ()
    text, repaired = repair(text)
    if text.isascii():
        return *native.scan(text, weights, known, REPAIR_PLACES[repaired]), repaired
    return *native.scan_line(*made_line(text, repaired), weights, known), repaired


def ids_native(text: str, mask: int) -> tuple[list[bytes], bytes]:
    """`ids`, with the kernel."""
    found = native.scan_ids(text, mask) if text.isascii() else None
    if found is None:
        text, repaired = repair(text)
        if text.isascii():
            found = native.scan_ids(text, mask, REPAIR_PLACES[repaired])
        else:
            found = native.scan_line_ids(*made_line(text, repaired), mask)
    return list(found[:6]), found[6]


class RepairPlaces(dict[tuple[str, ...], bytes]):
    """Kinds of repair -> their places in REPAIRS, one byte each."""

    def __missing__(self, repaired: tuple[str, ...]) -> bytes:
        self[repaired] = places = bytes(shape[1] for shape in shapes.repair_shapes(repaired))
        return places


REPAIR_PLACES = RepairPlaces()


def choose_engine() -> tuple[str, Any]:
    """Take the kernel where it is built for these very features; else say so once and go on in Python."""
    if os.environ.get("DESPAM_PURE"):
        return "python", None
    try:
        from despam.core import _native
    except ImportError:
        return "python", None
    if (_native.FEATURE_VERSION, getattr(_native, "INTERFACE", 1)) != (VERSION, INTERFACE):
        import sys

        sys.stderr.write(
            "despam: the kernel is an old build, made for other features; going on in Python. "
            "Install despam again to rebuild it.\n"
        )
        return "python", None
    return "native", _native


ENGINE, native = choose_engine()

# measure(text, weights, known) -> (sums by group, counts by group, known words, distinct words, repairs)
measure = measure_native if native else measure_python
# ids(text, mask) -> (ids of each group, hashes of the distinct words), each as the bytes of uint32 in no order
ids = ids_native if native else ids_python
