"""`despam doctor`: check every object of a registry, and mend what a crash left.

Knows how findings look. Exit code 1 when somebody still has to do something.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from despam.cli.registry_screen import registry_option

if TYPE_CHECKING:
    from despam.registry.doctor import Finding

COLOURS = {"error": "red", "left-over": "yellow", "note": "blue"}


@click.command(name="doctor")
@registry_option
@click.option("--mend", is_flag=True, help="Put right what has one right answer.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.pass_context
def command(context: click.Context, registry: str, mend: bool, as_json: bool) -> None:
    """Check every object of a registry.

    Reads every version, checks its hash, opens it and scores with it; checks that the live pointer and the history
    agree. With --mend completes what a crash left half done.

    Example:

    \b
        despam publish model.safetensors --registry ./registry --promote
        despam doctor --registry ./registry --mend
    """
    from despam.registry.writer import Registry

    findings = Registry(registry).doctor(mend)
    if as_json:
        click.echo(
            json.dumps([{"kind": f.kind, "object": f.path, "what": f.what, "mended": f.mended} for f in findings])
        )
    else:
        show(findings, mend)
    if any(finding.open for finding in findings):
        context.exit(1)


def show(findings: list[Finding], mend: bool) -> None:
    """Print the findings, one a line, and what they come to."""
    for finding in findings:
        kind = click.style(
            "mended" if finding.mended else finding.kind, fg="green" if finding.mended else COLOURS[finding.kind]
        )
        click.echo(f"{kind}: {finding.path}: {finding.what}.")
    open_ones = [finding for finding in findings if finding.open]
    if not open_ones:
        click.echo("The registry is whole.", err=True)
    elif not mend and any(finding.kind == "left-over" for finding in open_ones):
        click.echo("Run it again with --mend to put right what a crash left.", err=True)
