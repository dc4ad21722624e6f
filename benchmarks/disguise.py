"""Try disguised copies in training: P4's attacks on sources that P4 is not measured on, through exported files.

    python benchmarks/disguise.py                                          the recipe, and without copies
    python benchmarks/disguise.py --only leet_copies=0.4,0.1 word_copies=0,0    settings as NAME=HAM,SPAM, each alone

For choosing shares of copies (train/copies.py), five-fold; what is chosen is measured by `accuracy.py --only P1,P4`.
Each attack shows the recall kept and the ham lost.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import accuracy_protocols
import accuracy_systems
from accuracy_rows import cleaned

from despam import train
from despam.corpus import Row
from despam.train.recipe import Settings

CHOOSING = ("sms_india", "youtube_spam_collection", "sms_indonesian")
NONE = {"leet_copies": (0.0, 0.0), "marked_copies": (0.0, 0.0), "word_copies": (0.0, 0.0)}


def main() -> None:
    """Measure each variant on each source."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--sources", nargs="+", default=CHOOSING)
    arguments.add_argument("--only", nargs="*", default=None, metavar="NAME=HAM,SPAM")
    options = arguments.parse_args()
    variants = {"the recipe": Settings()}
    if options.only is None:
        variants["no copies"] = replace(Settings(), **NONE)
    for move in options.only or ():
        name, _, shares = move.partition("=")
        ham, spam = map(float, shares.split(","))
        variants[move] = replace(Settings(), **{name: (ham, spam)})
    for label, settings in variants.items():
        for name in options.sources:
            if rows := cleaned(name):
                print(f"{label:26} {name:24} {measure(rows, settings)}", flush=True)
            else:
                print(f"skipped: {name} is not on this machine (set DESPAM_CORPORA)")


def measure(rows: Sequence[Row], settings: Settings) -> str:
    """Give accuracy, 1 - AUC and each attack's figures."""

    def fit(taught: Sequence[Row], promise: float | None) -> accuracy_systems.Fitted:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.safetensors"
            train.train(taught, settings=settings, max_false_positives=promise).save(path)
            return accuracy_systems.opened(path)

    found, pooled = accuracy_protocols.fold_figures(rows, fit, 5, spans=False)
    attacks = accuracy_protocols.p4(pooled)
    shown = " ".join(
        f"{name} {attacks[name]['kept']:.3f}/{attacks[name]['ham_lost']:.4f}" for name in accuracy_protocols.P4_ATTACKS
    )
    return f"accuracy {found['accuracy']:.4f} 1-AUC {1 - found['auc']:.5f} | {shown}"


if __name__ == "__main__":
    main()
