"""Disguised copies of some messages, so that a disguise by itself means little.

Knows texts, classes and sources. Refuses to know the tables of `evaluate`: a model is never measured on the very
substitutions it was shown (tests/train/test_copies.py). Real messages are disguised more often than spam: what must be
learnt is that digits inside words do not make a message spam. Invariant: which messages are copied, and how, depends
on seed and text alone, not on the order of the rows inside a source.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from despam.train.recipe import Settings, source_blocks

# letter -> what a copy writes for it; measuring uses other signs for each letter
LEET = {"a": "6^", "b": "6", "e": "6€", "g": "6", "i": "7;", "l": "7/", "o": "*", "s": "6§", "t": "1", "z": "7"}
LEET_SHARE = (0.2, 0.4)  # of the letters that have a sign
HIDDEN = "\u2063"  # an invisible character; measuring uses others
DECORATED = (0x1D5BA, 0x1D5A0)  # a and A of the mathematical letters
WORDS = (10, 60)  # of real messages behind the text
MOST_CHARACTERS = 4_000  # a copy is of the head; features read the first 3,000
MOST_WORDS = 20_000  # that words are drawn from, a source

WORD = re.compile(r"[^\W\d_]+")
HIDE = re.compile(r"([^\W\d_])([^\W\d_]{2,})")
SPACE = re.compile(r"\b[A-Za-z]{4,}\b")
MARKED_SHARE = 0.4  # of the words
# by letter of ASCII: its first sign and its second, or zero
SIGNS = np.array([[ord(LEET.get(chr(code).lower(), "\0")[at]) for code in range(128)] for at in (0, -1)], np.uint32)
DECORATION = {ord("a") + at: DECORATED[0] + at for at in range(26)} | {
    ord("A") + at: DECORATED[1] + at for at in range(26)
}


class Copy(NamedTuple):
    """A text, and the row it was made of."""

    text: str
    row: int


def make_copies(
    texts: Sequence[str], spam: Sequence[bool], sources: Sequence[str], settings: Settings
) -> Iterator[Copy]:
    """Copy a share of each class in leet, one in what repair undoes, and one with words of real messages behind."""
    for first, last in source_blocks(sources):
        real = good_words([texts[row] for row in range(first, last) if not spam[row]], settings.seed)
        for row in range(first, last):
            chance = random.Random(f"{settings.seed}/{texts[row]}")
            head = texts[row][:MOST_CHARACTERS]
            if chance.random() < settings.leet_copies[spam[row]]:
                yield Copy(in_leet(head, chance), row)
            if chance.random() < settings.marked_copies[spam[row]]:
                yield Copy(marked(head, chance), row)
            if chance.random() < settings.word_copies[spam[row]] and real:
                words = chance.choices(real, k=chance.randint(*WORDS))
                yield Copy(f"{head} {' '.join(words)}", row)


def expect_copies(spam: Sequence[bool], settings: Settings) -> int:
    """Say how many copies there will be, about: chance decides."""
    shares = (settings.leet_copies, settings.marked_copies, settings.word_copies)
    return round(sum(share[is_spam] for is_spam in spam for share in shares))


def in_leet(text: str, chance: random.Random) -> str:
    """Write signs for some letters: all at once, as letter by letter took a sixth of training."""
    share = chance.uniform(*LEET_SHARE)
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
    noise = np.frombuffer(chance.randbytes(2 * len(codes)), np.uint8).reshape(2, -1)
    signs = SIGNS[noise[1] & 1, np.minimum(codes, 127)]
    picked = (noise[0] < 256 * share) & (codes < 128) & (signs > 0)
    return np.where(picked, signs, codes).astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")


def marked(text: str, chance: random.Random) -> str:
    """Hide words in one of the ways that repair undoes and reports, so that the report has a weight."""
    way = chance.randrange(3)
    if way == 0:
        return HIDE.sub(lambda m: f"{m[1]}{HIDDEN}{m[2]}" if chance.random() < MARKED_SHARE else m[0], text)
    if way == 1:
        return text.translate(DECORATION)
    return SPACE.sub(lambda m: "-".join(m[0]) if chance.random() < MARKED_SHARE else m[0], text)


def good_words(texts: list[str], seed: int) -> list[str]:
    """Draw words of real messages, each as often as it occurs."""
    words: list[str] = []
    for text in random.Random(seed).sample(texts, len(texts)):
        words += WORD.findall(text[:MOST_CHARACTERS])
        if len(words) >= MOST_WORDS:
            break
    return words[:MOST_WORDS]
