"""JSON Lines: one object a line.

The splitter cuts the file into blocks of whole lines without looking inside; a block parses itself, in any process.
So one process can read while others parse, and memory is a few blocks whatever the file's size. Lines that lie in a
file as they are go to another process as their place in it.

Invariant: one row a line that is not blank, in order; a line that is no JSON object or over LINE_LIMIT_BYTES is a row
with an error.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from despam.corpus.columns import LABEL_NAMES, TEXT_NAMES, find_field, missing_column
from despam.corpus.mails import read_cell
from despam.corpus.opening import LINE_LIMIT_BYTES, PIECE_BYTES, Source, decode, stem
from despam.corpus.row import Plan, Row
from despam.errors import DataError

DEPTH_LIMIT = 100
FILE_PIECE_BYTES = 1 << 19  # of a file, which never keeps anybody waiting: half the journeys between processes
KINDS = {
    str: "a string",
    int: "a number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


class Place(NamedTuple):
    """Where bytes lie in a file."""

    path: str
    offset: int
    size_bytes: int

    def read(self) -> bytes:
        """Read them again, in the process that needs them."""
        with open(self.path, "rb", buffering=0) as file:  # noqa: PTH123  a plain path: nothing is gained by an object
            data = os.pread(file.fileno(), self.size_bytes, self.offset)
        if len(data) != self.size_bytes:
            raise DataError("became shorter while it was read; try again when nobody writes it", self.path)
        return data


class JsonBlock(NamedTuple):
    """Whole lines of a file, as bytes or as their place in it."""

    source: str
    first_line: int
    data: bytes
    position: int
    place: Place | None = None

    def __reduce__(self) -> tuple[Callable[..., JsonBlock], tuple[Any, ...]]:
        """Cross to another process: as a place where there is one, without the bytes."""
        return JsonBlock, tuple(self if self.place is None else self._replace(data=b""))

    def lines(self) -> list[bytes]:
        """Give the lines without their ends. Raises DataError when the file has become shorter."""
        data = self.data or (self.place.read() if self.place else b"")
        return data.split(b"\n")

    def size(self) -> int:
        """Count the rows without parsing them."""
        return sum(1 for line in self.lines() if line.strip())

    def rows(self, plan: Plan) -> Iterator[Row]:
        """Parse the lines."""
        number = self.first_line
        for line in self.lines():
            if line.strip():
                yield parse(line, self.source, number, plan)
            number += 1


class LongLine(NamedTuple):
    """A line that is too long to be held, as the error it is."""

    source: str
    line: int
    position: int

    def size(self) -> int:
        """Count it."""
        return 1

    def rows(self, plan: Plan) -> Iterator[Row]:
        """Say what is wrong with it."""
        complaint = f"a line longer than {LINE_LIMIT_BYTES >> 20} MiB; JSON Lines has one object a line"
        yield Row(source=self.source, line=self.line, error=complaint)


def split(source: Source) -> Iterator[JsonBlock | LongLine]:
    """Cut a file into blocks of whole lines."""
    name, path = stem(source.path), source.path_on_disk()
    rest: list[bytes] = []
    held = 0
    line = 1

    def block(data: bytes, behind_bytes: int) -> JsonBlock:
        """Make one of lines behind which a number of bytes were read."""
        position = source.position()
        place = Place(path, position - behind_bytes - len(data), len(data)) if path else None
        return JsonBlock(name, line, data, position, place)

    while piece := source.read(FILE_PIECE_BYTES if path else PIECE_BYTES):
        end = piece.rfind(b"\n")
        if end < 0:
            rest.append(piece)
            held += len(piece)
            if held <= LINE_LIMIT_BYTES:
                continue
            rest, held = [], 0
            piece = behind_line_end(source)
            yield LongLine(name, line, source.position() - len(piece))
            line += 1
            if (end := piece.rfind(b"\n")) < 0:
                rest, held = [piece], len(piece)
                continue
        data = b"".join((*rest, piece[:end]))
        yield block(data, len(piece) - end)
        line += data.count(b"\n") + 1
        rest, held = [piece[end + 1 :]], len(piece) - end - 1
    if last := b"".join(rest):
        yield block(last, 0)


def behind_line_end(source: Source) -> bytes:
    """Pass over the rest of a line, and give what was read behind it."""
    while piece := source.read(PIECE_BYTES):
        _, end, behind = piece.partition(b"\n")
        if end:
            return behind
    return b""


def parse(line: bytes, source: str, number: int, plan: Plan) -> Row:
    """Read one line; what is wrong with it becomes the row's error."""
    text, charset = decode(line)
    try:
        value = DECODER.decode(text)
        if text.count("[") + text.count("{") > DEPTH_LIMIT and too_deep(value):
            raise RecursionError
    except RecursionError:
        return Row(source=source, line=number, error="JSON nested too deep; a row is one flat object")
    except ValueError as error:
        detail = error.msg if isinstance(error, json.JSONDecodeError) else "a number too long"
        return Row(source=source, line=number, error=f"no JSON ({detail}); JSON Lines has one object a line")
    if not isinstance(value, dict):
        hint = "; turn the list into lines with: jq -c '.[]' FILE" if isinstance(value, list) else ""
        return Row(source=source, line=number, error=f"holds {KINDS[type(value)]} where an object must be{hint}")
    return from_object(value, source, number, plan, charset)


def too_deep(value: Any) -> bool:
    """Say whether a value is nested deeper than whoever gets it could write or read again."""
    level = [value]
    for _ in range(DEPTH_LIMIT):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return False
    return True


def from_object(value: dict[str, Any], source: str, number: int, plan: Plan, charset: str = "utf-8") -> Row:
    """Make a row of one object: text and label by their names, the rest as fields."""
    name = find_field(value, TEXT_NAMES, plan.text_column)
    if name is None:
        return Row(source=source, line=number, fields=value, error=missing_column(value, "text", plan.text_column))
    text = value.pop(name)
    label = find_field(value, LABEL_NAMES, plan.label_column)
    if not isinstance(text, str):
        kind = KINDS.get(type(text), type(text).__name__)
        return Row(source=source, line=number, fields=value, error=f"the text in {name!r} is {kind}, not a string")
    row = Row(text, None, source, number, value, charset=charset, text_name=name)
    row.raw_label = MISSING if label is None else value[label]
    return read_cell(row, plan)


class _Missing:
    """The label column that is not there; survives pickling as itself."""

    def __reduce__(self) -> str:
        return "MISSING"


MISSING = _Missing()


def _no_number(_: str) -> None:
    """NaN and Infinity are no JSON: they become null, so that what we write stays JSON."""


DECODER = json.JSONDecoder(parse_constant=_no_number)  # json.loads with an option would make one a line
