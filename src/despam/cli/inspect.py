"""`despam inspect`: what a model file holds: card, cutoffs, figures, and what weighs most.

Knows how the card is laid out for people. A tfidf model carries its words, so their weights are listed from the file.
The default recipe stores hashes without names: with --data the clues of those messages are added up and named,
otherwise only how the weights are spread can be shown. Nothing is trained or changed here.
"""

from __future__ import annotations

import heapq
import json
import random
from typing import TYPE_CHECKING, Any

import click

from despam.cli.data_options import READ_OPTIONS, data_options, load_model

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.console import Console

    from despam.core.model import Model

HEAVIEST = 20  # features listed a side
SAMPLE = 5_000  # messages of --data that are explained; explaining takes twenty times as long as scoring
LEAST_SEEN = 3  # a clue in fewer messages than this says little of the model

# key in the card -> what it is called
COLUMNS = {
    "accuracy": "accuracy", "precision": "precision", "recall": "recall", "f1": "F1", "auc": "AUC",
    "false_positive_rate": "lost", "recall@0.01": "recall at 1 % lost", "ece": "ECE", "brier": "Brier",
}  # fmt: skip
CALIBRATION = ("ece", "brier")  # shown where the card has them; the others are a dash where it has not

Feature = tuple[str, float, int]  # words, mean contribution or weight, messages it is in (0: from the file)


@click.command(name="inspect")
@click.argument("model", metavar="[MODEL]", default="bundled")
@click.option("--data", metavar="DATA", multiple=True, help="Name the heaviest features by the messages of a file.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@data_options
def command(model: str, data: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Show what MODEL holds: card, cutoffs, figures, the heaviest features.

    MODEL is a model file; without one, or with the word bundled, it is the bundled model. The default recipe stores
    hashes of features, not their names: give messages with --data, and the heaviest features among them are named.

    Example:

    \b
        despam inspect bundled
        despam inspect bundled --data data/telegram_groups.jsonl.gz
    """
    opened = load_model(model)
    named = sorted_features(name_features(opened, data, options))
    if as_json:
        click.echo(json.dumps(as_object(opened, named), ensure_ascii=False))
    else:
        show(opened, named, bool(data))


def as_object(model: Model, named: list[Feature]) -> dict[str, Any]:
    """Put everything into one JSON object."""
    keys = ("feature", "contribution", "messages") if any(seen for _, _, seen in named) else ("feature", "weight")
    return {
        "path": model.path,
        "model": model.version,
        "sha256": model.sha256,
        "size_bytes": model.size_bytes,
        "recipe": model.recipe,
        "bias": model.bias,
        "cutoff": model.cutoff,
        "unsure_between": [model.unsure_low, model.unsure_high],
        "weights": weight_figures(model),
        "card": model.card,
        "heaviest": [dict(zip(keys, feature, strict=False)) for feature in named],
    }


def name_features(model: Model, data: tuple[str, ...], options: dict[str, Any]) -> Iterator[Feature]:
    """Give features with their names: from the messages of DATA, else from the file where it has them."""
    if data:
        yield from clue_features(model, sample_texts(data, options))
    elif model.recipe == "tfidf":
        yield from vocabulary_features(model)


def sample_texts(data: tuple[str, ...], options: dict[str, Any]) -> list[str]:
    """Choose up to SAMPLE texts evenly from all of DATA, the same ones each time."""
    from despam import corpus

    chosen: list[str] = []
    chance = random.Random(0)
    read = {name: options[name] for name in READ_OPTIONS}
    for number, row in enumerate(corpus.read(list(data), labelled=False, **read)):
        if number < SAMPLE:
            chosen.append(row.text)
        elif (place := chance.randrange(number + 1)) < SAMPLE:
            chosen[place] = row.text
    return chosen


def clue_features(model: Model, texts: Iterable[str]) -> Iterator[Feature]:
    """Give each clue's mean contribution to the messages it occurs in."""
    totals: dict[str, list[float]] = {}
    for text in texts:
        in_text: dict[str, float] = {}
        for clue in model.classify(text).clues:
            name = clue.text if clue.start is None else f"\u201c{' '.join(clue.text.lower().split())}\u201d"
            in_text[name] = in_text.get(name, 0.0) + clue.contribution
        for name, contribution in in_text.items():
            total = totals.setdefault(name, [0.0, 0.0])
            total[0] += contribution
            total[1] += 1
    least = LEAST_SEEN if len(totals) > 200 else 1
    return ((name, total / seen, int(seen)) for name, (total, seen) in totals.items() if seen >= least)


def vocabulary_features(model: Model) -> Iterator[Feature]:
    """Give the n-grams of a tfidf model with weight times idf."""
    for part in model.scorer.parts:  # type: ignore[attr-defined]
        if part.hashed:
            continue
        idf = next((table for name, table in part.steps if name == "idf"), None)
        for index in range(part.size):
            name = bytes(part.letters[part.offsets[index] : part.offsets[index + 1]]).decode("utf-8", "replace")
            yield f"\u201c{name}\u201d", part.weights[index] * part.unit * (idf[index] if idf is not None else 1.0), 0


def sorted_features(features: Iterable[Feature]) -> list[Feature]:
    """Take the heaviest of each side, spam's first."""
    held = list(features)
    spam = heapq.nsmallest(HEAVIEST, (one for one in held if one[1] > 0), key=lambda one: (-one[1], one[0]))
    ham = heapq.nsmallest(HEAVIEST, (one for one in held if one[1] < 0), key=lambda one: (one[1], one[0]))
    return spam + ham


def weight_figures(model: Model) -> dict[str, Any]:
    """Say how the weights are spread: how many buckets, how many not zero, for spam, for ham."""
    parts = getattr(model.scorer, "parts", None)
    tables = [part.weights for part in parts] if parts else [model.scorer.weights]  # type: ignore[attr-defined]
    spam = sum(sum(1 for weight in table if weight > 0) for table in tables)
    ham = sum(sum(1 for weight in table if weight < 0) for table in tables)
    kinds = {"b": "int8", "h": "int16", "f": "float32", "d": "float64"}
    return {
        "count": sum(map(len, tables)),
        "towards_spam": spam,
        "towards_ham": ham,
        "stored_as": kinds.get(tables[0].format, tables[0].format),
    }


def show(model: Model, named: list[Feature], from_data: bool) -> None:
    """Print the model for people."""
    from rich.text import Text

    from despam.cli import screen

    console = screen.make_console()
    for name, value in facts(model):
        console.print(Text(f"{name:<12}", "bold" if screen.coloured(console) else "").append(screen.safe(value)))
    if sources := model.card.get("sources"):
        console.print()
        console.print(source_table(sources))
    show_figures(console, model.card.get("figures"))
    console.print()
    if named:
        console.print(feature_table(named, colours=screen.coloured(console)))
    elif not from_data:
        console.print("The file stores hashes of features, not their names; name the heaviest with --data FILE.")


def facts(model: Model) -> Iterator[tuple[str, str]]:
    """Give the lines at the top."""
    card, weights = model.card, weight_figures(model)
    yield "model", f"{card.get('name', model.path)}"
    yield "version", f"{model.version} (SHA-256 {model.sha256})"
    yield "file", f"{model.path}, {model.size_bytes:,} bytes"
    made = f", made {card['created']}" if card.get("created") else ""
    yield "recipe", f"{model.recipe}{made}"
    if card.get("messages"):
        yield (
            "learnt from",
            f"{number(card['messages'])} messages: {number(card.get('spam'))} spam, {number(card.get('ham'))} ham",
        )
    if cost := cost_words(card.get("training")):
        yield "training", cost
    if card.get("languages"):
        yield "languages", ", ".join(map(str, card["languages"]))
    yield "cutoff", f"{model.cutoff:.4f}; unsure from {model.unsure_low:.4f} to {model.unsure_high:.4f}"
    spread = f"{weights['towards_spam']:,} towards spam, {weights['towards_ham']:,} towards ham"
    yield "weights", f"{weights['count']:,} of {weights['stored_as']}: {spread}; bias {model.bias:+.4f}"
    for limit in card.get("limits") or []:
        yield "limit", str(limit)
    for name, key in (("for", "intended_use"), ("not for", "unsuitable_use")):
        for use in entries(card.get(key)):
            yield name, str(use)


def entries(value: object) -> list[object]:
    """Give the entries of a list of the card; one sentence is a list of one."""
    return value if isinstance(value, list) else [value] if isinstance(value, str) else []


def number(value: object) -> str:
    """Write a count of the card, which anybody may have written."""
    return f"{value:,}" if isinstance(value, int) else str(value)


def cost_words(cost: object) -> str:
    """Say what training took; what the card does not say, or not as a number, is left out."""
    if not isinstance(cost, dict):
        return ""
    units = {"seconds": "s", "cpu_seconds": "s of CPU", "watt_hours": "Wh"}
    parts = [f"{cost[key]:g} {unit}" for key, unit in units.items() if isinstance(cost.get(key), int | float)]
    how = f" ({cost['energy']})" if parts and cost.get("energy") else ""
    return f"{', '.join(parts)}{how}"


def source_table(sources: Any) -> Any:
    """Lay out what the model was learnt from."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    table.add_column("source")
    for name in ("messages", "spam", "ham"):
        table.add_column(name, justify="right")
    for source in sources if isinstance(sources, list) else []:
        if isinstance(source, dict):
            cells = [number(source.get(name, "")) for name in ("messages", "spam", "ham")]
            table.add_row(Text(str(source.get("name", ""))), *map(Text, cells))
    return table


def show_figures(console: Console, figures: Any) -> None:
    """Print the card's figures: those of the whole model in one table, then a table a protocol that has several."""
    from rich.text import Text

    from despam.cli.screen import safe

    held = (
        {key: found for key, found in figures.items() if isinstance(found, dict)} if isinstance(figures, dict) else {}
    )
    groups = {key: found for key, found in held.items() if is_group(found)}
    if usual := {key: found for key, found in held.items() if is_usual(found)}:
        console.print()
        console.print(figure_table("measured", usual))
    for key, found in groups.items():
        console.print()
        console.print(Text(in_words(key) + ":"))
        console.print(figure_table("", {k: one for k, one in found.items() if isinstance(one, dict)}))
    for key, found in held.items():
        if key not in groups and key not in usual:
            console.print()
            words = ", ".join(f"{str(name).replace('_', ' ')} {value}" for name, value in found.items())
            console.print(Text(safe(f"{in_words(key)}: {words}")))


def is_usual(found: dict[str, Any]) -> bool:
    """Say whether these are figures that the table has columns for."""
    return bool(COLUMNS.keys() & found.keys())


def is_group(found: dict[str, Any]) -> bool:
    """Say whether figures are held by source or the like."""
    return not is_usual(found) and any(isinstance(one, dict) and is_usual(one) for one in found.values())


def in_words(key: object) -> str:
    """Write a name of the card, which anybody may have written."""
    from despam.cli.screen import safe

    return safe(str(key).replace("_", " "))


def figure_table(title: str, figures: dict[str, dict[str, Any]]) -> Any:
    """Lay out the usual figures, one line a protocol or source."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    table.add_column(title, min_width=26)
    told = [key for key in COLUMNS if key not in CALIBRATION or any(key in found for found in figures.values())]
    for key in told:
        table.add_column(COLUMNS[key], justify="right")
    for key, found in figures.items():
        recalls = found.get("recall_at_fpr")
        flat = found | {"recall@0.01": recalls.get("0.01") if isinstance(recalls, dict) else None}
        table.add_row(Text(in_words(key)), *(Text(share(flat.get(key))) for key in told))
    return table


def share(value: object) -> str:
    """Write a figure; one that is not there is a dash."""
    return f"{value:.4f}" if isinstance(value, int | float) else "-"


def feature_table(named: list[Feature], *, colours: bool) -> Any:
    """Lay out the heaviest features."""
    from rich.table import Table
    from rich.text import Text

    from despam.cli.screen import safe

    seen = any(count for _, _, count in named)
    table = Table(box=None, pad_edge=False)
    table.add_column("mean" if seen else "weight", justify="right")
    if seen:
        table.add_column("messages", justify="right")
    table.add_column("feature")
    for name, weight, count in named:
        side = ("red" if weight > 0 else "green") if colours else ""
        cells = [Text(f"{weight:+.3f}", side), *([Text(f"{count:,}")] if seen else []), Text(safe(name)[:80])]
        table.add_row(*cells)
    return table
