"""Scikit-learn's fitted objects, translated into parts, weights and a bias.

Knows which vectorizers are linear in the text's n-grams, how pipelines and unions put them together, and which of two
classes is spam (`linear.py` knows the classifiers). Works alike on inert stand-ins (`unpickle.py`) and on live objects:
it only reads attributes. Refuses to know the model file: `tfidf_file.py` writes what comes out of here.

Invariant: score > 0 exactly where scikit-learn predicts the class that is called spam, and where it has a probability,
that is the logistic function of the score. What cannot keep this is refused by name, with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from despam.core.token_pattern import Refused, compiled
from despam.errors import PickleRefused
from despam.train import require_sklearn
from despam.train.attributes import Vector, diagonal, get, kind_of, need, shown, vector
from despam.train.inert import Array
from despam.train.linear import CLASSIFIERS, Calibration, choose_spam, class_names, linear
from despam.train.unpickle import load

VECTORIZERS = ("TfidfVectorizer", "CountVectorizer", "HashingVectorizer")
STRANGE = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError, MemoryError)
FLOAT32 = "the vectorizer calculates in float32: despam does in float64, so probabilities differ by up to 1e-6"


@dataclass
class Part:
    """One vectorizer: how it cuts and weighs, and its vocabulary."""

    settings: dict[str, Any]
    size: int
    vocabulary: dict[str, int] | None  # None for hash buckets
    idf: dict[str, Vector] = field(default_factory=dict)  # by the name of the step's table
    factor: float = 1.0  # a union's transformer_weights


@dataclass
class Carried:
    """A model that needs no scikit-learn: everything that goes into the file."""

    parts: list[Part]
    weights: Vector
    bias: float
    tie_is_spam: bool  # scikit-learn takes the first class at a score of exactly 0
    classes: list[str]
    spam_label: str
    classifier: str
    notes: list[str] = field(default_factory=list)
    sklearn: str = ""
    name: str = ""  # of the classifier's file


def translate(things: list[Any], spam_label: str | None = None) -> Carried:
    """Translate a fitted pipeline, or a vectorizer and a classifier."""
    steps = [step for thing in things for step in flatten(thing)]
    calibrations = [step for step in steps if isinstance(step, Calibration)]
    steps = [step for step in steps if not isinstance(step, Calibration)]
    notes: list[str] = []
    check_order(steps)
    classifier = steps[-1]
    parts = vectorizer_parts(steps[0], notes)
    for number, step in enumerate(steps[1:-1]):
        if len(parts) > 1:
            raise PickleRefused("a TfidfTransformer behind a FeatureUnion cannot be carried; put one into each part")
        add_tfidf(parts[0], step, f"idf_{number}")
    weights, bias = linear(classifier, notes, bool(calibrations))
    check_sizes(parts, weights, kind_of(classifier))
    if kind_of(classifier) == "BernoulliNB":
        add_limit(parts, get(classifier, "binarize"))
    for calibration in calibrations:
        weights, bias = calibration.apply(weights, bias, kind_of(classifier))
    # a calibrated classifier may have been given other names for the classes, in the same order
    classes = calibrations[0].classes if calibrations else class_names(classifier)
    spam = choose_spam(classes, spam_label)
    if spam == 0:
        weights, bias = -weights, -bias
    weights = weights * np.concatenate([np.full(part.size, part.factor) for part in parts])
    check_finite(parts, weights, bias)
    version = shown(get(classifier, "_sklearn_version", ""))
    return Carried(parts, weights, bias, spam == 0, classes, classes[spam], kind_of(classifier), notes, version)


def import_files(paths: list[Path], spam_label: str | None = None) -> Carried:
    """Read one or two pickles, running nothing in them, and translate."""
    things = [load(path) for path in paths]
    swapped = len(things) == 2 and not is_vectorizer(things[1]) and is_vectorizer(things[0])
    try:
        carried = translate(things if swapped else things[::-1], spam_label)
    except PickleRefused as error:
        raise PickleRefused(f"{', '.join(map(str, paths))}: {error}") from error
    except STRANGE as error:
        where, short = ", ".join(map(str, paths)), " ".join(str(error).split())[:80]
        raise PickleRefused(
            f"{where}: has attributes that scikit-learn does not write ({short}); dump it again"
        ) from error
    carried.name = paths[1 if swapped else 0].stem
    if swapped:
        carried.notes.insert(0, f"{paths[0]} is the vectorizer and {paths[1]} the model: taken the other way round")
    return carried


def is_vectorizer(thing: Any) -> bool:
    """Tell a vectorizer, or a pipeline of them, from a classifier."""
    kinds = [kind_of(thing)]
    if kinds[0] == "Pipeline":
        kinds = [kind_of(step) for _, step in pairs(get(thing, "steps"), thing)]
    return all(kind in (*VECTORIZERS, "FeatureUnion", "TfidfTransformer") for kind in kinds)


def check_sizes(parts: list[Part], weights: Vector, kind: str) -> None:
    """Say both sizes if model and vectorizer do not belong together."""
    size = sum(part.size for part in parts)
    if size != len(weights):
        raise PickleRefused(
            f"model and vectorizer do not belong together: the {kind} has {len(weights):,} weights, the vectorizer "
            f"makes {size:,} features; give the two that were fitted together"
        )


def check_finite(parts: list[Part], weights: Vector, bias: float) -> None:
    """Refuse what is no number."""
    wrong = int(np.sum(~np.isfinite(weights)))
    if wrong or not np.isfinite(bias):
        raise PickleRefused(f"{wrong or 1:,} of the coefficients are not finite numbers; fit the model again")
    if any(not np.all(np.isfinite(table)) for part in parts for table in part.idf.values()):
        raise PickleRefused("an idf is no finite number; fit the vectorizer again")


def add_limit(parts: list[Part], limit: Any) -> None:
    """Add BernoulliNB's question whether a value is above a limit; the factor of a union's part comes before it."""
    if limit is None:
        return
    for part in parts:
        if part.factor <= 0 or float(limit) < 0:
            raise PickleRefused("BernoulliNB with a limit below 0, or behind a weight below 0, cannot be carried")
        part.settings["steps"].append(["above", float(limit) / part.factor])
        part.factor = 1.0


def flatten(thing: Any, depth: int = 0) -> list[Any]:
    """Take pipelines and wrappers apart into steps, the classifier last."""
    if depth > 8:
        raise PickleRefused("pipelines are nested too deep")
    kind = kind_of(thing)
    if isinstance(thing, tuple | list | dict):
        raise PickleRefused(f"there is a {kind} of objects, not a model; dump the two apart, or as a Pipeline")
    if kind == "Pipeline":
        steps = [step for _, step in pairs(get(thing, "steps"), thing) if step not in (None, "passthrough")]
        return [inner for step in steps for inner in flatten(step, depth + 1)]
    if kind == "FrozenEstimator":
        return flatten(get(thing, "estimator"), depth + 1)
    if kind == "CalibratedClassifierCV":
        folds = need(thing, "calibrated_classifiers_")
        if not isinstance(folds, list) or len(folds) != 1:
            raise PickleRefused(
                "CalibratedClassifierCV averages the probabilities of several folds, which is not linear: "
                "fit it with ensemble=False"
            )
        inner = get(folds[0], "estimator")
        inner = get(folds[0], "base_estimator") if inner is None else inner
        return [Calibration(folds[0], class_names(thing)), *flatten(inner, depth + 1)]
    return [thing]


def pairs(value: Any, owner: Any) -> list[tuple[Any, Any]]:
    """Check a list of (name, step)."""
    if (
        not isinstance(value, list)
        or not value
        or not all(isinstance(pair, tuple) and len(pair) >= 2 for pair in value)
    ):
        raise PickleRefused(f"the {kind_of(owner)} has no list of steps")
    return [(pair[0], pair[1]) for pair in value]


def check_order(steps: list[Any]) -> None:
    """Say what is missing, or what stands where it cannot be carried."""
    kinds = [kind_of(step) for step in steps]
    if kinds[-1] not in CLASSIFIERS:
        if any(kind in CLASSIFIERS for kind in kinds):
            raise PickleRefused(f"{kinds[-1]} stands behind the classifier; give a pipeline that ends in it")
        if kinds[-1] in (*VECTORIZERS, "FeatureUnion", "TfidfTransformer"):
            raise PickleRefused(f"there is a {kinds[-1]}, but no classifier; give the model's pickle too")
        raise PickleRefused(f"{kinds[-1]} cannot be carried; known are {', '.join(CLASSIFIERS)}")
    if len(steps) == 1:
        raise PickleRefused(f"there is a {kinds[-1]}, but no vectorizer; give the vectorizer's pickle too")
    if kinds[0] not in (*VECTORIZERS, "FeatureUnion"):
        raise PickleRefused(
            f"{kinds[0]} stands before the classifier, not one of {', '.join(VECTORIZERS)}, FeatureUnion"
        )
    for kind in kinds[1:-1]:
        if kind != "TfidfTransformer":
            raise PickleRefused(f"{kind} between vectorizer and classifier cannot be carried")


def vectorizer_parts(thing: Any, notes: list[str], depth: int = 0) -> list[Part]:
    """Translate a vectorizer, or each one of a union."""
    if depth > 4:
        raise PickleRefused("unions are nested too deep")
    steps = flatten(thing)
    kind = kind_of(steps[0])
    if kind == "FeatureUnion" and len(steps) == 1:
        factors = get(steps[0], "transformer_weights") or {}
        parts = []
        for name, member in pairs(get(steps[0], "transformer_list"), steps[0]):
            if member == "drop":
                continue
            for part in vectorizer_parts(member, notes, depth + 1):
                part.factor *= float(factors.get(name, 1.0))
                parts.append(part)
        return parts
    if kind not in VECTORIZERS or any(kind_of(step) != "TfidfTransformer" for step in steps[1:]):
        strange = next((kind_of(step) for step in steps[1:] if kind_of(step) != "TfidfTransformer"), kind)
        raise PickleRefused(f"{strange} in a FeatureUnion cannot be carried; known are {', '.join(VECTORIZERS)}")
    part = vectorizer_part(steps[0], notes)
    for number, step in enumerate(steps[1:]):
        add_tfidf(part, step, f"idf_inner_{number}")
    return [part]


def vectorizer_part(thing: Any, notes: list[str]) -> Part:
    """Translate one vectorizer."""
    kind = kind_of(thing)
    settings = cutting(thing)
    steps: list[list[Any]] = [["binary"]] if get(thing, "binary") else []
    settings["steps"] = steps
    if "float32" in shown(get(thing, "dtype")) and FLOAT32 not in notes:
        notes.append(FLOAT32)
    if kind == "HashingVectorizer":
        size = get(thing, "n_features")
        if not isinstance(size, int) or not 1 <= size <= 1 << 26:
            raise PickleRefused(f"the HashingVectorizer has {shown(size)} features; up to {1 << 26:,} can be carried")
        settings |= {"hashed": True, "signed": bool(get(thing, "alternate_sign", True))}
        add_norm(steps, get(thing, "norm"))
        return Part(settings, size, None)
    vocabulary = read_vocabulary(thing)
    part = Part(settings, len(vocabulary), vocabulary)
    if kind == "TfidfVectorizer":
        add_tfidf(part, need(thing, "_tfidf"), "idf")
    return part


def cutting(thing: Any) -> dict[str, Any]:
    """Read how a vectorizer cuts text; a function among the options cannot be carried."""
    kind = kind_of(thing)
    for key in ("preprocessor", "tokenizer"):
        if get(thing, key) is not None:
            raise custom(kind, key, get(thing, key))
    analyzer = get(thing, "analyzer")
    if analyzer not in ("word", "char", "char_wb"):
        raise custom(kind, "analyzer", analyzer)
    accents = get(thing, "strip_accents")
    if accents not in (None, "ascii", "unicode"):
        raise custom(kind, "strip_accents", accents)
    if get(thing, "input", "content") != "content":
        raise PickleRefused(f"the {kind} reads files by name (input={shown(get(thing, 'input'))}); fit it on texts")
    ngram = get(thing, "ngram_range")
    sizes = [size for size in ngram if isinstance(size, int | np.integer)] if isinstance(ngram, tuple | list) else []
    if len(sizes) != 2 or len(ngram) != 2 or not 1 <= sizes[0] <= sizes[1] <= 64:
        raise PickleRefused(f"the {kind} has n-grams {shown(ngram)}; sizes from 1 to 64 can be carried")
    return {
        "analyzer": analyzer,
        "ngram": [int(size) for size in sizes],
        "lowercase": bool(get(thing, "lowercase", True)),
        "accents": accents,
        "pattern": read_pattern(thing) if analyzer == "word" else "",
        "stop_words": read_stop_words(get(thing, "stop_words")) if analyzer == "word" else [],
    }


def custom(kind: str, key: str, value: Any) -> PickleRefused:
    """Say which option is somebody's own Python code."""
    return PickleRefused(f"the {key} of the {kind} is {shown(value)}: Python code cannot be carried, only options can")


def read_pattern(thing: Any) -> str:
    """Check the token pattern as the core will use it, before it is compiled, which may be slow too."""
    pattern = get(thing, "token_pattern")
    if not isinstance(pattern, str):
        raise PickleRefused(f"the token_pattern is no regular expression but {shown(pattern)}")
    try:
        compiled(pattern)
    except Refused as why:
        example = r"(?u)\b\w\w+\b"
        raise PickleRefused(
            f"the token_pattern {shown(pattern)} {why}; fit the vectorizer with a plainer one, as {example!r}"
        ) from None
    return pattern


def read_stop_words(value: Any) -> list[str]:
    """Give the list itself, so that the file needs nothing else."""
    if value is None:
        return []
    if isinstance(value, str) and value == "english":
        require_sklearn("a vectorizer with stop_words='english', a list that only scikit-learn holds,")
        from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

        return sorted(ENGLISH_STOP_WORDS)
    words = value.values() if isinstance(value, Array) else value
    if not isinstance(words, list | set | frozenset | tuple) or not all(isinstance(word, str) for word in words):
        raise PickleRefused("the stop_words are no list of words")
    return sorted(set(words))


def read_vocabulary(thing: Any) -> dict[str, int]:
    """Read the fitted vocabulary, or the one that was given, and check its numbers."""
    vocabulary = get(thing, "vocabulary_")
    if vocabulary is None:
        vocabulary = get(thing, "vocabulary")
        if vocabulary is None:
            raise PickleRefused(f"the {kind_of(thing)} is not fitted (it has no vocabulary_): fit it before dumping it")
        if not isinstance(vocabulary, dict):
            words = sorted(vocabulary) if isinstance(vocabulary, set | frozenset) else list(vocabulary)
            vocabulary = {word: at for at, word in enumerate(words)}
    plain = all(isinstance(word, str) and isinstance(at, int | np.integer) for word, at in vocabulary.items())
    if not plain or not vocabulary or sorted(vocabulary.values()) != list(range(len(vocabulary))):
        raise PickleRefused(f"the vocabulary of the {kind_of(thing)} does not number its words from 0 on")
    return {word: int(at) for word, at in vocabulary.items()}


def add_tfidf(part: Part, thing: Any, name: str) -> None:
    """Add the steps of a TfidfTransformer."""
    steps = part.settings["steps"]
    if get(thing, "sublinear_tf"):
        if part.settings.get("signed"):
            raise PickleRefused(
                "sublinear_tf takes the logarithm of HashingVectorizer's negative counts, which is no number: "
                "use alternate_sign=False"
            )
        steps.append(["log"])
    if get(thing, "use_idf", True):
        idf = get(thing, "idf_")
        table = diagonal(need(thing, "_idf_diag")) if idf is None else vector(idf)
        if len(table) != part.size:
            raise PickleRefused(f"the idf has {len(table):,} values, the vocabulary {part.size:,} words")
        part.idf[name] = table
        steps.append(["idf", name])
    add_norm(steps, get(thing, "norm"))


def add_norm(steps: list[list[Any]], norm: Any) -> None:
    """Add the step of a norm."""
    if norm not in (None, "l1", "l2"):
        raise PickleRefused(f"the norm {shown(norm)} cannot be carried; known are l1, l2, None")
    if norm:
        steps.append([norm])
