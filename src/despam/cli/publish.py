"""`despam publish`: store a model in a registry under its own hash.

Knows the options. The model is opened and scores a few texts before anything is written; publishing the same file twice
is fine and says so. Nothing that runs changes until the version is promoted.

Invariant: a version that was stored is printed, whatever becomes of its promotion.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from despam.cli.registry_screen import change_options, entry_json, registry_option, say_change

if TYPE_CHECKING:
    from despam.registry.writer import Promoted, Published


@click.command(name="publish")
@click.argument("model", metavar="MODEL", type=click.Path())
@registry_option
@click.option("--promote", is_flag=True, help="Make it the live version too.")
@click.option("--gate", metavar="FILE", type=click.Path(), help="With --promote: only when this gate passes.")
@change_options
@click.option("--json", "as_json", is_flag=True, help="Print what was stored as JSON.")
def command(model: str, registry: str, promote: bool, gate: str | None, why: str, who: str, as_json: bool) -> None:
    """Store MODEL in a registry, named after its own hash.

    A folder is made when it is not there; a bucket is not.

    Example:

    \b
        despam publish model.safetensors --registry ./registry
        despam publish better.safetensors --registry ./registry --promote --why "June's messages"
    """
    from despam.registry.writer import Registry

    if gate and not promote:
        raise click.UsageError("--gate decides over a promotion: give --promote too")
    opened = Registry(registry, make_folder=True)
    published = opened.publish(model)
    promoted = None
    if published.mended:
        click.echo(f"{published.version} was there with broken bytes, which have been replaced.", err=True)
    elif published.existed:
        click.echo(f"{published.version} was there already, unchanged.", err=True)
    try:
        if promote:
            from despam.cli.promote import promote_through

            promoted = promote_through(opened, published.sha256, gate, why, who)
    finally:
        show(published, promoted, as_json)
    if promoted and not as_json:
        say_change(promoted)


def show(published: Published, promoted: Promoted | None, as_json: bool) -> None:
    """Print what was stored; `live` is null where this run has not made it live, or was not told that it has."""
    if not as_json:
        click.echo(published.version)
        return
    stored = {"version": published.version, "sha256": published.sha256, "size_bytes": published.size_bytes}
    stored |= {"existed": published.existed, "live": entry_json(promoted.entry) if promoted else None}
    click.echo(json.dumps(stored))
