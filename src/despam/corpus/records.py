"""Records of a table: lines in, cells out, each with the line it begins in.

Knows quotes and line ends and nothing of columns. A quote that ends in the middle of a cell, or never, has swallowed
lines: its first line is read alone (plainly where tabs separate, else it is an error) and those behind it again.

Invariant: each line is in exactly one record, and no record spans lines that the quotes do not hold together.
"""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

from despam.corpus.opening import LINE_LIMIT_BYTES, Source, decode
from despam.errors import DataError

CELL_LIMIT = 1 << 20  # characters; csv's own limit of 131,072 refuses honest mails
LINE_END = re.compile(r"\r\n?|\n")
RETURN = "\ufdd0"  # stands for a carriage return within a line, which csv would refuse outside quotes; no character


class Record(NamedTuple):
    """One row's cells, or what is wrong with it."""

    line: int
    cells: list[str]
    complaint: str
    charset: str


class Text:
    """Lines as text for csv, remembering what the current record was made of."""

    def __init__(self, source: Source) -> None:
        self.lines = source.lines()
        self.name = source.name
        self.number = 0  # of the last line given
        self.made_of: list[tuple[int, str, str]] = []  # number, line and charset of the current record
        self.again: deque[tuple[int, str, str]] = deque()
        self.count_again = 0
        self.odd_charset = self.returns = False  # whether any line so far had one: most files never do
        # on old Macs a carriage return ends a line; elsewhere one within a line is part of its cell
        end = re.search(rb"\r\n?|\n", source.peek()[:65536])
        self.old_mac = end is not None and end[0] == b"\r"

    def __iter__(self) -> Text:
        return self

    def __next__(self) -> str:
        if self.again:
            piece = self.again.popleft()
        else:
            line, charset = decode(next(self.lines))
            self.odd_charset = self.odd_charset or charset != "utf-8"
            if "\r" in line:
                line = self.without_returns(line, charset)
            piece = (self.number + 1, line, charset)
        self.number = piece[0]
        self.made_of.append(piece)
        return piece[1]

    def without_returns(self, line: str, charset: str) -> str:
        """Give the line as csv takes it; of several in one, the first, the others next."""
        line = line.replace("\r\n", "\n").replace("\r", "\n")
        body = line.rstrip("\n")
        if "\n" not in body:
            return line
        if not self.old_mac:
            self.returns = True
            return body.replace("\n", RETURN) + line[len(body) :]
        first, *others = (piece + "\n" for piece in line.removesuffix("\n").split("\n"))
        self.again.extend((number, piece, charset) for number, piece in enumerate(others, self.number + 2))
        return first

    def give_back(self) -> None:
        """Read all lines of the current record again but the first."""
        first, *others = self.made_of
        self.count_again += len(others)
        if self.count_again > 4 * (first[0] + len(others)) + 1000:  # quotes made to be read again and again
            raise DataError("quotes without end; double those that belong to a text", self.name, first[0])
        self.again.extendleft(reversed(others))
        self.made_of = [first]

    def charset(self) -> str:
        """Say which charset the current record is in: the odd one, if any."""
        if not self.odd_charset:
            return "utf-8"
        return next((charset for _, _, charset in self.made_of if charset != "utf-8"), "utf-8")


Own = Callable[[list[str]], bool]  # says whether the cells of one line can only be a row of their own


def read_records(text: Text, separator: str, *, quoted: bool, own: Own, keep_blank: bool = False) -> Iterator[Record]:
    """Give the records that are not blank; with `keep_blank` also those whose cells are all empty."""
    reader = csv.reader(text, delimiter=separator, quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE)
    while True:
        text.made_of = []
        cells, complaint = next_cells(reader, text)
        if cells is None:
            return
        line = text.made_of[0][0]
        if len(text.made_of) > 1 or complaint:
            complaint = complaint or swallowed(text.made_of, separator, own)
            if complaint:
                text.give_back()
                cells = plain_cells(text.made_of[0][1], separator)
                complaint = "" if separator == "\t" else complaint
        if not any(cells) and not (keep_blank and cells) and not complaint:
            continue
        if not complaint and any(len(cell) > CELL_LIMIT for cell in cells):
            complaint = f"a cell longer than {CELL_LIMIT:,} characters; is a quote never closed?"
        yield Record(line, [] if complaint else cells, complaint, text.charset())


def next_cells(reader: Iterator[list[str]], text: Text) -> tuple[list[str] | None, str]:
    """Read one record, or None at the end; what csv cannot read of several lines is a complaint about the first."""
    try:
        cells = next(reader)
    except StopIteration:
        return None, ""
    except csv.Error as error:
        if len(text.made_of) < 2:
            raise DataError(
                f"no readable CSV ({error}); is a quote before this line never closed?", text.name, text.number
            ) from None
        return [], never_closed(len(text.made_of))
    if text.returns:
        cells = [cell.replace(RETURN, "\n") for cell in cells]
    return cells, ""


def swallowed(made_of: list[tuple[int, str, str]], separator: str, own: Own) -> str:
    """Say why the lines of a record do not belong together, "" when they do."""
    lines = [line for _, line, _ in made_of]
    try:
        for _ in csv.reader(lines, delimiter=separator, strict=True):
            pass
    except csv.Error as error:
        if "expected after" in str(error):
            where = f"a double quote opened here ends within a cell {len(lines) - 1:,} lines on"
            return f"{where}; double it, or put the whole cell in quotes"
        return never_closed(len(lines))
    # of one line alone between commas the words may be a message's own
    if (separator == "\t" or len(lines) > 2) and all(own(plain_cells(line, separator)) for line in lines[1:]):
        return f"a double quote opened here goes on over {len(lines) - 1:,} rows; double it, or drop it"
    return ""


def never_closed(count: int) -> str:
    """Say that a quote has no end."""
    return f"a double quote opened here is never closed within {count - 1:,} lines; double it, or drop it"


def plain_cells(line: str, separator: str) -> list[str]:
    """Cut a line at its separators; quotes count only around a whole cell."""
    cells = line.rstrip("\n").replace(RETURN, "\n").split(separator)
    return [
        cell[1:-1].replace('""', '"') if len(cell) > 1 and cell.startswith('"') and cell.endswith('"') else cell
        for cell in cells
    ]


def first_line(source: Source) -> str:
    """Look at the first line that is not blank."""
    head = decode(source.peek()[:65536])[0]
    return next((line for line in LINE_END.split(head) if line.strip()), "")


def allow_long_cells() -> None:
    """Raise csv's own limit of a cell to that of a line."""
    csv.field_size_limit(max(csv.field_size_limit(), LINE_LIMIT_BYTES))
