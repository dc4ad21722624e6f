"""`despam deploy`: the service on AWS, in one command.

Knows the options, asks, and prints; the order of things is `despam.aws.stack`'s. The plan, progress and questions go to
stderr; stdout gets the URL, or with --dry-run the plan and the template.
"""

from __future__ import annotations

import sys
from typing import Any

import click

# what CloudWatch offers
LOG_DAYS = [str(days) for days in (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 3653)]


@click.command()
@click.option("--stack", required=True, help="Name of the service on AWS.")
@click.option("--region", help="AWS region [default: that of your AWS settings].")
@click.option(
    "-m",
    "--model",
    type=click.Path(),
    help="Model file the bundle falls back to, or the word bundled [default: bundled].",
)
@click.option("--registry", help="s3://BUCKET/PREFIX of a registry that is there [default: a bucket of its own].")
@click.option(
    "--front", type=click.Choice(["rest", "http", "url"]), help="REST API, HTTP API or Function URL [default: rest]."
)
@click.option("--arch", type=click.Choice(["arm64", "x86_64"]), help="Lambda's processor [default: arm64].")
@click.option("--memory-mb", type=click.IntRange(128, 10240), help="Memory, and CPU with it [default: 256].")
@click.option(
    "--concurrency", type=click.IntRange(0), help="At most so many messages at once; 0 reserves nothing [default: 0]."
)
@click.option(
    "--refresh-seconds", type=click.IntRange(1, 86400), help="How soon a promoted model answers [default: 30]."
)
@click.option("--origins", help="Web sites that may call from a browser [default: * for all].")
@click.option(
    "--api-key",
    envvar="DESPAM_API_KEY",
    help="Key that callers send as X-Api-Key, 20 to 128 characters; also DESPAM_API_KEY.",
)
@click.option("--no-api-key", is_flag=True, help="Ask for no key any more, whatever DESPAM_API_KEY says.")
@click.option("--rate", type=click.IntRange(1), help="Requests a second let through [default: 50].")
@click.option("--burst", type=click.IntRange(1), help="Requests at once let through [default: 100].")
@click.option("--quota", type=click.IntRange(1), help="Requests a month for the key [default: 1000000].")
@click.option("--log-days", type=click.Choice(LOG_DAYS), metavar="DAYS", help="Days that logs are kept [default: 30].")
@click.option("--alarm-email", help="Address for alarms on errors, throttles and slow answers [default: none].")
@click.option("--alarm-ms", type=click.IntRange(1), help="The p99 that raises the alarm [default: 500].")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Print plan and template; call nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print URL, registry and first verdict as JSON.")
def command(
    stack: str,
    region: str | None,
    model: str | None,
    registry: str | None,
    yes: bool,
    dry_run: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Put the service on AWS, or change it: bucket, function, API, logs.

    An option that is not given keeps the value it had, --model too. Publishing, promoting and rolling back need no
    deploy. The AWS account is that of your AWS settings (AWS_PROFILE, AWS_REGION, ...).

    \b
    Example:
        despam deploy --stack mail-filter --dry-run
    """
    import json
    from dataclasses import asdict

    from despam.aws import stack as stacks
    from despam.aws.plan import Wanted
    from despam.errors import SettingError

    if options.pop("no_api_key"):
        if click.get_current_context().get_parameter_source("api_key") is click.core.ParameterSource.COMMANDLINE:
            raise SettingError("--api-key and --no-api-key: give one of the two.")
        options["api_key"] = ""
    wanted = Wanted(stack, options, registry, model)
    if dry_run:
        click.echo(stacks.dry_run(wanted, region))
        return

    def ask(plan: str) -> bool:
        click.echo(plan, err=True)
        return yes or confirmed("Go ahead?")

    deployed = stacks.deploy(wanted, ask=ask, tell=lambda line: click.echo(line, err=True), region=region)
    if deployed is None:
        click.echo("Nothing was changed.", err=True)
        sys.exit(1)
    if as_json:
        click.echo(json.dumps(asdict(deployed)))
    else:
        show(deployed)


def confirmed(question: str) -> bool:
    """Ask on a terminal; without one, say how to answer beforehand."""
    if not sys.stdin.isatty():
        from despam.errors import SettingError

        raise SettingError(f"{question} Nobody is here to answer: add --yes.")
    return click.confirm(question, err=True)


def show(deployed: Any) -> None:
    """Print the URL and what it answered."""
    verdict = deployed.verdict
    if "classification" in verdict:
        share = f"{verdict.get('spam_probability', 0):.1%}"
        click.echo(
            f"First verdict: {verdict['classification']} ({share} spam) by model {verdict.get('model')}", err=True
        )
    else:
        click.echo(f"Health: {verdict.get('status')}, model {verdict.get('model')} (a verdict needs the key)", err=True)
    click.echo(f"Registry: {deployed.registry}", err=True)
    click.echo(f"  next: despam publish MODEL --registry {deployed.registry} --promote", err=True)
    click.echo(deployed.url)
