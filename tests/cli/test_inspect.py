"""`despam inspect`: everything a model file says of itself, and what weighs most in it."""

from __future__ import annotations

import json
import re
from pathlib import Path

from click.testing import CliRunner

import despam as package
from despam.cli.inspect import command, cost_words

from .conftest import Run


def test_a_model_shows_version_size_recipe_cutoffs_and_figures(despam: Run, sms: Path, tmp_path: Path) -> None:
    despam("train", sms, "-o", "m.safetensors")
    done = despam("inspect", "m.safetensors", COLUMNS="200")
    model = package.load(tmp_path / "m.safetensors")
    assert (done.returncode, done.stderr) == (0, "")
    for words in (model.version, model.sha256, f"{model.size_bytes:,} bytes", "default", f"{model.cutoff:.4f}", "600"):
        assert words in done.stdout or words == "600"
    assert "out of fold" in done.stdout
    assert "sms " in done.stdout
    assert "name the heaviest with --data FILE" in done.stdout


def test_json_holds_the_card_and_the_spread_of_the_weights(despam: Run, small_model: Path) -> None:
    result = json.loads(despam("inspect", small_model, "--json").stdout)
    model = package.load(small_model)
    assert (result["model"], result["sha256"], result["size_bytes"]) == (model.version, model.sha256, model.size_bytes)
    assert result["card"] == model.card
    assert result["cutoff"] == model.cutoff
    assert result["weights"]["stored_as"] == "int8"
    assert 0 < result["weights"]["towards_spam"] + result["weights"]["towards_ham"] <= result["weights"]["count"]
    assert result["heaviest"] == []


def test_data_name_the_heaviest_features_the_same_ones_each_time(despam: Run, small_model: Path, sms: Path) -> None:
    runs = [despam("inspect", small_model, "--data", sms, "--json", PYTHONHASHSEED=str(seed)) for seed in (1, 2)]
    assert runs[0].stdout == runs[1].stdout
    heaviest = json.loads(runs[0].stdout)["heaviest"]
    spam = [one for one in heaviest if one["contribution"] > 0]
    ham = [one for one in heaviest if one["contribution"] < 0]
    assert len(spam) == len(ham) == 20
    assert [one["contribution"] for one in spam] == sorted((one["contribution"] for one in spam), reverse=True)
    assert all(one["messages"] >= 3 for one in heaviest)
    assert {"“free”", "“claim”", "“prize”", "“txt”", "“mobile”"} & {one["feature"] for one in spam}
    table = despam("inspect", small_model, "--data", sms).stdout
    assert spam[0]["feature"] in table


def test_without_a_name_the_bundled_model_is_shown(bundled: package.Model) -> None:
    shown = CliRunner().invoke(command, [])
    assert shown.exit_code == 0
    assert bundled.version in shown.output
    assert "limit" in shown.output


def test_a_file_that_is_no_model_is_one_sentence(despam: Run, tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(b"no model")
    for name in ("a.safetensors", "none.safetensors"):
        done = despam("inspect", name)
        assert done.returncode == 3
        assert done.stderr.startswith(f"Error: {name}: ")
        assert len(done.stderr.splitlines()) == 1


def with_card(model: Path, path: Path, card: object) -> Path:
    """Write a model file with another card."""
    data = model.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header["__metadata__"]["card"] = json.dumps(card)
    made = json.dumps(header).encode()
    made += b" " * (-len(made) % 8)
    path.write_bytes(len(made).to_bytes(8, "little") + made + data[8 + length :])
    return path


def test_the_card_says_how_far_the_probability_can_be_believed_and_what_it_is_for(
    small_model: Path, tmp_path: Path
) -> None:
    """Calibration error and Brier score are columns where the card has them; uses are lists or one sentence."""
    card = {
        "figures": {"left out": {"a": {"auc": 0.9, "ece": 0.1234, "brier": 0.0567}}, "other": {"b": {"auc": 0.8}}},
        "intended_use": ["comments", "short messages"],
        "unsuitable_use": "mail without a look\x1b[2J",
    }
    path = with_card(small_model, tmp_path / "m.safetensors", card)
    shown = CliRunner(env={"COLUMNS": "200"}).invoke(command, [str(path)]).output
    assert re.search(r"^a +- .* 0\.1234 +0\.0567$", shown, re.MULTILINE), shown
    assert len(re.findall(r"ECE +Brier", shown)) == 1
    for line in ("for         comments", "for         short messages", "not for     mail without a look\u241b[2J"):
        assert line in shown.splitlines()


def test_a_card_that_anybody_wrote_does_not_break_the_screen(small_model: Path, tmp_path: Path) -> None:
    odd = {
        "name": "\x1b[2J[red]x", "messages": "many", "sources": [5, {"name": ["a"], "spam": None}], "languages": "en",
        "figures": {"a": 1, "c": {"d": {"e": {"f": 1}}, "g": [2]}, "b": {"accuracy": "high", "recall_at_fpr": 3}},
        "limits": "none", "intended_use": 5, "unsuitable_use": {"a": 1},
        "training": {"seconds": "long", "watt_hours": 2, "energy": "\x1b[2Jguessed"},
    }  # fmt: skip
    path = with_card(small_model, tmp_path / "odd.safetensors", odd)
    shown = CliRunner().invoke(command, [str(path)])
    assert shown.exit_code == 0, shown.exception
    assert "\x1b[2J" not in shown.output
    assert "[red]x" in shown.output
    assert "2 Wh (" in shown.output


def test_figures_by_source_are_lines_of_the_table(despam: Run, sms: Path, tmp_path: Path) -> None:
    rows = sms.read_text().splitlines(keepends=True)
    (tmp_path / "one.jsonl").write_text("".join(rows[:300]))
    (tmp_path / "other.jsonl").write_text("".join(rows[300:]))
    assert despam("train", "one.jsonl", "other.jsonl", "-o", "m.safetensors").returncode == 0
    shown = despam("inspect", "m.safetensors", COLUMNS="200").stdout
    assert "{" not in shown
    for name in ("one", "other"):
        assert re.search(rf"^{name} +0\.\d{{4}} +- ", shown, re.MULTILINE), shown


def test_what_training_took_is_said_with_how_its_energy_is_known() -> None:
    """Whatever part of it the card says."""
    cost = {"seconds": 61.5, "cpu_seconds": 100, "watt_hours": 0.28, "energy": "estimated: so", "cores": 2}
    assert cost_words(cost) == "61.5 s, 100 s of CPU, 0.28 Wh (estimated: so)"
    assert cost_words({"seconds": 3}) == "3 s"
    assert cost_words({"energy": "measured"}) == cost_words(None) == cost_words("long") == ""


def test_a_tfidf_model_lists_its_own_words(despam: Run, sms: Path) -> None:
    despam("train", sms, "--recipe", "tfidf", "-o", "t.safetensors")
    result = json.loads(despam("inspect", "t.safetensors", "--json").stdout)
    assert [*result["heaviest"][0]] == ["feature", "weight"]
    assert {"“free”", "“txt”", "“claim”", "“mobile”"} & {one["feature"] for one in result["heaviest"][:20]}
    shown = despam("inspect", "t.safetensors").stdout
    assert "training messages 4" in shown
    assert result["heaviest"][0]["feature"] in shown
    named = json.loads(despam("inspect", "t.safetensors", "--data", sms, "--json").stdout)["heaviest"]
    assert [*named[0]] == ["feature", "contribution", "messages"]
