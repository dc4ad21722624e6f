"""Linear classifiers of scikit-learn as one weight a feature and a bias.

Knows how each classifier decides between two classes and how its probability follows from the decision. Refuses to
know vectorizers. Invariant: `bias + weights . x` is above 0 exactly where scikit-learn predicts `classes_[1]`, and its
logistic function is scikit-learn's probability of `classes_[1]` (where there is one).

    logistic regression, SGD, SVM    coef_ . x + intercept_               a multinomial one of two classes: twice that
    multinomial, complement NB       difference of the rows of feature_log_prob_ and of class_log_prior_
    Bernoulli NB                     the same with log p - log(1 - p); the terms of absent words go into the bias
    sigmoid calibration              -(a * score + b); temperature: 2 * beta * score
"""

from __future__ import annotations

from typing import Any

import numpy as np

from despam.errors import PickleRefused, SettingError
from despam.train.attributes import Vector, get, kind_of, matrix, need, vector
from despam.train.inert import Array

LINEAR = ("LogisticRegression", "LogisticRegressionCV", "SGDClassifier", "LinearSVC", "Perceptron")
BAYES = ("MultinomialNB", "ComplementNB", "BernoulliNB")
CLASSIFIERS = (*LINEAR, "PassiveAggressiveClassifier", *BAYES)
HAS_PROBABILITY = ("LogisticRegression", "LogisticRegressionCV", *BAYES)
NO_PROBABILITY = (
    "{} has no probability in scikit-learn: despam gives the logistic function of its score, which keeps the decisions "
    "and their order but is not calibrated"
)


class Calibration:
    """The one fold of a CalibratedClassifierCV."""

    def __init__(self, fold: Any, classes: list[str]) -> None:
        """Read what turns the score into a probability."""
        self.classes = classes
        calibrators = get(fold, "calibrators")
        calibrators = get(fold, "calibrators_") if calibrators is None else calibrators
        if not isinstance(calibrators, list) or len(calibrators) != 1:
            raise PickleRefused("the CalibratedClassifierCV is for several classes; despam decides between two")
        self.calibrator = calibrators[0]

    def apply(self, weights: Vector, bias: float, classifier: str) -> tuple[Vector, float]:
        """Fold the calibration into weights and bias, so that the score stays the log-odds."""
        if classifier in BAYES:
            raise PickleRefused(
                f"CalibratedClassifierCV over {classifier} calibrates a probability: that is not linear"
            )
        kind = kind_of(self.calibrator)
        if kind == "_SigmoidCalibration":
            slope = -float(need(self.calibrator, "a_"))
            return weights * slope, bias * slope - float(need(self.calibrator, "b_"))
        if kind == "_TemperatureScaling":
            slope = 2.0 * float(need(self.calibrator, "beta_"))
            return weights * slope, bias * slope
        raise PickleRefused(f"{kind} is no logistic function of the score; calibrate with method='sigmoid'")


def linear(classifier: Any, notes: list[str], calibrated: bool) -> tuple[Vector, float]:
    """Give weights and bias for `classes_[1]` of a classifier of two classes."""
    kind = kind_of(classifier)
    classes = class_names(classifier)
    if len(classes) != 2:
        listed = ", ".join(classes[:8])
        raise PickleRefused(f"the {kind} has {len(classes)} classes ({listed}); despam decides between spam and ham")
    if kind in BAYES:
        return bayes(classifier, kind)
    loss = get(classifier, "loss") if kind == "SGDClassifier" else None
    if loss == "modified_huber" and not calibrated:
        raise PickleRefused("SGDClassifier with loss='modified_huber' has a probability that is no logistic function")
    if not calibrated and kind not in HAS_PROBABILITY and loss not in ("log_loss", "log"):
        notes.append(NO_PROBABILITY.format(f"{kind} with loss={loss!r}" if loss else kind))
    weights = matrix(need(classifier, "coef_"))
    if weights.ndim == 2 and weights.shape[0] != 1:
        raise PickleRefused(f"the {kind} has {weights.shape[0]} rows of coefficients, a decision between two has one")
    intercept = vector(need(classifier, "intercept_"))
    if len(intercept) != 1:
        raise PickleRefused(f"the {kind} has {len(intercept)} intercepts, a decision between two has one")
    # scikit-learn before 1.8 puts (-score, score) through a softmax if asked for multinomial
    factor = 2.0 if kind.startswith("Logistic") and get(classifier, "multi_class") == "multinomial" else 1.0
    return weights.ravel() * factor, float(intercept[0]) * factor


def bayes(classifier: Any, kind: str) -> tuple[Vector, float]:
    """Give weights and bias of a naive Bayes classifier."""
    chances = matrix(need(classifier, "feature_log_prob_"))
    if chances.ndim != 2 or chances.shape[0] != 2:
        raise PickleRefused(f"the {kind} has no two rows of chances")
    if kind == "ComplementNB":
        return chances[1] - chances[0], 0.0
    prior = vector(need(classifier, "class_log_prior_"))
    if len(prior) != 2:
        raise PickleRefused(f"the {kind} has no two priors")
    bias = float(prior[1] - prior[0])
    if kind == "MultinomialNB":
        return chances[1] - chances[0], bias
    with np.errstate(all="ignore"):  # what comes out infinite is refused by name later
        absent = np.log(1.0 - np.exp(chances))
    weights = (chances - absent)[1] - (chances - absent)[0]
    return weights, bias + float(absent[1].sum() - absent[0].sum())


def class_names(classifier: Any) -> list[str]:
    """Give the two labels as text."""
    classes = need(classifier, "classes_")
    values = classes.values() if isinstance(classes, Array) else list(classes)
    if not all(isinstance(value, str | int | float | bool | np.generic) for value in values):
        raise PickleRefused(f"the classes of the {kind_of(classifier)} are neither words nor numbers")
    return [str(value) for value in values]


def choose_spam(classes: list[str], wanted: str | None) -> int:
    """Say which of two classes is spam: by its name, or as asked for."""
    listed = " and ".join(classes)
    if wanted is not None:
        for index, name in enumerate(classes):
            if same_label(name, wanted):
                return index
        raise SettingError(f"the classes are {listed}, none is {wanted[:40]!r}: give one of them as --spam-label")
    folded = [name.strip().casefold() for name in classes]
    if folded.count("spam") == 1:
        return folded.index("spam")
    if folded.count("ham") == 1:
        return 1 - folded.index("ham")
    raise SettingError(
        f"the classes are {listed}: say which one is spam with --spam-label (the tutorial has ham = 1 and spam = 0: "
        "--spam-label 0)"
    )


def same_label(name: str, wanted: str) -> bool:
    """Compare labels as text, or as numbers."""
    if name.casefold() == wanted.strip().casefold():
        return True
    try:
        return float({"True": "1", "False": "0"}.get(name, name)) == float(wanted)
    except ValueError:
        return False
