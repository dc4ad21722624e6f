"""Rows come out of every kind of DATA, and what is wrong with a file is one sentence with place and next step."""

from __future__ import annotations

import csv
import gzip
import json
import os
import pickle
import random
import tracemalloc
from pathlib import Path

import pytest

from despam import corpus
from despam.corpus import Plan, reading
from despam.errors import DataError

MAIL = b"From: a@example.org\nSubject: Win\nMIME-Version: 1.0\n\nFree prize\n"


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def pairs(path: Path, **options: object) -> list[tuple[str, str | None]]:
    return [(row.text, row.label) for row in corpus.read(path, **options)]  # type: ignore[arg-type]


def complaint(path: Path, **options: object) -> str:
    with pytest.raises(DataError) as caught:
        list(corpus.read(path, **options))  # type: ignore[arg-type]
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert str(path) in sentence
    return sentence.removeprefix(str(path))


BOTH = [("win now", "spam"), ("see you", "ham")]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "text,label\nwin now,spam\nsee you,ham\n"),
        ("a.csv", "\ufefftext,label\r\nwin now,spam\r\nsee you,ham\r\n"),
        ("a.csv", "Category,Message\nspam,win now\nham,see you\n"),
        ("a.csv", "v1,v2,,,\nspam,win now,,,\nham,see you,,,\n"),
        ("a.csv", "label;body\nspam;win now\nham;see you\n"),
        ("a.csv", "Message,is_spam\nwin now,1\nsee you,0\n"),
        ("a.csv", "COMMENT_ID,CONTENT,CLASS\nx,win now,1\ny,see you,0\n"),
        ("a.csv", 'text,label\n"win now",spam\n\n"see you",ham\n'),
        ("a.csv", "spam,win now\nham,see you\n"),
        ("a.tsv", "label\ttext\nspam\twin now\nham\tsee you\n"),
        ("SMSSpamCollection", "spam\twin now\nham\tsee you\n"),
        ("a.jsonl", '{"text": "win now", "label": "spam"}\n{"text": "see you", "label": "ham"}'),
        ("a.jsonl", '{"message": "win now", "class": 1}\r\n\r\n{"message": "see you", "class": 0}\r\n'),
        ("a.json", '\ufeff{"body": "win now", "spam": true}\n{"body": "see you", "spam": false}\n'),
        ("unnamed", '{"text": "win now", "label": "SPAM"}\n{"text": "see you", "label": " Ham "}\n'),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_the_usual_columns_and_labels_are_found(tmp_path: Path, name: str, content: str, packed: bool) -> None:
    data = gzip.compress(content.encode()) if packed else content.encode()
    assert pairs(write(tmp_path / (name + ".gz" * packed), data)) == BOTH


def test_utf16_as_spreadsheets_save_it_is_read(tmp_path: Path) -> None:
    assert pairs(write(tmp_path / "a.csv", "label\ttext\nspam\twin now\nham\tsee you\n".encode("utf-16"))) == BOTH


def test_a_row_knows_its_place_and_its_other_fields(tmp_path: Path) -> None:
    path = write(tmp_path / "sms.csv", 'id,text,label,lang\n1,"two\nlines",spam,en\n2,ok,ham,de\n')
    first, second = corpus.read(path)
    assert (first.source, first.line, first.text, first.fields) == (
        "sms", 2, "two\nlines", {"id": "1", "label": "spam", "lang": "en"},
    )  # fmt: skip
    assert (second.line, second.fields["lang"]) == (4, "de")


def test_marks_of_repeats_stay_in_the_fields(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", '{"text": "x", "label": "ham", "dup": "a-1", "label_conflict": true}\n')
    (row,) = corpus.read(path)
    assert row.fields == {"label": "ham", "dup": "a-1", "label_conflict": True}


def test_named_columns_and_a_named_label_win_over_the_usual_ones(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "text,label,Words,kind\nno,ham,win now,promo\nno,spam,see you,normal\n")
    assert pairs(path, text_column="words", label_column="kind", spam_label="promo") == BOTH


def test_the_tutorials_numbering_is_read_with_spam_label_0_and_said_without(tmp_path: Path) -> None:
    path = write(tmp_path / "mail_data.csv", "Category,Message\n0,win now\n1,see you\n")
    said: list[str] = []
    assert pairs(path, spam_label="0", say=said.append) == BOTH
    assert said == [f"{path}: read as ham: '1' (1)."]
    said.clear()
    assert pairs(path, say=said.append) == [("win now", "ham"), ("see you", "spam")]
    assert len(said) == 1
    assert said[0].endswith("give --spam-label 0.")
    said.clear()
    clear = write(tmp_path / "a.csv", "is_spam,text\n1,win now\n0,see you\n")
    assert (pairs(clear, say=said.append), said) == (BOTH, [])


def test_parquet_is_read_in_batches(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    import pyarrow.parquet as parquet

    path = tmp_path / "a.parquet"
    table = pyarrow.table({"Message": ["win now", "see you"] * 1500, "spam": [1, 0] * 1500, "n": list(range(3000))})
    parquet.write_table(table, path)
    rows = list(corpus.read(path))
    assert [(row.text, row.label) for row in rows] == BOTH * 1500
    assert [row.fields["n"] for row in rows] == list(range(3000))
    assert rows[-1].line == 3000
    broken = write(tmp_path / "b.parquet", path.read_bytes()[:200])
    assert "no readable Parquet file" in complaint(broken)
    assert "'Message', 'spam', 'n'" in complaint(path, text_column="nope")
    assert "is empty" in complaint(write(tmp_path / "c.parquet", b""))


def test_parquet_without_pyarrow_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from despam.errors import MissingExtra

    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=r"pip install 'despam\[train\]'"):
        list(corpus.read(write(tmp_path / "a.parquet", b"PAR1....")))


def test_an_mbox_is_split_and_labelled_by_its_name(tmp_path: Path) -> None:
    message = b"From x@y Mon Jan  1 00:00:00 2024\n" + MAIL + b"\n>From the start\n\n"
    path = write(tmp_path / "spam.mbox", message * 2)
    rows = list(corpus.read(path))
    assert [(row.text.strip(), row.label, row.line, row.mail) for row in rows] == [
        ("Win\nFree prize\n\nFrom the start", "spam", number, True) for number in (1, 2)
    ]
    assert pairs(write(tmp_path / "ham" / "inbox", message))[0][1] == "ham"
    assert "carries no labels" in complaint(write(tmp_path / "inbox.mbox", message))
    assert pairs(tmp_path / "inbox.mbox", labelled=False)[0][1] is None


def test_an_eml_is_one_message(tmp_path: Path) -> None:
    assert pairs(write(tmp_path / "ham" / "1.eml", MAIL)) == [("Win\nFree prize", "ham")]


def test_a_folder_gives_its_files_sorted(tmp_path: Path) -> None:
    write(tmp_path / "box" / "spam" / "b.txt", "win now")
    write(tmp_path / "box" / "spam" / "a" / "deep.eml", MAIL)
    write(tmp_path / "box" / "spam" / "00001.7848", b"Return-Path: <a@b>\n" + MAIL)
    write(tmp_path / "box" / "ham" / "a.txt", b"caf\xe9")
    write(tmp_path / "box" / "ham" / ".DS_Store", b"\0\0")
    rows = list(corpus.read(tmp_path / "box"))
    assert [(row.fields["file"], row.label, row.text, row.mail) for row in rows] == [
        ("ham/a.txt", "ham", "café", False),
        ("spam/00001.7848", "spam", "Win\nFree prize", True),
        ("spam/b.txt", "spam", "win now", False),
        ("spam/a/deep.eml", "spam", "Win\nFree prize", True),
    ]
    assert {row.source for row in rows} == {"box"}


def test_a_cell_with_raw_charset_or_the_mail_option_is_read_as_mail(tmp_path: Path) -> None:
    source = MAIL.decode() + "caf\xe9\n"
    line = json.dumps({"text": source, "label": "ham", "raw_charset": "latin-1"})
    (row,) = corpus.read(write(tmp_path / "a.jsonl", line))
    assert (row.text.strip(), row.mail) == ("Win\nFree prize\ncafé", True)
    (row,) = corpus.read(write(tmp_path / "b.jsonl", json.dumps({"text": source, "label": "ham"})))
    assert (row.text, row.mail) == (source, False)
    (row,) = corpus.read(tmp_path / "b.jsonl", mail=True)
    assert row.text.startswith("Win\nFree prize")


def test_bytes_that_are_no_utf8_are_read_as_windows_1252_and_said_once(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", b"text,label\nok,ham\n" + b"caf\xe9 \x93hi\x94 \x81,spam\n\xe9,ham\n")
    said: list[str] = []
    assert pairs(path, say=said.append) == [("ok", "ham"), ("café \u201chi\u201d \x81", "spam"), ("é", "ham")]
    assert said == [f"{path}, line 3: not UTF-8; such lines are read as Windows-1252."]


def test_nuls_and_lone_surrogates_stay_data(tmp_path: Path) -> None:
    assert pairs(write(tmp_path / "a.csv", "text,label\na\0b,ham\n")) == [("a\0b", "ham")]
    assert pairs(write(tmp_path / "a.jsonl", '{"text": "\\ud800\\u0000", "label": "ham"}')) == [("\ud800\0", "ham")]


def test_a_long_mail_in_a_cell_is_read_beyond_the_csv_modules_own_limit(tmp_path: Path) -> None:
    assert csv.field_size_limit() >= 131_072
    path = write(tmp_path / "a.csv", "text,label\n" + "x" * 200_000 + ",ham\n")
    assert len(pairs(path)[0][0]) == 200_000


BAD = {
    "missing file": ("none.csv", None, ": no such file; check the path"),
    "empty": ("a.csv", "", ": is empty; give a file with messages"),
    "only a header": ("a.csv", "text,label\n", ": has a header and no rows; give a file with messages"),
    "only blank lines": ("a.jsonl", "\n\n \n", ": holds no rows; give a file with messages"),
    "no text column": (
        "a.csv",
        "id,words,label\n1,x,ham\n",
        ", line 1: no column that looks like the text; the columns are 'id', 'words', 'label'; "
        "name it with --text-column",
    ),
    "no label column": (
        "a.csv",
        "id,text\n1,x\n",
        ", line 1: no column that looks like the label; the columns are 'id', 'text'; name it with --label-column",
    ),
    "unknown label": (
        "a.csv",
        "text,label\na,ham\nb,promo\nc,ham\nd,promo\ne,fraud\n",
        ", line 3: unknown label 'promo'; the labels are 'ham' (2), 'promo' (2), 'fraud' (1); "
        "say which means spam with --spam-label",
    ),
    "empty label": (
        "a.csv",
        "text,label\na,\n",
        ", line 2: an empty label; the labels are '' (1); give the row a label, or leave it out",
    ),
    "JSON without text": (
        "a.jsonl",
        '{"id": 1, "label": "ham"}',
        ", line 1: no column that looks like the text; the columns are 'id', 'label'; name it with --text-column",
    ),
    "JSON without label": (
        "a.jsonl",
        '{"text": "x", "n": 1}',
        ", line 1: no column that looks like the label; the columns are 'text', 'n'; name it with --label-column",
    ),
    "broken JSON": (
        "a.jsonl",
        '{"text": "x", "label": "ham"}\n{"text": "y"',
        ", line 2: no JSON (Expecting ',' delimiter); JSON Lines has one object a line",
    ),
    "a JSON list": (
        "a.json",
        '[{"text": "x"}]',
        ", line 1: holds a list where an object must be; turn the list into lines with: jq -c '.[]' FILE",
    ),
    "a JSON string": ("a.jsonl", '"x"', ", line 1: holds a string where an object must be"),
    "deep JSON": ("a.jsonl", '{"text": ' + "[" * 100_000, ", line 1: JSON nested too deep; a row is one flat object"),
    "a huge number": (
        "a.jsonl",
        '{"text": "x", "n": ' + "9" * 5000 + "}",
        ", line 1: no JSON (a number too long); JSON Lines has one object a line",
    ),
    "text is a number": (
        "a.jsonl",
        '{"text": 5, "label": "ham"}',
        ", line 1: the text in 'text' is a number, not a string",
    ),
    "text is null": ("a.jsonl", '{"text": null, "label": "ham"}', ", line 1: the text in 'text' is null, not a string"),
    "too few cells": ("a.csv", "label,text\nham\n", ", line 2: has 1 cell, and the text should be in the 2nd"),
    "too many cells": (
        "a.csv",
        "label,text\nham,well, hello\n",
        ", line 2: has 3 cells where the header has 2; put the text in double quotes",
    ),
    "a quote never closed": (
        "a.csv",
        'label,text\nham,"open\nspam,x\nham,y\n',
        ", line 2: a double quote opened here is never closed within 2 lines; double it, or drop it",
    ),
    "a cell over the limit": (
        "a.csv",
        "text,label\n" + "x" * (1 << 20) + "y,ham\n",
        ", line 2: a cell longer than 1,048,576 characters; is a quote never closed?",
    ),
    "a line over the limit": (
        "a.jsonl",
        "x" * (17 << 20),
        ", line 1: a line longer than 16 MiB; JSON Lines has one object a line",
    ),
    "a table's line over the limit": (
        "a.csv",
        "text,label\n" + "x" * (17 << 20),
        ", line 2: a line longer than 16 MiB; is this one message a line?",
    ),
    "binary": (
        "a.csv",
        bytes(range(32)) * 50,
        ": is a binary file, not text; give CSV, TSV, JSON Lines, Parquet, mbox or a folder",
    ),
    "a spreadsheet": (
        "a.csv",
        b"PK\x03\x04" + b"x" * 50,
        ": is no text but a ZIP archive or an Excel sheet: unpack it, or save the sheet as CSV",
    ),
    "UTF-16 without a mark": (
        "a.csv",
        "text,label\nx,ham\n".encode("utf-16-le"),
        ": looks like UTF-16 without a byte order mark; save it as UTF-8",
    ),
    "a Git LFS pointer": (
        "a.csv",
        "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
        ": is a Git LFS pointer, not the data; run 'git lfs pull'",
    ),
    "gzip cut short": (
        "a.jsonl.gz",
        gzip.compress(b'{"text": "x", "label": "ham"}\n' * 9)[:-9],
        ": the gzip file is cut short; get it again from where it came from",
    ),
    "gzip damaged": (
        "a.jsonl.gz",
        b"\x1f\x8b\x08\0\0\0\0\0\0\3" + b"\xff" * 50,
        ": the gzip file is damaged; get it again from where it came from",
    ),
    "gzip of nothing": ("a.jsonl.gz", gzip.compress(b""), ": is empty; give a file with messages"),
    "no kind at all": (
        "notes",
        "just words\n",
        ": cannot tell what this is; name it .csv, .tsv, .jsonl, .parquet, .mbox or .eml",
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_data_is_one_sentence_with_place_and_next_step(tmp_path: Path, what: str) -> None:
    name, content, sentence = BAD[what]
    if content is not None:
        write(tmp_path / name, content)
    assert complaint(tmp_path / name) == sentence


def test_a_folder_without_spam_and_ham_says_what_it_holds(tmp_path: Path) -> None:
    write(tmp_path / "box" / "spam" / "1.txt", "x")
    assert (
        complaint(tmp_path / "box") == ": holds no folder ham/ (it holds spam); sort the messages into spam/ and ham/"
    )
    write(tmp_path / "data" / "a.csv", "x")
    assert (
        complaint(tmp_path / "data")
        == ": holds no folder spam/ and no folder ham/ (it holds a.csv); give its data files one by one"
    )
    (tmp_path / "void" / "spam").mkdir(parents=True)
    (tmp_path / "void" / "ham").mkdir()
    assert complaint(tmp_path / "void") == ": holds no files; give a folder with messages in spam/ and ham/"


def test_a_spam_label_that_never_comes_is_said_with_the_labels_there_are(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "text,label\nx,good\ny,bad\n")
    assert complaint(path, spam_label="junk").startswith(
        ": no row carries the label that --spam-label names; the labels are 'bad' (1), 'good' (1)"
    )


def test_a_pipe_is_read_by_its_content(tmp_path: Path) -> None:
    for content in (
        b"text,label\nwin now,spam\nsee you,ham\n",
        gzip.compress(b'{"text": "win now", "label": "spam"}\n'),
    ):
        reader, writer = os.pipe()
        os.write(writer, content)
        os.close(writer)
        assert pairs(Path(f"/dev/fd/{reader}"))[0] == ("win now", "spam")
        os.close(reader)


def test_a_spam_label_is_for_tables_and_need_not_be_in_every_file(tmp_path: Path) -> None:
    first = write(tmp_path / "a.csv", "text,label\nx,good\n")
    second = write(tmp_path / "b.csv", "text,label\ny,junk\n")
    folder = write(tmp_path / "box" / "spam" / "1.txt", "z").parent.parent
    write(folder / "ham" / "2.txt", "w")
    rows = corpus.read([first, second, folder], spam_label="junk")
    assert [(row.text, row.label) for row in rows] == [("x", "ham"), ("y", "spam"), ("w", "ham"), ("z", "spam")]


def test_gzip_cut_in_the_middle_still_gives_the_rows_before_it(tmp_path: Path) -> None:
    lines = b"".join(
        json.dumps({"text": f"message {n} {n * 7919 % 104729}", "label": "ham"}).encode() + b"\n" for n in range(60_000)
    )
    path = write(tmp_path / "a.jsonl.gz", gzip.compress(lines)[:-1000])
    rows = corpus.read(path)
    assert next(rows).text.startswith("message 0")
    with pytest.raises(DataError, match="cut short"):
        list(rows)


def test_lenient_reading_gives_broken_rows_their_own_error(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", '{"text": "x"}\nnonsense\n{"text": "y"}\n')
    rows = list(corpus.read(path, labelled=False, lenient=True))
    assert [(row.line, row.text, row.error[:7]) for row in rows] == [(1, "x", ""), (2, "", "no JSON"), (3, "y", "")]
    path = write(tmp_path / "a.csv", "text,n\n" + "x" * (1 << 20) + "y,1\nok,2\n")
    rows = list(corpus.read(path, labelled=False, lenient=True))
    assert [(row.line, row.text, bool(row.error)) for row in rows] == [(2, "", True), (3, "ok", False)]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "mbox"])
def test_a_large_file_streams_in_constant_memory(tmp_path: Path, kind: str) -> None:
    unit = {
        "csv": b"some words of a message that is not very short,ham\n",
        "jsonl": b'{"text": "some words of a message that is not very short", "label": "ham"}\n',
        "mbox": b"From a\nSubject: x\nFrom: y\n\nsome words of a message that is not very short\n\n",
    }[kind]
    path = tmp_path / f"ham.{kind}"
    with path.open("wb") as file:
        file.write(b"text,label\n" if kind == "csv" else b"")
        for _ in range(20):
            file.write(unit * (300_000 // len(unit)))
    count = 0
    tracemalloc.start()
    for _ in corpus.read(path):
        count += 1
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 300_000 // len(unit) * 20
    assert peak < 4_000_000  # of 6 MB


def test_the_corpora_have_the_counts_their_page_says(corpora: Path) -> None:
    rows = list(corpus.read(corpora / "mail_data.csv"))
    assert (len(rows), sum(row.label == "spam" for row in rows)) == (5572, 747)
    rows = list(corpus.read(corpora / "spamassassin.jsonl.gz"))
    assert (len(rows), sum(row.label == "spam" for row in rows)) == (6046, 1896)
    assert all(row.mail for row in rows)


def test_the_repositorys_data_are_found_and_read(data_folder: Path) -> None:
    assert corpus.data_folder() == data_folder
    path = corpus.find_corpus("sms_spam_collection")
    assert path is not None
    rows = list(corpus.read(path))
    assert (len(rows), sum(row.label == "spam" for row in rows)) == (5574, 747)


SEEDS = {
    "a.csv": b'text,label,n\n"win, ""now""\nx",spam,1\n' + "café,ham,2\n".encode() * 5,
    "a.tsv": b"text\tlabel\nwin\tspam\nx\tham\n" * 3,
    "a.jsonl": b'{"text": "win now", "label": "spam", "n": [1, {"a": 2}]}\n{"text": "x", "label": 0}\n' * 4,
    "a.jsonl.gz": gzip.compress(b'{"text": "win now", "label": "spam"}\n' * 9),
    "spam.mbox": b"From x\nSubject: =?utf-8?b?w7w=?=\nContent-Type: multipart/mixed; boundary=a\n\n--a\n\nhi\n--a--\n\n"
    * 3,
    "unnamed": "text;label\nwin;spam\nx;ham\n".encode("utf-16"),
}
PIECES = [
    *b'"\n\r\0\xff,\t;{}[\x1a\x85',
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"From ",
    b"\\ud800",
    b"1e999",
    b"spam",
    b"text",
]


def mutate(data: bytes, chance: random.Random) -> bytes:
    made = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 5))):
        at = chance.randrange(len(made) + 1)
        piece = chance.choice(PIECES)
        kind = chance.randrange(4)
        if kind == 0:
            made[at:at] = bytes((piece,)) if isinstance(piece, int) else piece
        elif kind == 1:
            made[at : at + 1] = bytes((chance.randrange(256),))
        elif kind == 2:
            del made[at : at + chance.randrange(1, 20)]
        else:
            del made[at:]
    return bytes(made)


@pytest.mark.parametrize("name", SEEDS)
def test_a_damaged_file_gives_rows_or_one_sentence_and_nothing_else(tmp_path: Path, name: str) -> None:
    chance = random.Random(7)
    outcomes = set()
    for _ in range(250):
        path = write(tmp_path / name, mutate(SEEDS[name], chance))
        for options in ({}, {"labelled": False, "lenient": True}):
            try:
                rows = list(corpus.read(path, **options))  # type: ignore[arg-type]
            except DataError as error:
                assert "\n" not in str(error)
                outcomes.add("sentence")
            else:
                assert all(isinstance(row.text, str) for row in rows)
                assert options or {row.label for row in rows} <= {"spam", "ham"}
                outcomes.add("rows")
    assert outcomes == {"sentence", "rows"}


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"", b"\n"])
def test_lines_of_a_file_cross_processes_as_their_place_in_it(tmp_path: Path, mark: bytes, end: bytes) -> None:
    """A hundred bytes instead of the block; the lines that come out are the same."""
    rows = (json.dumps({"text": f"{number} " + "x" * (number % 3000)}).encode() for number in range(2500))
    path = write(tmp_path / "a.jsonl", mark + b"\n".join(rows) + end)
    plan = Plan()
    found = list(reading.blocks(path, plan, labelled=False))
    assert len(found) > 2
    for block in found:
        crossed = pickle.dumps(block)
        assert len(crossed) < 1000
        there = pickle.loads(crossed)
        assert there.size() == block.size()
        assert [(row.line, row.text) for row in there.rows(plan)] == [(row.line, row.text) for row in block.rows(plan)]


def test_what_is_not_on_disk_as_it_is_crosses_itself(tmp_path: Path) -> None:
    """Packed, or in UTF-16: another process could not read it from its place."""
    text = '{"text": "win"}\n' * 3
    for path in (
        write(tmp_path / "a.jsonl.gz", gzip.compress(text.encode())),
        write(tmp_path / "b.jsonl", text.encode("utf-16")),
    ):
        (block,) = reading.blocks(path, Plan(), labelled=False)
        path.unlink()
        assert [row.text for row in pickle.loads(pickle.dumps(block)).rows(Plan())] == ["win"] * 3


def test_a_file_cut_while_others_read_it_is_said(tmp_path: Path) -> None:
    """Not a row made of half a line."""
    path = write(tmp_path / "a.jsonl", '{"text": "win"}\n' * 3)
    (block,) = reading.blocks(path, Plan(), labelled=False)
    crossed = pickle.dumps(block)
    path.write_bytes(b'{"text": "win"}\n')
    with pytest.raises(DataError, match="became shorter while it was read"):
        list(pickle.loads(crossed).rows(Plan()))


def test_what_stdin_is_of_a_shell_is_named_by_its_own_name(tmp_path: Path) -> None:
    """/dev/stdin is something else in a worker; a file that has lost its name is sent whole."""
    path = write(tmp_path / "a.jsonl", '{"text": "win"}\n' * 3)
    with path.open("rb") as file:
        stdin = Path(f"/dev/fd/{file.fileno()}")
        (block,) = reading.blocks(stdin, Plan(), labelled=False)
        crossed = pickle.dumps(block)
        path.rename(tmp_path / "b.jsonl")
        (block,) = reading.blocks(stdin, Plan(), labelled=False)
        (tmp_path / "b.jsonl").unlink()
        (lost,) = reading.blocks(stdin, Plan(), labelled=False)
    assert str(path).encode() in crossed
    assert b"b.jsonl" in pickle.dumps(block)
    assert [row.text for row in pickle.loads(pickle.dumps(lost)).rows(Plan())] == ["win"] * 3


@pytest.mark.parametrize("what", ["a far date", "two fields of one name"])
def test_a_value_that_python_does_not_have_names_its_rows(tmp_path: Path, what: str) -> None:
    """As any other damage of a file."""
    pyarrow = pytest.importorskip("pyarrow")
    import pyarrow.parquet as parquet

    odd = pyarrow.StructArray.from_arrays([pyarrow.array([1, 2])] * 2, names=["k", "k"])
    if what == "a far date":
        odd = pyarrow.array([1, 1 << 62], pyarrow.timestamp("us"))
    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table({"text": ["win now", "see you"], "label": ["spam", "ham"], "odd": odd}), path)
    said = complaint(path)
    assert "rows 1 to 2 hold a value that cannot be read (" in said
    assert said.endswith("); write its column as text")


def test_no_files_have_no_rows() -> None:
    assert list(corpus.read([], spam_label="junk")) == []
