"""`despam import-sklearn` and `despam export-sklearn`, run as a user runs them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import joblib
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

import despam

from .make_pickles import HAM, SPAM

PICKLES = Path(__file__).parent / "pickles" / "newest"


def run(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run despam in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "despam", *map(str, arguments)], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    """A folder with the tutorial's two files."""
    for name in ("spam_model.pkl", "vectorizer.pkl"):
        shutil.copy(PICKLES / name, tmp_path)
    return tmp_path


def test_two_pickles_become_a_model_file(pair: Path) -> None:
    """The result goes to stdout, and the file decides."""
    done = run(
        "import-sklearn", "spam_model.pkl", "vectorizer.pkl", "-o", "in.safetensors", "--spam-label", "0", folder=pair
    )
    assert (done.returncode, done.stderr) == (0, "")
    model = despam.load(pair / "in.safetensors")
    assert f"version {model.version}" in done.stdout
    assert "spam is '0' of '0' and '1'" in done.stdout
    assert model.classify("WIN a free iPhone now").classification == "SPAM"
    assert model.card["limits"] == ["imported from spam_model.pkl and vectorizer.pkl: data and figures are unknown"]


def test_nothing_is_written_over_what_is_read(pair: Path) -> None:
    """Neither a pickle by the model file, nor a model file by a pickle."""
    (pair / "texts.jsonl").write_text('{"text": "hello"}\n', encoding="utf-8")
    words = ("import-sklearn", "spam_model.pkl", "vectorizer.pkl", "--spam-label", "0", "-o")
    before = {path.name: path.read_bytes() for path in pair.iterdir()}
    for output, sentence in (
        ("spam_model.pkl", "spam_model.pkl is the MODEL; name another file"),
        ("vectorizer.pkl", "vectorizer.pkl is the VECTORIZER; name another file"),
        ("texts.jsonl", "texts.jsonl is one of the messages; name another file"),
    ):
        done = run(*words, output, "--quantise", "--messages", "texts.jsonl", folder=pair)
        assert done.returncode == 2
        assert sentence in done.stderr
    assert {path.name: path.read_bytes() for path in pair.iterdir()} == before
    assert run(*words, "in.safetensors", folder=pair).returncode == 0
    model = (pair / "in.safetensors").rename(pair / "spam_model.pkl").read_bytes()
    done = run("export-sklearn", "spam_model.pkl", "-o", ".", folder=pair)
    assert done.returncode == 2
    assert "a pickle of . would be written over MODEL; name another folder" in done.stderr
    assert (pair / "spam_model.pkl").read_bytes() == model


def test_json_says_the_same(pair: Path) -> None:
    """For scripts."""
    done = run("import-sklearn", PICKLES / "hinge.joblib.gz", "-o", "in.safetensors", "--json", folder=pair)
    facts = json.loads(done.stdout)
    assert facts["model"] == despam.load(pair / "in.safetensors").version
    assert (facts["classifier"], facts["classes"], facts["spam_label"]) == ("SGDClassifier", ["ham", "spam"], "spam")
    assert "has no probability" in done.stderr


def test_quantise_prints_how_many_decisions_change(pair: Path, data_folder: Path) -> None:
    """On messages drawn from the vocabulary, or on those that are given."""
    exact = ("import-sklearn", "spam_model.pkl", "vectorizer.pkl", "--spam-label", "0", "-o", "exact.safetensors")
    run(*exact, folder=pair)
    small = (*exact[:-1], "small.safetensors", "--quantise")
    done = run(*small, folder=pair)
    assert "0 of 2,000 decisions change" in done.stdout
    done = run(*small, "--messages", data_folder / "sms_spam_collection.jsonl.gz", folder=pair)
    assert "of 5,574 decisions change" in done.stdout
    assert (pair / "small.safetensors").stat().st_size < (pair / "exact.safetensors").stat().st_size


def test_swapped_files_are_put_right_and_it_is_said(pair: Path) -> None:
    """Who types them in the other order gets the same file."""
    done = run(
        "import-sklearn", "vectorizer.pkl", "spam_model.pkl", "-o", "in.safetensors", "--spam-label", "0", folder=pair
    )
    assert done.returncode == 0
    assert "the other way round" in done.stderr


def spoil(pair: Path, how: str) -> None:
    """Make one of the two files bad."""
    model = pair / "spam_model.pkl"
    match how:
        case "another vectorizer":
            joblib.dump(TfidfVectorizer().fit(HAM[:4]), pair / "vectorizer.pkl")
        case "unfitted":
            joblib.dump(LogisticRegression(), model)
        case "several classes":
            vectorizer = joblib.load(pair / "vectorizer.pkl")
            joblib.dump(LogisticRegression().fit(vectorizer.transform(SPAM + HAM), [0, 1, 2] * 10), model)
        case "not linear":
            vectorizer = joblib.load(pair / "vectorizer.pkl")
            joblib.dump(RandomForestClassifier(2).fit(vectorizer.transform(SPAM + HAM), [0, 1] * 15), model)
        case "not a number":
            classifier = joblib.load(model)
            classifier.coef_[0, 0] = float("nan")
            joblib.dump(classifier, model)
        case "cut short":
            model.write_bytes(model.read_bytes()[:-200])
        case "no pickle":
            model.write_text("Category,Message\n")
        case "git lfs":
            model.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 2\n")
        case "missing":
            model.unlink()
        case "os.system":
            model.write_bytes(b"cos\nsystem\n(X\x0e\x00\x00\x00touch was-heretR.")


BAD = {
    "another vectorizer": "105 weights, the vectorizer makes",
    "unfitted": "not fitted",
    "several classes": "3 classes (0, 1, 2)",
    "not linear": "RandomForestClassifier cannot be carried: a tree",
    "not a number": "1 of the coefficients are not finite",
    "cut short": "cut short",
    "no pickle": "is no pickle",
    "git lfs": "git lfs pull",
    "missing": "No such file",
    "os.system": "os.system",
}


@pytest.mark.parametrize("how", list(BAD))
def test_bad_input_is_one_sentence_and_writes_nothing(how: str, pair: Path) -> None:
    """Exit code 3, and a file that stood there stays as it was."""
    spoil(pair, how)
    (pair / "in.safetensors").write_text("as it was")
    before = {path.name for path in pair.iterdir()}
    done = run(
        "import-sklearn", "spam_model.pkl", "vectorizer.pkl", "-o", "in.safetensors", "--spam-label", "0", folder=pair
    )
    assert done.returncode == 3, done.stderr
    assert BAD[how] in done.stderr
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert {path.name for path in pair.iterdir()} == before
    assert (pair / "in.safetensors").read_text() == "as it was"


def test_classes_that_are_numbers_are_asked_about(pair: Path) -> None:
    """With the option in the sentence."""
    done = run("import-sklearn", "spam_model.pkl", "vectorizer.pkl", "-o", "in.safetensors", folder=pair)
    assert done.returncode == 3
    assert "--spam-label 0" in done.stderr


def test_out_and_in_again(pair: Path) -> None:
    """A model goes out as two pickles and comes back the same but for its card."""
    run("import-sklearn", "spam_model.pkl", "vectorizer.pkl", "-o", "in.safetensors", "--spam-label", "0", folder=pair)
    done = run("export-sklearn", "in.safetensors", "-o", "out", folder=pair)
    assert done.returncode == 0
    assert sorted(path.name for path in (pair / "out").iterdir()) == ["spam_model.pkl", "vectorizer.pkl"]
    again = ("out/spam_model.pkl", "out/vectorizer.pkl", "-o", "again.safetensors", "--spam-label", "0")
    run("import-sklearn", *again, folder=pair)
    first, second = despam.load(pair / "in.safetensors"), despam.load(pair / "again.safetensors")
    for text in SPAM + HAM:
        assert first.classify(text).score == second.classify(text).score


def test_two_objects_in_one_pickle_are_refused_with_the_way_on(pair: Path) -> None:
    """As people keep them together: a tuple, a dictionary."""
    both = {name: joblib.load(pair / f"{name}.pkl") for name in ("spam_model", "vectorizer")}
    for thing, kind in ((tuple(both.values()), "tuple"), (both, "dict")):
        joblib.dump(thing, pair / "both.pkl")
        done = run("import-sklearn", "both.pkl", "--spam-label", "0", "-o", "in.safetensors", folder=pair)
        assert done.returncode == 3
        assert f"a {kind} of objects, not a model; dump the two apart, or as a Pipeline" in done.stderr


def test_the_card_is_named_after_the_model_whichever_comes_first(pair: Path) -> None:
    """Swapped arguments are taken the other way round, the name too."""
    done = run(
        "import-sklearn", "vectorizer.pkl", "spam_model.pkl", "--spam-label", "0", "-o", "m.safetensors", folder=pair
    )
    assert "taken the other way round" in done.stderr
    assert despam.load(pair / "m.safetensors").card["name"] == "spam_model"


@pytest.mark.parametrize(("label", "spam"), [("1", "True"), ("0", "False"), ("true", "True")])
def test_classes_that_are_truths_are_named_by_number_too(label: str, spam: str) -> None:
    """`is_spam` columns give False and True."""
    from despam.train.linear import choose_spam

    assert ["False", "True"][choose_spam(["False", "True"], label)] == spam


BARE = """
import sys
sys.modules["sklearn"] = sys.modules["scipy"] = None
from despam.cli.main import run
run(sys.argv[1:])
"""


def run_without_sklearn(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run despam in a process where scikit-learn and scipy cannot be imported."""
    return subprocess.run(
        [sys.executable, "-c", BARE, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


def test_importing_needs_no_scikit_learn(pair: Path) -> None:
    """The same file as with it; a vectorizer that asks for scikit-learn's own list of words says what is missing."""
    joblib.dump(TfidfVectorizer().fit(SPAM + HAM), pair / "plain.pkl")
    numbers = [0] * len(SPAM) + [1] * len(HAM)
    matrix = joblib.load(pair / "plain.pkl").transform(SPAM + HAM)
    joblib.dump(LogisticRegression().fit(matrix, numbers), pair / "model.pkl")
    words = ("import-sklearn", "model.pkl", "plain.pkl", "--spam-label", "0", "-o")
    done = run_without_sklearn(*words, "bare.safetensors", folder=pair)
    assert done.returncode == 0, done.stderr
    assert run(*words, "with.safetensors", folder=pair).returncode == 0
    assert (pair / "bare.safetensors").read_bytes() == (pair / "with.safetensors").read_bytes()


def test_what_needs_scikit_learn_says_so_in_one_line(pair: Path, data_folder: Path) -> None:
    """English stop words, the way out, and the recipe tfidf; the default recipe learns without it."""
    sms = str(data_folder / "sms_spam_collection.jsonl.gz")
    for arguments in (
        ("import-sklearn", "spam_model.pkl", "vectorizer.pkl", "--spam-label", "0", "-o", "in.safetensors"),
        ("export-sklearn", str(Path(despam.__file__).parent / "models" / "bundled.safetensors"), "-o", "out"),
        ("train", sms, "--recipe", "tfidf", "-o", "t.safetensors"),
    ):
        done = run_without_sklearn(*arguments, folder=pair)
        assert done.returncode == 3, done.stderr
        assert "needs the extra 'train': pip install 'despam[train]'" in done.stderr.splitlines()[-1]
        assert "Traceback" not in done.stderr
    assert (
        "stop_words='english'"
        in run_without_sklearn(
            "import-sklearn",
            "spam_model.pkl",
            "vectorizer.pkl",
            "--spam-label",
            "0",
            "-o",
            "in.safetensors",
            folder=pair,
        ).stderr
    )
