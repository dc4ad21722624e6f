"""What the tests of scikit-learn in and out share: messages, a trained tutorial model, and the comparison."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from despam.core.model import Model
from despam.train.sklearn_in import Carried, translate
from despam.train.tfidf_file import pack

Labelled = tuple[list[str], list[str]]
TOLERANCE = 1e-9
STRANGE = [
    "",
    " ",
    "\n\t \u00a0\u2003",
    "a",
    "win",
    "WIN WIN win Win",
    "nothingknown qqqq zzzz",
    "Ünïcödé çafé naïve ß ẞ ﬁne",
    "İstanbul ΣΑΣ Σ ὈΔΥΣΣΕΎΣ",
    "한국어 スパム 垃圾邮件 тест",
    "e\u0301 a\u0328\u0301 \u1e9b\u0323 zero\u200bwidth \u202eright",
    "x" * 5000,
    "a b  c   d\n\ne\x1c\x1f f\x85g",
    "emoji 😀😀 1234567890 50% $$$ !!!",
    "lone \ud800 surrogate",
    "free " * 300,
]


def read_texts(folder: Path) -> Labelled:
    """Read every message of a folder of corpora, as it stands in the files."""
    texts, labels = [], []
    for path in sorted(folder.glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                texts.append(row["text"])
                labels.append(row["label"])
    assert texts
    return texts, labels


@pytest.fixture(scope="session")
def all_messages(data_folder: Path) -> Labelled:
    """Every message of data/."""
    return read_texts(data_folder)


@pytest.fixture(scope="session")
def learnt(all_messages: Labelled) -> Labelled:
    """The messages that the models of these tests learn from: every ninth of data/."""
    return all_messages[0][::9], all_messages[1][::9]


def carry(*things: Any, spam_label: str | None = None) -> tuple[Model, Carried]:
    """Give a live scikit-learn model as a despam model."""
    carried = translate(list(things), spam_label)
    return Model.from_bytes(pack(carried, {})), carried


def assert_same(model: Model, carried: Carried, classifier: Any, texts: list[str], values: Any) -> None:
    """Compare labels and, where scikit-learn has them, probabilities, on every text; `values` are the vectorizer's."""
    labels = [str(label) for label in classifier.predict(values)]
    verdicts = [model.classify(text) for text in texts]
    spam = [verdict.classification == "SPAM" for verdict in verdicts]
    wrong = [
        text for text, ours, theirs in zip(texts, spam, labels, strict=True) if ours != (theirs == carried.spam_label)
    ]
    assert wrong == []
    if hasattr(classifier, "predict_proba"):
        column = carried.classes.index(carried.spam_label)
        theirs = classifier.predict_proba(values)[:, column]
        ours = np.array([verdict.spam_probability for verdict in verdicts])
        assert float(np.max(np.abs(ours - theirs))) <= TOLERANCE
