"""`despam import-sklearn`: scikit-learn's pickles in, a model file out.

Knows the options and what to print; in `despam.train`, `unpickle` reads, `sklearn_in` translates, `tfidf_file` packs.
Nothing is written unless all of that went well.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from despam.train.sklearn_in import Carried


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("vectorizer", type=click.Path(path_type=Path), required=False)
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The model file.")
@click.option("--spam-label", help="Which class is spam, where their names do not say so; the tutorial's is 0.")
@click.option("--quantise", is_flag=True, help="Make a small file: weights of 16 bits. Says how many decisions change.")
@click.option(
    "--messages",
    multiple=True,
    type=click.Path(path_type=Path),
    help="With --quantise: messages to count decisions on [default: 2,000 drawn from the vocabulary].",
)
@click.option("--json", "as_json", is_flag=True, help="Print the facts as JSON.")
def command(
    model: Path,
    vectorizer: Path | None,
    output: Path,
    spam_label: str | None,
    quantise: bool,
    messages: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Make a model file of MODEL.pkl and VECTORIZER.pkl, or of one pipeline.

    Nothing in the pickles runs: they are read with a list of known classes, everything else is refused by name. The
    file decides as scikit-learn does, without scikit-learn.

    \b
    Example:
        despam train data/sms_spam_collection.jsonl.gz --recipe tfidf -o tutorial.safetensors
        despam export-sklearn tutorial.safetensors -o pickles
        despam import-sklearn pickles/spam_model.pkl pickles/vectorizer.pkl --spam-label 0 -o in.safetensors
    """
    import json

    from despam.cli.data_options import check_output
    from despam.core.model import Model
    from despam.train.export import write_bytes
    from despam.train.sklearn_in import import_files
    from despam.train.tfidf_file import pack

    paths = [model] if vectorizer is None else [model, vectorizer]
    check_output(output, MODEL=(model,), VECTORIZER=paths[1:], messages=messages)
    carried = import_files(paths, spam_label)
    card = describe(carried, paths)
    data = pack(carried, card, quantise)
    made = Model.from_bytes(data, str(output))
    facts: dict[str, Any] = {"file": str(output), "size_bytes": len(data), "model": made.version, **facts_of(carried)}
    if quantise:
        facts |= compare(Model.from_bytes(pack(carried, card)), made, messages)
    write_bytes(output, data)
    for note in carried.notes:
        click.echo(f"Note: {note}.", err=True)
    click.echo(json.dumps(facts) if as_json else in_words(facts))


def facts_of(carried: Carried) -> dict[str, Any]:
    """Say what the pickles held."""
    return {
        "classifier": carried.classifier,
        "classes": carried.classes,
        "spam_label": carried.spam_label,
        "features": sum(part.size for part in carried.parts),
        "sklearn": carried.sklearn,
        "notes": carried.notes,
    }


def in_words(facts: dict[str, Any]) -> str:
    """Say what was made, for people."""
    lines = [
        f"{facts['file']}: {facts['size_bytes']:,} bytes, version {facts['model']}",
        f"{facts['classifier']} of scikit-learn {facts['sklearn'] or '(unknown)'}, {facts['features']:,} features, "
        f"spam is {facts['spam_label']!r} of {' and '.join(map(repr, facts['classes']))}",
    ]
    if "changed" in facts:
        changed = f"{facts['changed']} of {facts['compared']:,} decisions change against float64"
        lines.append(f"{changed} ({facts['compared_on']})")
    return "\n".join(lines)


def describe(carried: Carried, paths: list[Path]) -> dict[str, object]:
    """Write the model card: a pickle says nothing of the messages it was made of."""
    return {
        "name": carried.name,
        "settings": {"classifier": carried.classifier, "sklearn": carried.sklearn, "spam_label": carried.spam_label},
        "limits": [f"imported from {' and '.join(path.name for path in paths)}: data and figures are unknown"],
    }


def compare(exact, small, messages: tuple[Path, ...]) -> dict[str, object]:  # type: ignore[no-untyped-def]
    """Count the decisions that rounding changes."""
    if messages:
        from despam import corpus

        texts = [row.text for row in corpus.read(messages, labelled=False)]
        place = ", ".join(map(str, messages))
    else:
        from despam.train.tfidf_file import draw_messages

        texts, place = draw_messages(exact.scorer), "messages drawn from the vocabulary"
    changed = sum(exact.classify(text).classification != small.classify(text).classification for text in texts)
    return {"compared": len(texts), "changed": changed, "compared_on": place}
