"""The recipe `tfidf`: the tutorial's vectorizer and logistic regression, learnt and packed with the exact vocabulary.

Knows the tutorial's settings (English stop words, lower case, every word, ham = 1, spam = 0, a split of 80 to 20) and
the options that change them. Does not know how DATA is read or what is printed. The model is the one fitted on the
training side of the split, as in the tutorial, and the accuracies are of that model.

Invariant: the same rows in the same order, settings and seed give the same bytes.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from despam.errors import SettingError, TrainingError
from despam.train import export, require_sklearn
from despam.train.sklearn_in import translate
from despam.train.tfidf_file import pack

if TYPE_CHECKING:
    from despam.core.model import Model
    from despam.corpus import Message

SOLVERS = ("lbfgs", "liblinear", "newton-cg", "newton-cholesky", "sag", "saga")
HAM, SPAM = 1, 0  # the tutorial's numbers
Side = tuple[list[str], list[int]]


@dataclass(frozen=True)
class TfidfSettings:
    """What can be changed; the defaults are the tutorial's."""

    ngrams: tuple[int, int] = (1, 1)
    sublinear: bool = False
    min_df: int = 1
    C: float = 1.0
    class_weight: str | None = None  # or "balanced"
    solver: str = "lbfgs"
    test_share: float = 0.2
    seed: int = 0

    def check(self) -> None:
        """Raise SettingError for what cannot be right."""
        if not 1 <= self.ngrams[0] <= self.ngrams[1] <= 8:
            raise SettingError(
                f"n-grams from {self.ngrams[0]} to {self.ngrams[1]} words: give sizes from 1 to 8, as 1,2"
            )
        if not 0 <= self.test_share < 1:
            raise SettingError(f"the test share is {self.test_share:g}: give a share from 0 to below 1, as 0.2")
        if self.C <= 0 or self.min_df < 1:
            raise SettingError("C must be above 0 and min_df at least 1")
        if self.solver not in SOLVERS:
            raise SettingError(f"the solver {self.solver!r} is unknown; there are {', '.join(SOLVERS)}")
        if self.class_weight not in (None, "balanced"):
            raise SettingError(f"the class weight {self.class_weight!r} is unknown; there are None and 'balanced'")


@dataclass(frozen=True)
class TrainedTfidf:
    """A trained model: its bytes, its card, and scikit-learn's own objects."""

    data: bytes
    card: dict[str, Any]
    vectorizer: Any
    classifier: Any
    notes: list[str]

    @property
    def report(self) -> list[str]:
        """Give the lines that the tutorial prints: accuracy on both sides of the split."""
        split = self.card["figures"]["split"]
        lines = [f"accuracy   on training data {split['training_accuracy']}, {split['training_messages']:,} messages"]
        if split["test_messages"]:
            lines.append(f"           on test data {split['test_accuracy']}, {split['test_messages']:,} messages")
        return lines + [f"note       {note}" for note in self.notes]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model file."""
        export.write_bytes(path, self.data)

    def open(self) -> Model:
        """Give the model as `despam.load` would."""
        from despam.core.model import Model

        return Model.from_bytes(self.data)


def train_tfidf(rows: Iterable[Message], **options: Any) -> TrainedTfidf:
    """Learn as the tutorial does; the options are those of TfidfSettings.

    Raises SettingError, and TrainingError where a side of the split lacks spam or ham or no word is left.
    """
    require_sklearn("the recipe tfidf")
    settings = TfidfSettings(**options)
    settings.check()
    messages = list(rows)
    numbers = [SPAM if row.label == "spam" else HAM for row in messages]
    if len(messages) < 10 or len(set(numbers)) < 2:
        raise TrainingError(
            f"{len(messages)} messages with {len(set(numbers))} labels: give at least ten of spam and ham"
        )
    sides = split([row.text for row in messages], numbers, settings)
    vectorizer, classifier, notes = fit(*sides[0], settings)
    figures: dict[str, Any] = {}
    for name, (texts, labels) in zip(("training", "test"), sides, strict=True):
        figures[f"{name}_messages"] = len(texts)
        if texts:
            figures[f"{name}_accuracy"] = round(float(classifier.score(vectorizer.transform(texts), labels)), 6)
    card = make_card(messages, settings, figures)
    data = pack(translate([vectorizer, classifier], str(SPAM)), card)
    return TrainedTfidf(data, card, vectorizer, classifier, notes)


def split(texts: list[str], numbers: list[int], settings: TfidfSettings) -> tuple[Side, Side]:
    """Keep a share apart, drawn as the tutorial draws it."""
    from sklearn.model_selection import train_test_split

    if not settings.test_share:
        return (texts, numbers), ([], [])
    learnt, kept, learnt_numbers, kept_numbers = train_test_split(
        texts, numbers, test_size=settings.test_share, random_state=settings.seed
    )
    if len(set(learnt_numbers)) < 2:
        raise TrainingError("the training side of the split lacks spam or ham; give more messages or another --seed")
    return (learnt, learnt_numbers), (kept, kept_numbers)


def fit(texts: list[str], numbers: list[int], settings: TfidfSettings) -> tuple[Any, Any, list[str]]:
    """Fit the tutorial's two objects, and give notes on how it went."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    vectorizer = TfidfVectorizer(
        min_df=settings.min_df,
        stop_words="english",
        lowercase=True,
        ngram_range=settings.ngrams,
        sublinear_tf=settings.sublinear,
    )
    try:
        values = vectorizer.fit_transform(texts)
    except ValueError as error:  # every word is a stop word or rarer than min_df
        reason = str(error).splitlines()[0]
        raise TrainingError(
            f"no word is left to learn from ({reason}); lower --min-df or give more messages"
        ) from error
    classifier = LogisticRegression(
        C=settings.C, class_weight=settings.class_weight, solver=settings.solver, random_state=settings.seed
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        classifier.fit(values, numbers)
    unfinished = any(issubclass(warning.category, ConvergenceWarning) for warning in caught)
    return vectorizer, classifier, ["the solver stopped before it had converged"] if unfinished else []


def make_card(messages: list[Message], settings: TfidfSettings, figures: dict[str, Any]) -> dict[str, Any]:
    """Say what the model was made of."""
    sources: dict[str, dict[str, Any]] = {}
    for row in messages:
        source = sources.setdefault(row.source, {"name": row.source, "messages": 0, "spam": 0, "ham": 0})
        source["messages"] += 1
        source["spam" if row.label == "spam" else "ham"] += 1
    listed = [sources[name] for name in sorted(sources)]
    return {
        "recipe": "tfidf",
        "messages": len(messages),
        "spam": sum(source["spam"] for source in listed),
        "ham": sum(source["ham"] for source in listed),
        "sources": listed,
        "seed": settings.seed,
        "settings": {**asdict(settings), "ngrams": list(settings.ngrams)},
        "figures": {"split": figures},
        "limits": [
            "English stop words, whole words only: a changed letter hides a word",
            "test messages come from the same sources as those learnt from",
        ],
    }
