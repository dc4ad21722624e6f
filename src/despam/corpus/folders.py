"""A folder with `spam/` and `ham/`: a message a file.

Each file is opened as any other DATA is: unpacked, recoded, refused when it is no text. A folder's own files are read
in the order of their names, then the folders in it in the order of theirs; hidden ones are left alone, links to folders
not followed, and a folder that cannot be listed is an error. A file is a mail when its name says so (.eml) or when it
begins with mail headers; an .mbox holds many; else text.

Invariant: the same folder gives the same rows in the same order on every machine.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from despam.corpus.mails import MESSAGE_BYTES, mail_row, messages_of
from despam.corpus.opening import Source, decode, read_whole
from despam.corpus.row import Plan, Row
from despam.errors import DataError

BLOCK_FILES = 200
HEADERS = re.compile(rb"(?:From [^\n]{1,200}\n)?(?:[A-Za-z][A-Za-z0-9-]{1,60}:[^\n]*\r?\n(?:[ \t][^\n]*\n)*){2,}")
MAIL_HEADERS = re.compile(
    rb"^(?:Received|From|To|Subject|Message-Id|Return-Path|MIME-Version|Delivered-To|Date):", re.I | re.M
)


class FolderBlock(NamedTuple):
    """Some files, with label and number."""

    root: str
    files: list[tuple[int, str, str | None]]
    position: int

    def size(self) -> int:
        """Count the rows; an mbox among the files has to be read for it."""
        plan = Plan(decode_mail=False)
        mboxes = [item for item in self.files if is_mbox(item[1])]
        inside = (file_rows(Path(path), Path(self.root), number, label, plan) for number, path, label in mboxes)
        return len(self.files) - len(mboxes) + sum(1 for rows in inside for _ in rows)

    def rows(self, plan: Plan) -> Iterator[Row]:
        """Read the files."""
        for number, path, label in self.files:
            yield from file_rows(Path(path), Path(self.root), number, label, plan)


def split(root: Path, *, labelled: bool) -> Iterator[FolderBlock]:
    """List the files in blocks."""
    try:
        files = list(labelled_files(root) if labelled else all_files(root))
    except OSError as error:
        raise unlisted(error) from None
    if not files:
        raise DataError("holds no files; give a folder with messages in spam/ and ham/", str(root))
    numbered = [(number, str(path), label) for number, (path, label) in enumerate(files, 1)]
    for start in range(0, len(numbered), BLOCK_FILES):
        part = numbered[start : start + BLOCK_FILES]
        yield FolderBlock(str(root), part, start + len(part))


def labelled_files(root: Path) -> Iterator[tuple[Path, str | None]]:
    """Give the files below ham/ and spam/ with their label; Spam/ beside spam/ is read too."""
    folders: dict[str, list[Path]] = {}
    for entry in sorted(root.iterdir()):
        if entry.is_dir():
            folders.setdefault(entry.name.lower(), []).append(entry)
    missing = [name for name in ("spam", "ham") if name not in folders]
    if missing:
        there = ", ".join(sorted(entry.name for entry in root.iterdir())[:10]) or "nothing"
        lacks = " and no ".join(f"folder {name}/" for name in missing)
        hint = "give its data files one by one" if not folders else "sort the messages into spam/ and ham/"
        raise DataError(f"holds no {lacks} (it holds {there}); {hint}", str(root))
    for label in ("ham", "spam"):
        for folder in folders[label]:
            yield from ((path, label) for path in walk(folder))


def all_files(root: Path) -> Iterator[tuple[Path, str | None]]:
    """Give every file; the label is the folder's name where that is spam or ham."""
    for path in walk(root):
        top = path.relative_to(root).parts[0].lower()
        yield path, top if top in ("spam", "ham") else None


def walk(folder: Path) -> Iterator[Path]:
    """Give the files below a folder, sorted, without hidden ones. Raises DataError for a folder closed to us."""

    def refuse(error: OSError) -> None:
        raise unlisted(error)

    for place, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                yield Path(place) / name


def unlisted(error: OSError) -> DataError:
    """Say of a folder why its files are not known."""
    return DataError(f"cannot be listed ({error.strerror}); check its permissions", str(error.filename or ""))


def file_rows(path: Path, root: Path, number: int, label: str | None, plan: Plan) -> Iterator[Row]:
    """Read one file: a mail, a text, or an mbox with many mails; what is no text is that row's error."""
    name = path.relative_to(root).as_posix()
    fields: dict[str, object] = {"file": name}
    try:
        if is_mbox(name):
            with Source(path) as source:
                for place, data in enumerate(messages_of(source), 1):
                    yield mail_row(data, root.name, number, label, {**fields, "message": place}, plan)
            return
        data = read_whole(path, MESSAGE_BYTES) if path.stat().st_size else b""  # an empty message is one too
    except DataError as error:
        yield Row(source=root.name, line=number, fields=fields, error=complaint(error, path, name))
        return
    except OSError as error:
        yield Row(source=root.name, line=number, fields=fields, error=f"{name} cannot be opened ({error.strerror})")
        return
    if plan.mail or name.lower().removesuffix(".gz").endswith(".eml") or looks_like_mail(data):
        yield mail_row(data, root.name, number, label, fields, plan)
        return
    text, charset = decode(data)
    yield Row(text, label, root.name, number, fields, charset=charset)


def complaint(error: DataError, path: Path, name: str) -> str:
    """Say of a file in a folder what would be said of it alone; no other form of DATA helps it."""
    what = str(error).replace(str(path), name, 1).partition("; give ")[0]
    return what if ";" in what else f"{what}; take it out of the folder"


def is_mbox(name: str) -> bool:
    """Say whether a file holds many mails."""
    return name.lower().removesuffix(".gz").endswith(".mbox")


def looks_like_mail(data: bytes) -> bool:
    """Say whether a file begins with at least two mail headers."""
    found = HEADERS.match(data[:8192])
    return found is not None and len(MAIL_HEADERS.findall(found[0])) >= 2
