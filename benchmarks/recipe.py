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
MOVES = {
    "strength": (2.0, 4.0, 20.0),
    "prior_power": (0.9, 1.5),
    "ham_cost": (1.0, 5.0),
    "rarest": (1e-3,),
    **dict.fromkeys(GROUPS, (0.7, 1.4)),  # times the recipe's scale
}


def main() -> None:
    """Measure each variant."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--sources", nargs="+", default=CHOOSING)
    arguments.add_argument("--only", nargs="*", default=None, metavar="NAME=VALUE")
    options = arguments.parse_args()
    data = [read_source(name) for name in options.sources if corpus.find_corpus(name)]
    if not data:
        raise SystemExit("none of the sources is on this machine: set DESPAM_CORPORA")
    moves = [(name, value) for name, values in MOVES.items() for value in values]
    if options.only is not None:
        moves = [(name, float(value)) for name, _, value in (move.partition("=") for move in options.only)]
    print(f"{'variant':<18} 1-AUC (geometric mean)   missed at 1 %   recall at 1 % by source")
    for label, settings in [
        ("the recipe", Settings()),
        *((f"{name} {value:g}", moved(name, value)) for name, value in moves),
    ]:
        show(label, [measure(table, labels, settings) for table, labels in data])


def moved(name: str, value: float) -> Settings:
    """Give the recipe with one setting moved."""
    settings = Settings()
    if name in GROUPS:
        return replace(settings, scales={**settings.scales, name: settings.scales[name] * value})
    return replace(settings, **{name: value})


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
        fitted = recipe.fit(table, problem, taught.astype(np.int32))
        scores[held_out] = fitted.scores(table, held_out.astype(np.int32))
    ranking = Ranking(scores.tolist(), (labels > 0).tolist())
    return 1 - (ranking.auc() or 0), 1 - (ranking.recall_at(0.01) or 0)


def show(label: str, found: Sequence[tuple[float, float]]) -> None:
    """Print one line."""
    area, missed = (math.exp(sum(math.log(pair[at] + 1e-4) for pair in found) / len(found)) for at in (0, 1))
    print(f"{label:<18} {area:<24.5f} {missed:<15.4f} {' '.join(f'{1 - pair[1]:.3f}' for pair in found)}", flush=True)


if __name__ == "__main__":
    main()
