"""`despam export-sklearn`: a model file, given back to scikit-learn as pickles.

Knows the options and what to print; `despam.train.sklearn_out` does the work. A tfidf model becomes the tutorial's two
files, any other one an estimator on top of despam.
"""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(file_okay=False, path_type=Path), help="The folder.")
def command(model: Path, output: Path) -> None:
    """Write MODEL as pickles for scikit-learn into a folder.

    A model of the recipe tfidf becomes spam_model.pkl and vectorizer.pkl, as the tutorial dumps them (ham is 1, spam is
    0), so that its Lambda function runs unchanged. Another one becomes spam_classifier.pkl, which needs despam.

    \b
    Example:
        despam export-sklearn model.safetensors -o notebook
    """
    from despam.cli.data_options import same_file
    from despam.core.model import load
    from despam.train.sklearn_out import CLASSIFIER, SPAM_MODEL, VECTORIZER, export_model

    if any(same_file(output / name, model) for name in (SPAM_MODEL, VECTORIZER, CLASSIFIER)):
        raise click.UsageError(f"a pickle of {output} would be written over MODEL; name another folder")
    for path in export_model(load(model), output):
        click.echo(f"{path}: {path.stat().st_size:,} bytes")
