"""`despam attack`: what is left when spam is disguised.

Knows options and the table; the disguises are `despam.evaluate.attacks`, the measuring `despam.evaluate.resistance`.
"""

from __future__ import annotations

import json
from typing import Any

import click

from despam.cli.data_options import data_options, load_model, read_rows


def list_attacks(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    """Print what attacks there are, and stop."""
    if value:
        from despam.evaluate.attacks import ATTACKS

        for name, (what, _) in ATTACKS.items():
            click.echo(f"{name:22} {what}")
        ctx.exit()


@click.command(name="attack")
@click.argument("model", metavar="MODEL")
@click.argument("data", metavar="DATA...", nargs=-1, required=True)
@click.option("--only", metavar="NAME", multiple=True, help="Only this attack; may be given several times.")
@click.option(
    "--list", is_flag=True, is_eager=True, expose_value=False, callback=list_attacks, help="List the attacks."
)
@click.option("--json", "as_json", is_flag=True, help="Print all figures as JSON.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the disguises.")
@data_options
def command(model: str, data: tuple[str, ...], **options: Any) -> None:
    """Disguise the messages of DATA and count what MODEL still catches.

    The cutoff is the one that loses 0.5 % of the undisguised real messages of DATA. Ham is disguised too: a filter that
    takes every disguise for spam loses honest messages.

    Example:

    \b
        despam attack bundled data/telegram_groups.jsonl.gz --only leet --only look-alikes
    """
    from despam.cli.evaluate import measure_with_progress, say
    from despam.evaluate.attacks import check_names
    from despam.evaluate.measure import overlap, require_both
    from despam.evaluate.resistance import resist

    check_names(options["only"])
    opened = load_model(model)
    rows = read_rows(data, options)
    require_both(rows, " ".join(data))
    measured = measure_with_progress(opened, rows)
    shared = overlap(opened, measured)
    found = resist(opened, measured, options["only"], options["seed"], say)
    result = {"model": opened.version, "trained_on": shared, **found}
    if options["as_json"]:
        click.echo(json.dumps(result, ensure_ascii=False, allow_nan=False))
    else:
        show(result)


def show(result: dict[str, Any]) -> None:
    """Print one line an attack."""
    from rich.console import Console
    from rich.table import Table

    from despam.cli.evaluate import percent
    from despam.evaluate.measure import overlap_sentence

    console = Console(highlight=False)
    clean = (
        f"{percent(result['clean_recall'])} of the spam is caught undisguised, at {result['rate']:.1%} of the ham lost"
    )
    console.print(overlap_sentence(result["trained_on"]), markup=False, soft_wrap=True)
    console.print(f"model {result['model']}: {clean}", markup=False, soft_wrap=True)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("attack", "caught", "kept", "ham lost", "what it does"):
        table.add_column(name, justify="left" if name in ("attack", "what it does") else "right")
    for name, found in result["attacks"].items():
        cells = (percent(found["recall"]), percent(found["kept"]), percent(found["ham_lost"]))
        table.add_row(name, *cells, found["what"])
    console.print(table)
