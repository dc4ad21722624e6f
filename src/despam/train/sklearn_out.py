"""A model file of recipe `tfidf`, given back to scikit-learn.

Knows how to put vocabulary, idf and weights into scikit-learn's own vectorizers and its LogisticRegression, so that the
tutorial's Lambda function (`vectorizer.transform`, `model.predict`) runs unchanged: spam is 0 and ham is 1. Refuses to
know other recipes: the default model goes out as `SpamClassifier`, which is an estimator already.

Invariant: what comes out predicts as the file does, and coming in again it gives the same numbers.
"""

from __future__ import annotations

import math
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from despam.core.tfidf import NUMBER_LIMIT
from despam.errors import DataError, ModelError, TensorError
from despam.train import require_sklearn

if TYPE_CHECKING:
    from despam.core.model import Model
    from despam.core.tfidf import Part, Tfidf

SPAM_MODEL, VECTORIZER, CLASSIFIER = "spam_model.pkl", "vectorizer.pkl", "spam_classifier.pkl"


def export_model(model: Model, folder: Path) -> list[Path]:
    """Write the pickles of a model into a folder and give their paths."""
    require_sklearn("exporting to scikit-learn")
    if model.recipe == "tfidf":
        vectorizer, classifier = to_sklearn(model)
        return write_pickles(folder, {SPAM_MODEL: classifier, VECTORIZER: vectorizer})
    from despam.train.estimator import SpamClassifier

    return write_pickles(folder, {CLASSIFIER: SpamClassifier.from_model(model)})


def to_sklearn(model: Model) -> tuple[Any, Any]:
    """Give (vectorizer, classifier) of a tfidf model."""
    from sklearn.pipeline import FeatureUnion

    if model.recipe != "tfidf":
        raise ModelError(f"the recipe is {model.recipe}; only tfidf models are scikit-learn's own", model.path)
    scorer: Tfidf = model.scorer  # type: ignore[assignment]
    vectorizers = [to_vectorizer(part) for part in scorer.parts]
    union = FeatureUnion([(f"part_{number}", made) for number, made in enumerate(vectorizers)])
    return vectorizers[0] if len(vectorizers) == 1 else union, to_classifier(model, scorer)


def to_classifier(model: Model, scorer: Tfidf) -> Any:
    """Give a logistic regression of ham = 1, spam = 0."""
    from sklearn.linear_model import LogisticRegression

    weights = np.concatenate([np.asarray(part.weights, dtype=np.float64) * part.unit for part in scorer.parts])
    classifier = LogisticRegression(C=strength(model.card))
    classifier.classes_ = np.array([0, 1])
    classifier.coef_ = -weights.reshape(1, -1)
    # a score of exactly 0 is spam to scikit-learn here, because spam is the first class: keep it ham where it was
    tie_is_ham = model.cutoff >= 0.5 and scorer.bias == 0.0
    classifier.intercept_ = np.array([math.ulp(0.0) if tie_is_ham else -scorer.bias])
    classifier.n_features_in_ = len(weights)
    classifier.n_iter_ = np.array([0], dtype=np.int32)
    return classifier


def strength(card: dict[str, Any]) -> float:
    """Give the C that a card tells; it decides nothing any more, so a card that tells none gets scikit-learn's."""
    settings = card.get("settings")
    told = settings.get("C") if isinstance(settings, dict) else None
    if isinstance(told, bool) or not isinstance(told, int | float) or not 0 < told <= NUMBER_LIMIT:
        return 1.0
    return float(told)


def to_vectorizer(part: Part) -> Any:
    """Give a vectorizer, or a pipeline where one does not do it."""
    from sklearn.pipeline import make_pipeline

    steps = list(part.steps)
    options = cutting(part)
    options["binary"] = take(steps, "binary")
    if part.hashed:
        norm = steps.pop(0)[0] if steps and steps[0][0] in ("l1", "l2") else None
        first = hashing(part, options, norm)
    elif fits_tfidf(steps):
        first = tfidf(part, options, steps)
        steps = []
    else:
        first = counting(part, options)
    rest = []
    while steps:
        rest.append(binarizer(part, steps) if steps[0][0] == "above" else transformer(part, steps))
    return make_pipeline(first, *rest) if rest else first


def take(steps: list[tuple[str, Any]], *names: str) -> bool:
    """Take the first step off if it is one of the names."""
    if steps and steps[0][0] in names:
        steps.pop(0)
        return True
    return False


def fits_tfidf(steps: list[tuple[str, Any]]) -> bool:
    """Tell whether one TfidfVectorizer does all of the steps: log, idf, norm, in this order."""
    names = [name for name, _ in steps]
    order = [name for name in ("log", "idf") if name in names]
    return bool(names) and names in (order, [*order, "l1"], [*order, "l2"])


def cutting(part: Part) -> dict[str, Any]:
    """Give the options that say how text is cut."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    words = part.stop_words
    options: dict[str, Any] = {
        "analyzer": part.analyzer,
        "ngram_range": (part.low, part.high),
        "lowercase": part.lowercase,
        "strip_accents": part.accents,
    }
    if part.analyzer == "word":
        options["token_pattern"] = part.pattern.pattern
        options["stop_words"] = ("english" if words == ENGLISH_STOP_WORDS else sorted(words)) if words else None
    return options


def counting(part: Part, options: dict[str, Any]) -> Any:
    """Give a CountVectorizer with the vocabulary."""
    from sklearn.feature_extraction.text import CountVectorizer

    return with_vocabulary(CountVectorizer(**options), part)


def with_vocabulary(vectorizer: Any, part: Part) -> Any:
    """Set the vocabulary as fitting would. Raises TensorError."""
    letters, offsets = bytes(part.letters), part.offsets.tolist()
    try:
        words = [letters[start:end].decode("utf-8", "surrogatepass") for start, end in pairwise(offsets)]
    except UnicodeDecodeError:
        raise TensorError("the vocabulary holds a word that is no UTF-8; make the model again", part.path) from None
    vectorizer.vocabulary_ = {word: number for number, word in enumerate(words)}
    vectorizer.fixed_vocabulary_ = False
    return vectorizer


def hashing(part: Part, options: dict[str, Any], norm: str | None) -> Any:
    """Give a HashingVectorizer."""
    from sklearn.feature_extraction.text import HashingVectorizer

    return HashingVectorizer(**options, n_features=part.size, alternate_sign=part.signed, norm=norm)


def tfidf(part: Part, options: dict[str, Any], steps: list[tuple[str, Any]]) -> Any:
    """Give a TfidfVectorizer, fitted."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    inner = transformer(part, list(steps))
    same = {"norm": inner.norm, "use_idf": inner.use_idf, "sublinear_tf": inner.sublinear_tf}
    vectorizer = with_vocabulary(TfidfVectorizer(**options, **same), part)
    vectorizer._tfidf = inner
    return vectorizer


def transformer(part: Part, steps: list[tuple[str, Any]]) -> Any:
    """Take log, idf and norm off the steps, as far as they come, into a TfidfTransformer."""
    from sklearn.feature_extraction.text import TfidfTransformer

    log = take(steps, "log")
    idf = steps.pop(0)[1] if steps and steps[0][0] == "idf" else None
    norm = steps.pop(0)[0] if steps and steps[0][0] in ("l1", "l2") else None
    made = TfidfTransformer(norm=norm, use_idf=idf is not None, sublinear_tf=log)
    if idf is not None:
        made.idf_ = np.asarray(idf, dtype=np.float64)
    made.n_features_in_ = part.size
    return made


def binarizer(part: Part, steps: list[tuple[str, Any]]) -> Any:
    """Take the limit of a Bernoulli model off the steps."""
    from sklearn.preprocessing import Binarizer

    made = Binarizer(threshold=steps.pop(0)[1])
    made.n_features_in_ = part.size
    return made


def write_pickles(folder: Path, things: dict[str, Any]) -> list[Path]:
    """Dump with joblib, each file whole or not at all. Raises DataError."""
    import joblib

    paths = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".export-", dir=folder) as draft:
            for name, thing in things.items():
                joblib.dump(thing, Path(draft) / name)
            for name in things:
                (Path(draft) / name).replace(folder / name)
                paths.append(folder / name)
    except OSError as error:
        raise DataError(f"cannot be written ({error.strerror}); give another folder", str(folder)) from error
    return paths
