"""`despam promote`: make a version the live one, through a gate where one is given.

Knows the options and what they print. Exit code 1 when the gate says no, 3 when somebody else promoted meanwhile.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from despam.cli.registry_screen import change_options, entry_json, registry_option, say_change

if TYPE_CHECKING:
    from despam.registry.writer import Promoted, Registry


@click.command(name="promote")
@click.argument("version", metavar="VERSION")
@registry_option
@click.option(
    "--gate", metavar="FILE", type=click.Path(), help="Promote only when this gate passes against the live version."
)
@change_options
@click.option("--json", "as_json", is_flag=True, help="Print the entry of the history as JSON.")
def command(version: str, registry: str, gate: str | None, why: str, who: str, as_json: bool) -> None:
    """Make VERSION live; the first digits are enough, and the word newest means the last one stored.

    Publishing a model that is there already does not make it newer; where two were stored at the same moment, digits
    are asked for. Running services notice by themselves; nothing is deployed. `despam rollback` takes it back.

    Example:

    \b
        despam publish better.safetensors --registry ./registry
        despam promote newest --registry ./registry --why "fewer real messages lost"
    """
    from despam.registry.writer import Registry

    opened = Registry(registry)
    promoted = promote_through(opened, version, gate, why, who)
    if as_json:
        click.echo(json.dumps({**entry_json(promoted.entry), "changed": promoted.changed}))
        return
    click.echo(promoted.entry.version)
    say_change(promoted)


def promote_through(registry: Registry, version: str, gate: str | None, why: str, who: str) -> Promoted:
    """Promote, after the gate where there is one; leave with exit code 1 when it says no."""
    if gate is None:
        return registry.promote(version, why, who)

    def ask(candidate: bytes, live: bytes | None) -> None:
        from despam.core.model import Model
        from despam.evaluate.gate import check

        old = Model.from_bytes(live, "the live model") if live is not None else None
        result = check(Model.from_bytes(candidate, "the new model"), old, gate, lambda line: click.echo(line, err=True))
        for line in result.failures:
            click.echo(f"FAILS  {line.sentence} ({line.place})", err=True)
        held = len(result.lines) - len(result.failures)
        click.echo(f"{held} of {len(result.lines)} rules of the gate hold.", err=True)
        if not result.passed:
            click.echo("The gate says no, so nothing was promoted.", err=True)
            raise click.exceptions.Exit(1)

    return registry.promote(version, why, who, ask)
