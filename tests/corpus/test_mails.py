"""A mail file's label comes from its own name or a folder that says nothing else."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from despam import corpus
from despam.corpus.mails import label_of_name, source_bytes
from despam.errors import DataError

MAIL = b"From x@y Mon Jan  1 00:00:00 2024\nSubject: Win\nFrom: a@example.org\n\nFree prize\n\n"


@pytest.mark.parametrize(
    ("path", "label"),
    [
        ("spam.mbox", "spam"),
        ("easy_ham_2.mbox.gz", "ham"),
        ("not-spam.mbox", "ham"),
        ("notspam_2.mbox", "ham"),
        ("casino-spam.mbox", "spam"),
        ("spam-and-ham.mbox", None),
        ("ham/17.eml", "ham"),
        ("Spam/2024/17.eml", "spam"),
        ("spam/ham/17.eml", "ham"),
        ("not spam/17.eml", "ham"),
        ("spam-filter/data/inbox.mbox", None),
        ("/srv/anti-spam/inbox.mbox", None),
        ("1/yes/inbox.mbox", None),
    ],
)
def test_a_label_is_read_off_a_name_that_says_it(path: str, label: str | None) -> None:
    assert label_of_name(Path(path)) == label


def test_of_folders_that_were_not_typed_the_nearest_alone_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in (tmp_path / "spam", tmp_path / "spam" / "box"):
        folder.mkdir()
        (folder / "inbox.mbox").write_bytes(MAIL)
        monkeypatch.chdir(folder)
        if folder.name == "spam":
            assert [row.label for row in corpus.read("inbox.mbox")] == ["spam"]
        else:
            with pytest.raises(DataError, match="carries no labels"):
                list(corpus.read("inbox.mbox"))


def test_empty_lines_before_the_first_message_are_none(tmp_path: Path) -> None:
    path = tmp_path / "spam.mbox"
    path.write_bytes(b"\n \r\n" + MAIL * 2)
    assert [row.text.strip() for row in corpus.read(path)] == ["Win\nFree prize"] * 2


NO_CHARSETS = ["undefined", "a\0b", "idna", "punycode", "unicode_escape", "x" * 100, 7, ["utf-8"], ""]


@pytest.mark.parametrize("name", NO_CHARSETS)
def test_a_charset_that_is_none_of_text_counts_as_utf8(name: object, tmp_path: Path) -> None:
    """What is named there is a stranger's: no codec of Python's that raises, takes long or does something else."""
    source = "Subject: Win\nContent-Type: text/plain; charset=utf-8\n\n" + "pr\u00eat" * 100
    assert source_bytes(source, name) == source.encode()
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"text": source, "label": "spam", "raw_charset": name or "undefined"}))
    assert [row.text.strip() for row in corpus.read(path)] == ["Win\n" + "pr\u00eat" * 100]


def test_a_charset_gives_the_very_bytes_back() -> None:
    """Of Latin-1 those of Latin-1, not of the Windows-1252 that senders mean by it."""
    assert source_bytes("\x80\x99\xe9", "latin-1") == b"\x80\x99\xe9"
    assert source_bytes("\u20ac", "Windows-1252") == b"\x80"
    assert source_bytes("\u20ac", "us-ascii") == "\u20ac".encode()


@pytest.mark.parametrize("nothing", [None, ""])
def test_a_row_that_names_no_charset_is_a_text_in_every_format(nothing: object, tmp_path: Path) -> None:
    """Read as mail it would lose its first line."""
    text = "Dear: all, a note\n\nbody"
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": text, "label": "ham", "raw_charset": nothing}))
    with (tmp_path / "a.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["text", "label", "raw_charset"], [text, "ham", nothing]])
    for path in (tmp_path / "a.jsonl", tmp_path / "a.csv"):
        assert [(row.text, row.mail) for row in corpus.read(path)] == [(text, False)]
