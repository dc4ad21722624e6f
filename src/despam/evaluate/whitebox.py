"""An attacker who knows the weights.

Knows a model's clues and scores. Takes out the words that weigh most for spam, or adds those that weigh most for ham,
one at a time, looking again after each (greedy): the strongest cheap attack on a linear model.

Invariant: deterministic; ties go to the word that comes first.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from despam.core.model import Model
    from despam.evaluate.attacks import Arms

TOKEN = re.compile(r"\S+")
POOL = 12  # good words that a message is tried with
TRIED = 150  # frequent real words that are ranked for the pool


def word_weights(model: Model, text: str) -> list[tuple[float, int, int]]:
    """Give (contribution, start, end) of each word: the sum of the clues that begin in it."""
    words = [(m.start(), m.end()) for m in TOKEN.finditer(text)]
    weights = [0.0] * len(words)
    place = {position: i for i, (start, end) in enumerate(words) for position in range(start, end)}
    for clue in model.classify(text).clues:
        if clue.start is not None and clue.end is not None:
            # a clue may begin with the blank before its word
            i = place.get(clue.start, place.get(clue.start + 1))
            if i is not None:
                weights[i] += clue.contribution
    return [(weight, start, end) for weight, (start, end) in zip(weights, words, strict=True)]


def remove_words(model: Model, text: str, count: int) -> str:
    """Take out the word that weighs most, `count` times; a text keeps at least one word."""
    for _ in range(count):
        words = word_weights(model, text)
        if len(words) < 2:
            break
        weight, start, end = max(words, key=lambda word: (word[0], -word[1]))
        if weight <= 0:
            break
        text = (text[:start] + text[end:].lstrip()).strip() or text
    return text


def best_words(model: Model, arms: Arms) -> list[str]:
    """Rank frequent words of real messages by how far each alone lowers the score."""
    if arms.best_words is None:
        counted = Counter(word.lower() for word in arms.good_words if len(word) > 2)
        frequent = [word for word, _ in sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:TRIED]]
        arms.best_words = sorted(frequent, key=lambda word: (model.score(word), word))[:POOL]
    return arms.best_words


def insert_words(model: Model, text: str, count: int, arms: Arms) -> str:
    """Add the good word that lowers the score most, `count` times, while one lowers it."""
    left = list(best_words(model, arms))
    score = model.score(text)
    for _ in range(count):
        if not left:
            break
        found = min((model.score(f"{text} {word}"), word) for word in left)
        if found[0] >= score:
            break
        score = found[0]
        text = f"{text} {found[1]}"
        left.remove(found[1])
    return text
