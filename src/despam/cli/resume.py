"""What a batch that was stopped has left, and whether another run may go on behind it.

Knows OUT.part, which begins with whole lines of the first rows, and the note beside it, OUT.part.json: model, input,
options, and a digest of what the input holds. Knows nothing of rows or verdicts.

Invariant: lines of another model, another input or other options are never gone on behind; neither rows that a run has
left nor a file that is not ours are written over.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from despam.core.writing import replace_file
from despam.corpus.folders import walk
from despam.errors import SettingError

PIECE_BYTES = 1 << 16
PIECES = 256  # of a file up to 16 MiB every byte is read, of a larger one pieces all over it: 10 ms or so

# key of the note -> what is said when it differs
DIFFERENCES = {
    "model": "another model",
    "input": "another input",
    "size": "an input of another size",
    "content": "an input that held something else",
}


def note_path(part: Path) -> Path:
    """Give the place of the note beside OUT.part."""
    return part.with_name(part.name + ".json")


def digest(source: Path) -> str:
    """Name what a file or folder holds; its time does not count, so that a copy is the same. "" for a pipe."""
    found = hashlib.sha256()
    try:
        if source.is_dir():
            for path in walk(source):
                found.update(f"{path.relative_to(source)}\0{path.stat().st_size}\0".encode(errors="surrogateescape"))
            return found.hexdigest()
        if not stat.S_ISREG(source.stat().st_mode):
            return ""
        with source.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            for start in places(size):
                file.seek(start)
                found.update(file.read(PIECE_BYTES))
    except OSError:
        return ""  # who reads the input says what is wrong with it
    return found.hexdigest()


def places(size: int) -> Iterator[int]:
    """Give where the pieces begin: the first at the beginning, the last up to the end, the others evenly between."""
    last = max(size - PIECE_BYTES, 0)
    count = min(-(-size // PIECE_BYTES), PIECES)
    return (last * number // max(count - 1, 1) for number in range(count))


@contextmanager
def open_part(part: Path, note: dict[str, Any], *, resume: bool) -> Iterator[tuple[IO[bytes], int, int]]:
    """Open OUT.part behind its last whole line; give it, and the rows and errors of the lines before."""
    refuse_foreign(part)
    with os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT, 0o666), "r+b") as file:
        lock(part, file)
        rows, errors, end = whole_lines(part)
        if rows:
            check_rows(part, note, rows, resume=resume)
        # emptied before the note is: a run that is killed in between must not leave other lines beside this note
        file.truncate(end)
        file.seek(end)
        if not rows:
            replace_file(note_path(part), json.dumps(note).encode())
        yield file, rows, errors


def lock(part: Path, file: IO[bytes]) -> None:
    """Take OUT.part for this run; two that wrote to one file would mix their lines."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        taken = not part.exists() or not os.path.samestat(os.fstat(file.fileno()), part.stat())
    except BlockingIOError:
        taken = True
    if taken:
        raise SettingError(f"{part}: another run is writing it; let it end, or name another output")


def whole_lines(part: Path, start: int = 0) -> tuple[int, int, int]:
    """Count the whole lines of a file from a place on and the errors among them, and the bytes they take."""
    rows = errors = end = 0
    with part.open("rb") as file:
        file.seek(start)
        for line in file:
            if line.endswith(b"\n"):
                rows += 1
                # a row's own fields may hold anything; what was found stands at the end
                errors += not line.endswith((b'"unsure": true}\n', b'"unsure": false}\n'))
                end += len(line)
    return rows, errors, end


def refuse_foreign(part: Path) -> None:
    """Refuse to write over what only has the name of ours."""
    there = [path for path in (part, note_path(part)) if path.exists() and path.stat().st_size]
    if there and read_note(part) is None:
        raise SettingError(f"{there[0]}: something else of that name is there; move it away, or name another output")


def check_rows(part: Path, note: dict[str, Any], rows: int, *, resume: bool) -> None:
    """Refuse to throw away rows that an earlier run has left, or to go on behind other ones."""
    if not resume:
        kept = f"it keeps the verdicts on {rows:,} rows of a run that was stopped"
        raise SettingError(f"{part}: {kept}; add --resume, or remove it, or name another output")
    check_note(part, read_note(part) or {}, note)


def read_note(part: Path) -> dict[str, Any] | None:
    """Read the note beside OUT.part; None when there is none of ours."""
    try:
        note = json.loads(note_path(part).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return note if isinstance(note, dict) and "model" in note else None


def check_note(part: Path, before: dict[str, Any], note: dict[str, Any]) -> None:
    """Refuse to go on with another model, input or option than the lines there were made with."""
    for key, value in note.items():
        if before.get(key) == value:
            continue
        what = f"it was made with {DIFFERENCES.get(key, 'other options')}"
        if key not in before and key == "content":
            what = "an earlier despam made it and did not note what the input held"
        raise SettingError(f"{part}: {what}; remove it to start anew, or name another output")
