"""What the commands of a registry share: their options, and how a version and a promotion look on a terminal.

Knows words and columns. Knows nothing of storage: `despam.registry` does the work, and a running service notices a new
live version by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from despam.registry.catalogue import Version
    from despam.registry.entry import Entry
    from despam.registry.writer import Promoted

F = TypeVar("F", bound="Callable[..., Any]")


def registry_option(function: F) -> F:
    """Add --registry, which DESPAM_REGISTRY sets too."""
    return click.option(
        "--registry",
        metavar="URL",
        envvar="DESPAM_REGISTRY",
        required=True,
        help="A folder, s3://BUCKET/PREFIX, gs://... or az://...; also DESPAM_REGISTRY.",
    )(function)


def change_options(function: F) -> F:
    """Add --why and --who, which go into the history."""
    for option in (
        click.option("--who", metavar="NAME", default="", help="Who does it; user@machine without it."),
        click.option("--why", metavar="TEXT", default="", help="The reason, for the history."),
    ):
        function = option(function)
    return function


def say_change(promoted: Promoted) -> None:
    """Say what is live now."""
    entry = promoted.entry
    if not promoted.changed:
        click.echo(f"{entry.version} is live already.", err=True)
        return
    before = f" (before: {entry.before[:12]})" if entry.before else ""
    click.echo(f"{entry.version} is live{before}.", err=True)
    click.echo("Running services take it within their refresh time, 30 seconds unless set otherwise.", err=True)
    if not promoted.recorded:
        click.echo(
            "Its entry of the history is still to be written: the next promotion or `despam doctor --mend` does.",
            err=True,
        )


def entry_json(entry: Entry) -> dict[str, Any]:
    """Give an entry as JSON prints it."""
    from dataclasses import asdict

    return {"version": entry.version, **asdict(entry)}


def percent(value: object) -> str:
    """Write a share as per cent, a missing one as nothing."""
    return f"{100 * value:.2f} %" if isinstance(value, int | float) else ""


def version_row(one: Version) -> list[str]:
    """Write the columns of a version."""
    figures = one.figures
    caught = figures.get("recall_at_fpr", {})
    return [
        one.version,
        "live" if one.live else "",
        one.published.strftime("%Y-%m-%d %H:%M"),
        f"{one.size_bytes / 1e6:.2f} MB",
        f"{one.card['messages']:,}" if isinstance(one.card.get("messages"), int) else "",
        percent(figures.get("accuracy")),
        percent(caught.get("0.01")),
        str(one.card.get("name", ""))[:40],
    ]
