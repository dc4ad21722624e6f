"""What there is to reach: a source left out beside the same source learnt from, and P1's mistakes one by one.

    python benchmarks/ceiling.py                          each of P2's sources: left out, alone, with the others
    python benchmarks/ceiling.py --most 2000              at most so many messages of a source to learn from
    python benchmarks/ceiling.py --mistakes [--show 80]   the SMS messages that P1 gets wrong: line, label, probability

"Alone" and "with the others" are five folds inside the source (float weights), so what they lack is not a matter of the
unseen: it is other words for the same thing, and labels. Mistakes go through exported files. Texts are personal: they
are shown only when asked for.
"""

from __future__ import annotations

import argparse

import numpy as np
from accuracy_rows import cleaned
from sklearn.model_selection import StratifiedKFold
from unseen import Data, Fits, counted

from despam import train
from despam.evaluate.metrics import Ranking
from despam.train import recipe
from despam.train.recipe import Settings

Rows = np.ndarray


def main() -> None:
    """Print the table or the mistakes."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--most", type=int, default=0, help="messages of a source to learn from; 0: all")
    arguments.add_argument("--mistakes", action="store_true", help="list what P1 gets wrong")
    arguments.add_argument("--show", type=int, default=0, metavar="N", help="--mistakes: the first N characters too")
    options = arguments.parse_args()
    if options.mistakes:
        list_mistakes(options.show)
    else:
        compare_sources(options.most)


def compare_sources(most: int) -> None:
    """Print AUC and recall at 1 % of each source, the less known first."""
    data = Data(Settings(), most)
    fits = Fits(data, Settings())
    print(f"{'source':<28} left out        alone           with the others")
    found = []
    for source in counted(data):
        labels = fits.labels(source)
        scores = (
            fits.scores(fits.without(source), source),
            inside(fits, source, alone=True),
            inside(fits, source, alone=False),
        )
        found.append([rank(each, labels) for each in scores])
        print(f"{data.names[source]:<28} {show(found[-1])}", flush=True)
    print(f"{'mean':<28} {show(np.mean(found, axis=0).tolist())}")


def inside(fits: Fits, source: int, *, alone: bool) -> np.ndarray:
    """Score a source by five folds inside it, learning from it alone or from the others too."""
    data = fits.data
    own = np.flatnonzero(data.source_of == source)
    others = np.array([], int) if alone else data.rows_without([source])
    scores = np.zeros(len(own))
    for taught, held in StratifiedKFold(5, shuffle=True, random_state=0).split(own, data.labels[own]):
        weights = learn(fits, np.sort(np.concatenate([own[taught], others])))
        scores[held] = weights.scores(data.table, own[held].astype(np.int32))
    return scores


def learn(fits: Fits, rows: Rows) -> recipe.Weights:
    """Fit on some rows as `train` would if there were no others."""
    data, settings = fits.data, fits.settings
    taught = np.zeros(len(data.labels), bool)
    taught[rows] = True
    frequencies = []
    for source in np.unique(data.source_of[rows]):
        among = taught & (data.source_of == source)
        frequencies.append(data.table.document_counts(0, len(taught), among) / among.sum())
    problem = fits.problem._replace(
        prior=recipe.bucket_prior(np.mean(frequencies, axis=0), settings),
        passes=settings.passes(len(rows)),
        limit=settings.limit(len(frequencies)),
    )
    return fits.fit(problem, rows)


def rank(scores: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Give AUC and recall at 1 %."""
    ranking = Ranking(scores.tolist(), (labels > 0).tolist())
    return ranking.auc() or 0.0, ranking.recall_at(0.01) or 0.0


def show(pairs: list[tuple[float, float]]) -> str:
    """Write AUC and recall of each way."""
    return "   ".join(f"{area:.4f} {recall:.3f}" for area, recall in pairs)


def list_mistakes(characters: int) -> None:
    """Print the messages that P1's models decide wrongly, ham first, the surest first."""
    rows = list(cleaned("sms_spam_collection") or ())
    if not rows:
        raise SystemExit("sms_spam_collection is not on this machine: set DESPAM_CORPORA")
    labels = np.array([row.label == "spam" for row in rows])
    wrong = []
    for taught, held in StratifiedKFold(5, shuffle=True, random_state=0).split(labels, labels):
        model = train.train([rows[at] for at in taught]).open()
        for at in held:
            verdict = model.classify(rows[at].text)
            if (verdict.classification == "SPAM") != labels[at]:
                wrong.append((rows[at], verdict.spam_probability, verdict.unsure))
    for row, probability, unsure in sorted(wrong, key=lambda each: (each[0].label, -each[1])):
        text = " ".join(row.text.split())[:characters]
        print(f"line {row.line:>5}  {row.label:<5} {probability:.3f} {'unsure' if unsure else '      '} {text}")
    print(f"{len(wrong)} of {len(rows):,} messages")


if __name__ == "__main__":
    main()
