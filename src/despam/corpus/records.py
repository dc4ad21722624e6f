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
from typing import Literal, NamedTuple

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
        self.made_of: list[str] = []  # the lines of the current record
        self.again: deque[str] = deque()
        self.count_again = 0
        self.odd: dict[int, str] = {}  # line -> charset, of those in another than UTF-8
        self.returns = False  # whether any line so far had one: most files never do
        # on old Macs a carriage return ends a line; elsewhere one within a line is part of its cell
        end = re.search(rb"\r\n?|\n", source.peek()[:65536])
        self.old_mac = end is not None and end[0] == b"\r"

    def __iter__(self) -> Text:
        return self

    def __next__(self) -> str:
        if self.again:
            line = self.again.popleft()
        else:
            line, charset = decode(next(self.lines))
            if charset != "utf-8":
                self.odd[self.number + 1] = charset
            if line.endswith("\r\n"):
                line = line[:-2] + "\n"
            if "\r" in line:
                line = self.without_returns(line)
        self.number += 1
        self.made_of.append(line)
        return line

    def without_returns(self, line: str) -> str:
        """Give the line as csv takes it; of several in one, the first, the others next."""
        line = line.replace("\r\n", "\n").replace("\r", "\n")
        body = line.rstrip("\n")
        if "\n" not in body:
            return line
        if not self.old_mac:
            self.returns = True
            return body.replace("\n", RETURN) + line[len(body) :]
        first, *others = (piece + "\n" for piece in line.removesuffix("\n").split("\n"))
        self.again.extend(others)
        return first

    def begins(self) -> int:
        """Number the first line of the current record."""
        return self.number - len(self.made_of) + 1

    def give_back(self, keep: int) -> None:
        """Read the lines of the current record again but the first few."""
        others = self.made_of[keep:]
        self.count_again += len(others)
        if self.count_again > 4 * self.number + 1000:  # quotes made to be read again and again
            raise DataError("quotes without end; double those that belong to a text", self.name, self.begins())
        self.again.extendleft(reversed(others))
        self.number -= len(others)
        del self.made_of[keep:]

    def charset(self) -> str:
        """Say which charset the current record is in: the odd one, if any; what it is made of is not asked again."""
        charsets = [self.odd.pop(number, "") for number in range(self.begins(), self.number + 1)]
        return next(filter(None, charsets), "utf-8")


Own = Callable[[list[str]], bool]  # says whether the cells of one line can only be a row of their own


def read_records(text: Text, separator: str, *, quoted: bool, own: Own, keep_blank: bool = False) -> Iterator[Record]:
    """Give the records that are not blank; with `keep_blank` also those whose cells are all empty."""
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    strict = csv.reader(text, delimiter=separator, quoting=quoting, strict=True)
    sloppy = csv.reader(text, delimiter=separator, quoting=quoting)
    while True:
        made_of: list[str] = []
        text.made_of = made_of
        complaint = ""
        try:
            cells = next(strict)
        except StopIteration:
            return
        except csv.Error as error:
            cells, complaint = read_again(sloppy, text, error)
        if len(made_of) > 1 and (complaint := complaint or swallowed(made_of, separator, own)):
            text.give_back(1)
            cells = plain_cells(made_of[0], separator)
            complaint = "" if separator == "\t" else complaint
        if not any(cells) and not (keep_blank and cells) and not complaint:
            continue
        if text.returns:
            cells = [cell.replace(RETURN, "\n") for cell in cells]
        if not complaint and len(max(cells, key=len)) > CELL_LIMIT:
            complaint = f"a cell longer than {CELL_LIMIT:,} characters; is a quote never closed?"
        charset = text.charset() if text.odd else "utf-8"
        yield Record(text.begins(), [] if complaint else cells, complaint, charset)


def read_again(sloppy: Iterator[list[str]], text: Text, error: csv.Error) -> tuple[list[str], str]:
    """Read as well as may be what is no strict CSV; several lines are a complaint: they may be no record."""
    text.give_back(0)
    try:
        cells = next(sloppy)
    except csv.Error as still:
        if len(text.made_of) < 2:
            raise DataError(
                f"no readable CSV ({still}); is a quote before this line never closed?", text.name, text.number
            ) from None
        cells = []
    behind = len(text.made_of) - 1
    if not behind:
        return cells, ""
    if "expected after" in str(error):
        where = f"a double quote opened here ends within a cell {behind:,} lines on"
        return cells, f"{where}; double it, or put the whole cell in quotes"
    return cells, f"a double quote opened here is never closed within {behind:,} lines; double it, or drop it"


def swallowed(made_of: list[str], separator: str, own: Own) -> str:
    """Say so when the lines of a record are rows of their own, "" when they are not."""
    # of one line alone between commas the words may be a message's own
    if len(made_of) < 3 and separator != "\t":
        return ""
    if all(own(plain_cells(line, separator)) for line in made_of[1:]):
        return f"a double quote opened here goes on over {len(made_of) - 1:,} rows; double it, or drop it"
    return ""


def plain_cells(line: str, separator: str) -> list[str]:
    """Cut a line at its separators; quotes count only around a whole cell."""
    cells = line.rstrip("\n").split(separator)
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
