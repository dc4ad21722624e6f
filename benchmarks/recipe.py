"""Try settings of the default recipe: five-fold figures inside each of some sources, float weights, one line a variant.

    python benchmarks/recipe.py                                   the recipe, and each setting moved alone
    python benchmarks/recipe.py --only strength=2 shapes=1.0      these alone
    python benchmarks/recipe.py --sources sms_spam_collection     on other sources than those meant for choosing

For choosing, so it steers by sources that no headline figure is measured on (P1 is the SMS set, P2 leaves out whole
sources). Float weights and the solver's own scores: what is chosen is measured afterwards through the exported file
(accuracy.py).
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from sklearn.model_selection import StratifiedKFold

from despam import corpus
from despam.core.engine import GROUPS
from despam.evaluate.metrics import Ranking
from despam.train import recipe
from despam.train.recipe import Settings
from despam.train.table import Table

CHOOSING = ("sms_india", "youtube_spam_collection", "sms_indonesian", "sms_chinese", "sms_turkish")
COPIES = ("leet_copies", "marked_copies", "word_copies")
MOVES = {
    "strength": (2.0, 4.0, 20.0),
    "prior_power": (0.9, 1.5),
    "ham_cost": (1.0, 5.0),
    "rarest": (1e-3,),
    "least_messages": (1, 3),
    "many": (1, 80_000),
    **dict.fromkeys(GROUPS, (0.7, 1.4)),  # times the recipe's scale
}


def main() -> None:
    """Measure each variant."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--sources", nargs="+", default=CHOOSING)
    arguments.add_argument("--only", nargs="*", default=None, metavar="NAME=VALUE[,NAME=VALUE]")
    options = arguments.parse_args()
    data = [read_source(name) for name in options.sources if corpus.find_corpus(name)]
    if not data:
        raise SystemExit("none of the sources is on this machine: set DESPAM_CORPORA")
    moves = [f"{name}={value:g}" for name, values in MOVES.items() for value in values]
    if options.only is not None:
        moves = options.only
    print(f"{'variant':<40} 1-AUC (geometric mean)   missed at 1 %   recall at 1 % by source")
    for moves_made in ["", *moves]:
        settings = variant(moves_made)
        show(moves_made or "the recipe", [measure(table, labels, settings) for table, labels in data])


def moved(settings: Settings, name: str, value: float) -> Settings:
    """Give settings with one moved: a group's name multiplies its scale, `copies=0` takes all copies out."""
    if name in GROUPS:
        return replace(settings, scales={**settings.scales, name: settings.scales[name] * value})
    if name == "copies" or name in COPIES:
        return replace(settings, **dict.fromkeys(COPIES if name == "copies" else (name,), (value, value)))
    if not isinstance(getattr(settings, name), int | float):
        raise SystemExit(f"{name} is not a number that can be set")
    return replace(settings, **{name: type(getattr(settings, name))(value)})


def variant(moves: str) -> Settings:
    """Give the recipe with the moves made: `strength=20,shapes=1.3`; the recipe itself for an empty text."""
    settings = Settings()
    for move in filter(None, moves.split(",")):
        name, _, value = move.partition("=")
        settings = moved(settings, name, float(value))
    return settings


def read_source(name: str) -> tuple[Table, np.ndarray]:
    """Read the features and labels of one source, repeats left out."""
    rows = corpus.distinct(corpus.read([corpus.find_corpus(name)])).rows
    settings = Settings()
    table = Table(settings.mask, settings.scales).extend(row.text for row in rows)
    return table, np.array([1 if row.label == "spam" else -1 for row in rows], np.int8)


def measure(table: Table, labels: np.ndarray, settings: Settings) -> tuple[float, float]:
    """Give (1 - AUC, spam missed at 1 % false positives) of pooled out-of-fold scores."""
    table.scales = np.array([settings.scales[group] for group in GROUPS])
    problem = recipe.make_problem(table, labels, ["one"] * len(labels), settings)
    scores = np.zeros(len(labels))
    for taught, held_out in StratifiedKFold(5, shuffle=True, random_state=0).split(labels, labels):
        among = np.zeros(len(labels), bool)
        among[taught] = True
        held_by = table.document_counts(0, len(labels), among)
        fitted = recipe.fit(table, recipe.without_rare(problem, held_by, settings), taught.astype(np.int32))
        scores[held_out] = fitted.scores(table, held_out.astype(np.int32))
    ranking = Ranking(scores.tolist(), (labels > 0).tolist())
    return 1 - (ranking.auc() or 0), 1 - (ranking.recall_at(0.01) or 0)


def show(label: str, found: Sequence[tuple[float, float]]) -> None:
    """Print one line."""
    area, missed = (math.exp(sum(math.log(pair[at] + 1e-4) for pair in found) / len(found)) for at in (0, 1))
    print(f"{label:<40} {area:<24.5f} {missed:<15.4f} {' '.join(f'{1 - pair[1]:.3f}' for pair in found)}", flush=True)


if __name__ == "__main__":
    main()
