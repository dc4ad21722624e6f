"""Try settings on a mix of SMS and mail, learnt from a few messages: float weights, one line a variant.

    python benchmarks/mixed.py                                    every 16th message to learn from, the recipe alone
    python benchmarks/mixed.py --every 64 --offsets 0 5 --only strength=20 copies=0,ham_cost=1
    python benchmarks/mixed.py --peer                             scikit-learn's words + characters beside it

Two corpora of mail and the SMS set, which speed.py learns from too (`make bench`). What is measured on is every eighth
message from elsewhere in the list, some 4,900: speed.py holds 505 out, of which three real messages are 1 %. Accuracy
is at the cutoff that five folds of the learning side give. Figures are means over the offsets.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from recipe import variant

from despam import corpus
from despam.core.engine import GROUPS
from despam.corpus import Row
from despam.evaluate.metrics import Ranking
from despam.train import calibration, recipe, training
from despam.train.hold_out import make_folds
from despam.train.recipe import Settings
from despam.train.table import Table

SOURCES = ("sms_spam_collection", "enron_spam", "spamassassin")
TESTED = 8


class Mix:
    """What is learnt from, disguised copies behind, and what is measured on."""

    def __init__(self, rows: Sequence[Row], every: int, offset: int, settings: Settings) -> None:
        taught = sorted(rows[offset::every], key=lambda row: (row.source, row.text))
        self.taught, self.held_out = taught, rows[offset + 1 :: TESTED]
        self.sources = [row.source for row in taught]
        self.labels = as_labels(taught)
        self.table, self.made_of = training.read_features(
            [row.text for row in taught], self.labels, self.sources, settings, lambda stage, done, of: None
        )
        self.unseen = Table(settings.mask, settings.scales).extend(row.text for row in self.held_out)

    def measure(self, settings: Settings) -> tuple[float, ...]:
        """Give AUC, recall at 1 %, accuracy, share of real messages lost."""
        table, labels = self.table, self.labels
        table.scales = self.unseen.scales = np.array([settings.scales[group] for group in GROUPS])
        problem = recipe.make_problem(table, labels, self.sources, settings)
        problem = recipe.with_copies(problem, self.made_of, settings)
        folds, inner = make_folds(labels, 0), np.zeros(len(labels))

        def fit(taught: np.ndarray) -> recipe.Weights:
            own = recipe.without_rare(problem, table.document_counts(0, len(labels), taught), settings)
            rows = np.flatnonzero(np.concatenate([taught, taught[self.made_of]])).astype(np.int32)
            return recipe.fit(table, own, rows)

        for fold in range(int(folds.max()) + 1):
            held = np.flatnonzero(folds == fold).astype(np.int32)
            inner[held] = fit(folds != fold).scores(table, held)
        weights = fit(np.ones(len(labels), bool))
        rows = np.arange(len(self.unseen), dtype=np.int32)
        return figures(weights.scores(self.unseen, rows), self.held_out, calibration.best_cutoff(inner, labels))


def as_labels(rows: Sequence[Row]) -> np.ndarray:
    """Give +1 for spam and -1 for ham."""
    return np.array([1 if row.label == "spam" else -1 for row in rows], np.int8)


def figures(scores: np.ndarray, rows: Sequence[Row], cutoff: float) -> tuple[float, ...]:
    """Give AUC, recall at 1 %, accuracy, share of real messages lost."""
    spam = as_labels(rows) > 0
    ranking = Ranking(scores.tolist(), spam.tolist())
    flagged = scores >= cutoff
    lost = float(flagged[~spam].mean())
    return ranking.auc() or 0.0, ranking.recall_at(0.01) or 0.0, float((flagged == spam).mean()), lost


def peer(mix: Mix) -> tuple[float, ...]:
    """Measure scikit-learn's words + characters as speed.py does."""
    from accuracy_systems import peers

    fitted = peers()["scikit-learn, words + characters"][0](mix.taught, None)
    scores, _ = fitted.judge([row.text for row in mix.held_out])
    return figures(np.array(scores), mix.held_out, fitted.cutoff)


def lesser_peers() -> dict[str, Any]:
    """Give scikit-learn's characters and words with one thing after another taken away; C is 100."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline, make_union

    def pipeline(words: bool, sizes: tuple[int, int] = (3, 5), counts: bool = True, **how: Any) -> Any:
        how = {"sublinear_tf": counts, "binary": not counts, "min_df": 2, **how}
        parts = [TfidfVectorizer(analyzer="char_wb", ngram_range=sizes, **how)]
        if words:
            parts.append(TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\w+", **how))
        return make_pipeline(make_union(*parts), LogisticRegression(solver="liblinear", C=100, max_iter=300))

    return {
        "both": pipeline(True),
        "both, digits as 0": pipeline(True, preprocessor=without_digits),
        "both, no punctuation either": pipeline(True, preprocessor=without_punctuation),
        "characters": pipeline(False),
        "characters, no punctuation, digits as 0": pipeline(False, preprocessor=without_punctuation),
        "those, 4- and 5-grams once": pipeline(False, (4, 5), False, preprocessor=without_punctuation),
    }


def without_digits(text: str) -> str:
    """Write every digit as 0."""
    return re.sub(r"\d", "0", text.lower())


def without_punctuation(text: str) -> str:
    """Leave letters and digits, as despam's words do."""
    return re.sub(r"[\W_]+", " ", without_digits(text).replace("'", ""))


def lesser_peer(mix: Mix, model: Any) -> tuple[float, ...]:
    """Measure one of those."""
    model.fit([row.text for row in mix.taught], mix.labels)
    return figures(model.decision_function([row.text for row in mix.held_out]), mix.held_out, 0.0)


def main() -> None:
    """Measure each variant."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--every", type=int, default=16, help="learn from every Nth message")
    arguments.add_argument("--offsets", type=int, nargs="+", default=[0, 5, 10], help="the first one, a line's mean")
    arguments.add_argument("--only", nargs="*", default=[], metavar="NAME=VALUE[,NAME=VALUE]")
    arguments.add_argument("--peer", action="store_true", help="scikit-learn's words + characters beside it")
    arguments.add_argument("--lesser-peers", action="store_true", help="and it with things taken away")
    options = arguments.parse_args()
    paths = [path for path in map(corpus.find_corpus, SOURCES) if path]
    if len(paths) < len(SOURCES):
        raise SystemExit("not all of the sources are on this machine: set DESPAM_CORPORA")
    rows = [row for row in corpus.read(paths) if not row.fields.get("dup") and not row.fields.get("label_conflict")]
    mixes: dict[tuple[object, ...], list[Mix]] = {}
    print(f"{'variant':<40} AUC      recall at 1 %   accuracy   ham lost   recall by offset")
    for name in ["", *options.only]:
        settings = variant(name)
        copied = (settings.bits, settings.leet_copies, settings.marked_copies, settings.word_copies)
        if copied not in mixes:
            mixes[copied] = [Mix(rows, options.every, offset, settings) for offset in options.offsets]
        show(name or "the recipe", [partial(mix.measure, settings) for mix in mixes[copied]])
    if options.peer:
        kept = next(iter(mixes.values()))
        show("scikit-learn, words + characters", [partial(peer, mix) for mix in kept])
    if options.lesser_peers:
        kept = next(iter(mixes.values()))
        for name, model in lesser_peers().items():
            show(name, [partial(lesser_peer, mix, model) for mix in kept])


def show(name: str, measures: Sequence[Callable[[], tuple[float, ...]]]) -> None:
    """Print one line."""
    begun = time.perf_counter()
    found = [measure() for measure in measures]
    area, recall, right, lost = np.mean(found, axis=0)
    each = " ".join(f"{figure[1]:.3f}" for figure in found)
    print(
        f"{name:<40} {area:.5f}  {recall:.4f}          {right:.4f}     {lost:.4f}     {each}"
        f"   {time.perf_counter() - begun:.0f} s",
        flush=True,
    )


if __name__ == "__main__":
    main()
