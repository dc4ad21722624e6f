"""`despam classify`: the verdict on a text, a file, stdin, a mail, or a batch.

Knows where a text comes from and what is printed; the verdict is the model's. One text gives words for people or the
JSON of the HTTP contract; a batch gives JSON Lines (cli/batch.py). The model is read before the text, so that a bad
one is said first.
"""

from __future__ import annotations

import codecs
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import click

from despam.errors import DataError

if TYPE_CHECKING:
    from despam.core.model import Model, Verdict

FILE_LIMIT_BYTES = 64 << 20  # a larger file is no message
MARKS = (  # a mark of UTF-32 begins with one of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@click.command(name="classify")
@click.argument("text", required=False)
@click.option("-m", "--model", "model_path", metavar="MODEL", help="The model file; without one the bundled model.")
@click.option("--registry", metavar="URL", help="Take the live version of a registry instead.")
@click.option("-f", "--file", "path", metavar="FILE", help="Read the text from a file; - is stdin.")
@click.option("--mail", is_flag=True, help="The text is a whole mail source; an .eml file is one anyway.")
@click.option("--explain", is_flag=True, help="Draw the clues into the text, and list them.")
@click.option("--json", "as_json", is_flag=True, help="Print the JSON that POST /classify answers.")
@click.option("--exit-code", is_flag=True, help="End with 1 when the text is spam.")
@click.option("--batch", metavar="IN", help="Classify every row of a file or folder.")
@click.option("-o", "--output", metavar="OUT", help="Where a batch goes, as JSON Lines; - is stdout.")
@click.option("--keep-text", is_flag=True, help="Batch: write the texts too.")
@click.option("--text-column", metavar="NAME", help="Batch: the column that holds the text.")
@click.option(
    "--jobs",
    metavar="N",
    type=click.IntRange(1, 256),
    help="Batch: processes; as many as there are cores if not given.",
)
@click.option("--resume", is_flag=True, help="Batch: go on behind the last whole line of a run that was stopped.")
@click.pass_context
def command(
    ctx: click.Context, /, text: str | None, model_path: str | None, registry: str | None, **options: Any
) -> None:
    """Give the verdict on TEXT, or on what stdin, a file or a batch holds.

    Without TEXT and -f, stdin is read. A batch is CSV, TSV, JSON Lines (.gz too), Parquet, mbox, or a folder. It writes
    one line a row in the same order: the row's own fields, then classification, spam_probability, score and unsure. A
    row that cannot be read gets a line with its error, and the exit code is 3.

    Example:

    \b
        despam classify "WIN a free iPhone now"
        despam classify --explain "URGENT! You have won, call 09061701461 now"
        despam classify -f message.eml --json
        despam classify --batch messages.csv -o verdicts.jsonl
    """
    check_options(text, model_path, registry, options)
    model = open_model(model_path, registry)
    if options["batch"] is not None:
        ctx.exit(run_batch(model, options))
    verdict = classify_one(model, text, options)
    show(verdict, options)
    ctx.exit(1 if options["exit_code"] and verdict.classification == "SPAM" else 0)


def check_options(text: str | None, model_path: str | None, registry: str | None, options: dict[str, Any]) -> None:
    """Refuse options that contradict each other."""
    if model_path is not None and registry is not None:
        raise click.UsageError("--model and --registry are two answers to one question; give one of them")
    sources = [
        name
        for name, given in (("TEXT", text), ("--file", options["path"]), ("--batch", options["batch"]))
        if given is not None
    ]
    if len(sources) > 1:
        raise click.UsageError(f"{' and '.join(sources)} are two texts; give one of them")
    if options["batch"] is not None:
        if options["output"] is None:
            raise click.UsageError("--batch needs -o OUT, the file for the verdicts")
        if options["output"] == "-" and options["resume"]:
            raise click.UsageError("--resume needs a file; stdout keeps nothing to go on from")
        alone = next((name for name in ("explain", "as_json", "exit_code") if options[name]), None)
        if alone:
            raise click.UsageError(
                f"--{alone.removeprefix('as_').replace('_', '-')} is for one text; leave it out of a batch"
            )
        return
    only = [name for name in ("output", "keep_text", "text_column", "jobs", "resume") if options[name]]
    if only:
        raise click.UsageError(f"--{only[0].replace('_', '-')} is for a batch; add --batch IN")


def open_model(model_path: str | None, registry: str | None) -> Model:
    """Open the model that was asked for."""
    import despam

    if registry is not None:
        from despam.registry.reader import Reader

        reader = Reader(registry)
        pointer = reader.fetch_pointer()
        assert pointer is not None  # None is the answer to an ETag, and none was sent
        return reader.fetch_model(pointer.sha256)
    return despam.load(None if model_path in (None, "bundled") else model_path)


def classify_one(model: Model, text: str | None, options: dict[str, Any]) -> Verdict:
    """Classify a text given, a file, or stdin."""
    mail = options["mail"]
    if text is None:
        name = options["path"] or "-"
        data = unpack(read_bytes(options["path"]), name)
        if mail or name.lower().removesuffix(".gz").endswith(".eml"):
            return model.classify_mail(data)
        text = decode_text(data, name)
    elif mail:
        return model.classify_mail(os.fsencode(text))
    if not text.strip():
        click.echo("the text is empty or blank", err=True)
    return model.classify(text)


def read_bytes(path: str | None) -> bytes:
    """Read a file, or stdin."""
    if path in (None, "-"):
        if path is None and sys.stdin.isatty():
            raise click.UsageError("no text; give it as an argument, with -f FILE, or through stdin")
        try:
            data = sys.stdin.buffer.read(FILE_LIMIT_BYTES + 1)
        except OSError as error:
            raise DataError(f"stdin cannot be read ({error.strerror}); name a file with -f") from None
    else:
        assert path is not None
        try:
            with open(path, "rb") as file:  # noqa: PTH123  a name like "-" or "~" is the shell's affair
                data = file.read(FILE_LIMIT_BYTES + 1)
        except IsADirectoryError:
            raise DataError("is a folder; classify its files with --batch", path) from None
        except OSError as error:
            raise DataError(f"cannot be read ({error.strerror}); check the path", path) from None
    return check_size(data, path or "-")


def check_size(data: bytes, path: str) -> bytes:
    """Refuse what is no message by its size."""
    if len(data) > FILE_LIMIT_BYTES:
        raise DataError(f"is larger than {FILE_LIMIT_BYTES >> 20} MiB, no message; for many messages use --batch", path)
    return data


def unpack(data: bytes, path: str) -> bytes:
    """Unpack gzip, up to the same size; anything else stays as it is."""
    if not data.startswith(b"\x1f\x8b"):
        return data
    import gzip
    import io
    import zlib

    try:
        return check_size(gzip.GzipFile(fileobj=io.BytesIO(data)).read(FILE_LIMIT_BYTES + 1), path)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise DataError("the gzip file is cut short or damaged; get it again from where it came from", path) from None


def decode_text(data: bytes, path: str) -> str:
    """Turn a file's bytes into text, saying so where they are no UTF-8."""
    from despam.corpus.opening import decode, no_text

    for mark, charset in MARKS:
        if data.startswith(mark):
            return data.decode(charset, "replace")
    if complaint := no_text(data[:8192]):
        raise DataError(complaint, path)
    text, charset = decode(data.removeprefix(b"\xef\xbb\xbf"))
    if charset != "utf-8":
        click.echo(f"{path}: not UTF-8; read as Windows-1252.", err=True)
    return text


def show(verdict: Verdict, options: dict[str, Any]) -> None:
    """Print the verdict as JSON or for people."""
    if options["as_json"]:
        from despam.service.answer import encode, write_verdict

        click.echo(encode(write_verdict(verdict.text, verdict, explain=options["explain"])))
        return
    from despam.cli import screen

    console = screen.make_console()
    screen.show_verdict(console, verdict)
    if options["explain"]:
        screen.show_explanation(console, verdict)


def run_batch(model: Model, options: dict[str, Any]) -> int:
    """Classify a batch, and give the exit code."""
    from despam.cli.batch import Batch, Job
    from despam.corpus import Plan

    job = Job(Plan(text_column=options["text_column"], mail=options["mail"]), options["keep_text"])
    batch = Batch(options["batch"], options["output"], job, options["jobs"] or available_cores())
    stopped_before = signal.signal(signal.SIGTERM, stop)
    try:
        with Meter(options["batch"]) as meter:
            batch.run(model, resume=options["resume"], tell=meter)
    except KeyboardInterrupt:
        kept = batch.rows_kept and not batch.to_stdout
        again = f", kept in {batch.part}; the same command with --resume goes on from there" if kept else ""
        click.echo(f"stopped after {batch.rows_kept:,} rows{again}.", err=True)
        return 130
    except DataError:
        if batch.rows_kept and not batch.to_stdout:
            click.echo(f"{batch.part} keeps the verdicts on the first {batch.rows_kept:,} rows.", err=True)
        raise
    finally:
        signal.signal(signal.SIGTERM, stopped_before)
    return summarise(batch, options)


def stop(*_: object) -> None:
    """Stop as Ctrl-C does, whose own signal a script's background jobs ignore."""
    raise KeyboardInterrupt


def available_cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def summarise(batch: Any, options: dict[str, Any]) -> int:
    """Say what came out; the errors in the last line."""
    counts, before = batch.counts, batch.before
    if counts.windows_line:
        place = f"{options['batch']}, line {counts.windows_line}"
        click.echo(f"{place}: not UTF-8; such lines were read as Windows-1252.", err=True)
    rate = counts.rows / batch.elapsed if batch.elapsed else 0.0
    behind = f" behind {before.rows:,} of an earlier run" if before.rows else ""
    wrote = "" if batch.to_stdout else f"; wrote {batch.target}"
    click.echo(
        f"{counts.rows:,} rows{behind} in {batch.elapsed:,.1f} s ({rate:,.0f} a second): {counts.spam:,} spam, "
        f"{counts.rows - counts.spam - counts.errors:,} ham, {counts.unsure:,} of them unsure{wrote}",
        err=True,
    )
    errors = before.errors + counts.errors
    if errors:
        what = f"{errors:,} of {batch.rows_kept:,} rows could not be read"
        click.echo(f"{what}; each has its error in its place.", err=True)
    return 3 if errors else 0


class Meter:
    """Progress of a batch on a terminal: share, rows a second, time left. Called as `meter(position, counts)`."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.bar: Any = None
        self.shown = 0.0

    def __enter__(self) -> Meter:
        if not sys.stderr.isatty():
            return self
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("classifying"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
        )
        # no thread refreshes it: the workers are forked while it runs
        self.bar = Progress(*columns, console=Console(stderr=True), transient=True, auto_refresh=False)
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Take the bar away."""
        if self.bar:
            self.bar.stop()
            self.bar = None

    def __call__(self, position: int, counts: Any) -> None:
        """Show how far it is, ten times a second at most."""
        import time
        from pathlib import Path

        from despam.corpus.reading import size_bytes

        if self.bar is None:
            return
        if not self.bar.tasks:
            self.started = time.monotonic()
            self.bar.add_task("", total=size_bytes(Path(self.source)), rate="")
        now = time.monotonic()
        if now - self.shown > 0.1:
            self.shown = now
            rate = counts.rows / max(now - self.started, 0.001)
            self.bar.update(
                self.bar.tasks[0].id, completed=position, rate=f"{counts.rows:,} rows, {rate:,.0f}/s", refresh=True
            )
