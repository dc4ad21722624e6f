"""`despam evaluate`: how good a model is on labelled messages.

Knows options and how figures look on a terminal. The figures themselves come from `despam.evaluate`; with
--cross-validate or --leave-one-source-out models are trained by `despam.train`, saved, and measured from the file.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from despam.cli.data_options import check_output, data_options, load_model, read_rows, write_beside

if TYPE_CHECKING:
    from despam.core.model import Model
    from despam.evaluate.measure import Measured, RowLike
    from despam.evaluate.split import Fit

AS_IT_IS = "the model as it is"
APART = "leave one source out"
FIGURE_NAMES = {
    "accuracy": "accuracy", "precision": "precision", "recall": "recall", "false_positive_rate": "real messages lost",
    "f1": "F1", "mcc": "MCC", "auc": "AUC", "pr_auc": "PR-AUC", "recall_at_0.01": "recall at 1.0% lost",
    "brier": "Brier", "ece": "calibration error", "log_loss": "log loss",
}  # fmt: skip
PLAIN = ("brier", "ece", "log_loss")  # figures that are no shares of anything


@click.command(name="evaluate")
@click.argument("model", metavar="MODEL")
@click.argument("data", metavar="DATA...", nargs=-1, required=True)
@click.option("--report", metavar="FILE", type=click.Path(dir_okay=False), help="Write one HTML file with pictures.")
@click.option("--no-attacks", is_flag=True, help="Leave the attacks out of the report.")
@click.option("--json", "as_json", is_flag=True, help="Print all figures as JSON.")
@click.option(
    "--cross-validate", metavar="FOLDS", type=click.IntRange(2, 50), help="Train anew in folds; measure each."
)
@click.option(
    "--leave-one-source-out", is_flag=True, help="Train anew without each source in turn; measure that source."
)
@click.option(
    "--by",
    metavar="FIELD",
    multiple=True,
    help="Figures for each value: source, language, channel, length, or a field.",
)
@click.option("--show-text", is_flag=True, help="Print extracts of the messages that the model gets wrong.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of folds and intervals.")
@data_options
def command(model: str, data: tuple[str, ...], **options: Any) -> None:
    """Measure MODEL on the labelled messages of DATA.

    MODEL is a model file, or the word bundled. With --cross-validate or --leave-one-source-out new models are trained
    as MODEL was, by its recipe and settings, and each message is measured by one that has not learnt from it.

    Example:

    \b
        despam evaluate bundled data/youtube_spam_collection.jsonl.gz
        despam evaluate bundled data/telegram_groups.jsonl.gz --by length --json
    """
    from despam.evaluate.measure import check_field, require_both

    if options["cross_validate"] and options["leave_one_source_out"]:
        raise click.UsageError("--cross-validate and --leave-one-source-out are two ways to measure: give one of them")
    if options["report"]:
        check_output(options["report"], DATA=data, MODEL=() if model == "bundled" else (model,))
    opened = load_model(model)
    rows = read_rows(data, options)
    require_both(rows, " ".join(data))
    for field in options["by"]:
        check_field(rows, field)
    measured, how, found = run(opened, rows, options)
    result = summary(opened, measured, how, options)
    if options["report"]:
        from despam.evaluate import report

        content = report.page(opened, measured, result, show_text=options["show_text"], attacks=found)
        write_beside(options["report"], content)
        click.echo(f"wrote {options['report']}", err=True)
    if options["as_json"]:
        click.echo(json.dumps(result, ensure_ascii=False, allow_nan=False))
    else:
        show(result, options["by"])
        show_mistakes(measured, options["show_text"])


def run(model: Model, rows: list[Any], options: dict[str, Any]) -> tuple[list[Measured], str, dict[str, Any] | None]:
    """Measure in the way that was asked for; say which it was, and what attacks leave where a report wants them."""
    from despam.evaluate import resistance, split

    seed, folds = options["seed"], options["cross_validate"]
    attacked = bool(options["report"]) and not options["no_attacks"]
    if not folds and not options["leave_one_source_out"]:
        measured = measure_with_progress(model, rows)
        return measured, AS_IT_IS, attack_with_progress(model, measured, seed) if attacked else None
    parts: list[dict[str, Any]] = []
    count = folds or len({row.source for row in rows})

    def judge(trained: Model, held: list[Measured]) -> None:
        # a model that has learnt from the messages would know them under their disguise as well
        if attacked and len({row.spam for row in held}) == 2:
            parts.append(attack_with_progress(trained, held, seed, count))

    fit = fit_like(model)
    if folds:
        measured, how = split.cross_validate(rows, fit, folds, seed, say, judge), f"{folds}-fold cross-validation"
    else:
        measured, how = split.leave_one_source_out(rows, fit, say, judge), APART
    return measured, how, resistance.pool(parts) if parts else None


def say(what: str) -> None:
    """Tell stderr what is going on."""
    click.echo(what, err=True)


def measure_with_progress(model: Model, rows: list[Any]) -> list[Measured]:
    """Measure with a bar on a terminal."""
    from despam.cli.stages import Stages
    from despam.evaluate.measure import measure

    with Stages(len(rows)) as stages:
        return measure(model, rows, lambda done: stages("measuring", done, len(rows)))


def attack_with_progress(model: Model, measured: list[Measured], seed: int, part_of: int = 1) -> dict[str, Any]:
    """Attack with a bar on a terminal."""
    from itertools import count

    from despam.cli.stages import Stages
    from despam.evaluate.attacks import ATTACKS
    from despam.evaluate.resistance import resist

    with Stages() as stages:
        done = count()
        return resist(
            model, measured, (), seed, lambda _: stages("disguising", next(done), len(ATTACKS)), part_of=part_of
        )


def fit_like(model: Model) -> Fit:
    """Give a function that trains as `model` was trained, saves, and opens the file."""
    import tempfile
    from pathlib import Path

    from despam import corpus
    from despam.core.model import Model
    from despam.train.again import trainer_like

    trainer = trainer_like(model)

    def fit(rows: list[RowLike]) -> Model:
        kept = corpus.distinct(rows).rows  # type: ignore[arg-type]  # the rows came from corpus
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "fold.safetensors"
            trainer(kept).save(path)
            return Model.from_bytes(path.read_bytes(), "a fold's model")

    return fit


def summary(model: Model, measured: list[Measured], how: str, options: dict[str, Any]) -> dict[str, Any]:
    """Put the figures and what they are of into one dictionary, the contract's keys first."""
    from despam.cli.stages import Stages
    from despam.evaluate import figures
    from despam.evaluate.measure import overlap

    with Stages(len(measured)) as stages:
        found = figures.full(measured, options["by"], options["seed"], apart=how == APART, progress=stages)
    anew = how != AS_IT_IS
    shared = {"known": True, "anew": True, "messages": 0, "share": 0.0, "found": 0, "looked_up": 0}
    return {
        "model": model.version,
        "how": how,
        "recipe": model.recipe,
        # trained anew, each model has a cutoff and a band of its own
        "cutoff": None if anew else model.cutoff,
        "unsure_between": None if anew else [model.unsure_low, model.unsure_high],
        "trained_on": shared if anew else overlap(model, measured),
        **found,
    }


def percent(value: float | None, digits: int = 1) -> str:
    """Write a share for people; a figure that is not there is a dash."""
    return "-" if value is None else f"{value:.{digits}%}"


def show(result: dict[str, Any], by: tuple[str, ...]) -> None:
    """Print the figures as tables."""
    from rich.console import Console

    from despam.evaluate.measure import overlap_sentence

    console = Console(highlight=False)
    console.print(overlap_sentence(result["trained_on"]), markup=False, soft_wrap=True)
    counts = f"{result['messages']:,} messages: {result['spam']:,} spam, {result['ham']:,} ham"
    which = "model" if result["cutoff"] is not None else "models trained like"
    console.print(f"{counts}; {which} {result['model']}, {result['how']}", markup=False, soft_wrap=True)
    if result["over_sources"]:
        console.print(sources_table(result["over_sources"]))
        console.print("all messages together, each at the cutoff of its own model:", markup=False, soft_wrap=True)
    console.print(main_table(result))
    for reason in dict.fromkeys(result["recall_at_fpr_reasons"].values()):
        rates = [f"{float(rate):.1%}" for rate, why in result["recall_at_fpr_reasons"].items() if why == reason]
        told = f"no recall at {', '.join(rates)} of the real messages lost: {reason}"
        console.print(told, markup=False, soft_wrap=True)
    for field in dict.fromkeys(by or ("source",)):
        if by or len(result["by"][field]) > 1:
            console.print(group_table(field, result["by"][field]))


def sources_table(found: dict[str, dict[str, Any]]) -> Any:
    """Lay out the mean over sources, each counted once, and the worst: what such a model is worth elsewhere."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    for name in ("mean of sources", "worst", "of sources", "worst source"):
        table.add_column(name, justify="left" if name == "worst source" else "right")
    for key, one in found.items():
        write = number if key in PLAIN else lambda value: percent(value, 2)
        cells = write(one["mean"]), write(one["worst"]), f"{one['sources']:,}"
        table.add_row(FIGURE_NAMES[key], *cells, Text(one_line(one["worst_source"])))
    return table


def main_table(result: dict[str, Any]) -> Any:
    """Lay out raw and cleaned figures side by side."""
    from rich.table import Table

    clean = result["cleaned"] or {}
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, side in (("", "left"), ("all", "right"), ("95 % interval", "right"), ("without repeats", "right")):
        table.add_column(name, justify=side)  # type: ignore[arg-type]
    for key in ("accuracy", "precision", "recall", "false_positive_rate", "f1", "mcc", "auc", "pr_auc"):
        between = span_words(result["intervals"].get(key))
        table.add_row(FIGURE_NAMES[key], percent(result[key], 2), between, percent(clean.get(key), 2))
    for rate, value in result["recall_at_fpr"].items():
        between = span_words(result["intervals"].get(f"recall_at_{rate}"))
        cleaned = clean.get("recall_at_fpr", {}).get(rate)
        table.add_row(f"recall at {float(rate):.1%} lost", percent(value, 2), between, percent(cleaned, 2))
    for key in PLAIN:
        span = result["intervals"].get(key)
        between = f"{number(span[0])} to {number(span[1])}" if span else ""
        table.add_row(FIGURE_NAMES[key], number(result[key]), between, number(clean.get(key)))
    table.add_row("messages", f"{result['messages']:,}", "", f"{clean.get('messages', 0):,}")
    table.add_row("unsure", f"{result['unsure']:,}", "", f"{clean.get('unsure', 0):,}")
    return table


def span_words(span: list[float] | None) -> str:
    """Write an interval of shares; one that is not there is nothing."""
    return f"{span[0]:.2%} to {span[1]:.2%}" if span else ""


def one_line(text: str) -> str:
    """Give a stranger's words on one line, without what a terminal would obey."""
    from despam.cli.screen import safe

    return " ".join(safe(text).split())


def number(value: float | None) -> str:
    """Write a plain figure."""
    return "-" if value is None else f"{value:.4f}"


def group_table(field: str, groups: dict[str, Any]) -> Any:
    """Lay out one line for each group."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(Text(one_line(field)))
    for name in ("spam", "ham", "accuracy", "recall", "lost", "AUC", "recall at 1 %", "unsure"):
        table.add_column(name, justify="right")
    for name, part in groups.items():
        recall, lost = percent(part["recall"]), percent(part["false_positive_rate"])
        table.add_row(
            Text(one_line(name)), f"{part['spam']:,}", f"{part['ham']:,}", percent(part["accuracy"]), recall, lost,
            number(part["auc"]), percent(part["recall_at_fpr"]["0.01"]), f"{part['unsure']:,}",
        )  # fmt: skip
    return table


def show_mistakes(measured: list[Measured], show_text: bool) -> None:
    """List the worst mistakes; extracts only when asked for."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    wrong = [row for row in measured if row.flagged != row.spam]
    if not show_text or not wrong:
        return
    wrong.sort(key=lambda row: -abs(row.probability - row.spam))
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("probability", "is", "where", "text"):
        table.add_column(name)
    for row in wrong[:20]:
        where = Text(one_line(f"{row.source}:{row.line}"))
        extract = Text(one_line(row.text)[:70])
        table.add_row(f"{row.probability:.3f}", "spam" if row.spam else "ham", where, extract)
    Console(highlight=False).print(table)
