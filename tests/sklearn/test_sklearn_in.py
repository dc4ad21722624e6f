"""Fitted objects in: files of three scikit-learn versions, and what is said about those that cannot be carried."""

from __future__ import annotations

import json
import math
import pickle
import warnings
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import TruncatedSVD
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MaxAbsScaler
from sklearn.svm import SVC, LinearSVC

import despam
from despam.errors import DespamError, PickleRefused, SettingError
from despam.train.attributes import LIMIT_NUMBERS, dense, diagonal
from despam.train.export import write_bytes
from despam.train.inert import Array, Inert, Kind
from despam.train.sklearn_in import import_files
from despam.train.tfidf_file import pack

from .conftest import TOLERANCE, carry
from .make_pickles import HAM, SPAM

PICKLES = Path(__file__).parent / "pickles"
TEXTS, LABELS = SPAM + HAM, ["spam"] * len(SPAM) + ["ham"] * len(HAM)
NUMBERS = [0] * len(SPAM) + [1] * len(HAM)


def cases() -> list[tuple[str, str]]:
    """Return every stored file that holds a model, with its version's folder."""
    found = []
    for folder in sorted(PICKLES.iterdir()):
        found += [(folder.name, name) for name in json.loads((folder / "expected.json").read_text())["answers"]]
    assert len(found) == 30
    return found


@pytest.mark.parametrize(("version", "name"), cases())
def test_a_file_of_a_scikit_learn_version_decides_as_it_did_there(version: str, name: str, tmp_path: Path) -> None:
    """Labels and probabilities are those that the scikit-learn which wrote the file gave."""
    folder = PICKLES / version
    expected = json.loads((folder / "expected.json").read_text())
    answers = expected["answers"][name]
    paths = [folder / name, *([folder / "vectorizer.pkl"] if name == "spam_model.pkl" else [])]
    carried = import_files(paths, "0" if "0" in answers["classes"] else None)
    assert carried.sklearn == expected["sklearn"]
    write_bytes(tmp_path / "model.safetensors", pack(carried, {}))
    model = despam.load(tmp_path / "model.safetensors")
    column = answers["classes"].index(carried.spam_label)
    for text, label, at in zip(expected["messages"], answers["labels"], range(len(answers["labels"])), strict=True):
        verdict = model.classify(text)
        assert (verdict.classification == "SPAM") == (label == carried.spam_label)
        if answers["probabilities"]:
            assert abs(verdict.spam_probability - answers["probabilities"][at][column]) <= TOLERANCE
        assert abs(math.fsum([clue.contribution for clue in verdict.clues]) + verdict.bias - verdict.score) <= 1e-9


def test_reading_loads_neither_scikit_learn_nor_numpy(tmp_path: Path) -> None:
    """The unpickler knows classes by their names alone: it works where they do not exist."""
    import subprocess
    import sys

    # the package's own __init__ loads the training stack: read the modules without it
    code = """
import importlib.util, pathlib, sys, types
package = types.ModuleType("despam.train"); package.__path__ = [sys.argv[1]]
import despam; sys.modules["despam.train"] = package
from despam.train.unpickle import load
load(pathlib.Path(sys.argv[2]))
print([name for name in ("numpy", "sklearn", "joblib", "scipy") if name in sys.modules])
"""
    source = Path(despam.__file__).parent / "train"
    done = subprocess.run(
        [sys.executable, "-c", code, str(source), str(PICKLES / "1.2" / "union.joblib.z")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_protocol_is_read(protocol: int, tmp_path: Path) -> None:
    """From the text of protocol 0 to the buffers of protocol 5."""
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, LABELS)
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(pipeline, protocol=protocol))
    carried = import_files([path])
    assert np.array_equal(carried.weights, pipeline[-1].coef_.ravel())


@pytest.mark.parametrize("how", ["zlib", "gzip", "bz2", "xz", "lzma", "lz4"])
def test_every_packing_of_joblib_is_read(how: str, tmp_path: Path) -> None:
    """Large enough that arrays cross the chunks and blocks of the packing."""
    if how == "lz4":
        pytest.importorskip("lz4", reason="joblib writes lz4 only with the package lz4; stored files are read without")
    pipeline = make_pipeline(HashingVectorizer(n_features=1 << 17), LogisticRegression()).fit(TEXTS, LABELS)
    pipeline[-1].coef_ += np.random.default_rng(0).normal(size=pipeline[-1].coef_.shape).round(2)
    joblib.dump(pipeline, tmp_path / "model.joblib", compress=(how, 1))
    assert np.array_equal(import_files([tmp_path / "model.joblib"]).weights, pipeline[-1].coef_.ravel())


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_a_generator_as_random_state_does_not_matter(protocol: int, tmp_path: Path) -> None:
    """Some give a RandomState instead of a number; the model holds it, and no decision needs it."""
    classifier = SGDClassifier(loss="log_loss", random_state=np.random.RandomState(1))
    pipeline = make_pipeline(TfidfVectorizer(), classifier).fit(TEXTS, LABELS)
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(pipeline, protocol=protocol))
    assert np.array_equal(import_files([tmp_path / "model.pkl"]).weights, pipeline[-1].coef_.ravel())


def test_a_memory_mapped_model_is_read(tmp_path: Path) -> None:
    """Dumped, opened by joblib with mmap_mode and dumped again: its arrays are numpy.memmap."""
    pipeline = make_pipeline(CountVectorizer(), LogisticRegression()).fit(TEXTS, LABELS)
    joblib.dump(pipeline, tmp_path / "first.joblib")
    mapped = joblib.load(tmp_path / "first.joblib", mmap_mode="r")
    assert isinstance(mapped[-1].coef_, np.memmap)
    joblib.dump(mapped, tmp_path / "second.joblib")
    (tmp_path / "third.pkl").write_bytes(pickle.dumps(mapped))
    for name in ("first.joblib", "second.joblib", "third.pkl"):
        assert np.array_equal(import_files([tmp_path / name]).weights, pipeline[-1].coef_.ravel())


def test_labels_from_pandas_and_lists_are_read(tmp_path: Path) -> None:
    """Classes are an array of objects there, a nested pickle to joblib."""
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"Message": TEXTS, "Category": LABELS})
    for column in (frame["Category"], frame["Category"].astype(object), frame["Category"] == "spam"):
        pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(frame["Message"], column)
        joblib.dump(pipeline, tmp_path / "model.joblib")
        carried = import_files([tmp_path / "model.joblib"], None if "spam" in set(column) else "True")
        assert carried.spam_label in ("spam", "True")


def test_swapped_arguments_are_put_right(tmp_path: Path) -> None:
    """And it is said."""
    vectorizer = TfidfVectorizer()
    classifier = LogisticRegression().fit(vectorizer.fit_transform(TEXTS), LABELS)
    joblib.dump(vectorizer, tmp_path / "vectorizer.pkl")
    joblib.dump(classifier, tmp_path / "spam_model.pkl")
    right = import_files([tmp_path / "spam_model.pkl", tmp_path / "vectorizer.pkl"])
    wrong = import_files([tmp_path / "vectorizer.pkl", tmp_path / "spam_model.pkl"])
    assert right.notes == []
    assert "the other way round" in wrong.notes[0]
    assert pack(right, {}) == pack(wrong, {})


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    """Whatever order a set of stop words came in."""
    joblib.dump(
        make_pipeline(TfidfVectorizer(stop_words="english"), LinearSVC()).fit(TEXTS, LABELS), tmp_path / "a.pkl"
    )
    assert pack(import_files([tmp_path / "a.pkl"]), {}) == pack(import_files([tmp_path / "a.pkl"]), {})


def split_on_spaces(text: str) -> list[str]:
    """A tokenizer of somebody's own."""
    return text.split()


REFUSED: dict[str, tuple[Any, str]] = {
    "custom tokenizer": (
        lambda: make_pipeline(CountVectorizer(tokenizer=split_on_spaces, token_pattern=None), LogisticRegression()),
        "tokenizer of the CountVectorizer is",
    ),
    "custom preprocessor": (
        lambda: make_pipeline(CountVectorizer(preprocessor=str.lower), LogisticRegression()),
        "preprocessor of the CountVectorizer is builtins.str.lower",
    ),
    "a method as tokenizer": (
        lambda: make_pipeline(TfidfVectorizer(tokenizer=str.split, token_pattern=None), LogisticRegression()),
        "tokenizer of the TfidfVectorizer is builtins.str.split",
    ),
    "custom analyzer": (
        lambda: make_pipeline(CountVectorizer(analyzer=split_on_spaces), LogisticRegression()),
        "analyzer",
    ),
    "random forest": (lambda: make_pipeline(CountVectorizer(), RandomForestClassifier(3)), "RandomForestClassifier"),
    "neighbours": (lambda: make_pipeline(CountVectorizer(), KNeighborsClassifier()), "KNeighborsClassifier"),
    "kernel": (lambda: make_pipeline(CountVectorizer(), SVC()), "SVC cannot be carried: its decision"),
    "search": (
        lambda: GridSearchCV(make_pipeline(CountVectorizer(), MultinomialNB()), {"multinomialnb__alpha": [1.0]}, cv=2),
        "best_estimator_",
    ),
    "folds": (
        lambda: make_pipeline(CountVectorizer(), CalibratedClassifierCV(LinearSVC(), cv=2, ensemble=True)),
        "ensemble=False",
    ),
    "isotonic": (
        lambda: make_pipeline(
            CountVectorizer(), CalibratedClassifierCV(LinearSVC(), cv=2, ensemble=False, method="isotonic")
        ),
        "method='sigmoid'",
    ),
    "calibrated bayes": (
        lambda: make_pipeline(CountVectorizer(), CalibratedClassifierCV(MultinomialNB(), cv=2, ensemble=False)),
        "that is not linear",
    ),
    "modified huber": (
        lambda: make_pipeline(CountVectorizer(), SGDClassifier(loss="modified_huber")),
        "no logistic function",
    ),
    "components": (lambda: make_pipeline(CountVectorizer(), TruncatedSVD(2), LogisticRegression()), "TruncatedSVD"),
    "scaled": (lambda: make_pipeline(CountVectorizer(), MaxAbsScaler(), LogisticRegression()), "MaxAbsScaler"),
    "a function in the union": (
        lambda: make_pipeline(
            FeatureUnion([("f", FunctionTransformer()), ("c", CountVectorizer())]), LogisticRegression()
        ),
        "FunctionTransformer",
    ),
    "tfidf behind a union": (
        lambda: make_pipeline(
            FeatureUnion([("a", CountVectorizer()), ("b", CountVectorizer())]), TfidfTransformer(), MultinomialNB()
        ),
        "behind a FeatureUnion",
    ),
    "a pattern that can take for ever": (
        lambda: make_pipeline(CountVectorizer(token_pattern=r"(\w+\s?)+x|\w+"), LogisticRegression()),
        r"behind a repeat without limit.*; fit the vectorizer with a plainer one, as '\(\?u\)",
    ),
    "no vectorizer": (lambda: LogisticRegression(), "no vectorizer"),
    "no classifier": (lambda: TfidfVectorizer(), "no classifier"),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_what_cannot_be_carried_is_refused_by_name_and_reason(name: str, tmp_path: Path) -> None:
    """From a file, in one sentence."""
    make, words = REFUSED[name]
    thing = make()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if name == "no vectorizer":
            thing.fit(np.eye(2), ["ham", "spam"])
        elif name == "a function in the union":
            thing.steps[0][1].transformer_list[1][1].fit(TEXTS)
        elif name == "a pattern that can take for ever":
            thing.fit(["win it", "see you"], ["spam", "ham"])  # on real texts scikit-learn itself takes minutes
        else:
            thing.fit(TEXTS, LABELS)
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(thing))
    with pytest.raises(PickleRefused, match=words) as caught:
        import_files([path])
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(path))


def test_a_live_tokenizer_is_refused_like_one_in_a_file() -> None:
    """`translate` reads live objects by the same rules."""
    pipeline = make_pipeline(CountVectorizer(tokenizer=split_on_spaces, token_pattern=None), LogisticRegression())
    with pytest.raises(PickleRefused, match="split_on_spaces"):
        carry(pipeline.fit(TEXTS, LABELS))


def test_sizes_that_differ_are_both_said() -> None:
    """Model and vectorizer of different trainings."""
    vectorizer, other = TfidfVectorizer().fit(TEXTS), TfidfVectorizer().fit(TEXTS[:5])
    classifier = LogisticRegression().fit(vectorizer.transform(TEXTS), LABELS)
    mine, theirs = len(other.vocabulary_), len(vectorizer.vocabulary_)
    with pytest.raises(PickleRefused, match=rf"{theirs} weights, the vectorizer makes {mine} features"):
        carry(other, classifier)


@pytest.mark.parametrize("thing", [CountVectorizer(), TfidfVectorizer()])
def test_an_unfitted_vectorizer_is_said_to_be_one(thing: Any) -> None:
    """With what it lacks."""
    fitted = LogisticRegression().fit(np.eye(2), ["ham", "spam"])
    with pytest.raises(PickleRefused, match="is not fitted"):
        carry(thing, fitted)


def test_an_unfitted_classifier_is_said_to_be_one() -> None:
    """With what it lacks."""
    with pytest.raises(PickleRefused, match="LogisticRegression is not fitted"):
        carry(TfidfVectorizer().fit(TEXTS), LogisticRegression())


def test_several_classes_are_listed() -> None:
    """despam decides between two."""
    labels = ["spam", "ham", "news"] * 10
    with pytest.raises(PickleRefused, match=r"3 classes \(ham, news, spam\)"):
        carry(make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, labels))


def test_coefficients_that_are_no_numbers_are_counted() -> None:
    """NaN never reaches a file."""
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, LABELS)
    pipeline[-1].coef_[0, 3:5] = np.nan
    with pytest.raises(PickleRefused, match="2 of the coefficients are not finite"):
        carry(pipeline)


@pytest.mark.parametrize(
    ("classes", "wanted", "spam"),
    [
        (["ham", "spam"], None, "spam"),
        (["SPAM", "not spam"], None, "SPAM"),
        (["ham", "junk"], None, "junk"),
        (["a", "b"], "A", "a"),
        ([0, 1], "0", "0"),
        ([0.0, 1.0], "1", "1.0"),
        ([False, True], "true", "True"),
    ],
)
def test_which_class_is_spam_is_read_or_asked_for(classes: list[Any], wanted: str | None, spam: str) -> None:
    """Names say it; numbers do not."""
    labels = [classes[at] for at in NUMBERS]
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, np.array(labels))
    model, carried = carry(pipeline, spam_label=wanted)
    assert carried.spam_label == spam
    theirs = [str(label) == spam for label in pipeline.predict(TEXTS)]
    assert [model.classify(text).classification == "SPAM" for text in TEXTS] == theirs


def test_numbers_for_classes_are_asked_about() -> None:
    """With the tutorial's numbering in the question."""
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, NUMBERS)
    with pytest.raises(SettingError, match="ham = 1 and spam = 0: --spam-label 0"):
        carry(pipeline)
    with pytest.raises(DespamError, match="none is 'junk'"):
        carry(pipeline, spam_label="junk")


def test_a_tie_goes_where_scikit_learn_lets_it_go() -> None:
    """No known word and a complement naive Bayes: the score is exactly 0, and the first class wins."""
    from sklearn.naive_bayes import ComplementNB

    for labels, wanted in ((LABELS, None), (NUMBERS, "0")):
        pipeline = make_pipeline(CountVectorizer(), ComplementNB()).fit(TEXTS, labels)
        model, carried = carry(pipeline, spam_label=wanted)
        verdict = model.classify("zzzz")
        assert verdict.score == 0.0
        assert (verdict.classification == "SPAM") == (str(pipeline.predict(["zzzz"])[0]) == carried.spam_label)


def test_a_classifier_without_probability_says_so() -> None:
    """And one that calculates in float32 too."""
    assert (
        "LinearSVC has no probability"
        in carry(make_pipeline(TfidfVectorizer(), LinearSVC()).fit(TEXTS, LABELS))[1].notes[0]
    )
    single = make_pipeline(TfidfVectorizer(dtype=np.float32), LogisticRegression()).fit(TEXTS, LABELS)
    assert "float32" in carry(single)[1].notes[0]


def test_rounding_to_16_bits_changes_little(all_messages: tuple[list[str], list[str]]) -> None:
    """A quarter smaller at least, and hardly a decision changes."""
    texts, labels = all_messages
    carried = carry(make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts[::9], labels[::9]))[1]
    exact, small = pack(carried, {}), pack(carried, {}, quantise=True)
    assert len(small) < len(exact) * 0.75
    models = [despam.core.model.Model.from_bytes(data) for data in (exact, small)]
    changed = sum(models[0].classify(text).classification != models[1].classify(text).classification for text in texts)
    assert changed <= 2


def csr(side: int) -> Inert:
    """A square matrix of ones on its diagonal, as an unpickled stand-in."""
    made = Inert("csr_matrix")
    tables = {"indptr": np.arange(side + 1), "indices": np.arange(side), "data": np.ones(side)}
    for name, table in tables.items():
        stored = made.state[name] = Array()
        stored.kind, stored.shape, stored.data = Kind(table.dtype.kind, 8, "<"), table.shape, table.tobytes()
    made.state["_shape"] = (side, side)
    return made


def test_a_square_matrix_is_filled_up_to_the_limit_and_its_diagonal_read_beyond() -> None:
    """A vocabulary of 12,000 words had such an idf before scikit-learn 1.5; coefficients would take 1 GB."""
    side = math.isqrt(LIMIT_NUMBERS) + 1
    assert dense(csr(3)).tolist() == np.eye(3).tolist()
    assert diagonal(csr(side)).tolist() == [1.0] * side
    with pytest.raises(PickleRefused, match=r"11,586 x 11,586 is too large"):
        dense(csr(side))
    lies = csr(2)
    lies.state["_shape"] = (1 << 60, 1 << 60)
    with pytest.raises(PickleRefused, match="no diagonal matrix"):
        diagonal(lies)
