"""The corpora of the accuracy protocols, cleaned as the protocols ask.

Knows which files there are, which rows stay out (`dup`, `label_conflict`, `also_in`), and what a near-copy between two
sources is. Refuses to know systems and figures. Data that are not on this machine are named, not silently left out.
"""

from __future__ import annotations

import random
import re
import zlib
from collections.abc import Iterable, Sequence
from functools import cache

from despam import corpus
from despam.corpus import Row

P2_SOURCES = (
    "sms_spam_collection", "sms_smishing_mishra_soni", "sms_india", "youtube_spam_collection", "spamassassin",
    "enron_spam", "ling_spam", "llm_phishing_vs_ceas_ham",
)  # fmt: skip
P2_BESIDE = "telegram_groups"  # measured and learnt from, not in the mean
P3_SOURCES = (
    "sms_turkish", "sms_indonesian", "sms_chinese", "telegram_chinese", "telegram_russian", "facebook_vietnamese",
)  # fmt: skip

NOT_LEARNT = tuple(name for name in P3_SOURCES if name != "telegram_russian")  # the bundled model learns that one

WORD = re.compile(r"\w+")
COMMON = 100  # a 3-gram in more rows of a source than this is boilerplate and finds no candidates


@cache
def published(name: str) -> tuple[Row, ...] | None:
    """Read a corpus as its publishers give it; None when it is not on this machine."""
    path = corpus.find_corpus(name)
    return tuple(corpus.read([path])) if path else None


@cache
def cleaned(name: str) -> tuple[Row, ...] | None:
    """Leave out repeats and texts that carry both labels."""
    rows = published(name)
    return rows and tuple(row for row in rows if not row.fields.get("dup") and not row.fields.get("label_conflict"))


def missing(names: Iterable[str]) -> list[str]:
    """Name the corpora that are not here."""
    return [name for name in names if corpus.find_corpus(name) is None]


def others(held_out: str, names: Sequence[str]) -> list[Row]:
    """Give the training side of a source left out: no text that is also in it, none that another file also has."""
    held = {corpus.normal(row.text, row.mail) for row in cleaned(held_out) or ()}
    return [
        row
        for name in names
        if name != held_out
        for row in cleaned(name) or ()
        if not row.fields.get("also_in") and corpus.normal(row.text, row.mail) not in held
    ]


def capped(rows: Sequence[Row], most: int) -> list[Row]:
    """Keep at most so many rows of each source (0: all), drawn by the source's name: the same for every system."""
    places: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        places.setdefault(row.source, []).append(place)
    kept: set[int] = set()
    for source, own in places.items():
        kept.update(own if not most or len(own) <= most else random.Random(source).sample(own, most))
    return [row for place, row in enumerate(rows) if place in kept]


def triples(text: str) -> frozenset[int]:
    """Hash every three words that follow each other; a shorter text is one triple."""
    words = WORD.findall(text.lower()[:20_000])
    if len(words) < 3:
        return frozenset([zlib.crc32(" ".join(words).encode())])
    return frozenset(zlib.crc32(" ".join(words[i : i + 3]).encode()) for i in range(len(words) - 2))


def without_near_copies(training: Sequence[Row], held_out: Sequence[Row]) -> list[Row]:
    """Drop training rows that share half of their word 3-grams with one held-out row."""
    holders: dict[int, list[int]] = {}
    for number, row in enumerate(held_out):
        for triple in triples(row.text):
            holders.setdefault(triple, []).append(number)
    kept = []
    for row in training:
        mine = triples(row.text)
        shared: dict[int, int] = {}
        for triple in mine:
            found = holders.get(triple, ())
            if len(found) <= COMMON:
                for number in found:
                    shared[number] = shared.get(number, 0) + 1
        if not shared or max(shared.values()) * 2 < len(mine):
            kept.append(row)
    return kept
