"""Labels mean what their file says; what could be meant either way is refused in one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from despam import corpus
from despam.corpus import reading
from despam.errors import DataError


def table(path: Path, *labels: str, column: str = "label") -> Path:
    path.write_text(f"{column},text\n" + "".join(f"{label},{n}\n" for n, label in enumerate(labels)))
    return path


def read(*paths: Path, **options: object) -> tuple[list[str | None], list[str]]:
    said: list[str] = []
    rows = corpus.read(paths, say=said.append, **options)  # type: ignore[arg-type]
    return [row.label for row in rows], said


def complaint(path: Path, **options: object) -> str:
    with pytest.raises(DataError) as caught:
        read(path, **options)
    return str(caught.value).removeprefix(str(path))


def test_a_file_without_the_named_label_is_read_by_the_usual_words(tmp_path: Path) -> None:
    first = table(tmp_path / "a.csv", "fine", "junk", "fine")
    second = table(tmp_path / "b.csv", "spam", "ham", "ham")
    third = table(tmp_path / "c.csv", "0", "1", column="is_spam")
    labels, said = read(first, second, third, spam_label="junk")
    assert labels == ["ham", "spam", "ham", "spam", "ham", "ham", "ham", "spam"]
    assert said == [
        f"{first}: read as ham: 'fine' (2).",
        f"{second}: no label is 'junk'; read by the usual words, as ham: 'ham' (2).",
        f"{third}: no label is 'junk'; read by the usual words, as ham: '0' (1).",
    ]


def test_a_usual_word_beside_the_named_one_is_refused(tmp_path: Path) -> None:
    doubt = "has 'junk', which --spam-label names, and 'spam', which usually means spam; the labels are "
    step = "; write both as one word, or another word for what is ham"
    for labels, line in ((("ham", "spam", "junk"), 3), (("junk", "ham", "spam"), 4)):
        path = table(tmp_path / "a.csv", *labels)
        assert complaint(path, spam_label="junk") == f", line {line}: {doubt}'ham' (1), 'junk' (1), 'spam' (1){step}"


def test_numbers_beside_the_named_label_are_ham_as_ever(tmp_path: Path) -> None:
    assert read(table(tmp_path / "a.csv", "1", "1", "0", "2"), spam_label="0")[0] == ["ham", "ham", "spam", "ham"]
    assert read(table(tmp_path / "a.csv", "yes", "no", column="legit"), spam_label="no", label_column="legit") == (
        ["ham", "spam"], [f"{tmp_path / 'a.csv'}: read as ham: 'yes' (1)."],
    )  # fmt: skip


def test_the_named_label_may_come_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "SCAN_ROWS", 3)
    late = table(tmp_path / "a.csv", *["fine"] * 9, "junk", "fine", "junk")
    assert read(late, spam_label="junk")[0] == ["ham"] * 9 + ["spam", "ham", "spam"]
    late = table(tmp_path / "b.csv", "1", *["0"] * 9, "junk")
    assert ", line 12: has 'junk', which --spam-label names, and '1', which" in complaint(late, spam_label="junk")


@pytest.mark.parametrize("word", ["nan", "unknown", "", "NULL", "N/A"])
def test_a_missing_label_is_no_ham(tmp_path: Path, word: str) -> None:
    path = table(tmp_path / "a.csv", "spam", "promo", word)
    shown = f"unknown label {word!r}" if word else "an empty label"
    sentence = complaint(path, spam_label="spam")
    assert sentence.startswith(f", line 4: {shown}; the labels are ")
    assert sentence.endswith("; give the row a label, or leave it out")
    assert read(table(tmp_path / "b.csv", "unknown", "ham"), spam_label="unknown")[0] == ["spam", "ham"]


def test_an_unknown_label_beside_usual_ones_is_unknown_in_a_file_without_the_named_one(tmp_path: Path) -> None:
    first = table(tmp_path / "a.csv", "fine", "junk")
    for labels in (("spam", "promo"), ("promo", "spam")):
        second = table(tmp_path / "b.csv", *labels)
        with pytest.raises(DataError, match="unknown label 'promo'"):
            read(first, second, spam_label="junk")


@pytest.mark.parametrize("cells", [("1.0", "0.0"), ("1", "0")])
@pytest.mark.parametrize("named", ["1", "1.0"])
def test_numbers_are_the_same_with_and_without_a_point(tmp_path: Path, cells: tuple[str, str], named: str) -> None:
    assert read(table(tmp_path / "a.csv", *cells), spam_label=named)[0] == ["spam", "ham"]


@pytest.mark.parametrize(
    "name", ["not spam", "not_spam", "notSpam", "legitimate", "legit", "is_ham", "Ham", "isHam", "nonspam"]
)
@pytest.mark.parametrize("labels", [("1", "0"), ("True", "False"), ("yes", "no"), ("1.0", "0.0")])
def test_yes_or_no_to_ham_is_refused_without_spam_label(tmp_path: Path, name: str, labels: tuple[str, str]) -> None:
    path = table(tmp_path / "a.csv", *labels, column=name)
    there = ", ".join(f"{word!r} (1)" for word in sorted(labels))
    what = f"the column {name!r} says what is ham; the labels are {there}; say which means spam with --spam-label"
    assert complaint(path, label_column=name) == f", line 2: {what}"
    assert read(path, label_column=name, spam_label=labels[1])[0] == ["ham", "spam"]
    assert read(table(tmp_path / "b.csv", "spam", "ham", column=name), label_column=name)[0] == ["spam", "ham"]


def test_json_columns_named_after_ham_are_refused_too(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"text": "x", "is_ham": True}) + "\n")
    assert "the column 'is_ham' says what is ham" in complaint(path, label_column="is_ham")


NUMBERS = "labels are numbers, 1 is read as spam; if 0 is spam, as in some tutorials, give --spam-label 0."
TRUE = "labels are true and false, true is read as spam; if false is spam, give --spam-label false."


@pytest.mark.parametrize(
    ("column", "labels", "note"),
    [
        ("target", ("1", "0"), NUMBERS),
        ("label", ("True", "False"), TRUE),
        ("class", ("yes", "no"), "labels are yes and no, yes is read as spam; if no is spam, give --spam-label no."),
        ("spam score", ("1", "0"), NUMBERS),
        ("spam", ("1", "0"), ""),
        ("is_spam", ("true", "false"), ""),
        ("Spam/Ham", ("yes", "no"), ""),
        ("isspam", ("1.0", "0.0"), ""),
        ("label", ("spam", "ham"), ""),
    ],
)  # fmt: skip
def test_what_1_means_is_asked_unless_the_column_says_it(
    tmp_path: Path, column: str, labels: tuple[str, str], note: str
) -> None:
    path = table(tmp_path / "a.csv", *labels, column=column)
    assert read(path, label_column=column) == (["spam", "ham"], [f"{path}: {note}"] if note else [])
