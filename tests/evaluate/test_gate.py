"""A gate opens only when every rule holds, says which line failed, and refuses what it cannot decide."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from despam.errors import DataError, EvaluationError
from despam.evaluate.gate import check
from despam.evaluate.gate_file import read_gate
from despam.evaluate.repeats import normalised_hash


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Data, two lists, and room for a gate."""
    lines = [{"text": f"win a prize number {i}", "label": "spam"} for i in range(20)]
    lines += [{"text": f"casino night {i}", "label": "spam"} for i in range(5)]
    lines += [{"text": f"lunch with table {i}", "label": "ham"} for i in range(40)]
    (tmp_path / "sms.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    (tmp_path / "ham.txt").write_text("your invoice is attached\n\nsee you at lunch\n", encoding="utf-8")
    (tmp_path / "spam.txt").write_text("win a prize\n", encoding="utf-8")
    return tmp_path


def gate(folder: Path, text: str) -> Path:
    path = folder / "gate.toml"
    path.write_text(text, encoding="utf-8")
    return path


FULL = """
[[data]]
name = "sms"
files = ["sms.jsonl"]
at_least = { recall = 0.75, auc = 0.9 }
at_most = { false_positive_rate = 0.0 }
max_drop = { recall = 0.1 }
max_rise = { false_positive_rate = 0.0 }

[[attacks]]
files = ["sms.jsonl"]
names = ["upper-case"]
at_least = { kept = 0.99 }

[must_stay]
ham = ["ham.txt"]
spam = ["spam.txt"]
"""


def test_a_model_that_holds_every_rule_passes(folder: Path, word_model: Any) -> None:
    """All nine rules are decided and listed."""
    result = check(word_model, word_model, gate(folder, FULL))
    assert result.passed, result.failures
    assert len(result.lines) == 8


def test_a_worse_model_fails_and_the_lines_are_named(folder: Path, word_model: Any, word_model_class: Any) -> None:
    """The new model no longer knows casino and takes invoices for spam."""
    worse = word_model_class({"win": 2.0, "prize": 3.0, "invoice": 5.0})
    result = check(worse, word_model, gate(folder, FULL))
    told = [(line.sentence, line.place.rsplit("/", 1)[-1]) for line in result.failures]
    assert told == [
        ("sms: recall went from 1.0000 to 0.8000, it may fall by 0.1", "gate.toml, line 7"),
        ("ham.txt: 1 message that must stay ham got the other verdict, line 1", "ham.txt, line 1"),
    ]


def test_without_a_live_model_differences_are_not_decided_and_said_so(folder: Path, word_model: Any) -> None:
    """The first promotion."""
    result = check(word_model, None, gate(folder, FULL))
    assert result.passed
    assert any("there is no model to compare with" in line.sentence for line in result.lines)


def test_a_source_left_out_must_have_been_left_out(folder: Path, word_model: Any) -> None:
    """Known by the hashes in the model file; unknown is no pass."""
    path = gate(folder, '[[data]]\nname = "new"\nfiles = ["sms.jsonl"]\nleft_out = true\n')
    with pytest.raises(EvaluationError, match="cannot be known"):
        check(word_model, None, path)
    word_model.settings = {"seen_every": 1}
    word_model.seen = [normalised_hash(f"win a prize number {i}") for i in range(20)]
    result = check(word_model, None, path)
    assert not result.passed
    assert "20 of 65 messages looked up were in the training data" in result.failures[0].sentence
    word_model.seen = [normalised_hash("somebody else's message")]
    (line,) = check(word_model, None, path).lines
    assert line.passed
    assert "0 of 65 messages looked up were in the training data (of all at most 4.5%, 95 % sure)" in line.sentence


def test_few_messages_looked_up_say_nothing_of_a_source_left_out(folder: Path, word_model: Any) -> None:
    """The file remembers one message in 32: of 65 two or so are looked up, and nine in ten could be known."""
    path = gate(folder, '[[data]]\nname = "new"\nfiles = ["sms.jsonl"]\nleft_out = true\n')
    word_model.settings, word_model.seen = {"seen_every": 32}, [32]
    with pytest.raises(EvaluationError, match=r"line 1: whether new was left out .* too few to tell"):
        check(word_model, None, path)


def test_known_messages_fail_without_the_thirty_that_an_acquittal_needs(folder: Path, word_model: Any) -> None:
    """19 looked up and all of them known: no more are needed to say no."""
    lines = [{"text": f"win a prize number {i}", "label": "spam" if i else "ham"} for i in range(19)]
    (folder / "few.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    path = gate(folder, '[[data]]\nname = "few"\nfiles = ["few.jsonl"]\nleft_out = true\n')
    word_model.settings = {"seen_every": 1}
    word_model.seen = [normalised_hash(str(line["text"])) for line in lines]
    result = check(word_model, None, path)
    assert not result.passed
    assert "19 of 19 messages looked up were in the training data" in result.failures[0].sentence


def test_a_gate_says_where_the_new_model_was_trained_on_its_data(folder: Path, word_model: Any) -> None:
    """Before the rules of a section; not where left_out is a rule already."""
    said: list[str] = []
    word_model.settings = {"seen_every": 1}
    word_model.seen = [normalised_hash(f"win a prize number {i}") for i in range(13)]
    result = check(word_model, None, gate(folder, FULL), said.append)
    assert result.notes[0].startswith("sms: About 20 % of these messages were in the model's training data")
    assert said[:2] == ["sms", result.notes[0]]
    left_out = gate(folder, '[[data]]\nfiles = ["sms.jsonl"]\nleft_out = true\n')
    assert check(word_model, None, left_out).notes == []


def test_a_figure_that_only_one_of_the_models_has_is_an_error_with_its_reason(
    folder: Path, word_model: Any, word_model_class: Any
) -> None:
    """A model that takes nothing for spam has no precision; one that catches nothing keeps nothing."""
    never = word_model_class({}, bias=-9.0)
    for figure, told in (("precision", "takes no message for spam"), ("mcc", "takes no message for spam")):
        path = gate(folder, f'[[data]]\nfiles = ["sms.jsonl"]\nmax_drop = {{ {figure} = 0.1 }}\n')
        with pytest.raises(EvaluationError, match=rf"line 3: .*{figure} of the live model cannot be .*{told}"):
            check(word_model, never, path)
        with pytest.raises(EvaluationError, match=rf"line 3: .*{figure} cannot be measured .*{told}"):
            check(never, word_model, path)
    path = gate(folder, '[[attacks]]\nfiles = ["sms.jsonl"]\nnames = ["leet"]\nmax_drop = { kept = 0.1 }\n')
    with pytest.raises(EvaluationError, match=r"kept of the live model .*catches none of the spam"):
        check(word_model, never, path)


def test_a_figure_that_the_data_cannot_give_is_an_error_and_no_pass(folder: Path, word_model: Any) -> None:
    """0.1 % of 40 real messages is nothing."""
    path = gate(folder, '[[data]]\nfiles = ["sms.jsonl"]\nat_least = { "recall_at_0.001" = 0.5 }\n')
    with pytest.raises(EvaluationError, match=r"line 3: .* cannot be measured .*40 real messages; a rate of 0\.1%"):
        check(word_model, None, path)


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ('[[data]]\nfiles = ["a"]\nat_leat = { recall = 1 }\n', 3, "unknown key 'at_leat'; it may have name, files"),
        ("[gates]\nx = 1\n", 1, "unknown key 'gates'"),
        ('[[data]]\nfiles = ["a"]\nat_least = { recal = 0.9 }\n', 3, "unknown key 'recal'"),
        ('[[data]]\nfiles = ["a"]\nat_least = { recall = 1.01 }\n', 3, "can never hold: recall lies between 0 and 1"),
        ('[[data]]\nfiles = ["a"]\nat_most = { false_positive_rate = -0.1 }\n', 3, "can never hold"),
        ('[[data]]\nfiles = ["a"]\nmax_drop = { auc = -1 }\n', 3, "can never hold"),
        ('[[data]]\nfiles = ["a"]\nat_least = { f1 = 0.9 }\nat_most = { f1 = 0.8 }\n', 4, "can never hold both"),
        ('[[data]]\nfiles = ["a"]\nmax_drop = { ece = 0.1 }\n', 3, "did you mean max_rise?"),
        ('[[data]]\nfiles = ["a"]\nmax_rise = { auc = 0.1 }\n', 3, "auc is better the higher it is"),
        ('[[attacks]]\nfiles = ["a"]\nmax_drop = { ham_lost = 0.1 }\n', 3, "did you mean max_rise?"),
        ('[[data]]\nfiles = ["a"]\nat_least = { accuracy = 0 }\n', 3, "always holds: accuracy lies between 0 and 1"),
        ('[[data]]\nfiles = ["a"]\nat_most = { ece = 1 }\n', 3, "always holds"),
        ('[[data]]\nfiles = ["a"]\nmax_drop = { mcc = 2 }\n', 3, "always holds: mcc lies between -1 and 1"),
        ('[[data]]\nfiles = ["a"]\nat_least = { recall_at_0.001 = 0.5 }\n', 3, 'put it in quotes, "recall_at_0.001"'),
        ('[[data]]\nfiles = ["a"]\nat_least = { recall = nan }\n', 3, "no number"),
        ('[[data]]\nfiles = ["a"]\nat_least = { recall = "high" }\n', 3, "no number"),
        ("[[data]]\nat_least = { recall = 0.9 }\n", 1, "names no files"),
        ('[[attacks]]\nfiles = ["a"]\nnames = ["leat"]\n', 3, "no attack 'leat'"),
        ('[data]\nfiles = ["a"]\n', 1, "two brackets"),
        ('[must_stay]\nhamm = ["a"]\n', 2, "unknown key 'hamm'; it may have ham, spam"),
        ("", 1, "asks nothing"),
        ("[must_stay]\nham = 3\n", 2, "list of file names"),
    ],
)
def test_a_gate_that_cannot_be_right_is_one_sentence_with_its_line(
    folder: Path, text: str, line: int, told: str
) -> None:
    """Unknown keys, bounds that never or always hold, empty gates."""
    with pytest.raises(EvaluationError) as caught:
        read_gate(gate(folder, text))
    assert f"gate.toml, line {line}: " in str(caught.value)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_gate_that_is_not_there_or_no_toml_is_one_sentence(folder: Path) -> None:
    """Place and next step."""
    with pytest.raises(EvaluationError, match="cannot be read"):
        read_gate(folder / "none.toml")
    with pytest.raises(EvaluationError, match="no TOML"):
        read_gate(gate(folder, "[[data"))


def test_an_empty_must_stay_list_guards_nothing_and_is_refused(folder: Path, word_model: Any) -> None:
    """A list somebody forgot to fill."""
    (folder / "ham.txt").write_text("\n\n", encoding="utf-8")
    with pytest.raises(DataError, match="holds no message"):
        check(word_model, None, gate(folder, '[must_stay]\nham = ["ham.txt"]\n'))
