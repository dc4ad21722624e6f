"""`despam publish`: store a model in a registry under its own hash.

Knows the options. The model is opened and scores a few texts before anything is written; publishing the same file twice
is fine and says so. Nothing that runs changes until the version is promoted.
"""

from __future__ import annotations

import json

import click

from despam.cli.registry_screen import change_options, entry_json, registry_option, say_change


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
    if promote:
        from despam.cli.promote import promote_through

        promoted = promote_through(opened, published.sha256, gate, why, who)
    if as_json:
        stored = {"version": published.version, "sha256": published.sha256, "size_bytes": published.size_bytes}
        stored |= {"existed": published.existed, "live": entry_json(promoted.entry) if promoted else None}
        click.echo(json.dumps(stored))
        return
    click.echo(published.version)
    if promoted:
        say_change(promoted)
