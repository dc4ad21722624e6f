"""A model file of the recipe tfidf that lies is refused, at the door or where the lie is met; never followed."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils import murmurhash3_32

from despam.core.model import Model
from despam.core.tfidf import murmur3
from despam.errors import DespamError, MetadataError, TensorError
from despam.train import export
from despam.train.sklearn_in import translate
from despam.train.tfidf_file import to_metadata, to_tensors

from .make_pickles import HAM, SPAM

TEXTS, LABELS = SPAM + HAM, ["spam"] * len(SPAM) + ["ham"] * len(HAM)
CARRIED = translate([make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, LABELS)])
HASHED = translate([make_pipeline(HashingVectorizer(n_features=64), LogisticRegression()).fit(TEXTS, LABELS)])
Change = Callable[[dict[str, Any], dict[str, Any]], None]


def build(change: Change, carried: Any = CARRIED) -> bytes:
    """Make a file with one thing changed."""
    tensors, settings = to_tensors(carried)
    tensors = {name: table.copy() for name, table in tensors.items()}
    settings = json.loads(json.dumps(settings))
    change(tensors, settings["parts"][0])
    return export.pack(tensors, to_metadata(carried, settings, {}))


def put(name: str, at: int, value: Any) -> Change:
    """Change one number of a tensor."""
    return lambda tensors, _: tensors[name].__setitem__(at, value)


def replace(name: str, make: Callable[[Any], Any]) -> Change:
    """Change a whole tensor."""
    return lambda tensors, _: tensors.__setitem__(name, make(tensors[name]))


def setting(name: str, value: Any) -> Change:
    """Change a setting."""
    return lambda _, part: part.__setitem__(name, value)


LIES: dict[str, tuple[Change, type[DespamError]]] = {
    "no weights": (lambda tensors, _: tensors.pop("0.weights"), TensorError),
    "weights of bytes": (replace("0.weights", lambda table: table.view(np.uint8)), TensorError),
    "a weight too few": (replace("0.weights", lambda table: table[:-1]), TensorError),
    "no weights at all": (replace("0.weights", lambda table: table[:0]), TensorError),
    "a weight that is no number": (put("0.weights", 3, np.nan), TensorError),
    "an idf that is infinite": (put("0.idf", 3, np.inf), TensorError),
    "an idf too few": (replace("0.idf", lambda table: table[1:]), TensorError),
    "an idf of whole numbers": (replace("0.idf", lambda table: table.astype(np.int16)), TensorError),
    "offsets too few": (replace("0.offsets", lambda table: table[:-1]), TensorError),
    "offsets of another type": (replace("0.offsets", lambda table: table.astype(np.int32)), TensorError),
    "first offset behind the start": (put("0.offsets", 0, 1), TensorError),
    "last offset behind the end": (put("0.offsets", -1, 10_000), TensorError),
    "slots no power of two": (replace("0.slots", lambda table: table[:-1]), TensorError),
    "slots too few": (replace("0.slots", lambda table: table[:64]), TensorError),
    "no slots": (replace("0.slots", lambda table: table[:0]), TensorError),
    "quantised without a unit": (replace("0.weights", lambda table: table.astype(np.int16)), MetadataError),
    "an unknown analyzer": (setting("analyzer", "letters"), MetadataError),
    "n-grams the wrong way round": (setting("ngram", [3, 1]), MetadataError),
    "n-grams of true": (setting("ngram", [True, True]), MetadataError),
    "n-grams of a thousand": (setting("ngram", [1, 1000]), MetadataError),
    "stop words of one word": (setting("stop_words", "the"), MetadataError),
    "unknown accents": (setting("accents", "latin"), MetadataError),
    "a pattern that is none": (setting("pattern", "(["), MetadataError),
    "a pattern with two groups": (setting("pattern", "(a)(b)"), MetadataError),
    "a pattern without end": (setting("pattern", "a" * 20_000), MetadataError),
    "a pattern that takes for ever": (setting("pattern", "(a+)+$"), MetadataError),
    "a pattern of quadratic time": (setting("pattern", r"\w+x"), MetadataError),
    "a pattern that is a list": (setting("pattern", [r"\w+"]), MetadataError),
    "steps of a word": (setting("steps", "idf"), MetadataError),
    "an unknown step": (setting("steps", [["exec"]]), MetadataError),
    "a step that is no list": (setting("steps", [7]), MetadataError),
    "a step whose table is not there": (setting("steps", [["idf", "nowhere"]]), TensorError),
    "a limit that is no number": (setting("steps", [["above", "x"]]), MetadataError),
    "hash buckets with the wrong idf": (setting("steps", [["idf", "slots"]]), TensorError),
}


@pytest.mark.parametrize("name", list(LIES))
def test_a_lie_is_refused_when_the_file_is_opened(name: str) -> None:
    """By the class that is meant for it, in one sentence with the path."""
    change, expected = LIES[name]
    with pytest.raises(expected) as caught:
        Model.from_bytes(build(change), "bad.safetensors")
    assert str(caught.value).startswith("bad.safetensors: ")
    assert "\n" not in str(caught.value)


def test_a_slow_pattern_is_refused_with_the_reason_and_one_that_is_not() -> None:
    """Whoever made the model reads what to change."""
    with pytest.raises(
        MetadataError, match=r"the pattern '\(a\+\)\+\$' has something behind a repeat .*plainer token_pat"
    ):
        Model.from_bytes(build(setting("pattern", "(a+)+$")))


@pytest.mark.parametrize("parts", [None, [], {}, "x", [3], [{}], [{}] * 1000])
def test_parts_that_are_none_are_refused(parts: Any) -> None:
    """Whatever JSON stands there."""
    tensors, _ = to_tensors(CARRIED)
    with pytest.raises(MetadataError):
        Model.from_bytes(export.pack(tensors, to_metadata(CARRIED, {"parts": parts}, {})))


MET: dict[str, Change] = {
    "an offset before the one before it": put("0.offsets", 50, 3),
    "an offset far outside": lambda tensors, _: tensors["0.offsets"].__setitem__(slice(1, -1), 4_000_000_000),
    "slots that point behind the end": lambda tensors, _: tensors["0.slots"].__setitem__(tensors["0.slots"] > 0, 65535),
    "slots without a free one": lambda tensors, _: tensors["0.slots"].__setitem__(tensors["0.slots"] == 0, 1),
}


@pytest.mark.parametrize("name", list(MET))
def test_a_lie_inside_a_table_is_refused_where_it_is_met(name: str) -> None:
    """Opening does not read a table through; a text that touches the lie ends in TensorError, others in a verdict."""
    model = Model.from_bytes(build(MET[name]))
    refused = 0
    for text in [*TEXTS, *(f"word{n}" for n in range(300))]:
        try:
            assert 0.0 <= model.classify(text).spam_probability <= 1.0
        except TensorError:
            refused += 1
    assert refused > 0


def test_a_number_that_is_not_finite_in_a_large_table_is_met_too() -> None:
    """Tables of more than 131,072 numbers are not looked through: the score is looked at."""
    size = 1 << 18
    carried = translate([make_pipeline(HashingVectorizer(n_features=size), LogisticRegression()).fit(TEXTS, LABELS)])
    model = Model.from_bytes(build(replace("0.weights", lambda table: np.full(size, np.nan)), carried))
    assert model.classify("").classification in ("SPAM", "HAM")
    with pytest.raises(TensorError, match="finite"):
        model.classify("win")


def test_the_hash_is_scikit_learns() -> None:
    """Every length of the tail, signs, and letters of several bytes."""
    for text in ["", "a", "ab", "abc", "abcd", "abcde", "é", "한국어", "x" * 100, *TEXTS]:
        assert murmur3(text.encode()) == murmurhash3_32(text, seed=0)


def test_buckets_are_summed_with_their_signs() -> None:
    """64 buckets for many words: collisions add up as in scikit-learn."""
    pipeline = make_pipeline(HashingVectorizer(n_features=64), LogisticRegression()).fit(TEXTS, LABELS)
    model = Model.from_bytes(build(lambda *_: None, HASHED))
    for text in TEXTS:
        assert abs(model.score(text) - pipeline.decision_function([text])[0]) < 1e-12


def test_remembered_n_grams_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood of different words empties the memo, and long ones never enter it."""
    from despam.core import tfidf

    monkeypatch.setattr(tfidf, "MEMO_LIMIT", 100)
    model = Model.from_bytes(build(lambda *_: None))
    before = model.score(TEXTS[0])
    part: Any = model.scorer
    for number in range(2000):
        model.score(f"unknown{number} {'y' * 100}{number}")
        assert len(part.parts[0].memo) <= 102
    assert max(map(len, part.parts[0].memo)) < 60
    assert model.score(TEXTS[0]) == before


@pytest.mark.parametrize("hashed", [False, True])
def test_a_long_text_is_explained_at_a_bounded_cost(hashed: bool) -> None:
    """Clues for the first 50,000 letters, one for all that follows, and the sum is the score."""
    options: dict[str, Any] = {"analyzer": "char_wb", "ngram_range": (1, 3)}
    vectorizer = HashingVectorizer(n_features=256, **options) if hashed else TfidfVectorizer(**options)
    carried = translate([make_pipeline(vectorizer, LogisticRegression()).fit(TEXTS, LABELS)])
    model = Model.from_bytes(build(lambda *_: None, carried))
    verdict = model.classify("win a prize, call me later. " * 8000)
    assert abs(math.fsum([clue.contribution for clue in verdict.clues]) + verdict.bias - verdict.score) <= 1e-9
    rest = [clue for clue in verdict.clues if clue.start is None]
    assert [clue.text for clue in rest if "after" in clue.text] == ["everything after the first 50,000 letters"]
    assert max(clue.end or 0 for clue in verdict.clues) <= 50_000


def test_a_long_text_takes_little_memory() -> None:
    """A megabyte of letters is cut block by block: what is kept is bounded by the vocabulary and the memo."""
    import random
    import tracemalloc

    pipeline = make_pipeline(TfidfVectorizer(analyzer="char", ngram_range=(1, 4)), LogisticRegression())
    carried = translate([pipeline.fit(TEXTS, LABELS)])
    model = Model.from_bytes(build(lambda *_: None, carried))
    text = "".join(random.Random(0).choices("abcdefghijklmnop qrstuvwxyz0123456789", k=200_000))
    tracemalloc.start()
    model.score(text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 << 20
