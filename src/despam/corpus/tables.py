"""CSV and TSV, with or without a header.

Reads with Python's csv module, so that quotes, line ends in cells and doubled quotes mean what they mean everywhere.
The separator is found in the first line (comma, semicolon, tab). A file without header is known by a first line that
already holds a label, as in the original SMS Spam Collection.

Invariant: one row a record in order; a cell over CELL_LIMIT, a quote never closed or too many cells is that row's
error.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from despam.corpus.columns import (
    HAM_WORDS,
    LABEL_NAMES,
    NUMBERS,
    SPAM_WORDS,
    TEXT_NAMES,
    find_column,
    missing_column,
    plain,
)
from despam.corpus.json_lines import MISSING
from despam.corpus.mails import decoded
from despam.corpus.opening import LINE_LIMIT_BYTES, Source, decode, stem
from despam.corpus.row import Plan, Row
from despam.errors import DataError

CELL_LIMIT = 1 << 20  # characters; csv's own limit of 131,072 refuses honest mails
BLOCK_ROWS = 1000


class Columns(NamedTuple):
    """The header, and which of its columns is which."""

    names: list[str]
    text: int
    label: int | None


class TableBlock(NamedTuple):
    """Some records of a table: line, cells, complaint, charset."""

    source: str
    columns: Columns
    records: list[tuple[int, list[str], str, str]]
    position: int

    def size(self) -> int:
        """Count the rows."""
        return len(self.records)

    def rows(self, plan: Plan) -> Iterator[Row]:
        """Name the cells."""
        for line, cells, complaint, charset in self.records:
            yield self.row(line, cells, complaint, charset, plan)

    def row(self, line: int, cells: list[str], complaint: str, charset: str, plan: Plan) -> Row:
        """Make one row of its cells."""
        names, text, label = self.columns
        if not complaint and len(cells) <= text:
            complaint = (
                f"has {len(cells)} cell{'s'[: len(cells) > 1]}, and the text should be in the {ordinal(text + 1)}"
            )
        if not complaint and len(cells) > len(names) and any(cells[len(names) :]):
            complaint = f"has {len(cells)} cells where the header has {len(names)}; put the text in double quotes"
        if complaint:
            return Row(source=self.source, line=line, error=complaint)
        fields: dict[str, Any] = {
            name: cell for place, (name, cell) in enumerate(zip(names, cells, strict=False)) if place != text and name
        }
        row = Row(cells[text], None, self.source, line, fields, charset=charset, text_name=names[text])
        row.raw_label = MISSING if label is None else cells[label] if label < len(cells) else ""
        if plan.mail or fields.get("raw_charset"):
            return decoded(row, fields.get("raw_charset"), plan)
        return row


class _Text:
    """Lines as text for csv, remembering what the current record was made of."""

    def __init__(self, source: Source) -> None:
        self.lines = source.lines()
        self.charset = "utf-8"
        self.quotes = 0

    def __iter__(self) -> _Text:
        return self

    def __next__(self) -> str:
        line, charset = decode(next(self.lines))
        if charset != "utf-8":
            self.charset = charset
        self.quotes += line.count('"')
        # a lone carriage return ends a line on old Macs and is an error to csv
        return line if "\r" not in line else line.replace("\r\n", "\n").replace("\r", "\n")

    def begin(self) -> None:
        """Begin a record."""
        self.charset = "utf-8"
        self.quotes = 0


def split(source: Source, plan: Plan, *, labelled: bool) -> Iterator[TableBlock]:
    """Read records into blocks of rows."""
    csv.field_size_limit(max(csv.field_size_limit(), LINE_LIMIT_BYTES))
    first = first_line(source)
    separator = find_separator(first, source.path.name)
    name = stem(source.path)
    if bare := headerless(first, separator):
        columns = bare_columns(bare, plan, source.name)
    text = _Text(source)
    # the original SMS Spam Collection has lone quotes at the start of cells: a bare tab file knows no quoting
    quoting: Literal[0, 3] = csv.QUOTE_NONE if bare and separator == "\t" else csv.QUOTE_MINIMAL
    reader = csv.reader(text, delimiter=separator, quoting=quoting)
    if not bare:
        header = next(guarded(reader, text, source), None)
        columns = header_columns(header[1] if header else [], plan, source.name, labelled=labelled)
    block: list[tuple[int, list[str], str, str]] = []
    total = 0
    held = 0
    for record in guarded(reader, text, source):
        block.append(record)
        held += sum(map(len, record[1]))
        if len(block) >= BLOCK_ROWS or held > 1 << 19:
            total += len(block)
            yield TableBlock(name, columns, block, source.position())
            block, held = [], 0
    if not total and not block:
        raise DataError("has a header and no rows; give a file with messages", source.name)
    yield TableBlock(name, columns, block, source.position())


def guarded(reader: Iterator[list[str]], text: _Text, source: Source) -> Iterator[tuple[int, list[str], str, str]]:
    """Give line, cells, complaint and charset of each record that is not blank."""
    while True:
        text.begin()
        line = text.lines.number + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(
                f"no readable CSV ({error}); is a quote before this line never closed?", source.name, line
            ) from None
        if not cells or not any(cells):
            continue
        complaint = ""
        last = text.lines.number
        if any(len(cell) > CELL_LIMIT for cell in cells):
            complaint = f"a cell longer than {CELL_LIMIT:,} characters; is a quote never closed?"
        elif last > line and text.quotes % 2 and getattr(reader, "dialect").quoting != csv.QUOTE_NONE:  # noqa: B009
            complaint = (
                f"a double quote opened here is never closed within {last - line:,} lines; double it, or drop it"
            )
        yield line, [] if complaint else cells, complaint, text.charset


def first_line(source: Source) -> str:
    """Look at the first line that is not blank."""
    head = decode(source.peek()[:65536])[0]
    return next((line for line in head.splitlines() if line.strip()), "")


def find_separator(line: str, name: str) -> str:
    """Find what separates the cells."""
    if name.lower().removesuffix(".gz").endswith((".tsv", ".tab")):
        return "\t"

    def known(separator: str) -> tuple[int, int]:
        words = [plain(cell) for cell in line.split(separator)]
        named = sum(
            word in TEXT_NAMES or word in LABEL_NAMES or word in SPAM_WORDS or word in HAM_WORDS for word in words
        )
        return named if len(words) > 1 else 0, len(words)

    return max((",", ";", "\t"), key=known)


def headerless(line: str, separator: str) -> list[str]:
    """Give the first line's cells when it is a message already: one cell is a label, none a usual name."""
    cells = next(csv.reader([line], delimiter=separator), [])
    words = [plain(cell) for cell in cells]
    if any(word in TEXT_NAMES or (word in LABEL_NAMES and word != "spam") for word in words):
        return []
    labels = [word for word in words if (word in SPAM_WORDS or word in HAM_WORDS) and word not in NUMBERS]
    return cells if len(cells) >= 2 and len(labels) == 1 else []


def bare_columns(cells: list[str], plan: Plan, name: str) -> Columns:
    """Find text and label in a file without header."""
    words = [plain(cell) for cell in cells]
    label = next(place for place, word in enumerate(words) if word in SPAM_WORDS or word in HAM_WORDS)
    names = [f"column {place}" for place in range(1, len(cells) + 1)]
    names[label] = "label"
    others = [place for place in range(len(cells)) if place != label]
    if len(others) > 1:
        raise DataError(f"has no header and {len(cells)} columns; put names in its first line (text, label)", name, 1)
    names[others[0]] = "text"
    if plan.text_column not in (None, "text") or plan.label_column not in (None, "label"):
        raise DataError("has no header, so its columns have no names; put names in its first line", name, 1)
    return Columns(names, others[0], label)


def header_columns(names: list[str], plan: Plan, path: str, *, labelled: bool) -> Columns:
    """Find text and label in a header."""
    names = [name.strip().strip("\ufeff") for name in names]
    label = find_column(names, LABEL_NAMES, plan.label_column)
    text = find_column(
        [name if place != label else "" for place, name in enumerate(names)], TEXT_NAMES, plan.text_column
    )
    if text is None:
        raise DataError(missing_column(names, "text", plan.text_column), path, 1)
    if label is None and (labelled or plan.label_column is not None):
        raise DataError(missing_column(names, "label", plan.label_column), path, 1)
    return Columns(names, text, label)


def ordinal(number: int) -> str:
    """Write 1 as 1st."""
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number if number < 20 else number % 10, 'th') }"
