"""The protocols themselves: how rows are cut, what is fitted on which, and the figures of what was held out.

Knows systems only as functions that fit. No held-out part chooses anything: cutoffs come from training's own
out-of-fold scores. Refuses to know targets, files and which corpora are on this machine.
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from accuracy_report import FLOORS
from accuracy_rows import P2_BESIDE, capped, cleaned, others, published, without_near_copies
from accuracy_systems import Fit, Fitted, opened

import despam
from despam.core.model import bundled_path
from despam.corpus import Row
from despam.evaluate import intervals, metrics
from despam.evaluate.attacks import ATTACKS, WHITE_BOX, Arms, alter, good_words
from despam.evaluate.repeats import clusters

P4_ATTACKS = tuple(FLOORS)
PROMISE = 0.01
WHITE_BOX_ROWS = 30  # of each class and fold


def say(text: str) -> None:
    """Tell stderr what is going on."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def stratified(rows: Sequence[Row], folds: int, seed: int = 0) -> list[tuple[list[Row], list[int]]]:
    """Cut as accuracy.md says; give (training rows, positions held out) of each fold."""
    from sklearn.model_selection import StratifiedKFold

    labels = [row.label for row in rows]
    cuts = StratifiedKFold(folds, shuffle=True, random_state=seed).split(labels, labels)
    return [([rows[i] for i in train], [int(i) for i in held]) for train, held in cuts]


class Pooled:
    """Out-of-fold answers of all folds, in the order of the rows."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows
        self.spam = [row.label == "spam" for row in rows]
        self.scores = [0.0] * len(rows)
        self.probabilities = [0.0] * len(rows)
        self.flagged = [False] * len(rows)
        self.floats: list[float] = [0.0] * len(rows)  # scores by weights before rounding, where a system has them
        self.models: list[tuple[Fitted, list[int]]] = []
        self.draws: list[dict[str, float]] = []  # the figures of each drawing that the intervals are made of

    def add(self, fitted: Fitted, held: list[int]) -> None:
        """Take in what a system says of the rows held out."""
        texts = [self.rows[i].text for i in held]
        scores, probabilities = fitted.judge(texts)
        for i, score, probability in zip(held, scores, probabilities, strict=True):
            self.scores[i], self.probabilities[i] = score, probability
            self.flagged[i] = score >= fitted.cutoff
        if fitted.judge_floats:
            for i, score in zip(held, fitted.judge_floats(texts), strict=True):
                self.floats[i] = score
        self.models.append((fitted, held))

    def figures(self, spans: bool = True) -> dict[str, Any]:
        """Measure all that was taken in."""
        ranking = metrics.Ranking(self.scores, self.spam)
        found: dict[str, Any] = {
            "messages": len(self.rows),
            "spam": sum(self.spam),
            **metrics.rates(metrics.confusion(self.flagged, self.spam)),
            **ranked(ranking),
            "ece": metrics.ece(self.probabilities, self.spam),
            "brier": metrics.brier(self.probabilities, self.spam),
        }
        if all(fitted.judge_floats for fitted, _ in self.models):
            found["float"] = ranked(metrics.Ranking(self.floats, self.spam))
        if spans:
            found["intervals"] = self.draw_intervals(ranking)
        return found

    def draw_intervals(self, ranking: metrics.Ranking) -> dict[str, Any]:
        """Draw the rows anew, near-copies together, and give the figures' 95 % intervals."""

        def measure(weights: Sequence[int]) -> dict[str, float]:
            self.draws.append({"auc": ranking.auc(weights), "recall_at_0.01": ranking.recall_at(0.01, weights)})
            return self.draws[-1]

        groups = clusters([row.text for row in self.rows])
        return intervals.bootstrap(measure, groups, intervals.rounds_for(len(groups)) // 2)


def ranked(ranking: metrics.Ranking) -> dict[str, Any]:
    """Give what needs no cutoff."""
    return {"auc": ranking.auc(), "recall_at_fpr": metrics.recall_at_fpr(ranking, 0, force=True)[0]}


def fold_figures(rows: Sequence[Row], fit: Fit, folds: int, spans: bool = True) -> tuple[dict[str, Any], Pooled]:
    """Run stratified folds and pool them."""
    pooled = Pooled(rows)
    begun = time.perf_counter()
    for number, (training, held) in enumerate(stratified(rows, folds), 1):
        say(f"  fold {number} of {folds}: {len(training):,} messages to learn from")
        pooled.add(fit(training, None), held)
    found = pooled.figures(spans)
    found["seconds"] = round(time.perf_counter() - begun, 1)
    found["size_bytes"] = pooled.models[0][0].size_bytes
    return found, pooled


def p1(fit: Fit, attack: bool) -> dict[str, Any]:
    """SMS Spam Collection, and the attacks on its models."""
    rows = cleaned("sms_spam_collection")
    assert rows is not None
    found, pooled = fold_figures(rows, fit, 5)
    return {"P1": found, **({"P4": p4(pooled)} if attack else {})}


def p4(pooled: Pooled) -> dict[str, Any]:
    """Alter the spam of each held-out fold and a tenth of its ham; the cutoff loses 0.5 % of the unaltered ham.

    A system that is no model file is spared the attacks that look into one.
    """
    ham_rows = [i for i, spam in enumerate(pooled.spam) if not spam]
    attacked = Attacked(
        pooled,
        metrics.Ranking(pooled.scores, pooled.spam).score_at(0.005),
        set(random.Random(0).sample(ham_rows, len(ham_rows) // 10)),
        good_words([pooled.rows[i].text for i in ham_rows], 200_000),
    )
    clean = sum(attacked.is_caught(i) for i in range(len(pooled.rows)) if pooled.spam[i])
    names = ATTACKS if all(fitted.model for fitted, _ in pooled.models) else P4_ATTACKS
    out: dict[str, Any] = {"clean_recall": clean / sum(pooled.spam), "ham": len(attacked.ham)}
    return out | {name: attacked.under(name) for name in names}


class Attacked(NamedTuple):
    """The models of the folds, and what is altered for them."""

    pooled: Pooled
    cutoff: float
    ham: set[int]
    words: list[str]

    def is_caught(self, i: int) -> bool:
        """Say whether a message lies above the cutoff as it is."""
        return self.pooled.scores[i] > self.cutoff

    def under(self, name: str) -> dict[str, Any]:
        """Count what each fold's model says of its own messages, altered."""
        counts: Counter[str] = Counter()
        for fitted, held in self.pooled.models:
            arms = Arms(self.words, fitted.model)
            for kind, rows in self.chosen(name, held).items():
                texts = [alter(name, self.pooled.rows[i].text, arms, 0, i) for i in rows]
                counts[kind] += len(rows)
                counts[f"{kind} clean"] += sum(map(self.is_caught, rows))
                counts[f"{kind} above"] += sum(score > self.cutoff for score in fitted.judge(texts)[0])
        return {
            "spam": counts["spam"],
            "kept": counts["spam above"] / counts["spam clean"],
            "recall": counts["spam above"] / counts["spam"],
            "ham_lost": counts["ham above"] / counts["ham"],
        }

    def chosen(self, name: str, held: Sequence[int]) -> dict[str, list[int]]:
        """Choose the rows of a fold that are altered; few where an attack looks at the weights after every word."""
        most = WHITE_BOX_ROWS if name in WHITE_BOX else len(held)
        spam = [i for i in held if self.pooled.spam[i]]
        return {"spam": spam[:most], "ham": [i for i in held if i in self.ham][:most]}


def p2(fit: Fit, names: Sequence[str], near: bool) -> dict[str, Any]:
    """Leave each source out; ranking, the honest operating point, and calibration on it."""
    out: dict[str, Any] = {}
    draws: dict[str, list[dict[str, float]]] = {}
    for name in names:
        held = cleaned(name)
        assert held is not None
        training = others(name, [*names])
        if near:
            before = len(training)
            training = without_near_copies(training, held)
            say(f"  {before - len(training):,} near-copies of {name} left out")
        say(f"  {name} left out: {len(training):,} messages to learn from, {len(held):,} to measure")
        pooled = Pooled(held)
        pooled.add(fit(training, PROMISE), list(range(len(held))))
        out[name] = pooled.figures()
        draws[name] = pooled.draws
        out[name]["recall"] = out[name]["recall"] or 0.0
        say(f"    AUC {out[name]['auc']:.3f}, recall at 1 % {out[name]['recall_at_fpr']['0.01']:.3f}")
    counted = [name for name in names if name != P2_BESIDE]
    lost = [out[name]["false_positive_rate"] for name in counted]
    out["mean"] = {
        "auc": _mean(out[name]["auc"] for name in counted),
        "recall_at_0.01": _mean(out[name]["recall_at_fpr"]["0.01"] for name in counted),
        "promised_recall": _mean(out[name]["recall"] for name in counted),
        "promised_false_positives": _mean(lost),
        "promised_false_positives_worst": max(lost),
        "ece": _mean(out[name]["ece"] for name in counted),
        "brier": _mean(out[name]["brier"] for name in counted),
    }
    out["mean"]["intervals"] = mean_intervals([draws[name] for name in counted])
    if all("float" in out[name] for name in counted):
        floats = [out[name]["float"]["recall_at_fpr"]["0.01"] for name in counted]
        out["mean"]["float_recall_at_0.01"] = _mean(floats)
    return out


def mean_intervals(draws: Sequence[Sequence[dict[str, float]]]) -> dict[str, Any]:
    """Give the 95 % intervals of the means over sources, each of which is drawn by itself.

    They say how far other messages of the same sources could lead, not what other sources would.
    """
    out = {}
    for name in draws[0][0]:
        means = sorted(map(_mean, zip(*([one[name] for one in source] for source in draws))))  # noqa: B905  the least rounds
        out[name] = [means[int(0.025 * len(means))], means[int(0.975 * len(means))]]
    return out


def p2_ranking(fit: Fit, held_out: str, names: Sequence[str], most: int, judged: int = 0) -> dict[str, Any]:
    """Leave one source out of at most `most` messages of each, and judge at most `judged` of it (0: all).

    Ranking only, so nothing has to be promised.
    """
    rows = cleaned(held_out)
    assert rows is not None
    held = capped(rows, judged)
    training = capped(others(held_out, names), most)
    say(f"  {held_out} left out: {len(training):,} messages to learn from, {len(held):,} to measure")
    begun = time.perf_counter()
    fitted = fit(training, None)
    scores, _ = fitted.judge([row.text for row in held])
    found = ranked(metrics.Ranking(scores, [row.label == "spam" for row in held]))
    found["seconds"] = round(time.perf_counter() - begun, 1)
    say(f"    AUC {found['auc']:.3f}, recall at 1 % {found['recall_at_fpr']['0.01']:.3f}, {found['seconds']} s")
    found |= {"learnt_from": len(training), "messages": len(held), "fit_seconds": round(fitted.fit_seconds, 1)}
    return found


def _mean(values: Any) -> float:
    values = list(values)
    return float(sum(values) / len(values))


def p3(fit: Fit, names: Sequence[str]) -> dict[str, Any]:
    """Five folds in each corpus of another language."""
    out = {}
    for name in names:
        say(f"  {name}")
        rows = cleaned(name)
        assert rows is not None
        out[name] = fold_figures(rows, fit, 5, spans=False)[0]
    return out


def bundled(names: Sequence[str]) -> dict[str, Any]:
    """Measure the model that ships, as it is, on corpora in languages that it did not learn."""
    out = {}
    model = despam.load()
    for name in names:
        say(f"  {name}")
        rows = cleaned(name)
        assert rows is not None
        pooled = Pooled(rows)
        pooled.add(opened(Path(bundled_path())), list(range(len(rows))))
        out[name] = pooled.figures(spans=False)
        sure = [not model.classify(row.text).unsure for row in rows]
        wrong = sum(
            flagged != spam for flagged, spam, known in zip(pooled.flagged, pooled.spam, sure, strict=True) if known
        )
        out[name] |= {"unsure": 1 - sum(sure) / len(rows), "sure_and_wrong": wrong / len(rows)}
    return out


def one_split(training: Sequence[Row], held: Sequence[Row], fit: Fit) -> dict[str, Any]:
    """Fit on one side, measure on the other."""
    pooled = Pooled(held)
    pooled.add(fit(training, None), list(range(len(held))))
    return pooled.figures(spans=False)


def published_splits(fit: Fit, quick: bool) -> dict[str, Any]:
    """Repeat the splits that others published, on the rows as they did and without repeats."""
    out: dict[str, Any] = {}
    for kind, read in (("as published", published), ("without repeats", cleaned)):
        rows = read("sms_spam_collection")
        assert rows is not None
        cut = round(len(rows) * 0.3)
        say(f"  SMS, first 30 % against last 70 %, {kind}")
        out[f"SMS 30/70, {kind}"] = one_split(_in_order(rows[:cut]), rows[cut:], fit)
        rows = read("youtube_spam_collection")
        if rows:
            say(f"  YouTube, ten folds, {kind}")
            out[f"YouTube 10-fold, {kind}"] = fold_figures(rows, fit, 10, spans=False)[0]
        rows = None if quick else read("enron_spam")
        if rows:
            out[f"Enron 2,000 held out, {kind}"] = enron(rows, fit)
    return out


def _in_order(rows: Sequence[Row]) -> list[Row]:
    """Leave repeats out of what is learnt, as `despam train` does."""
    from despam import corpus

    return corpus.distinct(rows).rows


def enron(rows: Sequence[Row], fit: Fit) -> dict[str, Any]:
    """Hold 2,000 random messages out, with five seeds."""
    found = []
    for seed in range(5):
        say(f"  Enron, 2,000 held out, seed {seed}")
        held = set(random.Random(seed).sample(range(len(rows)), 2_000))
        training = _in_order([row for i, row in enumerate(rows) if i not in held])
        found.append(one_split(training, [rows[i] for i in sorted(held)], fit))
    return {"accuracy": _mean(f["accuracy"] for f in found), "accuracies": [f["accuracy"] for f in found]}
