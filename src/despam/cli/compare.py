"""`despam compare`: two models on the same messages.

Knows options and how the comparison looks on a terminal; the arithmetic is `despam.evaluate.compare`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from despam.cli.data_options import data_options, load_model, read_rows

if TYPE_CHECKING:
    from despam.evaluate.measure import Measured

SIDES = ("old", "new")
SHOWN = 20  # messages that flip, on the terminal


@click.command(name="compare")
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@click.argument("data", metavar="DATA...", nargs=-1, required=True)
@click.option(
    "--json", "as_json", is_flag=True, help="Print everything as JSON, with the place of each message that flips."
)
@click.option("--show-text", is_flag=True, help="Print extracts of the messages that flip.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the intervals.")
@data_options
def command(old: str, new: str, data: tuple[str, ...], **options: Any) -> None:
    """Measure OLD and NEW on the same labelled messages, and show where they differ.

    McNemar's p is the chance that two equally good models differ so much. OLD and NEW are model files, or the word
    bundled.

    Example:

    \b
        despam compare bundled bundled data/telegram_groups.jsonl.gz
    """
    from despam.cli.evaluate import measure_with_progress
    from despam.cli.stages import Stages
    from despam.evaluate.compare import compare
    from despam.evaluate.measure import overlap, overlap_sentence, require_both

    models = load_model(old), load_model(new)
    rows = read_rows(data, options)
    require_both(rows, " ".join(data))
    before, after = (measure_with_progress(model, rows) for model in models)
    with Stages(len(rows)) as stages:
        result = compare(before, after, options["seed"], stages)
    shared = {side: overlap(model, rows) for side, model, rows in zip(SIDES, models, (before, after), strict=True)}
    if options["as_json"]:
        for key in ("broken", "fixed"):
            result[key] = [flip(before[i], after[i]) for i in result[key]]
        names = {f"{side}_model": model.version for side, model in zip(SIDES, models, strict=True)}
        names |= {f"{side}_trained_on": found for side, found in shared.items()}
        click.echo(json.dumps({**names, **result}, ensure_ascii=False, allow_nan=False))
    else:
        for side, model in zip(SIDES, models, strict=True):
            click.echo(f"{side} ({model.version}): {overlap_sentence(shared[side])}")
        show(result, before, after, options["show_text"])


def flip(old: Measured, new: Measured) -> dict[str, Any]:
    """Say where a message that flips stands, without its text."""
    return {
        "source": new.source,
        "line": new.line,
        "label": "spam" if new.spam else "ham",
        "old_probability": old.probability,
        "new_probability": new.probability,
    }


def show(result: dict[str, Any], before: list[Measured], after: list[Measured], show_text: bool) -> None:
    """Print both sides, the differences and what flips."""
    from rich.console import Console

    console = Console(highlight=False)
    console.print(sides_table(result))
    told = f"{result['only_new_right']:,} messages are right only now, {result['only_old_right']:,} only before"
    console.print(f"{told}; McNemar p {p_words(result['mcnemar_p'])}", markup=False, soft_wrap=True)
    ham = f"real messages: {result['ham_lost_now']:,} newly lost, {result['ham_saved_now']:,} newly saved"
    console.print(ham, markup=False, soft_wrap=True)
    for name, key in (("newly wrong", "broken"), ("newly right", "fixed")):
        if result[key]:
            console.print(flips_table(name, result[key], before, after, show_text))


def p_words(p: float) -> str:
    """Write a chance; none is nothing."""
    return "< 1e-300" if p < 1e-300 else f"= {p:.3g}"


def sides_table(result: dict[str, Any]) -> Any:
    """Lay out old, new and the difference with its interval."""
    from rich.table import Table

    from despam.cli.evaluate import FIGURE_NAMES, PLAIN, number, percent

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    for name in ("old", "new", "difference", "95 % interval"):
        table.add_column(name, justify="right")
    for key in ("accuracy", "recall", "false_positive_rate", "auc", "recall_at_0.01", "brier", "ece"):
        old, new = (
            side["recall_at_fpr"]["0.01"] if key == "recall_at_0.01" else side[key]
            for side in (result["old"], result["new"])
        )
        found = result["differences"].get(key)
        sides = (number(old), number(new)) if key in PLAIN else (percent(old, 2), percent(new, 2))
        form = "+.4f" if key in PLAIN else "+.2%"
        change = format(found["difference"], form) if found else "-"
        span = " to ".join(format(end, form) for end in found["interval"]) if found else ""
        table.add_row(FIGURE_NAMES[key], *sides, change, span)
    return table


def flips_table(name: str, places: list[int], before: list[Measured], after: list[Measured], show_text: bool) -> Any:
    """List the messages that flip, the furthest moved first."""
    from rich.table import Table
    from rich.text import Text

    from despam.cli.evaluate import one_line

    table = Table(box=None, pad_edge=False, header_style="bold", title=f"{name}: {len(places):,}", title_justify="left")
    for column in ("is", "old", "new", "where", *(["text"] if show_text else [])):
        table.add_column(column)
    ordered = sorted(places, key=lambda i: -abs(after[i].probability - before[i].probability))
    for i in ordered[:SHOWN]:
        old, new = before[i], after[i]
        cells: list[Any] = ["spam" if new.spam else "ham", f"{old.probability:.3f}", f"{new.probability:.3f}"]
        cells.append(Text(one_line(f"{new.source}:{new.line}")))
        if show_text:
            cells.append(Text(one_line(new.text)[:70]))
        table.add_row(*cells)
    return table
