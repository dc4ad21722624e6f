"""`despam train`: the same data give the same file, and data that nothing can be learnt from give a sentence."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from despam.cli.train import command

from .conftest import Run, on_a_terminal


def rows(path: Path, texts: list[tuple[str, str]]) -> Path:
    path.write_text("".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in texts))
    return path


def test_training_says_what_was_read_left_out_and_measured(despam: Run, sms: Path, tmp_path: Path) -> None:
    done = despam("train", sms, "-o", "model.safetensors")
    assert done.returncode == 0
    assert re.fullmatch(r"about \d+ MB of memory are needed\n", done.stderr)
    read, left_out, learnt, *_, cutoff, wrote = done.stdout.splitlines()
    assert read.startswith("read       600 messages: ")
    assert left_out.startswith("left out   ")
    assert learnt.startswith("learnt     from ")
    assert "accuracy 9" in done.stdout
    assert cutoff.startswith("cutoff     0.")
    assert wrote.startswith("wrote      model.safetensors: version ")
    import despam as package

    model = package.load(tmp_path / "model.safetensors")
    assert wrote.split("version ")[1].startswith(model.version)
    assert model.classify("URGENT! You have WON a prize. Call 09061701461 now to claim").classification == "SPAM"


def test_json_holds_the_same_figures(despam: Run, sms: Path) -> None:
    done = despam("train", sms, "-o", "model.safetensors", "--json")
    result = json.loads(done.stdout)
    assert result["read"] == 600
    assert result["messages"] == result["spam"] + result["ham"] == 600 - result["repeats"]
    assert 0.9 < result["figures"]["out_of_fold"]["accuracy"] <= 1
    assert len(result["model"]) == 12


def test_the_same_data_give_the_same_bytes_whatever_their_order_and_the_hash_seed(
    despam: Run, sms: Path, tmp_path: Path
) -> None:
    lines = sms.read_text().splitlines(keepends=True)
    (tmp_path / "a.jsonl").write_text("".join(lines[:300]))
    (tmp_path / "b.jsonl").write_text("".join(lines[300:]))
    assert despam("train", "a.jsonl", "b.jsonl", "-o", "1.safetensors", PYTHONHASHSEED="1").returncode == 0
    assert despam("train", "b.jsonl", "a.jsonl", "-o", "2.safetensors", PYTHONHASHSEED="2").returncode == 0
    assert (tmp_path / "1.safetensors").read_bytes() == (tmp_path / "2.safetensors").read_bytes()


def test_repeats_count_once_and_conflicts_are_named_and_left_out(despam: Run, sms: Path) -> None:
    first = json.loads(sms.read_text().splitlines()[0])
    with sms.open("a") as file:
        file.write(json.dumps({"text": "Same words, both labels", "label": "spam"}) + "\n")
        file.write(json.dumps({"text": "same words both labels!", "label": "ham"}) + "\n")
        file.write(json.dumps({"text": first["text"].upper(), "label": first["label"]}) + "\n")
    done = despam("train", sms, "-o", "m.safetensors", "--json")
    result = json.loads(done.stdout)
    assert (result["read"], result["conflicts"], result["conflicting_rows"]) == (603, 1, 2)
    assert done.stderr.splitlines() == [
        "1 text carries both labels and is left out; give each one label:",
        "  sms, line 602 (ham) and sms, line 601 (spam)",
    ]
    kept = json.loads(despam("train", sms, "-o", "m.safetensors", "--json", "--keep-repeats").stdout)
    assert kept["repeats"] == 0
    assert kept["messages"] == 601 == result["messages"] + result["repeats"]


def test_a_promise_on_real_messages_lost_is_kept_or_said_to_be_more_than_the_data_support(
    despam: Run, sms: Path
) -> None:
    done = despam("train", sms, "-o", "m.safetensors", "--max-false-positives", "1/50")
    assert done.returncode == 0
    assert "promise    at most 1 in 50 real messages lost" in done.stdout
    done = despam("train", sms, "-o", "m.safetensors", "--max-false-positives", "0.01%")
    assert "real messages that are no near-copies of each other support 1 in " in done.stdout


def test_what_is_held_out_can_be_asked_for_and_is_said(despam: Run, sms: Path, tmp_path: Path) -> None:
    done = despam("train", sms, "-o", "m.safetensors", "--hold-out", "sources")
    assert done.returncode == 3
    assert "give more sources, or hold out folds" in done.stderr
    lines = sms.read_text().splitlines(keepends=True)
    spam, ham = ([line for line in lines if json.loads(line)["label"] == label] for label in ("spam", "ham"))
    for part in range(4):
        prizes = [json.dumps({"text": f"{part}{n} prize to claim {n * 7}", "label": "spam"}) + "\n" for n in range(20)]
        (tmp_path / f"{part}.jsonl").write_text("".join([*spam[part::4], *prizes, *ham[part::4]]))
    parts = [f"{part}.jsonl" for part in range(4)]
    done = despam("train", *parts, "-o", "m.safetensors", "--max-false-positives", "1/50")
    assert done.returncode == 0, done.stderr
    assert "held out   whole sources in turn" in done.stdout
    assert "real messages lost on average over 4 sources left out" in done.stdout
    done = despam("train", *parts, "-o", "m.safetensors", "--hold-out", "folds", "--json")
    assert json.loads(done.stdout)["held_out"] == "folds"


def test_the_unsure_band_is_what_was_asked_for(despam: Run, sms: Path) -> None:
    done = despam("train", sms, "-o", "m.safetensors", "--unsure", "0.1,0.95", "--json")
    assert json.loads(done.stdout)["unsure_between"] == [0.1, 0.95]


def test_a_folder_and_a_table_of_other_names_are_learnt_from(despam: Run, sms: Path, tmp_path: Path) -> None:
    for number, line in enumerate(sms.read_text().splitlines()[:200]):
        row = json.loads(line)
        folder = tmp_path / "box" / row["label"]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number:04}.txt").write_text(row["text"])
    assert despam("train", "box", "-o", "folder.safetensors").returncode == 0
    table = "".join(
        f"{1 - (row['label'] == 'spam')}\t{json.dumps(row['text'])[1:-1]}\n"
        for row in map(json.loads, sms.read_text().splitlines())
    )
    (tmp_path / "words.tsv").write_text("kind\twords\n" + table.replace('"', "'"))
    options = ("--text-column", "words", "--label-column", "kind", "--spam-label", "0")
    done = despam("train", "words.tsv", *options, "-o", "table.safetensors", "--json")
    assert done.returncode == 0, done.stderr
    assert (
        json.loads(done.stdout)["spam"]
        == json.loads(despam("train", sms, "-o", "m.safetensors", "--json").stdout)["spam"]
    )


BAD = {
    "missing file": (None, 3, "data.jsonl: no such file; check the path"),
    "one class": ([(f"hello {n}", "ham") for n in "abcdefghijklmnop"], 3, "all 16 messages are ham, none is spam"),
    "nine of a class": (
        [(f"hello {n * 7}x", "ham") for n in range(30)] + [(f"win {n * 7}x", "spam") for n in range(9)],
        3,
        "only 9 spam beside 30 ham, repeats not counted; at least 10 of each are needed, give more messages",
    ),
    "nine once repeats are out": (
        [(f"hello {n * 7}x", "ham") for n in range(30)] + [(f"win {n % 9}x", "spam") for n in range(30)],
        3,
        "only 9 spam beside 30 ham",
    ),
    "unknown label": (
        [("a", "ham"), ("b", "promo")],
        3,
        "line 2: unknown label 'promo'; the labels are 'ham' (1), 'promo' (1)",
    ),
    "empty": ([], 3, "is empty; give a file with messages"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_data_is_one_sentence_and_an_existing_file_stays(despam: Run, tmp_path: Path, what: str) -> None:
    content, code, sentence = BAD[what]
    (tmp_path / "model.safetensors").write_bytes(b"precious")
    if content is not None:
        rows(tmp_path / "data.jsonl", content)
    done = despam("train", "data.jsonl", "-o", "model.safetensors")
    assert done.returncode == code
    assert sentence in done.stderr
    assert done.stderr.startswith("Error: ")
    assert len(done.stderr.splitlines()) == 1
    assert (tmp_path / "model.safetensors").read_bytes() == b"precious"
    assert [path.name for path in tmp_path.iterdir() if path.name != "data.jsonl"] == ["model.safetensors"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "Missing argument 'DATA...'"),
        (("x.csv",), "Missing option '-o'"),
        (("x.csv", "-o", "no/such/m.safetensors"), "the folder of no/such/m.safetensors does not exist; make it first"),
        (("x.csv", "-o", "m", "--ngrams", "1,2"), "--ngrams belongs to --recipe tfidf"),
        (("x.csv", "-o", "m", "--C", "2"), "--C belongs to --recipe tfidf"),
        (("x.csv", "-o", "m", "--recipe", "tfidf", "--ngrams", "2"), "'2' is not two numbers; write 1,2"),
        (("x.csv", "-o", "m", "--recipe", "tfidf", "--unsure", "0.1,0.2"), "--unsure belongs to the default recipe"),
        (("x.csv", "-o", "m", "--unsure", "0.9,0.2"), "'0.9,0.2' is not in order; write 0.2,0.8"),
        (("x.csv", "-o", "m", "--max-false-positives", "often"), "often"),
        (("x.csv", "-o", "m", "--seed", "-1"), "-1 is not in the range"),
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: tuple[str, ...], sentence: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(command, list(arguments))
    assert done.exit_code == 2, done.output
    assert sentence in done.output


def test_the_output_may_not_be_the_data(despam: Run, sms: Path) -> None:
    before = sms.read_bytes()
    done = despam("train", sms, "-o", sms)
    assert done.returncode == 2
    assert "is one of the DATA; name another file" in done.stderr
    assert sms.read_bytes() == before


def test_the_output_may_be_no_message_and_no_device(despam: Run, tmp_path: Path) -> None:
    for label in ("spam", "ham"):
        (tmp_path / "mails" / label).mkdir(parents=True)
        (tmp_path / "mails" / label / "1.txt").write_text(f"{label} of a kind")
    for output, sentence in (
        ("mails/spam/1.txt", "mails/spam/1.txt would be one of the messages of mails; name another place"),
        ("/dev/null", "/dev/null is no file that can be replaced; name another one"),
    ):
        done = despam("train", "mails", "-o", output)
        assert (done.returncode, done.stdout) == (2, ""), done.stderr
        assert sentence in done.stderr
    assert (tmp_path / "mails" / "spam" / "1.txt").read_text() == "spam of a kind"
    assert Path("/dev/null").is_char_device()


def test_bytes_that_are_no_utf8_are_said_on_stderr(despam: Run, tmp_path: Path) -> None:
    lines = [
        b"label,text",
        *(b"ham,caf\xe9 %d at noon" % (n * 31) for n in range(20)),
        *(b"spam,win %d now" % (n * 31) for n in range(20)),
    ]
    (tmp_path / "a.csv").write_bytes(b"\n".join(lines))
    done = despam("train", "a.csv", "-o", "m.safetensors")
    assert done.returncode == 0
    assert done.stderr.startswith("a.csv, line 2: not UTF-8; such lines are read as Windows-1252.\nabout ")


def test_a_broken_option_shows_the_traceback_only_with_debug(despam: Run) -> None:
    assert "Traceback" not in despam("train", "none.csv", "-o", "m.safetensors").stderr
    assert "Traceback" in despam("train", "none.csv", "-o", "m.safetensors", "--debug").stderr


def test_the_tutorials_recipe_prints_its_two_accuracies(despam: Run, sms: Path, tmp_path: Path) -> None:
    done = despam("train", sms, "--recipe", "tfidf", "-o", "t.safetensors")
    assert done.returncode == 0, done.stderr
    assert "accuracy   on training data 0." in done.stdout
    assert "on test data 0." in done.stdout
    options = ("--ngrams", "1,2", "--sublinear-tf", "--min-df", "2", "--C", "10", "--class-weight", "balanced")
    changed = despam(
        "train", sms, "--recipe", "tfidf", *options, "--solver", "liblinear", "--test-share", "0", "-o", "u.safetensors"
    )
    assert changed.returncode == 0, changed.stderr
    settings = json.loads(despam("inspect", "u.safetensors", "--json").stdout)["card"]["settings"]
    assert settings == {
        "ngrams": [1, 2], "sublinear": True, "min_df": 2, "C": 10.0, "class_weight": "balanced", "solver": "liblinear",
        "test_share": 0.0, "seed": 0,
    }  # fmt: skip
    assert (tmp_path / "t.safetensors").read_bytes() != (tmp_path / "u.safetensors").read_bytes()


def test_progress_is_shown_by_stage_on_a_terminal_only(sms: Path, tmp_path: Path) -> None:
    shown = on_a_terminal(["train", str(sms), "-o", "m.safetensors"], tmp_path)
    assert "reading features" in shown
    assert "learning" in shown
    assert "wrote      m.safetensors" in shown


def test_without_the_extra_the_pip_line_is_said_before_anything_is_read(tmp_path: Path) -> None:
    script = "import sys; sys.modules['numpy'] = None; from despam.cli.main import run; run(sys.argv[1:])"
    arguments = [sys.executable, "-c", script, "train", "none.csv", "-o", "m.safetensors"]
    done = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    sentence = "Error: training needs the extra 'train': pip install 'despam[train]', or '.[train]' in a clone"
    assert done.stderr == f"{sentence}\n"
