"""The accuracy protocols P1 to P5, every figure through the exported file and the core.

    python benchmarks/accuracy.py [--quick] [--only P1,P2,...] [--peers]

P1  SMS Spam Collection, five stratified folds, pooled           P4  attacks on P1's models
P2  one source left out; as it is, and without near-copies       P5  calibration on P2's sources
P3  five folds in six other corpora and languages                X   what others published: SMS 30/70, Enron, YouTube

Prints a table with the targets, and writes docs/benchmarks/accuracy.json, accuracy.md and card.json (for `make model`).
Corpora that are not on this machine are named and skipped. No held-out part chooses anything: cutoffs come from
training's own out-of-fold scores.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import sys
import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy: every system is timed on one thread

from accuracy_card import write_card
from accuracy_rows import P2_BESIDE, P2_SOURCES, P3_SOURCES, cleaned, missing, others, published, without_near_copies
from accuracy_systems import Fit, Fitted, cores, despam_file, peers

from despam.corpus import Row
from despam.evaluate import intervals, metrics
from despam.evaluate.attacks import Arms, alter, good_words
from despam.evaluate.repeats import clusters

OUT = Path(__file__).resolve().parents[1] / "docs" / "benchmarks"
P4_ATTACKS = ("look-alikes", "zero-width", "spaced", "full-width", "leet", "swaps-10", "good-words-50")
FLOORS = (0.998, 0.998, 0.985, 0.998, 0.995, 0.985, 0.95)
PROMISE = 0.01


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
        self.models: list[tuple[Fitted, list[int]]] = []

    def add(self, fitted: Fitted, held: list[int]) -> None:
        scores, probabilities = fitted.judge([self.rows[i].text for i in held])
        for i, score, probability in zip(held, scores, probabilities, strict=True):
            self.scores[i], self.probabilities[i] = score, probability
            self.flagged[i] = score >= fitted.cutoff
        self.models.append((fitted, held))

    def figures(self, spans: bool = True) -> dict[str, Any]:
        ranking = metrics.Ranking(self.scores, self.spam)
        found: dict[str, Any] = {
            "messages": len(self.rows),
            "spam": sum(self.spam),
            **metrics.rates(metrics.confusion(self.flagged, self.spam)),
            "auc": ranking.auc(),
            "recall_at_fpr": metrics.recall_at_fpr(ranking, 0, force=True)[0],
            "ece": metrics.ece(self.probabilities, self.spam),
            "brier": metrics.brier(self.probabilities, self.spam),
        }
        if spans:
            groups = clusters([row.text for row in self.rows])
            found["intervals"] = intervals.bootstrap(
                lambda w: {"auc": ranking.auc(w), "recall_at_0.01": ranking.recall_at(0.01, w)},
                groups,
                intervals.rounds_for(len(groups)) // 2,
            )
        return found


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
    """Alter the spam of each held-out fold and a tenth of its ham; the cutoff loses 0.5 % of the unaltered ham."""
    threshold = metrics.Ranking(pooled.scores, pooled.spam).score_at(0.005)
    clean = sum(s > threshold for s, spam in zip(pooled.scores, pooled.spam, strict=True) if spam)
    ham_rows = [i for i, spam in enumerate(pooled.spam) if not spam]
    tenth = set(random.Random(0).sample(ham_rows, len(ham_rows) // 10))
    arms = Arms(good_words([pooled.rows[i].text for i in ham_rows], 200_000))
    out: dict[str, Any] = {"clean_recall": clean / sum(pooled.spam), "ham": len(tenth)}
    for name in P4_ATTACKS:
        caught = lost = 0
        for fitted, held in pooled.models:
            for wanted in (True, False):
                chosen = [i for i in held if pooled.spam[i] == wanted and (wanted or i in tenth)]
                scores = fitted.judge([alter(name, pooled.rows[i].text, arms, 0, i) for i in chosen])[0]
                above = sum(score > threshold for score in scores)
                caught, lost = (caught + above, lost) if wanted else (caught, lost + above)
        out[name] = {"kept": caught / clean, "recall": caught / sum(pooled.spam), "ham_lost": lost / len(tenth)}
    return out


def p2(fit: Fit, names: Sequence[str], near: bool) -> dict[str, Any]:
    """Leave each source out; ranking, the honest operating point, and calibration on it."""
    out: dict[str, Any] = {}
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
        out[name] = pooled.figures(spans=False)
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
    return out


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


# ---- what is printed


def rows_of(result: dict[str, Any]) -> list[tuple[str, str, str, bool | None]]:
    """Give (what, figure, target, reached) of each line of the table."""
    lines: list[tuple[str, str, str, bool | None]] = []

    def add(what: str, value: float, target: float | None, least: bool = True, digits: int = 4) -> None:
        reached = None if target is None else value >= target if least else value <= target
        sign = "" if target is None else f"{'>=' if least else '<='} {target:g}"
        lines.append((what, f"{value:.{digits}f}", sign, reached))

    if one := result.get("P1"):
        add("P1 accuracy", one["accuracy"], 0.9935)
        add("P1 F1", one["f1"], 0.972)
        add("P1 1-AUC %", 100 * (1 - one["auc"]), 0.28, least=False)
        add("P1 recall at 1 %", one["recall_at_fpr"]["0.01"], 0.975)
        add("P1 recall at 0.1 %", one["recall_at_fpr"]["0.001"], 0.945)
    for key, name in (("P2", "as it is"), ("P2 without near-copies", "without near-copies")):
        if two := result.get(key):
            mean = two["mean"]
            first = key == "P2"
            add(f"P2 mean AUC, {name}", mean["auc"], 0.955 if first else None, digits=3)
            add(f"P2 mean recall at 1 %, {name}", mean["recall_at_0.01"], 0.70 if first else None, digits=3)
            add(f"P2 promised 1 %: mean lost, {name}", mean["promised_false_positives"], 0.02, False)
            add(f"P2 promised 1 %: worst lost, {name}", mean["promised_false_positives_worst"], 0.05, False)
            add(f"P2 promised 1 %: mean recall, {name}", mean["promised_recall"], 0.55, digits=3)
            add(f"P5 mean ECE, {name}", mean["ece"], 0.06, False)
            for source, found in two.items():
                if source != "mean":
                    promised = f"{found['recall']:.3f} at {found['false_positive_rate']:.4f} lost"
                    told = f"AUC {found['auc']:.3f}, promised: {promised}"
                    lines.append((f"   {source}, {name}", f"{found['recall_at_fpr']['0.01']:.3f}", told, None))
    best = {"sms_turkish": 1.0, "sms_indonesian": 0.911, "sms_chinese": 0.760, "telegram_chinese": 0.848,
            "telegram_russian": 0.950, "facebook_vietnamese": 0.827}  # fmt: skip
    for source, found in result.get("P3", {}).items():
        add(
            f"P3 {source}: recall at 1 % (AUC {found['auc']:.4f})",
            found["recall_at_fpr"]["0.01"],
            best[source],
            digits=3,
        )
    for name, floor in zip(P4_ATTACKS, FLOORS, strict=True):
        if found := result.get("P4", {}).get(name):
            add(f"P4 {name}: recall kept", found["kept"], floor, digits=3)
            add(f"P4 {name}: ham lost", found["ham_lost"], 0.01, False)
    for name, found in result.get("X", {}).items():
        target = {"SMS": 0.985, "Enr": 0.993, "You": 0.96}[name[:3]]
        add(f"{name}: accuracy", found["accuracy"], target if "as published" in name else None)
        if name.startswith("SMS"):
            add(f"{name}: ham blocked", found["false_positive_rate"], 0.002 if "as published" in name else None, False)
    return lines


def show(result: dict[str, Any]) -> None:
    """Print the table."""
    for what, value, target, reached in rows_of(result):
        mark = "" if reached is None else "reached" if reached else "MISSED"
        print(f"{what:66} {value:>8}  {target:14} {mark}")


def machine() -> dict[str, Any]:
    """Say when and on what this ran."""
    return {"date": date.today().isoformat(), "python": platform.python_version(), "cores": cores()}


def keep(result: dict[str, Any], name: str) -> dict[str, Any]:
    """Merge the figures into the JSON of the docs, and give the whole."""
    OUT.mkdir(parents=True, exist_ok=True)
    path = OUT / name
    old = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    whole = {**old, **result, "machine": machine()}
    path.write_text(json.dumps(whole, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return whole


def write_page(result: dict[str, Any], path: Path) -> None:
    """Write the table as a page of the docs."""
    lines = [
        "# Figures",
        "",
        "Made by `make accuracy`; what the protocols are is in [accuracy.md](../accuracy.md), all figures are in",
        "[accuracy.json](accuracy.json). Every figure went through an exported model file and the core.",
        f"{result['machine']['date']}, Python {result['machine']['python']}.",
        "",
        "| what | figure | target | |",
        "|---|--:|---|---|",
    ]
    for what, value, target, reached in rows_of(result):
        mark = "" if reached is None else "reached" if reached else "missed"
        lines.append(f"| {what.strip()} | {value} | {target} | {mark} |")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def protocols(fit: Fit, wanted: Sequence[str], quick: bool) -> dict[str, Any]:
    """Run what was asked for and what there are data for."""
    result: dict[str, Any] = {}
    lacking = set(missing([*P2_SOURCES, P2_BESIDE, *P3_SOURCES]))
    for name in sorted(lacking):
        print(f"skipped: {name} is not on this machine (set DESPAM_CORPORA)")
    small = ("enron_spam", "spamassassin", "ling_spam")
    sources = [n for n in [*P2_SOURCES, P2_BESIDE] if n not in lacking and not (quick and n in small)]
    languages = [n for n in P3_SOURCES if n not in lacking and not (quick and n.startswith("tele"))]
    steps: list[tuple[str, Callable[[], dict[str, Any]]]] = [
        ("P1", lambda: p1(fit, attack="P4" in wanted)),
        ("P2", lambda: {"P2": p2(fit, sources, near=False)}),
        ("P2N", lambda: {"P2 without near-copies": p2(fit, sources, near=True)}),
        ("P3", lambda: {"P3": p3(fit, languages)}),
        ("X", lambda: {"X": published_splits(fit, quick)}),
    ]
    for name, run in steps:
        if name in wanted:
            say(name)
            found = run()
            result.update(found)
            if not quick:
                whole = keep(found, "accuracy.json")
                write_page(whole, OUT / "accuracy.md")
                write_card(whole, OUT / "card.json")
    if quick:
        print(
            "--quick: without Enron, SpamAssassin, Ling and Telegram; these figures are for review, not for the record"
        )
    return result


def compare_peers(quick: bool, unseen: bool) -> None:
    """Run P1 (and P2 of the short sources) for every peer on the same splits, and write table and plot."""
    from accuracy_peers import run_peers, write_plot, write_table

    def store(results: dict[str, Any]) -> None:
        if not quick:
            keep(results, "accuracy-peers.json")
            write_plot(results, OUT / "accuracy-peers.svg")
            write_table(results, OUT / "accuracy-peers.md", machine())

    run_peers({"despam": (despam_file, ""), **peers()}, quick, unseen, store)


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small corpora only; writes nothing")
    parser.add_argument("--only", default="P1,P2,P2N,P3,P4,X", help="protocols, with commas between: P1,P2,P2N,P3,P4,X")
    parser.add_argument("--peers", action="store_true", help="the peers on the same splits")
    options = parser.parse_args()
    if options.peers:
        compare_peers(options.quick, "P2" in options.only.split(","))
        return
    wanted = options.only.split(",")
    if "P4" in wanted and "P1" not in wanted:
        wanted.append("P1")
    show(protocols(despam_file, wanted, options.quick))


if __name__ == "__main__":
    main()
