"""`despam destroy`: the service off AWS again.

Knows the options, asks, and prints; what is removed and what stays is `despam.aws.removal`'s. The registry stays unless
--with-registry, which names what is lost for good, and asks once more where models are among it. With --dry-run the
list is all there is.
"""

from __future__ import annotations

import sys

import click


@click.command()
@click.option("--stack", required=True, help="Name of the service on AWS.")
@click.option("--region", help="AWS region [default: that of your AWS settings].")
@click.option("--with-registry", is_flag=True, help="Remove the registry too: every model, its history, every bundle.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Print what would be removed and what stays; change nothing.")
def command(stack: str, region: str | None, with_registry: bool, yes: bool, dry_run: bool) -> None:
    """Take the service off AWS; the registry and its models stay.

    \b
    Example:
        despam destroy --help
    """
    from despam.aws import removal
    from despam.aws.plan import Wanted
    from despam.cli.deploy import confirmed

    def ask(losses: str) -> bool:
        if dry_run:
            click.echo(losses)
            return False  # removal changes nothing before it has a yes
        click.echo(losses, err=True)
        return yes or confirmed("Remove it?")

    wanted = Wanted(stack)
    removed = removal.destroy(
        wanted, ask=ask, tell=lambda line: click.echo(line, err=True), region=region, with_registry=with_registry
    )
    if dry_run:
        return
    if not removed:
        click.echo("Nothing was removed.", err=True)
        sys.exit(1)
    click.echo(f"{stack} removed" + (", with its registry" if wanted.registry_stack in removed else ""))
