"""CSV and TSV, with or without a header.

Reads with Python's csv module, so that quotes, line ends in cells and doubled quotes mean what they mean everywhere.
The separator is found in the first line (comma, semicolon, tab). A file without header is known by a first line that
already holds a label, as in the original SMS Spam Collection.

Invariant: one row a record in order; what is wrong with a record (records.py) or its number of cells is that row's
error.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any, NamedTuple

from despam.corpus.columns import (
    HAM_WORDS,
    LABEL_NAMES,
    NUMBERS,
    SPAM_WORDS,
    TELLING_WORDS,
    TEXT_NAMES,
    find_column,
    missing_column,
    plain,
)
from despam.corpus.json_lines import MISSING
from despam.corpus.mails import read_cell
from despam.corpus.opening import Source, stem
from despam.corpus.records import Record, Text, allow_long_cells, first_line, read_records
from despam.corpus.row import Plan, Row
from despam.errors import DataError

BLOCK_ROWS = 1000


class Columns(NamedTuple):
    """The header, and which of its columns is which; no name twice, "" for a column without."""

    names: list[str]
    text: int
    label: int | None

    def is_row(self, cells: list[str]) -> bool:
        """Say whether a line's cells can only be a row: as many as there are columns, and spam or ham in its place."""
        return self.label is not None and len(cells) == len(self.names) and plain(cells[self.label]) in TELLING_WORDS

    def fields(self, cells: list[str]) -> dict[str, Any]:
        """Name the cells but the text; of a column without a name those that hold something."""
        named = zip(self.names, cells, strict=False)
        if "" not in self.names:
            fields: dict[str, Any] = dict(named)
            fields.pop(self.names[self.text], None)
            return fields
        return {
            name or f"column {place}": cell
            for place, (name, cell) in enumerate(named, 1)
            if place != self.text + 1 and (name or cell)
        }


class TableBlock(NamedTuple):
    """Some records of a table."""

    source: str
    columns: Columns
    records: list[Record]
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
        fields = self.columns.fields(cells)
        row = Row(cells[text], None, self.source, line, fields, charset=charset, text_name=names[text])
        row.raw_label = MISSING if label is None else cells[label] if label < len(cells) else ""
        return read_cell(row, plan)


def split(source: Source, plan: Plan, *, labelled: bool, keep_blank: bool = False) -> Iterator[TableBlock]:
    """Read records into blocks of rows; what was read before a damage still comes."""
    allow_long_cells()
    first = first_line(source)
    separator = find_separator(first, source.path.name)
    text = Text(source)
    if bare := headerless(first, separator):
        columns = bare_columns(bare, plan, source.name)
    else:
        columns = header_columns(header_cells(text, separator), plan, source.name, labelled=labelled)
    # the original SMS Spam Collection has lone quotes at the start of cells: a bare tab file knows no quoting
    quoted = not (bare and separator == "\t")
    records = read_records(text, separator, quoted=quoted, own=columns.is_row, keep_blank=keep_blank)
    block: list[Record] = []
    held = total = 0
    name = stem(source.path)
    try:
        for record in records:
            block.append(record)
            held += sum(map(len, record.cells))
            if len(block) >= BLOCK_ROWS or held > 1 << 19:
                total += len(block)
                yield TableBlock(name, columns, block, source.position())
                block, held = [], 0
    except DataError:
        if block:
            yield TableBlock(name, columns, block, source.position())
        raise
    if not total and not block:
        raise DataError("has a header and no rows; give a file with messages", source.name)
    yield TableBlock(name, columns, block, source.position())


def header_cells(text: Text, separator: str) -> list[str]:
    """Read the names of the columns."""
    header = next(read_records(text, separator, quoted=True, own=lambda _: False), None)
    if header and header.complaint:
        raise DataError(header.complaint, text.name, header.line)
    return header.cells if header else []


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
    return Columns(without_repeats(names), text, label)


def without_repeats(names: list[str]) -> list[str]:
    """Number the names that come again, as pandas does: id, id.1."""
    taken: set[str] = set()
    numbers: dict[str, int] = {}  # the last that a name was given: a search from 1 each time is quadratic
    for place, name in enumerate(names):
        while name and names[place] in taken:
            numbers[name] = numbers.get(name, 0) + 1
            names[place] = f"{name}.{numbers[name]}"
        taken.add(names[place])
    return names


def ordinal(number: int) -> str:
    """Write 1 as 1st."""
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number if number < 20 else number % 10, 'th') }"
