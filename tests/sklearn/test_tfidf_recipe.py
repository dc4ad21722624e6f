"""`train --recipe tfidf`: the tutorial's training, options, and errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from despam.errors import SettingError, TrainingError
from despam.train.tfidf import SPAM, train_tfidf

from .conftest import TOLERANCE, Labelled
from .make_pickles import HAM
from .make_pickles import SPAM as SPAM_TEXTS
from .test_sklearn_out import Row, rows


def test_it_is_the_tutorials_code(learnt: Labelled) -> None:
    """Written out as in the tutorial: the same split, accuracies, decisions and probabilities."""
    texts, numbers = learnt[0], [0 if label == "spam" else 1 for label in learnt[1]]
    x_train, x_test, y_train, y_test = train_test_split(texts, numbers, test_size=0.2, random_state=3)
    vectorizer = TfidfVectorizer(min_df=1, stop_words="english", lowercase=True)
    model = LogisticRegression().fit(vectorizer.fit_transform(x_train), y_train)
    trained = train_tfidf(rows(learnt), seed=3)
    split = trained.card["figures"]["split"]
    assert split["training_accuracy"] == round(model.score(vectorizer.transform(x_train), y_train), 6)
    assert split["test_accuracy"] == round(model.score(vectorizer.transform(x_test), y_test), 6)
    assert trained.report[0].endswith(f"{len(x_train):,} messages")
    theirs = model.predict_proba(vectorizer.transform(x_test))[:, SPAM]
    ours = [verdict.spam_probability for verdict in trained.open().classify_many(x_test)]
    assert float(np.max(np.abs(theirs - ours))) <= TOLERANCE


@pytest.mark.parametrize(
    "options",
    [
        {"ngrams": (1, 2)},
        {"sublinear": True},
        {"min_df": 3},
        {"C": 30.0},
        {"class_weight": "balanced"},
        {"solver": "liblinear"},
        {"test_share": 0.5},
        {"seed": 9},
    ],
)
def test_each_option_changes_the_model(options: dict[str, Any], learnt: Labelled) -> None:
    """And the same options give the same bytes again."""
    few = rows((learnt[0][::4], learnt[1][::4]))
    assert train_tfidf(few, **options).data == train_tfidf(few, **options).data != train_tfidf(few).data


def test_all_messages_can_be_learnt_from(learnt: Labelled) -> None:
    """With a test share of 0 there is one accuracy to print."""
    trained = train_tfidf(rows(learnt), test_share=0)
    assert trained.card["figures"]["split"]["training_messages"] == len(learnt[0])
    assert len(trained.report) == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ngrams": (2, 1)}, "n-grams"),
        ({"test_share": 1.0}, "test share"),
        ({"C": 0.0}, "C must be"),
        ({"solver": "guess"}, "there are lbfgs"),
        ({"class_weight": "heavy"}, "class weight"),
    ],
)
def test_options_that_cannot_be_right_are_said(options: dict[str, Any], words: str) -> None:
    """One sentence each."""
    with pytest.raises(SettingError, match=words):
        train_tfidf([Row(text, "spam") for text in SPAM_TEXTS], **options)


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([Row(text, "spam") for text in SPAM_TEXTS], "1 labels"),
        ([Row("the and", "spam"), Row("of or", "ham")] * 6, "no word is left"),
        ([Row("win", "spam"), *[Row(text, "ham") for text in HAM]], "training side"),
    ],
)
def test_messages_that_nothing_can_be_learnt_from_are_said(messages: list[Any], words: str) -> None:
    """One sentence each."""
    with pytest.raises(TrainingError, match=words):
        train_tfidf(messages, seed=0, test_share=0.9 if words == "training side" else 0.0)
