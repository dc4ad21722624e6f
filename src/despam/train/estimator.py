"""scikit-learn's door: a classifier and a transformer that follow its conventions.

Knows fit, predict and friends. The learning is `training.train`, the scoring `core.model`: a fitted classifier
answers through the model file that `save` writes, so notebook and service agree.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted

from despam import corpus
from despam.core.model import Model
from despam.errors import TrainingError
from despam.train.recipe import SCALES, Settings, check_bits
from despam.train.table import Table
from despam.train.training import train

SPAM_NAMES = ("spam", "SPAM", "Spam", "1", "true", "True")


class LabelsError(TrainingError, ValueError):
    """Labels that are not two classes: a despam error that is also what scikit-learn expects."""


class SpamClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """despam's default recipe as a scikit-learn classifier of texts.

    `spam_label` names the class that is spam; by default `spam` or 1 is looked for among the labels. As in
    `despam train` a text that occurs again counts once, one that occurs under both labels not at all; `left_out_` says
    how many messages went. `keep_repeats` lets every repeat count.

        >>> from despam.train import SpamClassifier
        >>> texts = ["win money now"] * 10 + ["see you at lunch"] * 10
        >>> model = SpamClassifier(keep_repeats=True).fit(texts, ["spam"] * 10 + ["ham"] * 10)
        >>> model.predict(["win money"]).tolist()
        ['spam']
    """

    def __init__(
        self,
        *,
        max_false_positives: float | None = None,
        spam_label: Any = None,
        bits: int = 20,
        ham_cost: float = 3.0,
        strength: float = 8.0,
        seed: int = 0,
        source: str = "fit",
        keep_repeats: bool = False,
    ) -> None:
        self.max_false_positives = max_false_positives
        self.spam_label = spam_label
        self.bits = bits
        self.ham_cost = ham_cost
        self.strength = strength
        self.seed = seed
        self.source = source  # what the model card calls these messages
        self.keep_repeats = keep_repeats

    def fit(self, X: Iterable[str], y: Iterable[Any]) -> SpamClassifier:  # noqa: N803  scikit-learn's name
        """Learn from texts and labels."""
        texts = take_texts(X)
        labels = np.asarray(y if hasattr(y, "__len__") else list(y))
        check_classification_targets(labels)
        if len(texts) != len(labels):
            raise ValueError(f"{len(texts)} texts and {len(labels)} labels: give one label for each text")
        classes = np.unique(labels)
        if len(classes) != 2:
            raise LabelsError(
                "Only binary classification is supported. The type of the target is "
                f"{type_of_target(labels)} of {len(classes)} class(es): give labels that say ham and spam"
            )
        spam = self._find_spam(classes)
        rows = [
            corpus.Row(text, "spam" if label == spam else "ham", self.source, line)
            for line, (text, label) in enumerate(zip(texts, labels, strict=True), 1)
        ]
        found = corpus.distinct(rows, keep_repeats=self.keep_repeats)
        settings = Settings(bits=self.bits, ham_cost=self.ham_cost, strength=self.strength, seed=self.seed)
        self.trained_ = train(found.rows, max_false_positives=self.max_false_positives, settings=settings)
        self.classes_ = classes
        self.spam_index_ = int(np.flatnonzero(classes == spam)[0])
        self.model_data_ = self.trained_.data
        self.card_ = self.trained_.card
        del self.trained_  # its rows are the training data: they have no place in a pickle
        self.left_out_ = {"repeats": found.repeats, "conflicts": found.conflict_rows}
        self.n_features_in_ = 1
        self._opened = Model.from_bytes(self.model_data_)  # now: predict must not change the estimator
        return self

    @classmethod
    def from_model(cls, model: Model) -> SpamClassifier:
        """Give a model file as a fitted classifier of `ham` and `spam`."""
        made = cls()
        made.classes_ = np.array(["ham", "spam"])
        made.spam_index_ = 1
        made.model_data_ = bytes(memoryview(model._data))
        made.card_ = model.card
        made.n_features_in_ = 1
        return made

    def _find_spam(self, classes: NDArray[Any]) -> Any:
        """Find which of the two classes is spam."""
        if self.spam_label is not None:
            if self.spam_label not in classes:
                raise TrainingError(
                    f"spam_label is {self.spam_label!r}, the labels are {', '.join(map(repr, classes.tolist()))}"
                )
            return self.spam_label
        for label in classes:
            if str(label) in SPAM_NAMES:
                return label
        raise TrainingError(f"none of the labels {', '.join(map(repr, classes.tolist()))} says spam; give spam_label")

    def __getstate__(self) -> dict[str, Any]:
        """Leave the opened model out: its file is in model_data_."""
        state: dict[str, Any] = super().__getstate__()
        return {key: value for key, value in state.items() if key != "_opened"}

    @property
    def model_(self) -> Model:
        """The fitted model, as the service runs it."""
        check_is_fitted(self, "model_data_")
        opened: Model | None = getattr(self, "_opened", None)
        if opened is None:
            opened = self._opened = Model.from_bytes(self.model_data_)
        return opened

    def decision_function(self, X: Iterable[str]) -> NDArray[np.float64]:  # noqa: N803
        """Give the log-odds of `classes_[1]`, measured from the cutoff: above 0 is `classes_[1]`."""
        model = self.model_
        probabilities = [verdict.spam_probability for verdict in map(model.classify, take_texts(X))]
        clipped = np.clip(np.array(probabilities, np.float64), 1e-300, 1 - 1e-16)
        odds = np.log(clipped / (1 - clipped)) - np.log(model.cutoff / (1 - model.cutoff))
        return np.asarray(odds if self.spam_index_ == 1 else -odds)

    def predict_proba(self, X: Iterable[str]) -> NDArray[np.float64]:  # noqa: N803
        """Give the calibrated probabilities, columns in the order of `classes_`."""
        model = self.model_
        spam = np.array([model.classify(text).spam_probability for text in take_texts(X)], np.float64)
        columns = (1 - spam, spam) if self.spam_index_ == 1 else (spam, 1 - spam)
        return np.column_stack(columns) if len(spam) else np.zeros((0, 2))

    def predict(self, X: Iterable[str]) -> NDArray[Any]:  # noqa: N803
        """Give the label of each text at the model's cutoff."""
        model = self.model_
        spam = np.array([model.classify(text).classification == "SPAM" for text in take_texts(X)], bool)
        return np.asarray(self.classes_[np.where(spam, self.spam_index_, 1 - self.spam_index_)])

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model file."""
        from despam.train.export import write_bytes

        check_is_fitted(self, "model_data_")
        write_bytes(path, self.model_data_)

    def __sklearn_tags__(self) -> Any:
        """Say that texts come in, and that there are two classes."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.input_tags.one_d_array = True
        tags.classifier_tags.multi_class = False
        return tags


class Features(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """despam's features as a transformer: texts in, a CSR matrix of 2^bits columns out.

    A value is scale / sqrt(number of features of its group in the text), as the model sees it.
    """

    def __init__(self, *, bits: int = 20) -> None:
        self.bits = bits

    def fit(self, X: Iterable[str], y: Any = None) -> Features:  # noqa: N803
        """Learn nothing: the features are hashed."""
        take_texts(X)
        self.n_features_in_ = 1
        return self

    def __sklearn_is_fitted__(self) -> bool:
        """Nothing has to be learnt."""
        return True

    def transform(self, X: Iterable[str]) -> Any:  # noqa: N803
        """Give the matrix."""
        size = 1 << check_bits(self.bits)
        table = Table(size - 1, SCALES).extend(take_texts(X))
        counts = np.diff(table.ends.reshape(-1), prepend=0)
        data = np.repeat(table.values.reshape(-1), counts)
        starts = np.concatenate(([0], table.ends[:, -1])) if len(table) else np.zeros(1, np.int64)
        matrix = sparse.csr_matrix((data, table.ids.astype(np.int64), starts), shape=(len(table), size))
        matrix.sum_duplicates()
        return matrix

    def __sklearn_tags__(self) -> Any:
        """Say that texts come in and a sparse matrix goes out."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.input_tags.one_d_array = True
        tags.requires_fit = False
        return tags


def take_texts(values: Any) -> list[str]:
    """Give a list of texts from a list, an array, a column of a data frame, or a table of one column."""
    if isinstance(values, str):
        raise ValueError("X is one string; give a list of texts")
    if hasattr(values, "to_numpy"):
        values = values.to_numpy()
    if isinstance(values, np.ndarray):
        if values.ndim == 2 and values.shape[1] == 1:
            values = values[:, 0]
        if values.ndim != 1:
            raise ValueError(f"X has the shape {values.shape}; despam takes one column of texts")
        values = values.tolist()
    texts = list(values)
    for at, text in enumerate(texts):
        if not isinstance(text, str):
            raise ValueError(f"X[{at}] is of type {type(text).__name__}; every text must be a str")
    return texts
