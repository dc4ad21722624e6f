"""evaluate, compare, attack and gate, as somebody types them: output, exit codes, and errors in one sentence."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from despam import load as despam_load
from despam.cli.compare import p_words
from despam.cli.main import run
from despam.errors import EvaluationError
from despam.evaluate.intervals import mcnemar
from despam.train import Settings
from despam.train.again import default_options, trainer_like

from .conftest import on_a_terminal

Result = tuple[int, str, str]


@pytest.fixture
def despam(capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Run a command line; give exit code, stdout and stderr."""

    def call(*words: object) -> Result:
        with pytest.raises(SystemExit) as left:
            run([str(word) for word in words])
        out, err = capsys.readouterr()
        return int(left.value.code or 0), out, err

    return call


@pytest.fixture
def model(make_model: Any) -> Path:
    """A small model, trained on the first SMS messages."""
    return Path(make_model())


@pytest.fixture
def data(tmp_path: Path, small_rows: Any) -> Path:
    """A few labelled messages with a field of their own."""
    texts, labels = small_rows
    path = tmp_path / "sms.jsonl"
    lines = [
        json.dumps({"text": text, "label": label, "day": "odd" if i % 2 else "even"})
        for i, (text, label) in enumerate(zip(texts[:200], labels[:200], strict=True))
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_evaluate_prints_tables_and_first_that_the_model_has_seen_the_messages(
    despam: Any, model: Path, data: Path
) -> None:
    """The share of known messages is the first line."""
    code, out, _ = despam("evaluate", model, data, "--by", "day", "--by", "length")
    assert code == 0
    assert out.splitlines()[0].startswith("About 100 % of these messages were in the model's training data (estimated")
    for word in ("accuracy", "real messages lost", "calibration error", "even", "odd", "up to 200"):
        assert word in out


def test_evaluate_json_has_the_keys_of_the_contract(despam: Any, model: Path, data: Path) -> None:
    """model, messages, spam, ham, accuracy, precision, recall, f1, auc, recall_at_fpr, and no text of a message."""
    code, out, _ = despam("evaluate", model, data, "--json")
    assert code == 0
    found = json.loads(out)
    for key in ("model", "messages", "spam", "ham", "accuracy", "precision", "recall", "f1", "auc", "ece", "mcc"):
        assert found[key] is not None
    assert set(found["recall_at_fpr"]) == {"0.001", "0.005", "0.01"}
    assert found["spam"] + found["ham"] == found["messages"] == 200
    assert "jurong" not in out


def test_evaluate_writes_a_report_and_keeps_the_old_one_when_it_cannot(
    despam: Any, model: Path, data: Path, tmp_path: Path
) -> None:
    """Written beside, then put in place."""
    report = tmp_path / "report.html"
    code, _, err = despam("evaluate", model, data, "--report", report)
    assert code == 0
    assert f"wrote {report}" in err
    content = report.read_text(encoding="utf-8")
    assert "Under attack" in content
    code, _, err = despam("evaluate", model, tmp_path / "none.csv", "--report", report)
    assert code == 3
    assert report.read_text(encoding="utf-8") == content
    code, _, err = despam("evaluate", model, data, "--no-attacks", "--report", tmp_path / "no" / "report.html")
    assert code == 2
    assert "report.html does not exist; make it first" in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "sms.jsonl"]


def test_a_report_is_never_written_over_what_is_measured(despam: Any, model: Path, data: Path, tmp_path: Path) -> None:
    """Neither over DATA, a message of a folder among them, nor over MODEL; said before anything is measured."""
    own = tmp_path / "own.safetensors"
    own.write_bytes(model.read_bytes())
    for label in ("spam", "ham"):
        (tmp_path / "mails" / label).mkdir(parents=True)
        (tmp_path / "mails" / label / "1.txt").write_text(f"{label} of a kind", encoding="utf-8")
    (tmp_path / "link.jsonl").symlink_to(data)
    folder, message = tmp_path / "mails", tmp_path / "mails" / "spam" / "1.txt"
    cases = (
        (own, data, data, "is one of the DATA; name another file"),
        (own, data, tmp_path / "link.jsonl", "is one of the DATA; name another file"),
        (own, data, own, "is the MODEL; name another file"),
        (own, folder, message, "would be one of the messages of"),
        (own, folder, folder / "ham" / "report.html", "would be one of the messages of"),
    )
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for held, read, report, sentence in cases:
        code, out, err = despam("evaluate", held, read, "--no-attacks", "--report", report)
        assert (code, out) == (2, "")
        assert sentence in err
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_evaluate_trains_anew_in_folds_and_by_source(despam: Any, model: Path, small_rows: Any, tmp_path: Path) -> None:
    """Every message is measured by a model that has not learnt from it."""
    texts, labels = small_rows
    for name, part in (("one", slice(0, 300)), ("two", slice(300, 600))):
        lines = [json.dumps({"text": t, "label": label}) for t, label in zip(texts[part], labels[part], strict=True)]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    files = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    code, out, err = despam("evaluate", model, *files, "--cross-validate", 2, "--json")
    assert code == 0
    found = json.loads(out)
    assert found["how"] == "2-fold cross-validation"
    assert found["messages"] == 600
    assert 0.85 < found["accuracy"] < 1.0
    assert "fold 2 of 2" in err
    code, out, err = despam("evaluate", model, *files, "--leave-one-source-out")
    assert code == 0
    assert out.startswith("Each message is measured by a model trained anew without it and its near-copies.")
    assert "two left out" in err
    assert re.search(r"^AUC +\d+\.\d\d% +\d+\.\d\d% +2 +(one|two) *$", out, re.MULTILINE), out
    assert "each source was scored by a model of its own" in out
    code, out, _ = despam("evaluate", model, *files, "--leave-one-source-out", "--json")
    found = json.loads(out)
    assert (found["auc"], found["over_sources"]["auc"]["sources"]) == (None, 2)
    code, _, err = despam("evaluate", model, files[0], "--leave-one-source-out")
    assert code == 3
    assert "needs at least two" in err


def test_what_takes_long_says_what_it_is_at_on_a_terminal(model: Path, data: Path, tmp_path: Path) -> None:
    """Near-copies, intervals and disguises; few messages have no bar but for the disguises."""
    many = tmp_path / "many.jsonl"
    many.write_text(data.read_text(encoding="utf-8") * 10, encoding="utf-8")
    shown = on_a_terminal(["evaluate", str(model), str(many)], tmp_path)
    for words in ("measuring", "finding near-copies", "drawing for the intervals"):
        assert words in shown
    shown = on_a_terminal(["evaluate", str(model), str(data), "--report", "report.html"], tmp_path)
    assert "disguising" in shown
    assert "drawing for the intervals" not in shown


def test_usage_that_cannot_be_meant_is_said(despam: Any, model: Path, data: Path) -> None:
    """Two ways at once; a field that is not there; one class only; an empty file."""
    assert despam("evaluate", model, data, "--cross-validate", 3, "--leave-one-source-out")[0] == 2
    code, _, err = despam("evaluate", model, data, "--by", "dya")
    assert code == 3
    assert "there are source, language, channel, length, day" in err
    one = data.with_name("one.csv")
    one.write_text("text,label\nhello there,ham\nhi,ham\n", encoding="utf-8")
    code, _, err = despam("evaluate", model, one)
    assert code == 3
    assert "there is no spam" in err
    one.write_text("", encoding="utf-8")
    code, _, err = despam("evaluate", model, one)
    assert code == 3
    assert err.startswith("Error: ")
    assert err.count("\n") == 1


def test_compare_shows_both_sides_and_what_flips(
    despam: Any, model: Path, make_model: Any, small_rows: Any, data: Path
) -> None:
    """A model of other messages differs; texts are shown only when asked for."""
    texts, labels = small_rows
    other = make_model(texts[200:420], labels[200:420])
    code, out, _ = despam("compare", other, model, data)
    assert code == 0
    assert "McNemar p = " in out
    first, second = out.splitlines()[:2]
    assert first.startswith(f"old ({despam_load(other).version}): ")
    assert second.startswith(f"new ({despam_load(model).version}): About 100 % of these messages were in the model's")
    for line in out.splitlines():
        assert not line.startswith(("Brier", "calibration error")) or "%" not in line
    code, out, _ = despam("compare", other, model, data, "--json")
    found = json.loads(out)
    assert found["old_trained_on"]["share"] < found["new_trained_on"]["share"] == 1.0
    assert found["only_new_right"] == len(found["fixed"])
    assert found["fixed"] == [] or set(found["fixed"][0]) == {
        "source", "line", "label", "old_probability", "new_probability",
    }  # fmt: skip


def test_no_chance_is_printed_as_none() -> None:
    """However skewed the flips are."""
    assert p_words(mcnemar(0, 60)) == "= 1.73e-18"
    assert p_words(mcnemar(0, 9_000)) == "< 1e-300"


def test_attack_lists_and_measures(despam: Any, model: Path, data: Path) -> None:
    """A table or JSON; an unknown name lists those there are."""
    code, out, _ = despam("attack", "--list")
    assert code == 0
    assert len(out.splitlines()) == 22
    code, out, _ = despam("attack", model, data, "--only", "leet", "--only", "upper-case")
    assert code == 0
    assert "ham lost" in out
    assert out.splitlines()[0].startswith("About 100 % of these messages were in the model's training data")
    code, out, _ = despam("attack", model, data, "--only", "leet", "--json")
    assert set(json.loads(out)["attacks"]) == {"leet"}
    assert json.loads(out)["trained_on"]["share"] == 1.0
    code, _, err = despam("attack", model, data, "--only", "leat")
    assert code == 3
    assert "no attack 'leat'" in err


def test_gate_says_no_by_exit_code_1_and_names_the_line(despam: Any, model: Path, data: Path) -> None:
    """0 yes, 1 no, 3 a gate that cannot be decided."""
    gate = data.with_name("gate.toml")
    gate.write_text('[[data]]\nfiles = ["sms.jsonl"]\nat_least = { auc = 0.9 }\n', encoding="utf-8")
    code, out, _ = despam("gate", model, "--gate", gate)
    assert code == 0
    assert "1 of 1 rules hold: yes." in out
    code, out, err = despam("gate", model, "--gate", gate, "--json")
    assert json.loads(out)["notes"][0].startswith("sms.jsonl: About 100 % of these messages were in the model's")
    assert json.loads(out)["notes"][0] in err
    (data.parent / "spam.txt").write_text("see you at home tonight\n", encoding="utf-8")
    gate.write_text('[must_stay]\nspam = ["spam.txt"]\n', encoding="utf-8")
    code, out, _ = despam("gate", model, model, "--gate", gate)
    assert code == 1
    assert "FAILS  spam.txt: 1 message that must stay spam got the other verdict, line 1" in out
    code, out, _ = despam("gate", model, "--gate", gate, "--json")
    assert code == 1
    assert json.loads(out)["passed"] is False
    gate.write_text("[must_stay]\nspams = []\n", encoding="utf-8")
    code, _, err = despam("gate", model, "--gate", gate)
    assert code == 3
    assert "gate.toml, line 2: [must_stay] has an unknown key 'spams'" in err


def test_the_unsure_band_comes_from_two_rates_or_three_costs(despam: Any, data: Path) -> None:
    """Rates are promised on out-of-fold scores; costs give the band of Chow's rule; nonsense is a usage error."""
    out_file = data.with_name("model.safetensors")
    code, out, _ = despam("train", data, "-o", out_file, "--unsure-costs", "100,1,0.5", "--json")
    assert code == 0
    assert json.loads(out)["unsure_between"] == pytest.approx([0.5, 0.995], abs=0.3)
    assert json.loads(out)["unsure_between"][1] == pytest.approx(0.995)
    code, out, _ = despam("train", data, "-o", out_file, "--unsure-rates", "1/20,1/5", "--json")
    assert code == 0
    low, high = json.loads(out)["unsure_between"]
    assert 0 < low <= json.loads(out)["cutoff"] <= high < 1
    told = json.loads(out)["unsure_promises"]
    assert told == despam_load(out_file).card["unsure_promises"]
    assert [sentence.split(":")[0] for sentence in told] == ["surely spam", "surely ham"]
    code, out, _ = despam("train", data, "-o", out_file, "--unsure-rates", "1/5000,1/5000")
    assert code == 0
    assert "promise    surely spam: 1" in out
    assert out.count(", not 1 in 5,000: none of them is; for 1 in 5,000 train on at least 14,978 such") == 2
    for wrong in (["--unsure-costs", "1,2"], ["--unsure-costs", "0,1,1"], ["--unsure-rates", "1/20"],
                  ["--unsure-rates", "1/20,2"], ["--unsure", "0.1,0.9", "--unsure-costs", "3,1,1"]):  # fmt: skip
        assert despam("train", data, "-o", out_file, *wrong)[0] == 2


def test_folds_of_a_tfidf_model_are_trained_by_its_recipe(despam: Any, data: Path) -> None:
    """MODEL's recipe is the one that is measured."""
    tutorial = data.with_name("tutorial.safetensors")
    assert despam("train", data, "--recipe", "tfidf", "-o", tutorial)[0] == 0
    code, out, _ = despam("evaluate", tutorial, data, "--cross-validate", 2, "--json")
    assert code == 0
    assert json.loads(out)["recipe"] == "tfidf"
    assert json.loads(out)["recall"] < 0.9
    assert despam("train", data, "--recipe", "tfidf", "--C", "50", "--ngrams", "1,2", "-o", tutorial)[0] == 0
    code, harder, _ = despam("evaluate", tutorial, data, "--cross-validate", 2, "--json")
    assert code == 0
    assert json.loads(harder)["recall"] > json.loads(out)["recall"]


def test_folds_are_trained_with_the_rates_and_settings_of_the_model(despam: Any, data: Path) -> None:
    """A strict model's folds are strict; the cutoff is each fold's own, and attacks are on its own messages."""
    strict, report = data.with_name("strict.safetensors"), data.with_name("cv.html")
    assert despam("train", data, "--max-false-positives", "1/20", "-o", strict)[0] == 0
    asked = despam_load(strict).card["asked"]
    assert asked == {"max_false_positives": 0.05}
    options = default_options(despam_load(strict))
    assert options["max_false_positives"] == 0.05
    assert options["settings"] == Settings()
    code, out, _ = despam("evaluate", strict, data, "--cross-validate", 2, "--json", "--report", report)
    assert code == 0
    found = json.loads(out)
    assert (found["cutoff"], found["unsure_between"]) == (None, None)
    assert found["trained_on"]["anew"] is True
    assert "Each of 2 models trained anew" in report.read_text(encoding="utf-8")


def test_an_imported_model_cannot_be_trained_again(despam: Any, data: Path) -> None:
    """Its card says nothing of how it was trained: one sentence, exit code 3."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    rows = [json.loads(line) for line in data.read_text(encoding="utf-8").splitlines()]
    vectorizer = TfidfVectorizer()
    values = vectorizer.fit_transform(row["text"] for row in rows)
    made = LogisticRegression().fit(values, [row["label"] for row in rows]), vectorizer
    paths = [data.with_name(f"{name}.pkl") for name in ("model", "vectorizer")]
    for path, one in zip(paths, made, strict=True):
        path.write_bytes(pickle.dumps(one))
    imported = data.with_name("imported.safetensors")
    assert despam("import-sklearn", *paths, "-o", imported)[0] == 0
    code, _, err = despam("evaluate", imported, data, "--cross-validate", 2)
    assert code == 3
    assert "cannot be trained again, as its card does not say how" in err
    assert err.count("\n") == 1


def test_a_card_of_before_the_rates_were_noted_means_the_defaults_and_a_wrong_one_is_an_error() -> None:
    """A table of 2^60 buckets is a stranger's wish."""
    old = SimpleNamespace(recipe="default", version="0123", card={}, settings={})
    assert default_options(old) == {"settings": Settings()}  # type: ignore[arg-type]
    for settings in ({"bits": 60}, {"bits": "x"}, {"bits": 8}, {"bits": True}, {"leet_copies": "ab"}, {"strength": "8"},
                     {"leet_copies": [0.5]}, {"ham_cost": -1}, {"least_passes": 10**8}, "no table", [1]):  # fmt: skip
        old.card = {"settings": settings}
        with pytest.raises(EvaluationError, match="cannot be trained again"):
            trainer_like(old)  # type: ignore[arg-type]
    for card in ({"seed": "x"}, {"seed": -1}, {"asked": {"hold_out": 7}}, {"asked": {"unsure": [0.2]}}, {"asked": [1]}):
        old.card = card
        with pytest.raises(EvaluationError, match="cannot be trained again"):
            trainer_like(old)  # type: ignore[arg-type]
    old.card = {"settings": {"many": 100, "of_an_older_version": 1, "group_limit": None}, "seed": 3}
    assert default_options(old) == {"settings": Settings(many=100, seed=3)}  # type: ignore[arg-type]
    old.recipe = "tfidf"
    for settings in ({"ngrams": [1, 99]}, {"ngrams": 1}, {"C": "x"}, {"C": 0}, {"solver": "x"}, {"min_df": 0.5}):
        old.card = {"settings": {"ngrams": [1, 1], **settings}}
        with pytest.raises(EvaluationError, match="cannot be trained again"):
            trainer_like(old)  # type: ignore[arg-type]


def test_the_card_of_a_training_is_one_that_can_be_trained_again() -> None:
    """With every setting that it tells, each within its bounds."""
    bundled = despam_load()
    told = bundled.card["settings"]
    settings = default_options(bundled)["settings"]
    assert {name: getattr(settings, name) for name in told} == {
        name: tuple(value) if isinstance(value, list) else value for name, value in told.items()
    }


def test_hostile_texts_reach_no_terminal(despam: Any, model: Path, data: Path, tmp_path: Path) -> None:
    """Control characters are shown as signs, and a name in brackets is a name."""
    path = tmp_path / "h[red]x.jsonl"
    lines = [{"text": "\x1b]0;pwned\x07\x1b[2J see you at lunch", "label": "spam"}] * 3
    lines += [{"text": "\x1b[31mWIN a FREE prize, call 09061701461 now to claim", "label": "ham"}] * 3
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    _, out, _ = despam("evaluate", model, path, data, "--show-text")
    assert "\x1b" not in out
    assert "\x07" not in out
    assert "h[red]x" in out
    other = tmp_path / "strict.safetensors"
    assert despam("train", data, "--max-false-positives", "1/20", "-o", other)[0] == 0
    _, out, _ = despam("compare", model, other, path, "--show-text")
    assert "\x1b" not in out
