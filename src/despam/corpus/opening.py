"""A file's bytes, once it is sure that they are text.

Knows gzip, byte order marks and what a file looks like that is no data at all: missing, empty, binary, a Git LFS
pointer. Each of these is one sentence. Knows nothing of rows. Reads in pieces: nothing here ever holds a whole file.

Invariant: what comes out is UTF-8, or a single-byte charset that `decode` turns into text; UTF-16 is recoded on the
way.
"""

from __future__ import annotations

import codecs
import gzip
import io
import os
import stat
import zlib
from pathlib import Path
from typing import IO, cast

from despam.errors import DataError

PIECE_BYTES = 1 << 18  # one block of lines: large enough to pay for crossing processes, small enough to show progress
LINE_LIMIT_BYTES = 16 << 20  # a longer line is no message; it bounds memory

MAGIC = (
    (b"PK\x03\x04", "a ZIP archive or an Excel sheet: unpack it, or save the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "an Office file: save it as CSV"),
    (b"%PDF", "a PDF: save its text as CSV"),
    (b"BZh", "compressed with bzip2: unpack it, or compress it with gzip"),
    (b"\xfd7zXZ", "compressed with xz: unpack it, or compress it with gzip"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd: unpack it, or compress it with gzip"),
    (b"SQLite format 3", "an SQLite data base: export the table as CSV"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"\x7fELF", "a program"),
)


class Source:
    """An open file: `read` gives bytes unpacked and in UTF-8, `position` how far the file on disk was read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path)
        try:
            self.size_bytes = path.stat().st_size
            self.file: IO[bytes] = path.open("rb")
        except FileNotFoundError:
            raise DataError("no such file; check the path", self.name) from None
        except OSError as error:
            raise DataError(f"cannot be opened ({error.strerror}); check its permissions", self.name) from None
        self.recode: codecs.IncrementalDecoder | None = None
        try:
            self.packed = self.file.peek(2)[:2] == b"\x1f\x8b"  # a pipe cannot go back
            if self.packed:
                self.stream: IO[bytes] = cast("IO[bytes]", gzip.GzipFile(fileobj=self.file))
            else:
                self.stream = self.file
            self.ahead = self.first_piece()
        except BaseException:  # Ctrl-C too: nobody else knows of the open file yet
            self.close()
            raise

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close what was opened."""
        self.file.close()

    def position(self) -> int:
        """Count the bytes read from disk."""
        try:
            return self.file.tell()
        except (OSError, ValueError):  # a pipe has no places; a closed file none any more
            return self.size_bytes

    def path_on_disk(self) -> str:
        """Give the file in which what `read` gives lies as it is, for others to read again; "" where there is none.

        /dev/stdin is another file in another process, and a name may have been given away since: neither is named.
        """
        if self.packed or self.recode is not None:
            return ""
        real = os.path.realpath(self.path)
        try:
            found, own = Path(real).stat(), os.fstat(self.file.fileno())
        except OSError:
            return ""
        return real if stat.S_ISREG(own.st_mode) and os.path.samestat(found, own) else ""

    def first_piece(self) -> bytes:
        """Read the first piece, refuse what is no text, take the byte order mark off."""
        piece = self.unpack(PIECE_BYTES)
        if not piece:
            raise DataError("is empty; give a file with messages", self.name)
        if piece.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            self.recode = codecs.getincrementaldecoder("utf-16")("replace")
            return self.recoded(piece)
        complaint = no_text(piece[:8192])
        if complaint:
            raise DataError(complaint, self.name)
        return piece.removeprefix(codecs.BOM_UTF8)

    def unpack(self, size: int) -> bytes:
        """Read and unpack, turning a broken gzip into one sentence."""
        try:
            return self.stream.read(size)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            detail = "is cut short" if isinstance(error, EOFError) else "is damaged"
            raise DataError(f"the gzip file {detail}; get it again from where it came from", self.name) from None
        except OSError as error:
            raise DataError(f"cannot be read ({error.strerror or error})", self.name) from None

    def recoded(self, piece: bytes) -> bytes:
        """Turn UTF-16 into UTF-8."""
        assert self.recode is not None
        return self.recode.decode(piece, final=not piece).encode("utf-8", "surrogatepass")

    def read(self, size: int = PIECE_BYTES) -> bytes:
        """Read the next piece; b"" at the end."""
        if self.ahead:
            piece, self.ahead = self.ahead, b""
            return piece
        piece = self.unpack(size)
        if self.recode is not None:
            return self.recoded(piece)
        return piece

    def peek(self) -> bytes:
        """Look at the first piece without taking it."""
        return self.ahead

    def lines(self) -> _Lines:
        """Read line by line."""
        return _Lines(self)


class _Lines:
    """An iterator of lines as bytes, line ends kept, each bounded in length."""

    def __init__(self, source: Source) -> None:
        self.reader = io.BufferedReader(_Raw(source), PIECE_BYTES)
        self.name = source.name
        self.number = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> bytes:
        line = self.reader.readline(LINE_LIMIT_BYTES)
        if not line:
            raise StopIteration
        self.number += 1
        if len(line) >= LINE_LIMIT_BYTES and not line.endswith(b"\n"):
            raise DataError(
                f"a line longer than {LINE_LIMIT_BYTES >> 20} MiB; is this one message a line?", self.name, self.number
            )
        return line


class _Raw(io.RawIOBase):
    """A Source as the raw file that io's buffer reads from."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if not self.rest:
            self.rest = self.source.read(PIECE_BYTES)
        piece = self.rest[: len(buffer)]
        self.rest = self.rest[len(buffer) :]
        buffer[: len(piece)] = piece
        return len(piece)


def read_whole(path: Path, limit_bytes: int) -> bytes:
    """Read a file that is one message: unpacked, in UTF-8 where a mark says UTF-16, and of it `limit_bytes` at most.

    Raises DataError for what is no text.
    """
    data = b""
    with Source(path) as source:
        while len(data) < limit_bytes and (piece := source.read()):
            data += piece
    return data[:limit_bytes]


def no_text(head: bytes) -> str:
    """Say why these bytes are no data, "" when they may be."""
    if head.startswith(b"version https://git-lfs.github.com/spec/"):
        return "is a Git LFS pointer, not the data; run 'git lfs pull'"
    if head.startswith((b"/annex/objects/", b"../.git/annex/")) or b"/.git/annex/objects/" in head[:200]:
        return "is a git-annex pointer, not the data; run 'git annex get'"
    for magic, what in MAGIC:
        if head.startswith(magic):
            return f"is no text but {what}"
    if head[5:9] == b"\0\0\0{":  # eight bytes say how long its header of JSON is
        return "is no text but a model in a safetensors file"
    odd, even = head[1::2].count(0), head[::2].count(0)
    if max(odd, even) > len(head) * 0.3 and min(odd, even) < len(head) * 0.05:
        return "looks like UTF-16 without a byte order mark; save it as UTF-8"
    controls = len(head) - len(head.translate(None, delete=CONTROLS))
    if controls > max(len(head) * 0.1, 1):
        return "is a binary file, not text; give CSV, TSV, JSON Lines, Parquet, mbox or a folder"
    return ""


CONTROLS = bytes(set(range(32)) - {9, 10, 11, 12, 13, 27}) + b"\x7f"


def decode(data: bytes) -> tuple[str, str]:
    """Turn bytes into text, and say which charset did it; every byte has a meaning."""
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return from_windows(data), "windows-1252"


def from_windows(data: bytes) -> str:
    """Decode Windows-1252 as browsers do: the five bytes without a meaning become control characters."""
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:
        return "".join(
            chr(byte) if byte in (0x81, 0x8D, 0x8F, 0x90, 0x9D) else bytes((byte,)).decode("cp1252") for byte in data
        )


def stem(path: str | os.PathLike[str]) -> str:
    """Name a source: the file's name without its endings (sms.jsonl.gz -> sms)."""
    name = Path(path).name
    for ending in (".gz", ".csv", ".tsv", ".tab", ".txt", ".jsonl", ".ndjson", ".json", ".parquet", ".mbox", ".eml"):
        if name.lower().endswith(ending) and len(name) > len(ending):
            name = name[: -len(ending)]
    return name
