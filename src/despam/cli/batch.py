"""`despam classify --batch`: a file of any size in, JSON Lines out, in the same order, on all cores.

One process reads blocks, the others parse, score and write them as JSON; results come back in order through a bounded
queue, so memory is a few blocks whatever the size. Lines go to OUT.part, which becomes OUT when all are there.

Invariant: one line out a row in, in order; a row that cannot be read is a line with its error. OUT.part always begins
with whole lines of the first rows, so that a run that was stopped can go on behind them (cli/resume.py). No file that
is read is written to.
"""

from __future__ import annotations

import json
import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from despam.cli import streams
from despam.cli.data_options import same_file
from despam.cli.resume import digest, note_path, open_part, whole_lines
from despam.corpus import Plan, blocks
from despam.corpus.reading import size_bytes
from despam.errors import DataError, SettingError

if TYPE_CHECKING:
    from concurrent.futures import Future

    from despam.core.model import Model
    from despam.corpus.reading import Block

RESULT_NAMES = ("classification", "spam_probability", "score", "unsure", "error")
ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=str)
WAITING = 3  # blocks a worker that are under way: one at work, the others keep it from waiting


class Counts(NamedTuple):
    """What came out of some rows."""

    rows: int = 0
    spam: int = 0
    unsure: int = 0
    errors: int = 0
    windows_line: int = 0  # the first line that was no UTF-8

    def plus(self, other: Counts) -> Counts:
        """Add up."""
        return Counts(
            self.rows + other.rows,
            self.spam + other.spam,
            self.unsure + other.unsure,
            self.errors + other.errors,
            self.windows_line or other.windows_line,
        )


class Job(NamedTuple):
    """What is done to every block."""

    plan: Plan
    keep_text: bool


Tell = Callable[[int, Counts], None]  # how far the input was read, what came out so far
worker_model: Model | None = None


def classify_block(model: Model, block: Block, job: Job, skip: int = 0) -> tuple[bytes, Counts]:
    """Write the lines of a block, leaving out the first `skip` rows."""
    lines: list[str] = []
    rows = spam = unsure = errors = windows = 0
    for row in block.rows(job.plan):
        if skip:
            skip -= 1
            continue
        rows += 1
        windows = windows or (row.line if row.charset != "utf-8" else 0)
        fields = {row.text_name: row.raw, **row.fields} if job.keep_text and not row.error else row.fields
        if row.error:
            errors += 1
            lines.append(write_line(fields, f'"error": {json.dumps(f"{row.source}, line {row.line}: {row.error}")}}}'))
            continue
        verdict = model.classify(row.text)
        spam += verdict.classification == "SPAM"
        unsure += verdict.unsure
        tail = (
            f'"classification": "{verdict.classification}", "spam_probability": {verdict.spam_probability!r}, '
            f'"score": {verdict.score!r}, "unsure": {"true" if verdict.unsure else "false"}}}'
        )
        lines.append(write_line(fields, tail))
    text = "\n".join(lines) + "\n" if lines else ""
    return encode(text, lines), Counts(rows, spam, unsure, errors, windows)


def write_line(fields: dict[str, Any], tail: str) -> str:
    """Write a row's own fields and what was found; a field with the name of a result gives way to it."""
    own = {name: value for name, value in fields.items() if name not in RESULT_NAMES}
    return f"{write_object(own)[:-1]}, {tail}" if own else "{" + tail


def write_object(fields: dict[str, Any]) -> str:
    """Write fields as JSON: dates and the like as words, what JSON has no number for as null."""
    try:
        return ENCODER.encode(fields)
    except ValueError:
        return json.dumps(
            json.loads(json.dumps(fields, default=str), parse_constant=lambda _: None), ensure_ascii=False
        )


def encode(text: str, lines: list[str]) -> bytes:
    """Turn lines into UTF-8; one with a lone surrogate is written with escapes."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return b"".join(escape(line).encode() + b"\n" for line in lines)


def escape(line: str) -> str:
    """Escape the lone surrogates of a JSON line, which stand in its strings only."""
    return "".join(f"\\u{ord(one):04x}" if "\ud800" <= one <= "\udfff" else one for one in line)


def classified(
    model: Model, source: Iterator[Block], job: Job, jobs: int, skip: int
) -> Iterator[tuple[int, bytes, Counts]]:
    """Give the lines of block after block, in order: how far the input was read, the lines, what they hold."""
    if jobs <= 1:
        for block, left in behind(source, skip):
            yield block.position, *classify_block(model, block, job, left)
        return
    waiting: deque[tuple[int, Future[tuple[bytes, Counts]]]] = deque()
    with workers(model, jobs) as submit:
        try:
            for block, left in behind(source, skip):
                waiting.append((block.position, submit(block, job, left)))
                if len(waiting) > jobs * WAITING:
                    position, future = waiting.popleft()
                    yield position, *finished(future)
        except DataError:
            # what was read before the damage still comes out
            yield from ((position, *finished(future)) for position, future in waiting)
            raise
        yield from ((position, *finished(future)) for position, future in waiting)


def finished(future: Future[tuple[bytes, Counts]]) -> tuple[bytes, Counts]:
    """Wait for a block."""
    from concurrent.futures.process import BrokenProcessPool

    try:
        return future.result()
    except BrokenProcessPool:
        raise SettingError(
            "a worker was killed, short of memory perhaps; go on with --resume and fewer --jobs"
        ) from None


def behind(source: Iterator[Block], skip: int) -> Iterator[tuple[Block, int]]:
    """Pass over the first `skip` rows: whole blocks, and the number of rows to leave out of the next."""
    for block in source:
        if skip and (size := block.size()) <= skip:
            skip -= size
            continue
        yield block, skip
        skip = 0


@contextmanager
def workers(model: Model, jobs: int) -> Iterator[Callable[[Block, Job, int], Future[tuple[bytes, Counts]]]]:
    """Start processes that share this one's mapped model."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    # a forked process has the model already; it is started before anything here starts a thread
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("fork"), begin_worker, (model,))
    try:
        yield lambda block, job, skip: pool.submit(work, block, job, skip)
    except BaseException:
        # what they have under way is dropped; a pool that is waited for hangs where Ctrl-C comes a second time
        for process in multiprocessing.active_children():
            process.kill()
        raise
    finally:
        with deaf():
            pool.shutdown(cancel_futures=True)


@contextmanager
def deaf() -> Iterator[None]:
    """Do not hear Ctrl-C and SIGTERM meanwhile; only the main thread hears them at all."""
    import signal
    import threading

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def begin_worker(model: Model) -> None:
    """Take the model, leave Ctrl-C to the parent, and end when it is gone."""
    import signal
    import threading

    global worker_model
    worker_model = model
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=end_with, args=(os.getppid(),), daemon=True).start()


def end_with(parent: int) -> None:
    """End this process once its parent has: a killed parent tells nobody, and the pool would wait for ever."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def work(block: Block, job: Job, skip: int) -> tuple[bytes, Counts]:
    """Classify a block in a worker."""
    assert worker_model is not None
    return classify_block(worker_model, block, job, skip)


class Batch:
    """One run: where it reads, where it writes, how far it is."""

    def __init__(self, source: str, target: str, job: Job, jobs: int) -> None:
        """Check the places before anything is spent; the target "-" is stdout."""
        self.source = Path(source)
        self.target = Path(target)
        self.to_stdout = target == "-"
        self.part = self.target.with_name(self.target.name + ".part")
        self.job = job
        self.jobs = jobs
        self.before = Counts()  # what an earlier run left
        self.counts = Counts()
        self.counted_bytes = 0  # of OUT.part, whose rows are in `before` and `counts`
        self.elapsed = 0.0
        if not self.to_stdout:
            self.check_target()

    @property
    def rows_kept(self) -> int:
        """Count the rows whose lines are in OUT.part."""
        return self.before.rows + self.counts.rows

    def check_target(self) -> None:
        """Refuse a target that cannot become a file, or would be written over the input or into it."""
        written = (self.target, self.part, note_path(self.part))
        odd = any(path.exists() and not path.is_file() for path in written)
        if odd or not self.target.parent.is_dir():
            raise SettingError(f"{self.target}: no file can be written there; name a file in a folder that exists")
        if same_file(self.target, self.source):
            raise SettingError(f"{self.target}: input and output are one file; name another output")
        for path in written:
            if same_file(path, self.source):
                raise SettingError(f"{self.target}: on the way there {path} is written, the input; name another output")
        if self.source.is_dir() and self.target.resolve().is_relative_to(self.source.resolve()):
            raise SettingError(f"{self.target}: it lies in the input {self.source}; name an output outside of it")

    def run(self, model: Model, *, resume: bool, tell: Tell) -> None:
        """Classify everything and put OUT in place."""
        if self.to_stdout:
            self.write(model, streams.flow(), tell)
            return
        try:
            with open_part(self.part, self.note(model), resume=resume) as (file, rows, errors):
                self.before, self.counted_bytes = Counts(rows, errors=errors), file.tell()
                try:
                    self.write(model, file, tell)
                except KeyboardInterrupt:
                    self.count_rest(file)
                    raise
                finally:
                    if not self.rows_kept:
                        self.part.unlink()
                        note_path(self.part).unlink()
                file.flush()
                self.part.replace(self.target)  # while no other run can open it
                note_path(self.part).unlink()
        except OSError as error:
            what = f"{self.part}: cannot be written ({error.strerror})"
            raise SettingError(f"{what}; make room, then add --resume") from None

    def write(self, model: Model, file: IO[bytes], tell: Tell) -> None:
        """Write the lines of all rows that are not there yet."""
        started = time.monotonic()
        source = blocks(self.source, self.job.plan, labelled=False)
        try:
            for position, lines, counts in classified(model, source, self.job, self.jobs, self.before.rows):
                file.write(lines)
                file.flush()
                counts, end = self.counts.plus(counts), self.counted_bytes + len(lines)
                self.counts, self.counted_bytes = counts, end  # Ctrl-C is not heard between two names
                tell(position, self.counts)
        finally:
            self.elapsed = time.monotonic() - started
        if not self.rows_kept:
            raise DataError("holds no rows; give a file with messages", str(self.source))

    def count_rest(self, file: IO[bytes]) -> None:
        """Count what Ctrl-C kept from being counted: the whole lines of a block that was just written."""
        file.flush()
        rows, errors, _ = whole_lines(self.part, self.counted_bytes)
        self.counts = self.counts.plus(Counts(rows, errors=errors))

    def note(self, model: Model) -> dict[str, Any]:
        """Say what the lines of OUT.part were made of; a run that goes on must be of the same."""
        size = size_bytes(self.source) if self.source.exists() else 0
        return {
            "model": model.version, "input": str(self.source.absolute()), "size": size,
            "content": digest(self.source), "plan": list(self.job.plan), "keep_text": self.job.keep_text,
        }  # fmt: skip
