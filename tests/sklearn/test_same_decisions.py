"""The same decisions: label equal and probability within 1e-9 of scikit-learn's, on every message of data/.

The options of vectorizers and classifiers one by one on all messages, and every pair of them on a sample. The messages
of STRANGE (nothing, spaces, combining marks, lone surrogates, very long words) are in each comparison.
"""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV, Perceptron, SGDClassifier
from sklearn.naive_bayes import BernoulliNB, ComplementNB, MultinomialNB
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.svm import LinearSVC

from .conftest import STRANGE, Labelled, assert_same, carry, read_texts

VECTORIZERS: dict[str, Any] = {
    "tutorial": lambda: TfidfVectorizer(min_df=1, stop_words="english", lowercase=True),
    "words and pairs, sublinear": lambda: TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, max_features=5000),
    "triples alone, with stop words": lambda: TfidfVectorizer(
        ngram_range=(2, 3), stop_words="english", max_features=3000
    ),
    "own stop words, no idf, l1": lambda: TfidfVectorizer(stop_words=["free", "call"], use_idf=False, norm="l1"),
    "not smoothed, no norm": lambda: TfidfVectorizer(smooth_idf=False, norm=None, min_df=2),
    "case kept, ascii accents": lambda: TfidfVectorizer(lowercase=False, strip_accents="ascii", min_df=2),
    "unicode accents, one letter": lambda: TfidfVectorizer(strip_accents="unicode", token_pattern=r"(?u)\b\w+\b"),
    "pattern with a group": lambda: TfidfVectorizer(token_pattern=r"(\w)\w*(?:'s)?", min_df=2),
    "pattern of anything but spaces": lambda: CountVectorizer(token_pattern=r"\S+", min_df=2),
    "characters": lambda: TfidfVectorizer(
        analyzer="char", ngram_range=(1, 3), max_features=8000, strip_accents="unicode"
    ),
    "characters inside words": lambda: TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), max_features=8000),
    "long characters inside words": lambda: CountVectorizer(analyzer="char_wb", ngram_range=(5, 7), max_features=4000),
    "counts": lambda: CountVectorizer(),
    "binary counts": lambda: CountVectorizer(binary=True, max_features=2000),
    "vocabulary given": lambda: CountVectorizer(
        vocabulary=["free", "win", "call", "the", "see you"], ngram_range=(1, 2)
    ),
    "counts, then tfidf": lambda: Pipeline(
        [("c", CountVectorizer(min_df=2)), ("t", TfidfTransformer(sublinear_tf=True))]
    ),
    "hashed": lambda: HashingVectorizer(n_features=2**12),
    "hashed, unsigned, l1, binary": lambda: HashingVectorizer(
        n_features=1000, alternate_sign=False, norm="l1", binary=True
    ),
    "hashed characters, then tfidf": lambda: make_pipeline(
        HashingVectorizer(n_features=2**12, analyzer="char_wb", ngram_range=(3, 3), alternate_sign=False, norm=None),
        TfidfTransformer(sublinear_tf=True),
    ),
    "hashed with a norm, then tfidf without": lambda: make_pipeline(
        HashingVectorizer(n_features=2**12, norm="l2"), TfidfTransformer(norm=None)
    ),
    "union of words and characters": lambda: FeatureUnion(
        [
            ("words", TfidfVectorizer(min_df=2)),
            ("letters", TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 3), max_features=3000)),
            ("dropped", "drop"),
        ],
        transformer_weights={"words": 0.5, "letters": 2.0},
    ),
}
CLASSIFIERS: dict[str, Any] = {
    "logistic regression": lambda: LogisticRegression(),
    "logistic regression, balanced, no intercept": lambda: LogisticRegression(
        C=20, class_weight="balanced", fit_intercept=False, solver="liblinear"
    ),
    "logistic regression, chosen by cross-validation": lambda: LogisticRegressionCV(
        Cs=[1.0], cv=2, l1_ratios=(0,), use_legacy_attributes=False, scoring="accuracy"
    ),
    "sgd, log loss": lambda: SGDClassifier(loss="log_loss", random_state=0),
    "sgd, hinge": lambda: SGDClassifier(random_state=0),
    "linear svc": lambda: LinearSVC(),
    "perceptron": lambda: Perceptron(),
    "multinomial bayes": lambda: MultinomialNB(),
    "multinomial bayes, no prior": lambda: MultinomialNB(fit_prior=False, alpha=0.1),
    "complement bayes": lambda: ComplementNB(),
    "complement bayes, normed": lambda: ComplementNB(norm=True),
    "bernoulli bayes": lambda: BernoulliNB(),
    "bernoulli bayes with a limit": lambda: BernoulliNB(binarize=0.1),
    "calibrated linear svc": lambda: CalibratedClassifierCV(LinearSVC(), ensemble=False, cv=3),
    "calibrated by temperature": lambda: CalibratedClassifierCV(
        LinearSVC(), ensemble=False, cv=3, method="temperature"
    ),
}
NOT_NEGATIVE = ("multinomial bayes", "multinomial bayes, no prior", "complement bayes", "complement bayes, normed")
SIGNED = ("hashed", "hashed with a norm, then tfidf without")


def fit(vectorizer: Any, classifier: Any, learnt: Labelled) -> Any:
    """Fit a pipeline; what scikit-learn says about convergence is not the subject."""
    pipeline = make_pipeline(vectorizer, classifier)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pipeline.fit(learnt[0], np.array(learnt[1]))


def fit_classifier(classifier: Any, values: Any, labels: list[Any]) -> Any:
    """Fit on what a vectorizer made."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return classifier.fit(values, np.array(labels))


def lone(text: str) -> bool:
    """Tell a text that is no valid Unicode: HashingVectorizer cannot encode it."""
    return any("\ud800" <= letter <= "\udfff" for letter in text)


@pytest.mark.parametrize("name", list(VECTORIZERS))
def test_each_vectorizer_decides_alike_on_all_messages(name: str, all_messages: Labelled, learnt: Labelled) -> None:
    """With a logistic regression behind it."""
    pipeline = fit(VECTORIZERS[name](), LogisticRegression(), learnt)
    model, carried = carry(pipeline)
    texts = all_messages[0] + STRANGE
    if "hashed" in name:
        texts = [text for text in texts if not lone(text)]
    assert_same(model, carried, pipeline[-1], texts, pipeline[:-1].transform(texts))


@pytest.fixture(scope="module")
def tutorial_values(all_messages: Labelled, learnt: Labelled) -> tuple[Any, list[str], Any]:
    """The tutorial's vectorizer, fitted, all messages, and what it makes of them."""
    vectorizer = VECTORIZERS["tutorial"]().fit(learnt[0])
    texts = all_messages[0] + STRANGE
    return vectorizer, texts, vectorizer.transform(texts)


@pytest.mark.parametrize("name", list(CLASSIFIERS))
def test_each_classifier_decides_alike_on_all_messages(
    name: str, learnt: Labelled, tutorial_values: tuple[Any, list[str], Any]
) -> None:
    """With the tutorial's vectorizer before it."""
    vectorizer, texts, values = tutorial_values
    classifier = fit_classifier(CLASSIFIERS[name](), vectorizer.transform(learnt[0]), learnt[1])
    model, carried = carry(vectorizer, classifier)
    assert_same(model, carried, classifier, texts, values)


@pytest.mark.parametrize("vectorizer", list(VECTORIZERS))
def test_every_pair_decides_alike_on_a_sample(vectorizer: str, all_messages: Labelled) -> None:
    """All classifiers behind each vectorizer, the classes by name and in the tutorial's numbering by turns."""
    texts, labels = all_messages[0][::101], all_messages[1][::101]
    numbers = [0 if label == "spam" else 1 for label in labels]
    asked = [text for text in all_messages[0][50::211] + STRANGE if not lone(text)]
    before = make_pipeline(VECTORIZERS[vectorizer]()).fit(texts)
    learnt, values = before.transform(texts), before.transform(asked)
    compared = 0
    for name, make in CLASSIFIERS.items():
        if vectorizer in SIGNED and name in NOT_NEGATIVE:
            continue
        numbered = compared % 2 == 1
        classifier = fit_classifier(make(), learnt, numbers if numbered else labels)
        model, carried = carry(before, classifier, spam_label="0" if numbered else None)
        assert_same(model, carried, classifier, asked, values)
        compared += 1
    assert compared >= 10


@pytest.mark.parametrize("name", list(VECTORIZERS))
def test_clues_and_bias_sum_to_the_score(name: str, all_messages: Labelled, learnt: Labelled) -> None:
    """To 1e-9 on every text, and each clue is the text at its place."""
    pipeline = fit(VECTORIZERS[name](), LogisticRegression(), learnt)
    model, _ = carry(pipeline)
    for text in all_messages[0][::59] + STRANGE:
        verdict = model.classify(text)
        total = math.fsum([clue.contribution for clue in verdict.clues]) + verdict.bias
        assert abs(total - verdict.score) <= 1e-9
        for clue in verdict.clues:
            assert clue.start is None or text[clue.start : clue.end] == clue.text


def test_the_words_of_a_clue_stand_where_they_are_said_to(learnt: Labelled) -> None:
    """Also where lowering and accents move letters: the dotted capital I becomes two, an accent none."""
    pipeline = fit(TfidfVectorizer(strip_accents="unicode"), LogisticRegression(), learnt)
    model, _ = carry(pipeline)
    text = "İİ ﬁx: Thé FRÉE prize"
    clues = {clue.text: clue for clue in model.classify(text).clues}
    assert {"FRÉE", "prize", "Thé"} <= set(clues)
    assert clues["FRÉE"].contribution > 0


@pytest.mark.slow
def test_the_tutorial_model_decides_alike_on_the_larger_corpora(corpora: Path, learnt: Labelled) -> None:
    """On every message of the corpora folder, whole mail sources among them."""
    pipeline = fit(VECTORIZERS["tutorial"](), LogisticRegression(), learnt)
    model, carried = carry(pipeline)
    texts, _ = read_texts(corpora)
    for start in range(0, len(texts), 5000):
        asked = texts[start : start + 5000]
        assert_same(model, carried, pipeline[-1], asked, pipeline[:-1].transform(asked))
