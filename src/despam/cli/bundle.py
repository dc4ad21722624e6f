"""`despam bundle`: the zip that AWS Lambda runs, written to a file.

Knows the options and how to print sizes; what goes into the zip is decided in `despam.aws.bundle`. Needs no AWS account
and no AWS extra.
"""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option(
    "-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The zip to write."
)
@click.option(
    "-m", "--model", type=click.Path(path_type=Path), help="Model file to carry [default: the bundled model]."
)
@click.option(
    "--arch", type=click.Choice(["arm64", "x86_64"]), default="arm64", show_default=True, help="Lambda's processor."
)
@click.option("--json", "as_json", is_flag=True, help="Print the facts as JSON.")
def command(output: Path, model: Path | None, arch: str, as_json: bool) -> None:
    """Write the zip that AWS Lambda runs: service, page, registry reader, a model.

    The same input gives the same bytes, so the SHA-256 names a deploy. The handler is despam.service.aws_lambda.handler
    on the runtime python3.11.

    \b
    Example:
        despam bundle --arch x86_64 -o despam-lambda.zip
    """
    import json

    from despam.aws import bundle
    from despam.cli.data_options import check_output

    check_output(output, MODEL=() if model is None else (model,))
    made = bundle.make(arch, model)
    bundle.write(made, output)
    for note in made.notes:
        click.echo(f"Note: {note}.", err=True)
    facts = {
        "file": str(output),
        "sha256": made.sha256,
        "architecture": made.architecture,
        "model": made.model,
        "files": len(made.names),
        "zipped_bytes": made.zipped_bytes,
        "unzipped_bytes": made.unzipped_bytes,
        "handler": bundle.HANDLER,
        "runtime": "python3.11",
    }
    if as_json:
        click.echo(json.dumps(facts))
        return
    zipped, unzipped = made.zipped_bytes / 1e6, made.unzipped_bytes / 1e6
    click.echo(f"{output}: {zipped:.1f} MB zipped, {unzipped:.1f} MB unzipped, {len(made.names)} files")
    click.echo(f"{arch}, model {made.model}, handler {bundle.HANDLER}, runtime python3.11")
    click.echo(f"sha256 {made.sha256}")
