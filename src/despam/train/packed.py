"""The bytes of a pickle file, unpacked as they are asked for and never beyond a budget.

Knows the containers that `joblib.dump(compress=...)` writes (zlib, gzip, bz2, xz, lzma, LZ4) and how to tell a Git LFS
pointer or a zip archive from a pickle. Refuses to know what the bytes mean: that is `unpickle.py`.

Invariant: no call allocates more than the bytes that really follow in the file, or, in a compressed file, than what is
left of `LIMIT_BYTES`; a length read from the file is never believed before it is compared with that.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from despam.errors import PickleRefused

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT_BYTES = 1 << 28  # 256 MiB: a naive Bayes over 2^21 hash buckets is half of that
CHUNK_BYTES = 1 << 16
PICKLE_STARTS = (b"\x80", b"c", b"(", b"Z", b"]", b"}", b")")
LZMA_MEMORY_BYTES = 1 << 28  # an xz header may ask for 4 GiB of dictionary


class Stream:
    """A file of bytes for `pickletools`: read, readline, tell; nothing else."""

    def __init__(self, chunks: Iterator[bytes], limit_bytes: int, place: str) -> None:
        self.chunks = chunks
        self.left_bytes = limit_bytes  # what may still come out of `chunks`
        self.place = place
        self.buffer = b""
        self.at = 0  # of the next byte, in `buffer`
        self.before = 0  # bytes handed out before `buffer`
        self.ended = False

    def tell(self) -> int:
        """Give the position in the unpacked bytes."""
        return self.before + self.at

    def grow(self) -> bool:
        """Take one more chunk into the buffer; False at the end of the file."""
        try:
            chunk = next(self.chunks, b"")
        except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, MemoryError, IndexError) as error:
            raise PickleRefused(
                f"{self.place}: the compressed data is broken ({error}); copy the file again"
            ) from error
        if not chunk:
            self.ended = True
            return False
        self.left_bytes -= len(chunk)
        if self.left_bytes < 0:
            raise PickleRefused(
                f"{self.place}: unpacks to more than {LIMIT_BYTES >> 20} MiB; no scikit-learn model of text needs that"
            )
        self.before += self.at
        self.buffer = self.buffer[self.at :] + chunk
        self.at = 0
        return True

    def read(self, size: int) -> bytes:
        """Give the next bytes, fewer at the end of the file."""
        if size > self.left_bytes + len(self.buffer) - self.at:
            self.ended = True
            raise PickleRefused(f"{self.place}: is cut short, or lies about a length of {size:,} bytes; copy it again")
        if self.at + size > len(self.buffer):
            parts = [self.buffer[self.at :]]
            missing = size - len(parts[0])
            self.before += len(self.buffer)
            self.buffer, self.at = b"", 0
            while missing > 0 and self.grow():
                parts.append(self.buffer[:missing])
                self.at = len(parts[-1])
                missing -= self.at
                if missing > 0:
                    self.before += self.at
                    self.buffer, self.at = b"", 0
            return b"".join(parts)
        start, self.at = self.at, self.at + size
        return self.buffer[start : self.at]

    def readline(self) -> bytes:
        """Give the bytes up to and including the next line end."""
        parts = []
        while (end := self.buffer.find(b"\n", self.at)) < 0:
            parts.append(self.read(len(self.buffer) - self.at))
            if not self.grow():
                return b"".join(parts)
        parts.append(self.read(end + 1 - self.at))
        return b"".join(parts)


def open_stream(path: Path, file: BinaryIO) -> Stream:
    """Start reading, through the decompressor that the first bytes ask for."""
    size_bytes = path.stat().st_size
    place = str(path)
    start = file.read(64)
    file.seek(0)
    if not start:
        raise PickleRefused(f"{place}: is empty; dump the model again")
    if start.startswith(b"version https://git-lfs"):
        raise PickleRefused(f"{place}: is a Git LFS pointer, not the file itself; run: git lfs pull")
    if start.startswith(b"PK\x03\x04"):
        raise PickleRefused(f"{place}: is a zip archive, no pickle; unpack it and give the .pkl inside")
    if start[:1] not in PICKLE_STARTS and packed_chunks(start, file) is None:
        raise PickleRefused(
            f"{place}: is no pickle; give the .pkl or .joblib file that scikit-learn's model was dumped to"
        )
    if start.startswith(b"ZF"):
        raise PickleRefused(f"{place}: was written by joblib before 0.10; load and dump it again with a newer joblib")
    chunks = packed_chunks(start, file)
    if chunks is None:
        return Stream(raw_chunks(file), size_bytes, place)
    return Stream(chunks, LIMIT_BYTES, place)


def packed_chunks(start: bytes, file: BinaryIO) -> Iterator[bytes] | None:
    """Choose by magic number; None for a file that is not compressed."""
    if start.startswith(b"\x1f\x8b"):
        return zlib_chunks(file, 31)
    if start.startswith(b"\x78"):
        return zlib_chunks(file, 15)
    if start.startswith(b"BZ"):
        return fed_chunks(file, bz2.BZ2Decompressor())
    if start.startswith((b"\xfd7zXZ", b"\x5d\x00")):
        return fed_chunks(file, lzma.LZMADecompressor(memlimit=LZMA_MEMORY_BYTES))
    if start.startswith(b"\x04\x22\x4d\x18"):
        return lz4_chunks(file)
    return None


def raw_chunks(file: BinaryIO) -> Iterator[bytes]:
    """Read a file that is not compressed."""
    while chunk := file.read(CHUNK_BYTES):
        yield chunk


def zlib_chunks(file: BinaryIO, window_bits: int) -> Iterator[bytes]:
    """Inflate; each chunk is bounded, however well the data was packed."""
    inflate = zlib.decompressobj(window_bits)
    packed = file.read(CHUNK_BYTES)
    while packed and not inflate.eof:
        chunk = inflate.decompress(packed, CHUNK_BYTES)
        packed = inflate.unconsumed_tail or file.read(CHUNK_BYTES)
        if chunk:
            yield chunk
    if chunk := inflate.decompress(packed, CHUNK_BYTES) if packed and not inflate.eof else b"":
        yield chunk


def fed_chunks(file: BinaryIO, unpack: bz2.BZ2Decompressor | lzma.LZMADecompressor) -> Iterator[bytes]:
    """Unpack bz2, xz or lzma in bounded chunks."""
    while not unpack.eof:
        packed = file.read(CHUNK_BYTES) if unpack.needs_input else b""
        if unpack.needs_input and not packed:
            return
        if chunk := unpack.decompress(packed, CHUNK_BYTES):
            yield chunk


def lz4_chunks(file: BinaryIO) -> Iterator[bytes]:
    """Unpack an LZ4 frame, as its format description version 1.6 lays it out; checksums are passed over."""
    flags, descriptor = file.read(6)[4:6]
    file.read((8 if flags & 8 else 0) + (4 if flags & 1 else 0) + 1)
    block_limit = 1 << (8 + 2 * (descriptor >> 4 & 7))  # 64 KiB to 4 MiB
    window = b""
    while size := int.from_bytes(file.read(4), "little"):
        plain, size = size >> 31, size & 0x7FFFFFFF
        if size > block_limit:
            raise ValueError("an LZ4 block is larger than its frame allows")
        block = file.read(size)
        if len(block) < size:
            raise ValueError("an LZ4 block is cut short")
        chunk = block if plain else lz4_block(block, window, block_limit)
        file.read(4 if flags & 16 else 0)
        window = b"" if flags & 32 else (window + chunk)[-65536:]
        yield chunk


def lz4_block(block: bytes, window: bytes, limit: int) -> bytes:
    """Unpack one LZ4 block; matches may reach back into `window`."""
    out = bytearray(window)
    limit += len(window)
    at = 0
    while at < len(block):
        token = block[at]
        length, at = lz4_length(block, at + 1, token >> 4)
        out += block[at : at + length]
        at += length
        if at >= len(block):
            break
        back = block[at] | block[at + 1] << 8
        length, at = lz4_length(block, at + 2, token & 15)
        length += 4
        if not 0 < back <= len(out) or len(out) + length > limit:
            raise ValueError("an LZ4 match points outside of the data")
        piece = bytes(out[-back:] if back > length else out[-back : len(out) - back + length])
        out += (piece * (length // len(piece) + 1))[:length]
    if len(out) > limit:
        raise ValueError("an LZ4 block is larger than its frame allows")
    return bytes(out[len(window) :])


def lz4_length(block: bytes, at: int, length: int) -> tuple[int, int]:
    """Read a length that may go on in bytes of 255."""
    if length == 15:
        while True:
            length += block[at]
            at += 1
            if block[at - 1] != 255:
                break
    return length, at
