"""How labelled messages are named on the command line, the same for every command that reads them.

Knows the options of the DATA forms and how rows are read with them. Refuses to know what the rows are for. Imports
nothing heavy until rows are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
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


def write_beside(path: str, content: str) -> None:
    """Write a text file so that an existing one stays whole until the new one is."""
    import os
    from pathlib import Path

    from despam.errors import EvaluationError

    target = Path(path)
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        beside.write_text(content, encoding="utf-8")
        beside.replace(target)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise EvaluationError(f"{path}: cannot be written ({error.strerror}); name another file") from None
