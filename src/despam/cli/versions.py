"""`despam versions`: what a registry holds, what is live, and how that came about.

Knows columns. Tables go to stdout; on a terminal the live version is bold green and marked with a word too.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from despam.cli.registry_screen import entry_json, registry_option, version_row
from despam.errors import CorruptVersion

if TYPE_CHECKING:
    from despam.registry.writer import Registry

WIDE = 100  # columns of a terminal that has room for everything
FOLDED = ("name", "who", "why")  # all others, versions above all, are never cut or folded


@click.command(name="versions")
@registry_option
@click.option("--history", is_flag=True, help="List the promotions instead: when, who, from, to, why.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(registry: str, history: bool, as_json: bool) -> None:
    """List the versions in a registry, the newest first.

    Accuracy and the share of spam caught are the model's own figures from its training, on messages it had not
    learnt; caught is at 1 % of real messages lost.

    Example:

    \b
        despam publish model.safetensors --registry ./registry --promote
        despam versions --registry ./registry
        despam versions --registry ./registry --history --json
    """
    from despam.registry.writer import Registry

    opened = Registry(registry)
    if history:
        show_history(opened, as_json)
    else:
        show_versions(opened, as_json)


def show_versions(registry: Registry, as_json: bool) -> None:
    """Print the versions."""
    found = registry.versions()
    if as_json:
        click.echo(json.dumps([one.to_json() for one in found]))
        return
    if not found:
        click.echo("No version yet: run `despam publish MODEL`.", err=True)
        return
    titles = ["version", "", "published (UTC)", "size", "messages", "accuracy", "caught", "name"]
    show(titles, [version_row(one) for one in found], [one.live for one in found], drop="name")
    if not any(one.live for one in found):
        click.echo(why_none_is_live(registry), err=True)


def why_none_is_live(registry: Registry) -> str:
    """Say what to do; a pointer that cannot be read has to be mended before anything can be promoted."""
    try:
        registry.live()
    except CorruptVersion as error:
        return f"None is live: {error}"
    return "None is live: run `despam promote VERSION`."


def show_history(registry: Registry, as_json: bool) -> None:
    """Print the promotions, the newest first as the versions are."""
    entries = registry.history()[::-1]
    if as_json:
        click.echo(json.dumps([entry_json(entry) for entry in entries]))
        return
    titles = ["entry", "when (UTC)", "what", "from", "to", "who", "why"]
    rows = [
        [str(one.number), minute(one.when), one.action, (one.before or "")[:12], one.version, one.who, one.why]
        for one in entries
    ]
    show(titles, rows, [number == 0 for number in range(len(rows))], drop="from")


def minute(when: str) -> str:
    """Write a moment without its seconds."""
    return when[:16].replace("T", " ")


def show(titles: list[str], rows: list[list[str]], strong: list[bool], drop: str) -> None:
    """Print a table; a narrow terminal gets it without the column `drop`, a pipe gets every line whole."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from despam.cli.screen import safe

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=2000)
    shown = [number for number, title in enumerate(titles) if title != drop or console.width >= WIDE]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for number in shown:
        width = 12 if titles[number] in ("version", "from", "to") else None
        right = titles[number] in ("size", "messages", "accuracy", "caught", "entry")
        table.add_column(
            titles[number], justify="right" if right else "left", no_wrap=titles[number] not in FOLDED, min_width=width
        )
    for row, live in zip(rows, strong, strict=True):
        table.add_row(*(Text(safe(row[number])) for number in shown), style="bold green" if live else "")
    console.print(table)
