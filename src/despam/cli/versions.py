"""`despam versions`: what a registry holds, what is live, and how that came about.

Knows columns. Tables go to stdout; on a terminal the live version is bold green and marked with a word too.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from despam.cli.registry_screen import entry_json, registry_option, version_row

if TYPE_CHECKING:
    from despam.registry.writer import Registry


@click.command(name="versions")
@registry_option
@click.option("--history", is_flag=True, help="List the promotions instead: when, who, from, to, why.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(registry: str, history: bool, as_json: bool) -> None:
    """List the versions in a registry, the newest first.

    Accuracy and spam caught are the model's own figures from its training, on messages it had not learnt; spam caught
    is at 1 % of real messages lost.

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
    titles = ["version", "", "published (UTC)", "size", "messages", "accuracy", "spam caught", "name"]
    show(titles, [version_row(one) for one in found], [one.live for one in found])
    if not any(one.live for one in found):
        click.echo("None is live: run `despam promote VERSION`.", err=True)


def show_history(registry: Registry, as_json: bool) -> None:
    """Print the promotions, the newest first as the versions are."""
    entries = registry.history()[::-1]
    if as_json:
        click.echo(json.dumps([entry_json(entry) for entry in entries]))
        return
    titles = ["entry", "when (UTC)", "what", "from", "to", "who", "why"]
    rows = [
        [str(one.number), one.when, one.action, (one.before or "")[:12], one.version, one.who, one.why]
        for one in entries
    ]
    show(titles, rows, [number == 0 for number in range(len(rows))])


def show(titles: list[str], rows: list[list[str]], strong: list[bool]) -> None:
    """Print a table; wide lines are folded on a terminal and left whole in a pipe."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=240)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in titles:
        table.add_column(
            title, justify="right" if title in ("size", "messages", "accuracy", "spam caught", "entry") else "left"
        )
    for row, live in zip(rows, strong, strict=True):
        table.add_row(*map(Text, row), style="bold green" if live else "")
    console.print(table)
