"""A carried model as the tensors and metadata of a model file.

Knows how `core/tfidf.py` reads its tables: the vocabulary as an open-addressing hash table over CRC-32, offsets and
letters beside it, idf and weights apart, in float64 unless a small file is asked for. Refuses to know where the model
came from.

Invariant: the same model gives the same bytes, and no run of taken slots is longer than the reader follows.
"""

from __future__ import annotations

import math
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np

from despam.core.tfidf import PROBES, VERSION
from despam.errors import PickleRefused
from despam.train import export

if TYPE_CHECKING:
    from despam.core.tfidf import Tfidf
    from despam.train.sklearn_in import Carried

INT16_TOP = 32767
TINY = 2.0**-52
Tensors = dict[str, "np.ndarray[Any, Any]"]


def to_tensors(carried: Carried, quantise: bool = False) -> tuple[Tensors, dict[str, Any]]:
    """Give the tensors and the settings; `quantise` makes weights int16 and idf float32."""
    tensors: Tensors = {}
    parts, at = [], 0
    for number, part in enumerate(carried.parts):
        settings = dict(part.settings)
        weights = carried.weights[at : at + part.size]
        at += part.size
        if quantise:
            settings["unit"] = float(np.max(np.abs(weights))) / INT16_TOP or 1.0
            tensors[f"{number}.weights"] = np.rint(weights / settings["unit"]).astype(np.int16)
        else:
            tensors[f"{number}.weights"] = weights
        for name, table in part.idf.items():
            tensors[f"{number}.{name}"] = table.astype(np.float32) if quantise else table
        if part.vocabulary is not None:
            tensors |= {f"{number}.{name}": table for name, table in vocabulary_tables(part.vocabulary).items()}
        parts.append(settings)
    return tensors, {"parts": parts}


def vocabulary_tables(vocabulary: dict[str, int]) -> Tensors:
    """Lay words out one behind the other, and hash them."""
    words = [word.encode("utf-8", "surrogatepass") for word, _ in sorted(vocabulary.items(), key=lambda item: item[1])]
    offsets = np.zeros(len(words) + 1, dtype=np.uint32)
    np.cumsum([len(word) for word in words], out=offsets[1:])
    return {
        "vocabulary": np.frombuffer(b"".join(words), dtype=np.uint8),
        "offsets": offsets,
        "slots": hash_slots(words),
    }


def hash_slots(words: list[bytes]) -> np.ndarray[Any, Any]:
    """Put each word's number, counted from 1, into the first free slot behind its hash."""
    size = 1 << (len(words) * 3 // 2 + 1).bit_length()
    slots, mask = [0] * size, size - 1
    for number, word in enumerate(words, 1):
        at = crc32(word) & mask
        for _ in range(PROBES):
            if not slots[at]:
                break
            at = (at + 1) & mask
        else:
            raise PickleRefused("the vocabulary is made so that its words collide; this is no vocabulary of a language")
        slots[at] = number
    return np.array(slots, dtype=np.uint16 if len(words) < 1 << 16 else np.uint32)


def to_metadata(carried: Carried, settings: dict[str, Any], card: dict[str, Any]) -> dict[str, Any]:
    """Give the metadata; `export` makes JSON of it."""
    # scikit-learn takes the first class at a tie; the core says spam above the cutoff only. A bias too small to move a
    # probability from 0.5 (a perceptron's may be 3e-18) decides texts without a known word by its sign
    unseen = 0.0 < abs(carried.bias) < TINY
    tie_is_spam = carried.bias > 0.0 if unseen else carried.tie_is_spam
    cutoff = math.nextafter(0.5, 0.0) if tie_is_spam else 0.5
    return {
        "recipe": "tfidf",
        "features": VERSION,
        "settings": settings,
        "calibration": {"a": 1.0, "b": 0.0},
        "cutoffs": {"cutoff": cutoff, "unsure_low": cutoff, "unsure_high": cutoff},
        "bias": carried.bias,
        "card": {"recipe": "tfidf", **card},
    }


def pack(carried: Carried, card: dict[str, Any], quantise: bool = False) -> bytes:
    """Give the bytes of the model file."""
    tensors, settings = to_tensors(carried, quantise)
    return export.pack(tensors, to_metadata(carried, settings, card))


def draw_messages(scorer: Tfidf, count: int = 2000, length: int = 12) -> list[str]:
    """Make messages of n-grams that the model knows, the same ones every time; buckets have no words to draw."""
    random = Random(0)
    words: list[str] = []
    for part in scorer.parts:
        if not part.hashed:
            letters, offsets = bytes(part.letters), part.offsets.tolist()
            words += [letters[at:to].decode("utf-8", "replace") for at, to in pairwise(offsets)]
    words = words or [format(random.getrandbits(24), "x") for _ in range(1000)]
    return [" ".join(random.choices(words, k=length)) for _ in range(count)]
