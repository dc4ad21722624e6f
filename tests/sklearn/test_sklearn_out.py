"""Models out: pickles that scikit-learn and the tutorial's Lambda function use as their own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import ComplementNB
from sklearn.pipeline import make_pipeline

import despam
from despam.core.model import Model
from despam.errors import DataError, TensorError
from despam.train.sklearn_in import import_files, translate
from despam.train.sklearn_out import export_model, to_sklearn
from despam.train.tfidf import train_tfidf
from despam.train.tfidf_file import pack

from .conftest import STRANGE, TOLERANCE, Labelled, carry
from .make_pickles import HAM, SPAM
from .test_same_decisions import CLASSIFIERS, VECTORIZERS, fit, lone

TEXTS, NUMBERS = SPAM + HAM, [0] * len(SPAM) + [1] * len(HAM)
LABELS = ["ham" if number else "spam" for number in NUMBERS]


class Row:
    """A row as the corpus gives it."""

    def __init__(self, text: str, label: str) -> None:
        self.text, self.label, self.source = text, label, "invented"


def rows(learnt: Labelled) -> list[Any]:
    """Give labelled rows."""
    return [Row(text, label) for text, label in zip(*learnt, strict=True)]


def lambda_handler(folder: Path) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Make the tutorial's function over a pair of files, as it stands but for the bucket."""
    model, vectorizer = joblib.load(folder / "spam_model.pkl"), joblib.load(folder / "vectorizer.pkl")

    def handler(event: dict[str, Any]) -> dict[str, Any]:
        text = json.loads(event["body"])["text"] if "body" in event else event.get("text", "")
        prediction = model.predict(vectorizer.transform([text]))[0]
        result = "HAM" if prediction == 1 else "SPAM"
        return {"statusCode": 200, "body": json.dumps({"status": "success", "classification": result})}

    return handler


def test_the_tutorials_function_runs_on_the_files_unchanged(tmp_path: Path, learnt: Labelled) -> None:
    """Trained by despam, exported, and asked as in the tutorial."""
    trained = train_tfidf(rows(learnt))
    assert {path.name for path in export_model(trained.open(), tmp_path)} == {"spam_model.pkl", "vectorizer.pkl"}
    handler = lambda_handler(tmp_path)
    for text in (*SPAM, *HAM):
        answer = json.loads(handler({"body": json.dumps({"text": text})})["body"])
        assert answer["classification"] == trained.open().classify(text).classification


def test_what_goes_out_is_what_the_tutorial_dumps(tmp_path: Path, learnt: Labelled) -> None:
    """The same classes, options, vocabulary and numbers as the objects that were fitted."""
    trained = train_tfidf(rows(learnt))
    export_model(trained.open(), tmp_path)
    vectorizer, model = joblib.load(tmp_path / "vectorizer.pkl"), joblib.load(tmp_path / "spam_model.pkl")
    assert (type(vectorizer), type(model)) == (TfidfVectorizer, LogisticRegression)
    assert vectorizer.vocabulary_ == trained.vectorizer.vocabulary_
    assert vectorizer.stop_words == "english"
    assert np.array_equal(vectorizer.idf_, trained.vectorizer.idf_)
    assert np.array_equal(model.coef_, trained.classifier.coef_)
    assert np.array_equal(model.intercept_, trained.classifier.intercept_)
    assert model.classes_.tolist() == [0, 1]
    assert list(vectorizer.get_feature_names_out()) == list(trained.vectorizer.get_feature_names_out())


def test_a_round_trip_gives_the_same_file(tmp_path: Path, learnt: Labelled) -> None:
    """Out as pickles and in again: the same bytes, but for the card."""
    trained = train_tfidf(rows(learnt))
    export_model(trained.open(), tmp_path)
    carried = import_files([tmp_path / "spam_model.pkl", tmp_path / "vectorizer.pkl"], "0")
    assert pack(carried, {k: v for k, v in trained.card.items() if k != "recipe"}) == trained.data


@pytest.mark.parametrize("name", list(VECTORIZERS))
@pytest.mark.parametrize("classifier", ["logistic regression", "bernoulli bayes with a limit"])
def test_every_imported_model_goes_out_again(name: str, classifier: str, learnt: Labelled) -> None:
    """Unions, hash buckets, steps in any order: scikit-learn predicts as the file does."""
    texts, labels = learnt[0][::4], learnt[1][::4]
    model, _ = carry(fit(VECTORIZERS[name](), CLASSIFIERS[classifier](), (texts, labels)))
    vectorizer, made = to_sklearn(model)
    asked = [text for text in learnt[0][1::40] + STRANGE if not lone(text)]
    probabilities = made.predict_proba(vectorizer.transform(asked))[:, 0]
    ours = np.array([model.classify(text).spam_probability for text in asked])
    assert float(np.max(np.abs(ours - probabilities))) <= TOLERANCE
    spam = [model.classify(text).classification == "SPAM" for text in asked]
    assert [label == 0 for label in made.predict(vectorizer.transform(asked))] == spam


def test_a_tie_stays_ham_on_the_way_out() -> None:
    """Spam becomes the first class, which scikit-learn takes at 0: the intercept gets the least push there is."""
    labels = ["spam" if number == 0 else "ham" for number in NUMBERS]
    model, _ = carry(make_pipeline(CountVectorizer(), ComplementNB()).fit(TEXTS, labels))
    vectorizer, made = to_sklearn(model)
    assert model.classify("zzzz").classification == "HAM"
    assert made.predict(vectorizer.transform(["zzzz"])).tolist() == [1]


def test_the_default_model_goes_out_as_an_estimator(make_model: Callable[..., Path], tmp_path: Path) -> None:
    """On top of despam: it predicts as the file does, after a trip through joblib."""
    model = despam.load(make_model())
    (path,) = export_model(model, tmp_path)
    estimator = joblib.load(path)
    assert estimator.classes_.tolist() == ["ham", "spam"]
    assert estimator.predict(TEXTS).tolist() == [model.classify(text).classification.lower() for text in TEXTS]
    ours = [model.classify(text).spam_probability for text in TEXTS]
    assert estimator.predict_proba(TEXTS)[:, 1].tolist() == ours


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path, learnt: Labelled) -> None:
    """And nothing is left behind."""
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(DataError, match="give another folder"):
        export_model(train_tfidf(rows(learnt)).open(), tmp_path / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("settings", [[1], {"C": "x"}, {"C": -1}, {"C": True}, {"C": 10**400}, None, {}])
def test_a_card_that_tells_no_strength_gets_scikit_learns_own(settings: Any) -> None:
    """It decides nothing any more."""
    pipeline = make_pipeline(CountVectorizer(), LogisticRegression()).fit(TEXTS, NUMBERS)
    data = pack(translate([pipeline], "0"), {"settings": settings})
    assert to_sklearn(Model.from_bytes(data))[1].C == 1.0


def test_a_card_that_tells_a_strength_keeps_it() -> None:
    """What was trained with another C than scikit-learn's shows it."""
    assert to_sklearn(train_tfidf(rows((TEXTS, LABELS)), C=3.0).open())[1].C == 3.0


def test_a_vocabulary_that_is_no_text_is_said() -> None:
    """A stranger's file is opened without reading all of its words."""
    trained = train_tfidf(rows((TEXTS, LABELS)))
    letters = bytes(trained.open().scorer.parts[0].letters)  # type: ignore[attr-defined]
    broken = trained.data.replace(letters, b"\xff" + letters[1:])
    with pytest.raises(TensorError, match="no UTF-8; make the model again"):
        to_sklearn(Model.from_bytes(broken))
