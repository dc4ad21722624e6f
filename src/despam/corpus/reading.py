"""Labelled messages out of any DATA: the one door to all formats.

Finds out what a path is (folder, CSV, TSV, JSON Lines, Parquet, mbox, .eml; gzip or not), streams its rows and says
what the labels mean. Memory is constant: a file of any size passes through in blocks. Broken data is one DataError
with file and line, or, with `lenient`, a row with its error in its place.

Invariant: rows come in the order of the paths and of the file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple, Protocol

from despam.corpus import folders, json_lines, mails, parquet, tables
from despam.corpus.columns import LABEL_NAMES, find_field, missing_column
from despam.corpus.labels import Labels
from despam.corpus.opening import Source, stem
from despam.corpus.records import first_line
from despam.corpus.row import Plan, Row
from despam.errors import DataError

SCAN_ROWS = 20_000  # how far to look for the other labels once one is unknown, or for one that --spam-label names
AHEAD_CHARACTERS = 1 << 26  # and how much of their texts to hold meanwhile
Say = Callable[[str], None]


class Block(Protocol):
    """A piece of a file that can be turned into rows in any process; `position` is how far the file was read."""

    @property
    def position(self) -> int: ...

    def size(self) -> int: ...

    def rows(self, plan: Plan) -> Iterator[Row]: ...


def read(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    text_column: str | None = None,
    label_column: str | None = None,
    spam_label: str | Sequence[str] | None = None,
    mail: bool = False,
    labelled: bool = True,
    decode_mail: bool = True,
    lenient: bool = False,
    say: Say | None = None,
) -> Iterator[Row]:
    """Stream the rows of files and folders.

    `spam_label`: the label or labels that mean spam; in a file that has one of them every other is ham, and a file
    without is read by the usual words. `labelled=False` takes rows without. `say` hears what a person should know (a
    file that is no UTF-8, labels that are numbers, what was read as ham). Raises DataError.
    """
    plan = Plan(text_column, label_column, mail, decode_mail)
    spam_labels = [spam_label] if isinstance(spam_label, str) else list(spam_label or ())
    labels = Labels()
    spam_seen = not (labelled and spam_labels)
    path: str | os.PathLike[str] = ""
    for path in [paths] if isinstance(paths, (str, os.PathLike)) else paths:
        labels = Labels(spam_labels)
        yield from read_one(Path(path), plan, labels, labelled, lenient, say or _silent)
        spam_seen = spam_seen or not labels.never_spam()
    if not spam_seen and path:
        raise DataError(
            f"no row carries the label that --spam-label names; the labels are {labels.listed()}", str(path)
        )


def read_one(path: Path, plan: Plan, labels: Labels, labelled: bool, lenient: bool, say: Say) -> Iterator[Row]:
    """Stream the rows of one path."""
    name = str(path)
    found = blocks(path, plan, labelled=labelled, keep_blank=lenient and not labelled)
    rows: Iterator[Row] = chain.from_iterable(block.rows(plan) for block in found)
    if labelled and labels.spam_labels:
        rows = looked_ahead(rows, labels)
    windows = False
    count = 0
    for row in rows:
        count += 1
        if row.error and not lenient:
            raise DataError(row.error, name, row.line)
        if row.charset != "utf-8" and not windows:
            windows = True
            say(f"{name}, line {row.line}: not UTF-8; such lines are read as Windows-1252.")
        if not row.error:
            set_label(row, rows, labels, Place(name, plan.label_column), labelled=labelled, lenient=lenient)
        yield row
    if not count:
        raise DataError("holds no rows; give a file with messages", name)
    for sentence in (labels.question(), labels.report()) if labelled else ():
        if sentence:
            say(f"{name}: {sentence}")


def looked_ahead(rows: Iterator[Row], labels: Labels) -> Iterator[Row]:
    """Give the same rows once it is known whether the file has a label that --spam-label names."""
    ahead: list[Row] = []
    held = 0
    for row in rows:
        ahead.append(row)
        held += len(row.text)
        if row.label or len(ahead) >= SCAN_ROWS or held > AHEAD_CHARACTERS:
            break
        if row.raw_label is not json_lines.MISSING and not row.error and labels.foresee(row.raw_label):
            break
    return chain(ahead, rows)


class Place(NamedTuple):
    """Where a label was looked for."""

    path: str
    column: str | None


def set_label(row: Row, rest: Iterator[Row], labels: Labels, place: Place, *, labelled: bool, lenient: bool) -> None:
    """Turn the label's cell into spam or ham; a folder or mbox has given it already."""
    value = row.raw_label
    if row.label or (value is None and not labelled):
        return
    if value is json_lines.MISSING:
        if not labelled:
            return
        complaint = missing_column([row.text_name, *row.fields], "label", place.column)
    else:
        if labels.column is None:
            labels.column = find_field(row.fields, LABEL_NAMES, place.column) or ""
        row.label = labels.meaning(value)
        if row.label or not labelled:
            return
        complaint = ""
    if lenient:
        row.error = complaint or f"unknown label {str(value)[:40]!r}"
        return
    raise DataError(complaint or unknown_label(value, rest, labels), place.path, row.line)


def unknown_label(value: object, rest: Iterator[Row], labels: Labels) -> str:
    """Say what labels there are, looking on in the file so that one run tells them all."""
    for _, row in zip(range(SCAN_ROWS), rest, strict=False):
        if not row.error and row.raw_label is not json_lines.MISSING:
            labels.meaning(row.raw_label)
    return labels.complaint(value)


def blocks(path: Path, plan: Plan, *, labelled: bool = True, keep_blank: bool | None = None) -> Iterator[Block]:
    """Cut a path into blocks, in the order of its rows.

    `keep_blank`: rows whose cells are all empty are rows, as where each row in must be one out: if not labelled.
    """
    keep_blank = not labelled if keep_blank is None else keep_blank
    kind = kind_of(path)
    if kind == "folder":
        yield from folders.split(path, labelled=labelled)
    elif kind == "parquet" and path.is_file():
        yield from parquet.split(path, plan, labelled=labelled)
    else:
        with Source(path) as source:
            yield from file_blocks(kind or guess(source), source, plan, labelled, keep_blank)


def file_blocks(kind: str, source: Source, plan: Plan, labelled: bool, keep_blank: bool) -> Iterator[Block]:
    """Cut an open file into blocks."""
    if kind == "json":
        yield from json_lines.split(source)
    elif kind == "table":
        yield from tables.split(source, plan, labelled=labelled, keep_blank=keep_blank)
    else:
        label = mails.label_of_name(source.path)
        if labelled and label is None:
            raise DataError(
                "a mail file carries no labels; name it spam or ham (spam.mbox), or put it in a folder spam/ or ham/",
                source.name,
            )
        yield from mails.split_mbox(source, label) if kind == "mbox" else mails.whole(source, label)


def kind_of(path: Path) -> str:
    """Say what a path is by its name, "" when only its content can tell."""
    if path.is_dir():
        return "folder"
    name = path.name.lower().removesuffix(".gz")
    endings = {
        ".jsonl": "json", ".ndjson": "json", ".json": "json", ".csv": "table", ".tsv": "table", ".tab": "table",
        ".parquet": "parquet", ".pq": "parquet", ".mbox": "mbox", ".eml": "eml",
    }  # fmt: skip
    kind = next((kind for ending, kind in endings.items() if name.endswith(ending)), "")
    try:
        if path.is_file():  # not a pipe, whose bytes would be gone
            with path.open("rb") as file:
                return "parquet" if file.read(4) == b"PAR1" else kind
    except OSError:
        pass  # opening it for reading will say what is wrong
    return kind


def guess(source: Source) -> str:
    """Say what a file is by its first bytes."""
    head = source.peek().lstrip()[:8192]
    if head.startswith(b"{"):
        return "json"
    if folders.looks_like_mail(head):
        return "mbox" if head.startswith(b"From ") else "eml"
    first = first_line(source)
    if any(separator in first for separator in "\t,;"):
        return "table"
    raise DataError("cannot tell what this is; name it .csv, .tsv, .jsonl, .parquet, .mbox or .eml", source.name)


def size_bytes(path: Path) -> int:
    """Give what a block's position runs up to: bytes of a file, files of a folder."""
    if path.is_dir():
        return sum(1 for _ in folders.walk(path))
    return path.stat().st_size


def source_name(path: str | os.PathLike[str]) -> str:
    """Name the source that rows of a path carry."""
    return Path(path).name if Path(path).is_dir() else stem(path)


def _silent(_: str) -> None:
    """Say nothing."""


__all__ = ["LABEL_NAMES", "Block", "blocks", "read", "size_bytes", "source_name"]
