"""The accuracy protocols P1 to P5, every figure through the exported file and the core.

    python benchmarks/accuracy.py [--quick] [--only P1,P2,...]
    python benchmarks/accuracy.py --peers [--quick] [--only P1,P2] [--most N] [--system NAME ...]

P1  SMS Spam Collection, five stratified folds, pooled           P4  attacks on P1's models
P2  one source left out; as it is, and without near-copies       P5  calibration on P2's sources
P3  five folds in six other corpora and languages                X   what others published: SMS 30/70, Enron, YouTube
B   the bundled model as it is, in languages that it did not learn
T   what training the bundled model takes: seconds and energy

Prints a table with the targets, and writes docs/benchmarks/accuracy.json, accuracy.md and card.json (for `make model`).
P1 and P2 measure the float weights before rounding too. Corpora that are not on this machine are named and skipped.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy: every system is timed on one thread

from accuracy_card import write_card
from accuracy_peers import Wanted, compare
from accuracy_protocols import bundled, p1, p2, p3, published_splits, say
from accuracy_report import show, write_page
from accuracy_rows import NOT_LEARNT, P2_BESIDE, P2_SOURCES, P3_SOURCES, missing
from accuracy_systems import Fit, cores, despam_file, peers
from training_cost import bundled_cost

OUT = Path(__file__).resolve().parents[1] / "docs" / "benchmarks"
PARTS = ("P1", "P2", "P2N", "P3", "P4", "X", "B", "T")


def machine() -> dict[str, Any]:
    """Say when and on what this ran."""
    return {"date": date.today().isoformat(), "python": platform.python_version(), "cores": cores()}


def keep(result: dict[str, Any], name: str) -> dict[str, Any]:
    """Merge the figures into the JSON of the docs, each part with its day, and give the whole."""
    OUT.mkdir(parents=True, exist_ok=True)
    path = OUT / name
    old = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    dates = old.get("dates", {}) | dict.fromkeys(result, machine()["date"])
    whole = {**old, **result, "dates": dates, "machine": machine()}
    text = json.dumps(whole, indent=1, sort_keys=True) + "\n"
    path.write_text(text, encoding="utf-8")
    kept: dict[str, Any] = json.loads(text)
    return kept  # in the file's order: a page of a later run has its lines in the same places


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
        ("B", lambda: {"bundled": bundled([name for name in NOT_LEARNT if name in languages])}),
        ("T", lambda: {"training": cost} if not quick and (cost := bundled_cost()) else {}),
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


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small corpora only; writes nothing")
    parser.add_argument("--only", default=",".join(PARTS), help=f"what to run, with commas between: {','.join(PARTS)}")
    parser.add_argument("--peers", action="store_true", help="P1 and P2 for despam and its peers, on the same splits")
    parser.add_argument(
        "--most", type=int, default=1_500, help="--peers: messages of a source that P2 learns from; 0: all"
    )
    parser.add_argument("--system", action="append", default=[], help="--peers: only systems with this in their name")
    options = parser.parse_args()
    wanted = options.only.split(",")
    if unknown := [name for name in wanted if name not in PARTS]:
        parser.error(f"--only takes {', '.join(PARTS)}, not {', '.join(unknown)}")
    if options.peers:
        systems = {"despam": (despam_file, ""), **peers()}
        compare(systems, Wanted(wanted, options.most, options.system, options.quick), OUT, machine())
        return
    if "P4" in wanted and "P1" not in wanted:
        wanted.append("P1")
    show(protocols(despam_file, wanted, options.quick))


if __name__ == "__main__":
    main()
