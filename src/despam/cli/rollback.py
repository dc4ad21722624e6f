"""`despam rollback`: go back to the version that was live before.

Knows the options and what they print. Said twice it goes back two versions: the way back is that of the history.
"""

from __future__ import annotations

import json

import click

from despam.cli.registry_screen import change_options, entry_json, registry_option, say_change


@click.command(name="rollback")
@registry_option
@change_options
@click.option("--json", "as_json", is_flag=True, help="Print the entry of the history as JSON.")
def command(registry: str, why: str, who: str, as_json: bool) -> None:
    """Make the version live that was live before.

    Running services notice by themselves; nothing is deployed.

    Example:

    \b
        despam publish model.safetensors --registry ./registry --promote
        despam publish better.safetensors --registry ./registry --promote
        despam rollback --registry ./registry --why "it loses orders"
    """
    from despam.registry.writer import Registry

    promoted = Registry(registry).rollback(why, who)
    if as_json:
        click.echo(json.dumps({**entry_json(promoted.entry), "changed": promoted.changed}))
        return
    click.echo(promoted.entry.version)
    say_change(promoted)
