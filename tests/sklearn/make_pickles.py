"""Write the small scikit-learn files that the tests import, with what scikit-learn itself says about some messages.

    python tests/sklearn/make_pickles.py            makes a virtual environment for each version, in a temporary folder
    python tests/sklearn/make_pickles.py FOLDER     writes with the scikit-learn of this interpreter

The first form is run by hand when a version is added; what it writes stands in `tests/sklearn/pickles/`. The messages
are invented for this purpose.
"""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

HERE = Path(__file__).parent
VERSIONS = {
    "1.2": ["scikit-learn==1.2.2", "numpy<2", "scipy<1.12", "joblib<1.4", "lz4"],
    "1.5": ["scikit-learn==1.5.2", "numpy>=2,<2.2", "lz4"],
    "newest": ["scikit-learn", "lz4"],
}
SPAM = [
    "WIN a free iPhone now, reply YES to claim",
    "Your prize of 900 pounds waits, call 0900 123 today",
    "Cheap loans without a check, apply in two minutes",
    "Free entry into our weekly prize draw, text WIN",
    "Urgent: your account will be closed, click the link",
    "Hot singles near you want to chat tonight",
    "Make money from home, no experience, start now",
    "You have been selected for a free holiday, call now",
    "Claim your free ringtone, reply TONE to 80080",
    "Lowest prices on pills, no prescription, order now",
    "Congratulations, you won a cash prize, claim now",
    "Free minutes! Text MORE to this number today",
    "Exclusive offer: double your bitcoin in one day",
    "Final notice: claim your unclaimed prize money",
    "Win cash every day, cheap calls, text now",
]
HAM = [
    "Are we still meeting at six by the station?",
    "I will be late, the bus did not come",
    "Can you send me the notes of today's lecture",
    "Mum asks whether you eat with us on Sunday",
    "The meeting moved to room four, see you there",
    "Thanks for the book, I liked the second part",
    "Call me when you are home, it is nothing urgent",
    "Happy birthday! Shall we have cake tonight?",
    "I left the keys under the flower pot",
    "Did you see the game? What a finish",
    "The report is done, I sent it to Ana",
    "Let us walk the dog after lunch",
    "Dinner was lovely, thank you both",
    "My train arrives at nine, can you pick me up",
    "No worries, we can do it next week",
]
CHECKED = [
    *SPAM[:4],
    *HAM[:4],
    "",
    "nothing known qqq",
    "free free FREE call prize lunch",
    "Café prize naïve win ß",
    "\u202ewin \u00a0 free\tnow \u0130stanbul",
]


def recipes() -> dict[str, object]:
    """Give a fitted object for each file; the name says how it is stored."""
    import numpy as np
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfTransformer, TfidfVectorizer
    from sklearn.linear_model import LogisticRegression, SGDClassifier
    from sklearn.naive_bayes import BernoulliNB, ComplementNB, MultinomialNB
    from sklearn.pipeline import Pipeline, make_pipeline, make_union
    from sklearn.svm import LinearSVC

    texts, labels = SPAM + HAM, ["spam"] * len(SPAM) + ["ham"] * len(HAM)
    numbers = [0] * len(SPAM) + [1] * len(HAM)  # the tutorial's numbering
    vectorizer = TfidfVectorizer(min_df=1, stop_words="english", lowercase=True)
    model = LogisticRegression().fit(vectorizer.fit_transform(texts), numbers)
    union = make_union(
        TfidfVectorizer(ngram_range=(1, 2), max_features=60, sublinear_tf=True),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 3), max_features=80, norm="l1"),
    )
    sparse = SGDClassifier(loss="log_loss", penalty="l1", alpha=0.01, random_state=0)
    hashed = make_pipeline(HashingVectorizer(n_features=64), sparse).fit(texts, labels)
    sparse.sparsify()
    counts = Pipeline(
        [("count", CountVectorizer(max_features=80)), ("tfidf", TfidfTransformer()), ("nb", MultinomialNB())]
    )
    svc = CalibratedClassifierCV(LinearSVC(), ensemble=False, cv=3)
    return {
        "vectorizer.pkl": vectorizer,
        "spam_model.pkl": model,
        "union.joblib.z": make_pipeline(union, LogisticRegression(C=10)).fit(texts, labels),
        "counts.p2.pkl": counts.fit(texts, labels),
        "calibrated.joblib.xz": make_pipeline(TfidfVectorizer(max_features=60), svc).fit(texts, np.array(labels)),
        "hashed.joblib.lz4": hashed,
        "bernoulli.p0.pkl": make_pipeline(CountVectorizer(binary=True, max_features=50), BernoulliNB()).fit(
            texts, labels
        ),
        "complement.p5.pkl": make_pipeline(CountVectorizer(max_features=50), ComplementNB()).fit(texts, numbers),
        "hinge.joblib.gz": make_pipeline(
            TfidfVectorizer(analyzer="char", ngram_range=(1, 2), max_features=60, strip_accents="unicode"),
            SGDClassifier(random_state=0),
        ).fit(texts, labels),
        "counts.joblib.bz2": make_pipeline(CountVectorizer(max_features=40), LogisticRegression()).fit(texts, labels),
        "counts.joblib.lzma": make_pipeline(CountVectorizer(max_features=40), LogisticRegression()).fit(texts, labels),
    }


def store(fitted: object, path: Path) -> None:
    """Write in the form that the name asks for."""
    import joblib

    if ".p" in path.stem:
        path.write_bytes(pickle.dumps(fitted, protocol=int(path.stem[-1])))
    elif path.suffix == ".pkl":
        joblib.dump(fitted, path)
    else:
        method = {"z": "zlib", "gz": "gzip", "bz2": "bz2"}.get(path.suffix[1:], path.suffix[1:])
        joblib.dump(fitted, path, compress=(method, 3))


def expected(fitted: object) -> dict[str, object]:
    """Ask scikit-learn for the labels and, where it has them, the probabilities of each class."""
    labels = [str(label) for label in fitted.predict(CHECKED)]
    probabilities = fitted.predict_proba(CHECKED).tolist() if hasattr(fitted, "predict_proba") else None
    return {"classes": [str(name) for name in fitted.classes_], "labels": labels, "probabilities": probabilities}


def write(folder: Path) -> None:
    """Write every file and what scikit-learn says."""
    import sklearn
    from sklearn.pipeline import make_pipeline

    folder.mkdir(parents=True, exist_ok=True)
    fitted = recipes()
    for name, thing in fitted.items():
        store(thing, folder / name)
    pair = make_pipeline(fitted.pop("vectorizer.pkl"), fitted.pop("spam_model.pkl"))
    answers = {name: expected(thing) for name, thing in {"spam_model.pkl": pair, **fitted}.items()}
    document = {"sklearn": sklearn.__version__, "messages": CHECKED, "answers": answers}
    (folder / "expected.json").write_text(json.dumps(document, indent=1) + "\n")


def main() -> None:
    """Make the environments and let each write its folder."""
    if len(sys.argv) > 1:
        write(Path(sys.argv[1]))
        return
    for version, packages in VERSIONS.items():
        with tempfile.TemporaryDirectory() as folder:
            venv.create(folder, with_pip=True)
            python = f"{folder}/bin/python"
            subprocess.run([python, "-m", "pip", "install", "-q", *packages], check=True)
            subprocess.run([python, __file__, str(HERE / "pickles" / version)], check=True)


if __name__ == "__main__":
    main()
