"""stdin, stdout and stderr as a shell may hand them over: closed, full, or with a reader that leaves.

Knows what each of these means: a result that cannot be written is an error in one sentence; a reader that has left
changes neither the work nor its exit code; a long flow of lines ends with its reader; talk is never worth an error.
Knows nothing of what is written.

Invariant: nothing is lost with exit code 0 but what nobody reads.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import IO, Any, TextIO

from despam.errors import SettingError


class ReaderGone(Exception):
    """Nobody reads the flow of lines on stdout any more."""


class Output(io.FileIO):
    """stdout or stderr; after the first failure all that comes goes nowhere, so that each is said once."""

    def __init__(self, number: int, *, shut: bool, talk: bool) -> None:
        super().__init__(number, "wb", closefd=False)
        self.shut = shut
        self.talk = talk
        self.flowing = False
        self.lost = False

    def write(self, data: Any, /) -> int:
        """Write to the descriptor."""
        size = memoryview(data).nbytes
        if self.lost:
            return size
        try:
            if self.shut:
                raise OSError(errno.EBADF, "it is closed")
            return super().write(data)
        except OSError as error:
            self.lost = True
            if not self.talk:
                self.complain(error)
            return size

    def complain(self, error: OSError) -> None:
        """Raise what a failure of stdout means."""
        if error.errno != errno.EPIPE:
            raise SettingError(f"stdout cannot be written to ({error.strerror}); send it somewhere else") from None
        if self.flowing:
            raise ReaderGone from None


class ShutInput(io.RawIOBase):
    """A stdin that was closed."""

    def readable(self) -> bool:
        """Say yes: reading is the error, not asking."""
        return True

    def readinto(self, _: object) -> int:
        """Refuse."""
        raise SettingError("stdin is closed; give the text as an argument or name a file")


def guard() -> None:
    """Put the three in place of Python's own, unless they were replaced already."""
    shut = [stream is None for stream in (sys.__stdin__, sys.__stdout__, sys.__stderr__)]
    if any(shut):
        fill()
    if shut[0] and sys.stdin is None:
        sys.stdin = io.TextIOWrapper(io.BufferedReader(ShutInput()), "utf-8")
    if sys.stdout is sys.__stdout__:
        sys.stdout = guarded(sys.stdout, Output(1, shut=shut[1], talk=False))
    if sys.stderr is sys.__stderr__:
        sys.stderr = guarded(sys.stderr, Output(2, shut=shut[2], talk=True))


def fill() -> None:
    """Occupy descriptors that are closed, lest a file that is opened gets their number and what is printed."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def guarded(old: TextIO | None, raw: Output) -> TextIO:
    """Make a text stream as Python makes its own."""
    buffer = io.BufferedWriter(raw)
    if not isinstance(old, io.TextIOWrapper):
        return io.TextIOWrapper(buffer, "utf-8", "backslashreplace", line_buffering=True)
    return io.TextIOWrapper(buffer, old.encoding, old.errors, line_buffering=old.line_buffering or old.write_through)


def flow() -> IO[bytes]:
    """Give stdout for a long flow of lines: ReaderGone once nobody reads it."""
    raw = getattr(sys.stdout.buffer, "raw", None)
    if isinstance(raw, Output):
        raw.flowing = True
    return sys.stdout.buffer
