"""Each file of a folder is opened as any other DATA is."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from despam import corpus
from despam.corpus import Plan, blocks
from despam.errors import DataError

MAIL = b"From: a@example.org\nSubject: Win\nMIME-Version: 1.0\n\nFree prize\n"
MBOX = b"From x\n" + MAIL + b"\n"


def folder(root: Path, **spam: bytes) -> Path:
    """Make a folder with one ham and some spam."""
    files = {"ham/a.txt": b"see you", **{f"spam/{name}": content for name, content in spam.items()}}
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def test_packed_and_recoded_files_are_read_as_what_they_hold(tmp_path: Path) -> None:
    files = {
        "a.eml.gz": gzip.compress(MAIL),
        "b.txt.gz": gzip.compress("prêt".encode()),
        "c.mbox.gz": gzip.compress(MBOX * 2),
        "d.txt": "prêt".encode("utf-16"),
        "e.txt": b"\xef\xbb\xbfwin",
        "f.txt": b"",
    }
    box = folder(tmp_path / "box", **files)
    mail = "Win\nFree prize"
    assert [row.text.strip() for row in corpus.read(box)] == ["see you", mail, "prêt", mail, mail, "prêt", "win", ""]
    (block,) = blocks(box, Plan(), labelled=False)
    assert block.size() == 8


BINARY = {
    "pic.png": (b"\x89PNG" + b"x" * 100, "is no text but a picture; take it out of the folder"),
    "Thumbs.db": (bytes(range(32)) * 50, "is a binary file, not text; take it out of the folder"),
    "m.safetensors": (
        b"\x10\1\0\0\0\0\0\0" + b'{"a": 1}' * 34 + b"\1" * 20,
        "is no text but a model in a safetensors file; take it out of the folder",
    ),
    "cut.gz": (gzip.compress(MAIL)[:-9], "the gzip file is cut short; get it again from where it came from"),
}


@pytest.mark.parametrize("name", BINARY)
def test_what_is_no_text_is_that_rows_error(tmp_path: Path, name: str) -> None:
    content, what = BINARY[name]
    box = folder(tmp_path / "box", **{name: content, "z.txt": b"win"})
    with pytest.raises(DataError) as caught:
        list(corpus.read(box))
    assert str(caught.value) == f"{box}, line 2: spam/{name}: {what}"
    rows = [row for block in blocks(box, Plan(), labelled=False) for row in block.rows(Plan())]
    assert [(row.text, bool(row.error)) for row in rows] == [("see you", False), ("", True), ("win", False)]


def test_a_folder_that_cannot_be_listed_is_an_error_wherever_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box, scandir = folder(tmp_path / "box", **{"a.txt": b"win"}), os.scandir
    (closed := box / "spam" / "more").mkdir()

    def refuse(path: str) -> object:
        if Path(path) == closed:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    for labelled in (True, False):
        with pytest.raises(DataError) as caught:
            list(corpus.read(box, labelled=labelled))
        assert str(caught.value) == f"{closed}: cannot be listed (Permission denied); check its permissions"


def test_two_folders_of_one_label_are_both_read(tmp_path: Path) -> None:
    box = folder(tmp_path / "box", **{"a.txt": b"win"})
    (box / "Spam").mkdir()
    if (box / "Spam").samefile(box / "spam"):
        pytest.skip("the file system knows no difference between Spam and spam")
    (box / "Spam" / "b.txt").write_bytes(b"prize")
    found = [(row.text, row.label) for row in corpus.read(box)]
    assert found == [("see you", "ham"), ("prize", "spam"), ("win", "spam")]
