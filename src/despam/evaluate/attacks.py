"""Disguises: what senders do to a text so that people still read it and filters do not.

Knows texts, a seeded random generator and a store of good words; the white-box attacks also know the model. Refuses to
know labels: ham gets the same treatment as spam, because a filter that takes every disguise for spam loses honest mail.

Invariant: the same text, name and seed give the same disguise, in every process; no attack empties a text.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from despam.errors import EvaluationError
from despam.evaluate.attack_tables import EMOJI, FILLERS, INVISIBLE, LEET, LOOK_ALIKES, SOFT_HYPHEN, SYNONYMS

if TYPE_CHECKING:
    from despam.core.model import Model

WORD = re.compile(r"[^\W\d_]+")


@dataclass(slots=True)
class Arms:
    """What an attacker has: words of real messages and, for the white-box attacks, the model."""

    good_words: Sequence[str] = ()
    model: Model | None = None
    best_words: list[str] | None = field(default=None)  # filled by `whitebox.best_words`, once a model


Attack = Callable[[str, random.Random, Arms], str]


def _letters(share: float, change: Callable[[str, random.Random], str]) -> Attack:
    """Make an attack that changes each letter with a chance of `share`."""

    def attack(text: str, rng: random.Random, _arms: Arms) -> str:
        return "".join(change(c, rng) if c.isalpha() and rng.random() < share else c for c in text)

    return attack


def _words(share: float, change: Callable[[str, random.Random], str], least: int = 3) -> Attack:
    """Make an attack that changes each word of at least `least` letters with a chance of `share`."""

    def attack(text: str, rng: random.Random, _arms: Arms) -> str:
        def turn(match: re.Match[str]) -> str:
            word = match[0]
            return change(word, rng) if len(word) >= least and rng.random() < share else word

        return WORD.sub(turn, text)

    return attack


def _look_alike(letter: str, rng: random.Random) -> str:
    return rng.choice(LOOK_ALIKES[letter]) if letter in LOOK_ALIKES else letter


def _leet(letter: str, rng: random.Random) -> str:
    return rng.choice(LEET[letter.lower()]) if letter.lower() in LEET else letter


def _full_width(letter: str, _rng: random.Random) -> str:
    return chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else letter


def _space_out(word: str, _rng: random.Random) -> str:
    return " ".join(word)


def _break_by_comment(word: str, rng: random.Random) -> str:
    place = rng.randrange(1, len(word))
    return f"{word[:place]}<!-- {rng.choice(FILLERS)} -->{word[place:]}"


def _swaps(share: float) -> Attack:
    """Make an attack that swaps neighbouring letters inside words."""

    def attack(text: str, rng: random.Random, _arms: Arms) -> str:
        letters = list(text)
        place = 0
        while place + 1 < len(letters):
            if letters[place].isalpha() and letters[place + 1].isalpha() and rng.random() < share:
                letters[place], letters[place + 1] = letters[place + 1], letters[place]
                place += 1
            place += 1
        return "".join(letters)

    return attack


def _hidden_text(text: str, rng: random.Random, arms: Arms) -> str:
    """Put good words where a mail reader does not show them."""
    words = " ".join(_draw(arms, rng, 30))
    return f'<html><body><div style="display:none">{words}</div><p>{text}</p></body></html>'


def _good_words(count: int, front: bool = False) -> Attack:
    """Make an attack that adds words of real messages."""

    def attack(text: str, rng: random.Random, arms: Arms) -> str:
        words = " ".join(_draw(arms, rng, count))
        return f"{words} {text}" if front else f"{text} {words}"

    return attack


def _draw(arms: Arms, rng: random.Random, count: int) -> list[str]:
    """Draw good words as often as real messages use them."""
    return rng.choices(arms.good_words or FILLERS, k=count)


def _truncate(text: str, _rng: random.Random, _arms: Arms) -> str:
    """Keep the first half of the words, at least three."""
    words = list(re.finditer(r"\S+", text))
    keep = max(3, len(words) // 2)
    return text if len(words) <= keep else text[: words[keep - 1].end()]


def _emoji(text: str, rng: random.Random, _arms: Arms) -> str:
    """Put an emoji behind every second word."""
    words = count(1)
    # word by word: a pattern of two words tries a run without blanks from each of its letters on
    return re.sub(r"\S+", lambda m: m[0] if next(words) % 2 else f"{m[0]} {rng.choice(EMOJI)}", text)


def _upper(text: str, _rng: random.Random, _arms: Arms) -> str:
    return text.upper()


def _synonyms(text: str, _rng: random.Random, arms: Arms) -> str:
    """Replace the strongest words by others of the same meaning; without a model every word of the table."""
    from despam.evaluate.whitebox import word_weights

    def turn(match: re.Match[str]) -> str:
        word = match[0]
        if word.lower() not in SYNONYMS or (strong is not None and match.start() not in strong):
            return word
        other = SYNONYMS[word.lower()]
        return other.upper() if word.isupper() and len(word) > 1 else other.capitalize() if word[0].isupper() else other

    strong = None
    if arms.model is not None:
        ranked = sorted(word_weights(arms.model, text), reverse=True)[:10]
        strong = {start for weight, start, _ in ranked if weight > 0}
    return WORD.sub(turn, text)


def _remove(count: int) -> Attack:
    def attack(text: str, _rng: random.Random, arms: Arms) -> str:
        from despam.evaluate.whitebox import remove_words

        return remove_words(_model(arms), text, count)

    return attack


def _insert(count: int) -> Attack:
    def attack(text: str, _rng: random.Random, arms: Arms) -> str:
        from despam.evaluate.whitebox import insert_words

        return insert_words(_model(arms), text, count, arms)

    return attack


def _model(arms: Arms) -> Model:
    if arms.model is None:
        raise EvaluationError("a white-box attack needs the model it attacks")
    return arms.model


# name -> (what it does, in words for people; the attack)
ATTACKS: dict[str, tuple[str, Attack]] = {
    "look-alikes": ("30 % of the letters from other alphabets", _letters(0.3, _look_alike)),
    "zero-width": (
        "invisible characters behind 30 % of the letters",
        _letters(0.3, lambda c, r: c + r.choice(INVISIBLE)),
    ),
    "spaced": ("half of the words with blanks between the letters", _words(0.5, _space_out)),
    "full-width": ("half of the letters in full width", _letters(0.5, _full_width)),
    "leet": ("digits and signs for 30 % of the letters that have one", _letters(0.3, _leet)),
    "swaps-10": ("10 % of neighbouring letters swapped", _swaps(0.1)),
    "swaps-20": ("20 % of neighbouring letters swapped", _swaps(0.2)),
    "html-comments": ("half of the words broken by an HTML comment", _words(0.5, _break_by_comment)),
    "hidden-text": ("30 good words that a mail reader does not show", _hidden_text),
    "good-words-50": ("50 words of real messages behind", _good_words(50)),
    "good-words-150": ("150 words of real messages behind", _good_words(150)),
    "good-words-500": ("500 words of real messages behind", _good_words(500)),
    "good-words-50-front": ("50 words of real messages in front", _good_words(50, front=True)),
    "good-words-150-front": ("150 words of real messages in front", _good_words(150, front=True)),
    "good-words-500-front": ("500 words of real messages in front", _good_words(500, front=True)),
    "truncation": ("the second half cut off", _truncate),
    "emoji": ("an emoji behind every second word", _emoji),
    "soft-hyphens": ("soft hyphens behind 30 % of the letters", _letters(0.3, lambda c, _r: c + SOFT_HYPHEN)),
    "synonyms": ("other words for the strongest clues", _synonyms),
    "upper-case": ("everything in capitals", _upper),
    "white-box-remove-3": ("the 3 words that weigh most taken out, knowing the weights", _remove(3)),
    "white-box-insert-10": ("the 10 best good words added, knowing the weights", _insert(10)),
}

WHITE_BOX = ("white-box-remove-3", "white-box-insert-10")


def check_names(names: Sequence[str]) -> list[str]:
    """Refuse an unknown attack; list those there are."""
    for name in names:
        if name not in ATTACKS:
            raise EvaluationError(f"there is no attack {name!r}; there are {', '.join(ATTACKS)}")
    return list(names) or list(ATTACKS)


def alter(name: str, text: str, arms: Arms, seed: int = 0, index: int = 0) -> str:
    """Disguise one text; `index` is its place in the data, so that two equal texts differ in their disguise."""
    # a string seeds through SHA-512: the same in every process
    return ATTACKS[name][1](text, random.Random(f"{seed}/{name}/{index}"), arms)


def good_words(texts: Sequence[str], most: int = 20_000) -> list[str]:
    """Take the words of real messages, each as often as it occurs."""
    words: list[str] = []
    for text in texts:
        words.extend(WORD.findall(text))
        if len(words) >= most:
            break
    return words[:most]
