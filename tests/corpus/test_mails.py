"""A mail file's label comes from its own name or a folder that says nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from despam import corpus
from despam.corpus.mails import label_of_name
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
