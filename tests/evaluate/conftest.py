"""A model made of a few weighted words: it measures the measuring, so its answers are known by hand."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any

import pytest

from despam.evaluate.measure import Labelled


@dataclass
class WordVerdict:
    text: str
    score: float
    spam_probability: float
    classification: str
    unsure: bool
    model: str
    clues: tuple[tuple[str, int, int, float], ...]
    repaired: tuple[str, ...] = ()


@dataclass
class WordModel:
    """Score = the weights of the words found, plus the bias."""

    weights: dict[str, float]
    bias: float = -1.0
    cutoff: float = 0.5
    version: str = "0123456789ab"
    recipe: str = "default"
    card: dict[str, Any] = field(default_factory=dict)
    unsure_low: float = 0.4
    unsure_high: float = 0.6
    seen: Any = None
    settings: dict[str, Any] = field(default_factory=dict)
    path: str = "word.safetensors"
    size_bytes: int = 100
    sha256: str = "0" * 64

    def classify(self, text: str, mail: bool = False) -> Any:
        clues = tuple(
            Clue(m[0], m.start(), m.end(), self.weights[m[0].lower()])
            for m in re.finditer(r"\w+", text)
            if m[0].lower() in self.weights
        )
        score = self.bias + math.fsum(clue.contribution for clue in clues)
        probability = score if math.isnan(score) else 1 / (1 + math.exp(-score))
        return WordVerdict(
            text=text,
            score=score,
            spam_probability=probability,
            classification="SPAM" if probability >= self.cutoff else "HAM",
            unsure=self.unsure_low <= probability < self.unsure_high,
            model=self.version,
            clues=clues,  # type: ignore[arg-type]
        )

    def classify_mail(self, source: bytes | str) -> Any:
        text = source.decode("utf-8", "replace") if isinstance(source, bytes) else source
        return self.classify(text.partition("\n\n")[2] or text)

    def score(self, text: str) -> float:
        return float(self.classify(text).score)


@dataclass
class Clue:
    text: str
    start: int
    end: int
    contribution: float


def make_rows(spam: list[str], ham: list[str], source: str = "here", **fields: Any) -> list[Labelled]:
    """Label some texts."""
    texts = [(text, "spam") for text in spam] + [(text, "ham") for text in ham]
    return [Labelled(text, label, source, line, dict(fields)) for line, (text, label) in enumerate(texts, 1)]


@pytest.fixture
def word_model() -> WordModel:
    """A model that knows four words of spam and two of ham."""
    return WordModel({"win": 2.0, "free": 2.0, "prize": 3.0, "casino": 4.0, "lunch": -2.0, "thanks": -3.0})


@pytest.fixture
def rows() -> Any:
    """The function that labels some texts."""
    return make_rows


@pytest.fixture
def word_model_class() -> type[WordModel]:
    """The class of the little model, for other weights."""
    return WordModel
