"""A table gives each of its rows, whatever quotes, line ends and names it has."""

from __future__ import annotations

from pathlib import Path

import pytest

from despam import corpus
from despam.corpus import Plan, blocks
from despam.corpus.tables import without_repeats
from despam.errors import DataError


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(path: Path, **options: object) -> list[tuple[int, str, str | None]]:
    return [(row.line, row.text, row.label) for row in corpus.read(path, **options)]  # type: ignore[arg-type]


def batch(path: Path) -> list[corpus.Row]:
    plan = Plan()
    return [row for block in blocks(path, plan, labelled=False) for row in block.rows(plan)]


def lone(separator: str, odd: dict[int, str]) -> str:
    """A hundred rows, some with another text."""
    rows = [f"{'spam' if n % 3 else 'ham'}{separator}{odd.get(n, f'row {n}')}\n" for n in range(100)]
    return f"label{separator}text\n" + "".join(rows)


@pytest.mark.parametrize("ends", ['"row 50', 'row 50"', 'the 5" row', '"row 50\n'])
def test_lone_quotes_in_a_tab_file_are_signs_like_others(tmp_path: Path, ends: str) -> None:
    path = write(tmp_path / "a.tsv", lone("\t", {10: '"row 10', 50: ends}).replace("\n\n", "\n"))
    rows = read(path)
    assert [line for line, _, _ in rows] == list(range(2, 102))
    assert (rows[10][1], rows[11][1], rows[50][1]) == ('"row 10', "row 11", ends.strip())


def test_a_lone_quote_and_no_other_in_a_tab_file_is_a_sign_too(tmp_path: Path) -> None:
    assert len(read(write(tmp_path / "a.tsv", lone("\t", {10: '"row 10'})))) == 100


@pytest.mark.parametrize(
    ("ends", "what"),
    [
        ('"row 50', "ends within a cell 40 lines on; double it, or put the whole cell in quotes"),
        ('row 50"', "goes on over 40 rows; double it, or drop it"),
        ("row 50", "is never closed within 89 lines; double it, or drop it"),
    ],
)
def test_lone_quotes_between_commas_are_said_and_swallow_no_row(tmp_path: Path, ends: str, what: str) -> None:
    path = write(tmp_path / "a.csv", lone(",", {10: '"row 10', 50: ends}))
    with pytest.raises(DataError) as caught:
        read(path)
    assert str(caught.value) == f"{path}, line 12: a double quote opened here {what}"
    rows = batch(path)
    assert [row.line for row in rows] == list(range(2, 102))
    assert {row.line for row in rows if row.error} <= {12, 52}
    assert rows[11].text == "row 11"


def test_quotes_within_a_cell_of_one_line_are_read_as_ever(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'text,label\n"He" said,ham\n5" pipe,spam\n"two\nlines, 5""",ham\n')
    assert read(path) == [(2, "He said", "ham"), (3, '5" pipe', "spam"), (4, 'two\nlines, 5"', "ham")]
    path = write(tmp_path / "b.csv", 'id,text,label\n5" x,"two\nlines",ham\n"7",last,spam\n')
    assert read(path) == [(2, "two\nlines", "ham"), (4, "last", "spam")]


def test_a_message_that_looks_like_a_row_stays_in_its_cell(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'label,text\nham,"choose:\nspam, or eggs\nno, thanks"\nspam,"1\nspam, eggs"\n')
    assert [text for _, text, _ in read(path)] == ["choose:\nspam, or eggs\nno, thanks", "1\nspam, eggs"]


def test_quotes_made_to_be_read_for_ever_end_in_a_sentence(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "text,label\n" + 'a",x,"b\n' * 5000)
    with pytest.raises(DataError, match="quotes without end"):
        batch(path)


def test_a_carriage_return_within_a_cell_is_part_of_it(tmp_path: Path) -> None:
    """pandas writes it without quotes."""
    path = write(tmp_path / "a.csv", 'label,text\nham,hello\rworld\nspam,"win\rnow"\nham,\u2028ok\r\r\nham,end\r')
    assert read(path) == [
        (2, "hello\nworld", "ham"),
        (3, "win\nnow", "spam"),
        (4, "\u2028ok", "ham"),
        (5, "end", "ham"),
    ]


def test_line_ends_of_old_macs_end_lines(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'label,text\rham,"see\ryou"\rspam,win\u2028now\r')
    assert read(path) == [(2, "see\nyou", "ham"), (4, "win\u2028now", "spam")]


def test_rows_before_a_damage_still_come(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", b"label,text\nham,one\nspam,two\nham," + b"x" * (17 << 20))
    rows = corpus.read(path)
    assert [next(rows).text, next(rows).text] == ["one", "two"]
    with pytest.raises(DataError, match="line 4: a line longer than 16 MiB"):
        next(rows)


def test_a_row_of_empty_cells_is_a_row_of_a_batch_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'text\none\n""\n\ntwo\n')
    assert [(row.line, row.text, row.error) for row in batch(path)] == [(2, "one", ""), (3, "", ""), (5, "two", "")]
    path = write(tmp_path / "b.csv", 'label,text\nham,one\n,\n""\nham,two\n')
    assert [row.line for row in batch(path)] == [2, 3, 4, 5]
    assert read(path) == [(2, "one", "ham"), (5, "two", "ham")]


def test_no_column_is_lost_for_its_name(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", ",id,text,id,id.1,,text\n0,a,hi,b,c,,d\n")
    (row,) = batch(path)
    assert row.text == "hi"
    assert row.fields == {"column 1": "0", "id": "a", "id.1": "b", "id.1.1": "c", "text.1": "d"}


def test_a_name_that_comes_100000_times_is_numbered_soon() -> None:
    """Each from where the last ended: from 1 each time would take half an hour."""
    names = without_repeats(["a"] * 100_000 + ["a.7", "b"])
    assert len(set(names)) == 100_002
    assert [names[0], names[1], names[99_999], *names[-2:]] == ["a", "a.1", "a.99999", "a.7.1", "b"]
