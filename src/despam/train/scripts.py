"""Which scripts a training knows: words of the others are no evidence that a model understands a text.

Knows the script of a letter and in how many messages each script stands. Does not know weights or labels: a word that
is left out here is counted and weighed like any other, it only does not pass for a known one (core/hashed.py).

Every ideograph is a word, so that three Chinese mails among 51,000 English ones would make the commonest ideographs
known, and any Chinese text an understood one. Invariant: what is known depends on the set of messages, not their order.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from despam.core import features
from despam.core.repair import repair

LEAST_SHARE = 1 / 200  # of the messages: Cyrillic stands in 12 % of those of the bundled model, ideographs in .06 %


def words_of_rare_scripts(texts: Sequence[str]) -> NDArray[np.uint32]:
    """Give the hashes of the words in scripts that fewer than LEAST_SHARE of `texts` hold."""
    held = [scripts_of(text) for text in texts]
    counts = Counter(script for scripts in held for script in scripts)
    rare = {script for script, count in counts.items() if count < LEAST_SHARE * len(texts)}
    words = {
        word
        for text, scripts in zip(texts, held, strict=True)
        if not rare.isdisjoint(scripts)
        for word in features.split(repair(text)[0])[0]
        if not rare.isdisjoint(map(script_of, word))
    }
    return np.array(sorted(map(features.word_hash, words)), np.uint32)


def scripts_of(text: str) -> frozenset[str]:
    """Name the scripts of a text."""
    return LATIN if text.isascii() else frozenset(map(script_of, set(text))) - NONE


@lru_cache(maxsize=1 << 16)
def script_of(character: str) -> str:
    """Name the script of a letter or mark as Unicode's name of it begins; "" for anything else.

    So a few letters are a script by themselves (MICRO SIGN, FEMININE ORDINAL INDICATOR); they make no words.
    """
    if unicodedata.category(character)[0] not in "LM":
        return ""
    return unicodedata.name(character, "").partition(" ")[0].partition("-")[0]


LATIN, NONE = frozenset(("LATIN",)), frozenset(("",))
