"""`despam train`: labelled messages in, one model file out.

Knows options, progress and what is printed. Reading and repeats are `despam.corpus`, learning is `despam.train`.
Nothing is written before the model is whole: on any error an existing file stays as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from despam.cli.data_options import check_output, data_options, read_rows

if TYPE_CHECKING:
    from despam.corpus import Distinct, Row

TFIDF_OPTIONS = ("ngrams", "sublinear", "min_df", "C", "class_weight", "solver", "test_share")


def read_pair(kind: type, sign: str) -> Callable[[click.Context, click.Parameter, str | None], Any]:
    """Make a callback that reads two numbers in order, "1,2"."""

    def read(_ctx: click.Context, _param: click.Parameter, value: str | None) -> Any:
        if value is None:
            return None
        try:
            low, high = (kind(word) for word in value.split(","))
        except ValueError:
            raise click.BadParameter(f"{value!r} is not two numbers; write {sign}") from None
        if not low <= high:
            raise click.BadParameter(f"{value!r} is not in order; write {sign}")
        return low, high

    return read


def read_rate(_ctx: click.Context, _param: click.Parameter, value: str | None) -> float | None:
    """Read "1/1000", "0.1%" or "0.001"."""
    if value is None:
        return None
    from despam.errors import DespamError
    from despam.evaluate.promise import parse_rate

    try:
        return parse_rate(value)
    except DespamError as error:
        raise click.BadParameter(str(error)) from None


def read_rates(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[float, float] | None:
    """Read two rates, "1/1000,1/50"."""
    if value is None:
        return None
    words = value.split(",")
    if len(words) != 2:
        raise click.BadParameter(f"{value!r} is not two rates; write 1/1000,1/50")
    ham, spam = (read_rate(ctx, param, word) for word in words)
    return (ham, spam) if ham and spam else None


def read_costs(_ctx: click.Context, _param: click.Parameter, value: str | None) -> tuple[float, float, float] | None:
    """Read three costs, "100,1,0.5": of a lost real message, a missed spam, a look."""
    if value is None:
        return None
    from despam.errors import DespamError
    from despam.evaluate.promise import unsure_from_costs

    try:
        lost, missed, look = (float(word) for word in value.split(","))
        unsure_from_costs(lost, missed, look)
    except DespamError as error:
        raise click.BadParameter(str(error)) from None
    except ValueError:
        raise click.BadParameter(f"{value!r} is not three costs; write 100,1,0.5") from None
    return lost, missed, look


@click.command(name="train")
@click.argument("data", metavar="DATA...", nargs=-1, required=True)
@click.option(
    "-o", "--output", metavar="FILE", required=True, type=click.Path(dir_okay=False), help="The file to write."
)
@click.option("--recipe", type=click.Choice(["default", "tfidf"]), default="default", show_default=True,
              help="default: hashed features; tfidf: the tutorial's, with scikit-learn.")  # fmt: skip
@click.option(
    "--keep-repeats", is_flag=True, help="Let every repeat of a message count; otherwise each text counts once."
)
@click.option("--max-false-positives", metavar="RATE", callback=read_rate,
              help="Promise to lose at most this share of real messages: 1/1000, 0.1% or 0.001. The cutoff goes as low "
              "as that allows, below the default's too.")  # fmt: skip
@click.option("--hold-out", type=click.Choice(["auto", "sources", "folds"]),
              help="Set promised rates on sources left out in turn (they hold elsewhere) or on folds (on more of the "
              "same); auto, if not given: sources where four hold 100 ham and 20 spam.")  # fmt: skip
@click.option("--unsure", metavar="LOW,HIGH", callback=read_pair(float, "0.2,0.8"),
              help="Call a verdict unsure between these probabilities; 0.2,0.8 if not given.")  # fmt: skip
@click.option("--unsure-rates", metavar="HAM,SPAM", callback=read_rates,
              help="Unsure by rates of mistakes among the sure: ham lost, spam missed; 1/1000,1/50.")  # fmt: skip
@click.option("--unsure-costs", metavar="LOST,MISSED,LOOK", callback=read_costs,
              help="Unsure by costs: a lost real message, a missed spam, a look by a person; 100,1,0.5. The first "
              "two set the cutoff too, where no rate is promised.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Of folds and shuffles.")
@click.option("--json", "as_json", is_flag=True, help="Print what was read and measured as JSON.")
@click.option(
    "--ngrams", metavar="LOW,HIGH", callback=read_pair(int, "1,2"), help="tfidf: words in a row, 1,1 if not given."
)
@click.option(
    "--sublinear-tf", "sublinear", is_flag=True, default=None, help="tfidf: 1 + log of the count instead of the count."
)
@click.option("--min-df", type=click.IntRange(1), help="tfidf: leave out words in fewer messages than this.")
@click.option("--C", "C", type=click.FloatRange(0, min_open=True), help="tfidf: inverse strength of regularisation.")
@click.option("--class-weight", type=click.Choice(["none", "balanced"]), help="tfidf: weigh the classes alike.")
@click.option("--solver", type=click.Choice(["lbfgs", "liblinear", "newton-cg", "newton-cholesky", "sag", "saga"]),
              help="tfidf: scikit-learn's solver.")  # fmt: skip
@click.option(
    "--test-share",
    type=click.FloatRange(0, 1, max_open=True),
    help="tfidf: share held out for testing, 0.2 if not given.",
)
@data_options
def command(data: tuple[str, ...], output: str, recipe: str, as_json: bool, **options: Any) -> None:
    """Learn a model from the labelled messages of DATA and write it to FILE.

    DATA are CSV, TSV, JSON Lines (.gz too), Parquet, mbox, or a folder with spam/ and ham/. Columns and labels are
    found by their usual names. A text that occurs again counts once, one that occurs under both labels not at all. The
    same data and seed give the same file, whatever the order of DATA.

    Example:

    \b
        despam train data/sms_spam_collection.jsonl.gz -o sms.safetensors
        despam train messages.csv --max-false-positives 1/100 -o promised.safetensors
    """
    check_output(output, DATA=data)
    check_recipe(recipe, options)
    import despam.train  # noqa: F401  a missing extra is said before anything is read
    from despam import corpus

    rows = read_rows(data, options)
    found = corpus.distinct(rows, keep_repeats=options["keep_repeats"])
    if not as_json:
        show_read(rows, found)
    say_conflicts(found)
    del rows
    corpus.require_both(found.rows)
    if recipe == "tfidf":
        train_tfidf(found, output, options, as_json)
    else:
        train_default(found, output, options, as_json)


def check_recipe(recipe: str, options: dict[str, Any]) -> None:
    """Refuse options that the other recipe owns."""
    given = [name for name in TFIDF_OPTIONS if options[name] is not None]
    if recipe != "tfidf" and given:
        raise click.UsageError(f"{flag(given[0])} belongs to --recipe tfidf; add it, or leave the option out")
    bands = [name for name in ("unsure", "unsure_rates", "unsure_costs") if options[name] is not None]
    if len(bands) > 1:
        raise click.UsageError(f"{flag(bands[0])} and {flag(bands[1])} both set the unsure band; give one of them")
    ours = [name for name in ("max_false_positives", "hold_out", *bands) if options[name] is not None]
    if recipe == "tfidf" and ours:
        raise click.UsageError(
            f"{flag(ours[0])} belongs to the default recipe; tfidf decides as scikit-learn does, at 0.5"
        )


def flag(name: str) -> str:
    """Write an option's name as it is typed."""
    return {"C": "--C", "sublinear": "--sublinear-tf"}.get(name, "--" + name.replace("_", "-"))


def train_default(found: Distinct, output: str, options: dict[str, Any], as_json: bool) -> None:
    """Learn by the default recipe, save, and say how it did."""
    from despam.cli.stages import Stages
    from despam.train import train

    names = ("seed", "max_false_positives", "hold_out", "unsure", "unsure_rates", "unsure_costs")
    extra = {name: options[name] for name in names if options[name] is not None}
    say_memory(found, quiet=as_json)
    with Stages() as stages:
        trained = train(found.rows, progress=stages, **extra)
    trained.save(output)
    promise = trained.calibration.promise
    report(output, found, trained.card, promise.sentence if promise else "", as_json)


def say_memory(found: Distinct, *, quiet: bool) -> None:
    """Say what memory the training will take; `quiet` only where it is not there."""
    from despam.train import Settings
    from despam.train.copies import expect_copies
    from despam.train.memory import available_bytes, expect_bytes

    settings = Settings()
    copies = expect_copies([row.label == "spam" for row in found.rows], settings)
    needed, free = expect_bytes([row.text for row in found.rows], copies, settings), available_bytes()
    if free is not None and needed > free:
        click.echo(
            f"about {needed / 1e6:,.0f} MB of memory are needed and {free / 1e6:,.0f} MB are free: it may become very "
            "slow or be stopped; give fewer messages, or a larger machine",
            err=True,
        )
    elif not quiet:
        click.echo(f"about {needed / 1e6:,.0f} MB of memory are needed", err=True)


def train_tfidf(found: Distinct, output: str, options: dict[str, Any], as_json: bool) -> None:
    """Learn by the tutorial's recipe, save, and say how it did."""
    from despam.train import tfidf

    chosen = {name: options[name] for name in TFIDF_OPTIONS if options[name] not in (None, "none")}
    trained = tfidf.train_tfidf(found.rows, seed=options["seed"], **chosen)
    trained.save(output)
    report(output, found, trained.card, "", as_json, trained.report)


def show_read(rows: list[Row], found: Distinct) -> None:
    """Say what was read and what was left out."""
    spam = sum(row.label == "spam" for row in rows)
    click.echo(f"read       {found.read:,} messages: {spam:,} spam, {found.read - spam:,} ham")
    conflicts = f", {found.conflict_rows:,} with a text that carries both labels" if found.conflicts else ""
    click.echo(f"left out   {found.repeats:,} repeats{conflicts}")


def say_conflicts(found: Distinct) -> None:
    """Name the first texts that carry both labels."""
    if found.conflicts:
        texts = (
            "1 text carries both labels and is"
            if found.conflicts == 1
            else f"{found.conflicts:,} texts carry both labels and are"
        )
        click.echo(f"{texts} left out; give each one label:", err=True)
        for example in found.examples:
            click.echo(f"  {example}", err=True)


def report(
    output: str, found: Distinct, card: dict[str, Any], promise: str, as_json: bool, lines: list[str] | None = None
) -> None:
    """Say what was learnt: figures on messages not learnt from, cutoff, file."""
    import json

    import despam

    model = despam.load(output)
    figures = card.get("figures", {}).get("out_of_fold") or {}
    if as_json:
        result = {
            "model": model.version, "path": output, "size_bytes": model.size_bytes, "recipe": model.recipe,
            "read": found.read, "repeats": found.repeats,
            "conflicts": found.conflicts, "conflicting_rows": found.conflict_rows,
            "messages": len(found.rows), "spam": sum(row.label == "spam" for row in found.rows),
            "ham": sum(row.label == "ham" for row in found.rows), "cutoff": model.cutoff,
            "unsure_between": [model.unsure_low, model.unsure_high], "promise": promise,
            "unsure_promises": card.get("unsure_promises", []),
            "held_out": card.get("held_out"), "figures": card.get("figures", {}),
        }  # fmt: skip
        click.echo(json.dumps(result, ensure_ascii=False))
        return
    spam = sum(row.label == "spam" for row in found.rows)
    click.echo(f"learnt     from {len(found.rows):,} messages: {spam:,} spam, {len(found.rows) - spam:,} ham")
    elsewhere = bool(promise) and card.get("held_out") == "sources"
    for line in lines if lines is not None else figure_lines(figures, elsewhere):
        click.echo(line)
    if card.get("held_out") == "sources":
        click.echo("held out   whole sources in turn: promised rates are set on them")
    if promise:
        click.echo(f"promise    {promise}")
    for sentence in card.get("unsure_promises", []):
        click.echo(f"promise    {sentence}")
    click.echo(f"cutoff     {model.cutoff:.4f}, unsure from {model.unsure_low:.4f} to {model.unsure_high:.4f}")
    click.echo(f"wrote      {output}: version {model.version}, {model.size_bytes / 1000:,.0f} KB")


def figure_lines(figures: dict[str, Any], elsewhere: bool = False) -> list[str]:
    """Write the out-of-fold figures; `elsewhere` says that the cutoff was set on sources left out."""
    if not figures:
        return []
    rates = {
        "accuracy": "accuracy",
        "precision": "precision",
        "recall": "recall",
        "false_positive_rate": "real messages lost",
    }
    first = ", ".join(f"{name} {figures[key]:.2%}" for key, name in rates.items() if figures.get(key) is not None)
    second = ", ".join(f"{key.upper()} {figures[key]:.4f}" for key in ("f1", "auc") if figures.get(key) is not None)
    recalls = ", ".join(
        f"{value:.2%} at {float(rate):.1%} lost"
        for rate, value in (figures.get("recall_at_fpr") or {}).items()
        if value is not None
    )
    lines = [f"measured   {first}", f"           {second}", f"           recall {recalls}" if recalls else ""]
    told = "" if elsewhere else "; the cutoff was set on these messages"
    return [*filter(str.strip, lines), f"           (each message by a model that has not learnt from it{told})"]
