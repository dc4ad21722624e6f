"""Scikit-learn's linear text models, scored by the standard library alone: recipe `tfidf`.

Knows how scikit-learn's vectorizers cut a text (words, characters, characters inside words) and weigh what they cut: as
many parts as a FeatureUnion has, each a table of n-grams or a number of hash buckets and a list of steps. Refuses to
know scikit-learn: `train/sklearn_in.py` translates. Nothing is repaired in the text before: the decisions are to be
scikit-learn's.

    value of an n-gram = its count, put through the steps in order: binary, log (1 + ln), idf, l1, l2, above (0 or 1)
    score              = bias + sum over parts and n-grams of value * weight

The vocabulary is an open-addressing hash table over CRC-32 that is used where the file is mapped: opening parses
nothing, and only what a text touches is read. Invariant: an index from the table is checked before it is followed; what
is wrong raises TensorError. `blocks` and `tfidf_clues.spans` cut alike.
"""

from __future__ import annotations

import re
from collections import Counter
from math import isfinite, log, sqrt
from zlib import crc32

from despam.errors import MetadataError, TensorError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from despam.core.model import Clue

VERSION = "tfidf-1"
SPACES = re.compile(r"\s\s+")
STEPS = ("binary", "log", "idf", "l1", "l2", "above")
ANALYZERS = ("word", "char", "char_wb")
PROBES = 1024  # the writer never makes a longer run of taken slots
PARTS_LIMIT = 64
ENTRIES_LIMIT = 1 << 26
KNOWN_PATTERNS = ("", r"(?u)\b\w\w+\b")  # of characters; scikit-learn's own for words
GRAM_LIMIT = 64  # n in an n-gram
SIZES_LIMIT = 64  # sizes of n-grams, all parts together: each is another pass over the text
NUMBER_LIMIT = 1e300  # of a setting: what a unit or a limit multiplies stays a float
CHECKED_WHOLE = 1 << 17  # numbers in a table that opening looks at one by one; in a larger one, when they are used
BLOCK = 1 << 14  # n-grams at a time
MEMO_LIMIT = 1 << 16  # n-grams remembered
MEMO_LETTERS = 48  # longer ones are not


class Tfidf:
    """The scorer of the recipe: what `core/model.py` asks."""

    def __init__(self, tensors: dict[str, memoryview], settings: dict[str, Any], bias: float, path: str) -> None:
        """Check settings and tables. Raises TensorError or MetadataError."""
        parts = settings.get("parts")
        if not isinstance(parts, list) or not 1 <= len(parts) <= PARTS_LIMIT:
            raise MetadataError(f"settings have no list of 1 to {PARTS_LIMIT} parts", path)
        self.bias = bias
        self.path = path
        self.parts = [Part(tensors, part, f"{number}.", path) for number, part in enumerate(parts)]
        sizes = sum([part.high - part.low + 1 for part in self.parts])
        if sizes > SIZES_LIMIT:
            raise MetadataError(
                f"its parts cut n-grams of {sizes:,} sizes, the limit is {SIZES_LIMIT}; make the model again with a "
                "narrower ngram_range",
                path,
            )

    def score(self, text: str) -> float:
        """Give the log-odds of spam."""
        score = self.bias + sum([part.score(text) for part in self.parts])
        if not isfinite(score):
            raise TensorError("a weight is no finite number; make the model again", self.path)
        return score

    def measure(self, text: str) -> tuple[float, tuple[str, ...], str]:
        """Give (score, repairs: none, reason to be unsure: none)."""
        return self.score(text), (), ""

    def explain(self, text: str) -> list[Clue]:
        """Give the clues, whose contributions and the bias sum to the score."""
        from despam.core.tfidf_clues import explain

        return explain(self, text)

    def find_unread(self, text: str) -> list[tuple[int, int]]:
        """Give no span: as scikit-learn does, this recipe reads all of a text."""
        return []


class Part:
    """One vectorizer and the weights behind it."""

    def __init__(self, tensors: dict[str, memoryview], settings: Any, prefix: str, path: str) -> None:
        """Check one part's settings and tables."""
        if not isinstance(settings, dict):
            raise MetadataError("a part of the settings is no object", path)
        self.path = path
        self.read_settings(settings)
        self.weights = take(tensors, f"{prefix}weights", "dfbh", path)
        self.size = len(self.weights)
        self.unit = 1.0 if self.weights.format in "df" else number(settings.get("unit"), "unit", path)
        if not 1 <= self.size <= ENTRIES_LIMIT:
            raise TensorError(f"'{prefix}weights' has {self.size:,} elements, not 1 to {ENTRIES_LIMIT:,}", path)
        self.steps = [self.read_step(step, tensors, prefix) for step in read_list(settings, "steps", path)]
        self.memo: dict[str, int] = {}
        self.hashed = settings.get("hashed") is True
        self.signed = settings.get("signed") is True
        if not self.hashed:
            self.open_table(tensors, prefix)
        check_finite(self.weights, f"{prefix}weights", path)

    def read_settings(self, settings: dict[str, Any]) -> None:
        """Check how the text is cut."""
        self.analyzer = settings.get("analyzer")
        if self.analyzer not in ANALYZERS:
            raise MetadataError(f"analyzer is {str(self.analyzer)[:20]!r}, none of {', '.join(ANALYZERS)}", self.path)
        ngram = read_list(settings, "ngram", self.path)
        if [type(size) for size in ngram] != [int, int] or not 1 <= ngram[0] <= ngram[1] <= GRAM_LIMIT:
            raise MetadataError(f"ngram is no pair of sizes from 1 to {GRAM_LIMIT}", self.path)
        self.low, self.high = ngram
        self.lowercase = settings.get("lowercase") is True
        self.accents = settings.get("accents")
        if self.accents not in (None, "ascii", "unicode"):
            raise MetadataError("accents is none of null, ascii, unicode", self.path)
        self.stop_words = frozenset(map(str, read_list(settings, "stop_words", self.path)))
        self.pattern = compile_pattern(settings.get("pattern", ""), self.path)

    def read_step(self, step: Any, tensors: dict[str, memoryview], prefix: str) -> tuple[str, Any]:
        """Check one step; an idf comes with its table, above with its limit."""
        if not isinstance(step, list) or not step or step[0] not in STEPS:
            raise MetadataError(f"a step is none of {', '.join(STEPS)}", self.path)
        if step[0] == "above":
            return "above", number(step[1] if len(step) > 1 else None, "above", self.path)
        if step[0] != "idf":
            return step[0], None
        name = f"{prefix}{step[1] if len(step) > 1 else 'idf'}"
        table = take(tensors, name, "df", self.path)
        if len(table) != self.size:
            raise TensorError(f"{name!r} has {len(table):,} elements, the weights have {self.size:,}", self.path)
        check_finite(table, name, self.path)
        return "idf", table

    def open_table(self, tensors: dict[str, memoryview], prefix: str) -> None:
        """Check the vocabulary's ends and sizes; its inside is checked where it is used."""
        self.letters = take(tensors, f"{prefix}vocabulary", "B", self.path)
        self.offsets = take(tensors, f"{prefix}offsets", "I", self.path)
        self.slots = take(tensors, f"{prefix}slots", "HI", self.path)
        slots = len(self.slots)
        if len(self.offsets) != self.size + 1:
            raise TensorError(f"'{prefix}offsets' has not one element more than the {self.size:,} weights", self.path)
        if self.offsets[0] != 0 or self.offsets[self.size] != len(self.letters):
            raise TensorError(f"'{prefix}offsets' does not span the vocabulary", self.path)
        if slots & (slots - 1) or slots <= self.size:
            raise TensorError(f"'{prefix}slots' has {slots:,} elements, no power of two above {self.size:,}", self.path)
        self.mask = slots - 1

    def prepare(self, text: str) -> str:
        """Do what scikit-learn's preprocessor does: lower first, then accents."""
        if self.lowercase:
            text = text.lower()
        if self.accents and not text.isascii():
            text = strip_accents(text, self.accents)
        return text

    def blocks(self, text: str) -> Iterator[list[str]]:
        """Cut a text as scikit-learn's analyzer does, into lists that stay small however long the text is."""
        text = self.prepare(text)
        if self.analyzer == "word":
            tokens = self.pattern.findall(text)
            if self.stop_words:
                stop_words = self.stop_words
                tokens = [token for token in tokens if token not in stop_words]
            return cut_words(tokens, self.low, self.high)
        text = SPACES.sub(" ", text)
        if self.analyzer == "char":
            return cut_letters(text, self.low, self.high)
        return cut_inside(text.split(), self.low, self.high)

    def ngrams(self, text: str) -> list[str]:
        """Give all n-grams of a text."""
        return [gram for block in self.blocks(text) for gram in block]

    def find(self, gram: str) -> int:
        """Give the index of an n-gram, -1 for an unknown one; of hash buckets, twice the index plus 1 for a minus."""
        data = gram.encode("utf-8", "surrogatepass")
        if self.hashed:
            return self.find_bucket(data)
        slots, offsets, mask = self.slots, self.offsets, self.mask
        at = crc32(data) & mask
        for _ in range(PROBES):
            index = slots[at] - 1
            if index < 0:
                return -1
            if index >= self.size or not (start := offsets[index]) <= (end := offsets[index + 1]) <= len(self.letters):
                raise TensorError("the table of the vocabulary points outside of it; make the model again", self.path)
            if end - start == len(data) and self.letters[start:end] == data:
                return index
            at = (at + 1) & mask
        raise TensorError("the table of the vocabulary has no free slot; make the model again", self.path)

    def find_bucket(self, data: bytes) -> int:
        """Hash as scikit-learn's FeatureHasher does."""
        hashed = murmur3(data)
        # abs(-2^31) is no int32: scikit-learn writes out what it wants there
        bucket = (2147483647 - (self.size - 1)) % self.size if hashed == -2147483648 else abs(hashed) % self.size
        return 2 * bucket + (hashed < 0 and self.signed)

    def look_up(self, ngrams: Iterable[str]) -> list[int]:
        """Find each n-gram, through a memo of bounded size."""
        memo = self.memo
        if len(memo) > MEMO_LIMIT:
            memo = self.memo = {}
        found = []
        for gram in ngrams:
            index = memo.get(gram)
            if index is None:
                index = self.find(gram)
                if len(gram) <= MEMO_LETTERS:
                    memo[gram] = index
            found.append(index)
        return found

    def count(self, text: str) -> dict[int, float]:
        """Count the known n-grams by index; a signed bucket gets -1 for half of its n-grams."""
        counts: dict[int, float] = {}
        for block in self.blocks(text):
            tally = Counter(block)
            found = self.look_up(tally)
            if self.hashed:
                for code, times in zip(found, tally.values(), strict=True):
                    counts[code >> 1] = counts.get(code >> 1, 0.0) + (-times if code & 1 else times)
            else:
                for index, times in zip(found, tally.values(), strict=True):
                    counts[index] = counts.get(index, 0.0) + times
        if not self.hashed:
            counts.pop(-1, None)
        return counts

    def weigh(self, counts: dict[int, float]) -> list[float]:
        """Put the counts through the steps; the order is that of `counts`."""
        values = list(counts.values())
        for name, argument in self.steps:
            if name == "idf":
                values = [value * argument[index] for index, value in zip(counts, values, strict=True)]
            elif name == "l2":
                values = divide(values, sqrt(sum([value * value for value in values])))
            elif name == "l1":
                values = divide(values, sum(map(abs, values)))
            elif name == "log":
                values = [log(value) + 1.0 if value > 0.0 else 0.0 for value in values]
            elif name == "binary":
                values = [1.0] * len(values)
            else:
                values = [1.0 if value > argument else 0.0 for value in values]
        return values

    def contributions(self, counts: dict[int, float]) -> list[float]:
        """Give value times weight, in the order of `counts`."""
        weights, unit = self.weights, self.unit
        return [value * weights[index] * unit for index, value in zip(counts, self.weigh(counts), strict=True)]

    def score(self, text: str) -> float:
        """Give this part's share of the score."""
        return sum(self.contributions(self.count(text)))


def compile_pattern(pattern: object, path: str) -> re.Pattern[str]:
    """Compile a token pattern once it is known that no text can make it slow."""
    if not isinstance(pattern, str):
        raise MetadataError("pattern is no string", path)
    if pattern in KNOWN_PATTERNS:
        return re.compile(pattern)
    from despam.core.token_pattern import Refused, compiled

    try:
        return compiled(pattern)
    except Refused as why:
        raise MetadataError(
            f"the pattern {pattern[:60]!r} {why}; make the model again with a plainer token_pattern, "
            f"as {KNOWN_PATTERNS[1]!r}",
            path,
        ) from None


def divide(values: list[float], length: float) -> list[float]:
    """Scale to unit length, which a vector of zeros has not."""
    return [value / length for value in values] if length else values


def strip_accents(text: str, how: str) -> str:
    """Take accents off as scikit-learn's strip_accents does."""
    import unicodedata

    from despam.core.marks import normal_form

    decomposed = normal_form("NFKD", text)
    if how == "ascii":
        return decomposed.encode("ascii", "ignore").decode("ascii")
    return "".join([letter for letter in decomposed if not unicodedata.combining(letter)])


def cut_words(tokens: list[str], low: int, high: int) -> Iterator[list[str]]:
    """Join neighbouring tokens."""
    for size in range(low, min(high, len(tokens)) + 1):
        for start in range(0, len(tokens) - size + 1, BLOCK):
            if size == 1:
                yield tokens[start : start + BLOCK]
            else:
                stop = min(start + BLOCK, len(tokens) - size + 1)
                yield [" ".join(tokens[at : at + size]) for at in range(start, stop)]


def cut_letters(text: str, low: int, high: int) -> Iterator[list[str]]:
    """Cut every run of letters."""
    for size in range(low, min(high, len(text)) + 1):
        for start in range(0, len(text) - size + 1, BLOCK):
            stop = min(start + BLOCK, len(text) - size + 1)
            yield [text[at : at + size] for at in range(start, stop)]


def cut_inside(words: list[str], low: int, high: int) -> Iterator[list[str]]:
    """Cut runs inside padded words; a word shorter than a run counts once."""
    grams: list[str] = []
    for word in words:
        padded = f" {word} "
        for size in range(low, high + 1):
            for start in range(0, max(len(padded) - size, 0) + 1, BLOCK):
                stop = min(start + BLOCK, max(len(padded) - size, 0) + 1)
                grams += [padded[at : at + size] for at in range(start, stop)]
                if len(grams) >= BLOCK:
                    yield grams
                    grams = []
            if size >= len(padded):
                break
    yield grams


def murmur3(data: bytes) -> int:
    """Hash with MurmurHash3 (x86, 32 bits, seed 0), as a signed number."""
    hashed, tail = 0, len(data) & ~3
    for at in range(0, tail, 4):
        hashed ^= mixed(int.from_bytes(data[at : at + 4], "little"))
        hashed = ((hashed << 13 | hashed >> 19) * 5 + 0xE6546B64) & 0xFFFFFFFF
    hashed ^= mixed(int.from_bytes(data[tail:], "little")) ^ len(data)
    hashed = (hashed ^ hashed >> 16) * 0x85EBCA6B & 0xFFFFFFFF
    hashed = (hashed ^ hashed >> 13) * 0xC2B2AE35 & 0xFFFFFFFF
    hashed ^= hashed >> 16
    return hashed - (1 << 32) if hashed >> 31 else hashed


def mixed(block: int) -> int:
    """Mix one block of MurmurHash3."""
    block = block * 0xCC9E2D51 & 0xFFFFFFFF
    return (block << 15 | block >> 17) * 0x1B873593 & 0xFFFFFFFF


def take(tensors: dict[str, memoryview], name: str, formats: str, path: str) -> memoryview:
    """Give a tensor of one of the formats."""
    tensor = tensors.get(name)
    if tensor is None or tensor.format not in formats:
        raise TensorError(f"the tensor {name!r} is missing or of another type", path)
    return tensor


def check_finite(table: memoryview, name: str, path: str) -> None:
    """Look at every number of a table, unless that would take long: then they are looked at when they are used."""
    if len(table) <= CHECKED_WHOLE and table.format in "df" and not all(map(isfinite, table)):
        raise TensorError(f"{name!r} holds a number that is not finite; make the model again", path)


def read_list(settings: dict[str, Any], key: str, path: str) -> list[Any]:
    """Give a setting that must be a list."""
    value = settings.get(key)
    if not isinstance(value, list):
        raise MetadataError(f"the setting {key!r} is no list", path)
    return value


def number(value: object, name: str, path: str) -> float:
    """Give a setting that must be a finite number."""
    # compared, not converted: JSON may hold an integer that is no float; NaN compares false
    if isinstance(value, bool) or not isinstance(value, int | float) or not -NUMBER_LIMIT <= value <= NUMBER_LIMIT:
        raise MetadataError(f"the setting {name!r} is no number", path)
    return float(value)
