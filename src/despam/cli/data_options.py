"""How labelled messages and the file to write are named on the command line, the same for every command.

Knows the options of the DATA forms, how rows are read with them, and where nothing may be written: over what the
command reads. Refuses to know what the rows are for. Imports nothing heavy until rows are asked for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from despam.corpus import Row

F = TypeVar("F", bound=Callable[..., Any])

READ_OPTIONS = ("text_column", "label_column", "spam_label", "mail")


def data_options(function: F) -> F:
    """Add --text-column, --label-column, --spam-label and --mail to a command."""
    for option in (
        click.option("--mail", is_flag=True, help="Every text is a whole mail source."),
        click.option(
            "--spam-label",
            metavar="VALUE",
            help="The label that means spam, where it is not spam or 1; files without it are read by the usual words.",
        ),
        click.option("--label-column", metavar="NAME", help="The column that holds the label."),
        click.option("--text-column", metavar="NAME", help="The column that holds the text."),
    ):
        function = option(function)
    return function


def read_rows(paths: tuple[str, ...], options: dict[str, Any]) -> list[Row]:
    """Read all labelled rows of DATA."""
    from despam import corpus

    chosen = {name: options[name] for name in READ_OPTIONS}
    return list(count_aloud(corpus.read(list(paths), **chosen, say=lambda sentence: click.echo(sentence, err=True))))


def count_aloud(rows: Iterator[Row]) -> Iterator[Row]:
    """Pass rows on; on a terminal, say how many have been read once that takes over a second."""
    import sys
    import time

    if not sys.stderr.isatty():
        yield from rows
        return
    shown = started = time.monotonic()
    try:
        for number, row in enumerate(rows, 1):
            yield row
            if number % 256 == 0 and (now := time.monotonic()) - started > 1 and now - shown > 0.1:
                shown = now
                click.echo(f"\rreading  {number:,} messages", err=True, nl=False)
    finally:
        if shown > started:
            click.echo("\r\033[K", err=True, nl=False)


def load_model(path: str) -> Any:
    """Open MODEL; the word `bundled` means the model that comes with despam."""
    import despam

    return despam.load(None if path == "bundled" else path)


def check_output(output: str | Path, **read: Sequence[str | Path]) -> None:
    """Refuse an output that cannot be written, or is what the command reads, before minutes are spent on it.

    What is read is given by the name its argument has in the help: DATA=(...), MODEL=(...).
    """
    target = Path(output)
    if not target.parent.is_dir():
        raise click.UsageError(f"the folder of {output} does not exist; make it first")
    if not os.access(target.parent, os.W_OK):
        raise click.UsageError(f"the folder of {output} cannot be written to; name another place")
    if target.exists() and not target.is_file():
        raise click.UsageError(f"{output} is no file that can be replaced; name another one")
    for name, paths in read.items():
        for path in paths:
            if same_file(output, path):
                several = "one of " if name in ("DATA", "messages") else ""
                raise click.UsageError(f"{output} is {several}the {name}; name another file")
            if is_message_of(target, Path(path)):
                raise click.UsageError(f"{output} would be one of the messages of {path}; name another place")


def same_file(one: str | Path, other: str | Path) -> bool:
    """Say whether two names lead to one file; a name that leads nowhere, or cannot be followed, does not."""
    try:
        return Path(one).samefile(other)
    except (OSError, ValueError):
        return False


def is_message_of(output: Path, folder: Path) -> bool:
    """Say whether a file lies in the spam/ or ham/ of a folder of messages, or is yet to."""
    try:
        inside = output.resolve().relative_to(folder.resolve()).parts
    except (OSError, ValueError):
        return False
    return len(inside) > 1 and inside[0].lower() in ("spam", "ham")


def write_beside(path: str, content: str) -> None:
    """Write a text file so that an existing one stays whole until the new one is."""
    from despam.core.writing import replace_file
    from despam.errors import EvaluationError

    try:
        replace_file(path, content.encode())
    except OSError as error:
        raise EvaluationError(f"{path}: cannot be written ({error.strerror}); name another file") from None
