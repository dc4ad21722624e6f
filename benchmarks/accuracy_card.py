"""The figures of all protocols as the bundled model's card carries them, a group a protocol and a line a source.

Knows the results of accuracy.py and the names that `despam inspect` and the page can show. The bundled model is trained
on all its sources, so what it does on messages of theirs that it has not seen only other models of its recipe can tell;
the names say so. Its own are the figures in languages that it did not learn. What training took is measured apart and
stands in the card from then on: a training that timed itself would give other bytes each time.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from despam.evaluate.metrics import HAM_NEEDED

OWN = "this model, in languages it did not learn"
OTHERS = "other models of this recipe"
KEPT = (
    "accuracy", "precision", "recall", "f1", "auc", "false_positive_rate", "ece", "brier", "unsure", "sure_and_wrong",
)  # fmt: skip


def line(found: dict[str, Any]) -> dict[str, Any]:
    """Keep the usual figures, to four digits; recall only at rates that so many real messages can carry."""
    out: dict[str, Any] = {key: round(found[key], 4) for key in KEPT if isinstance(found.get(key), float)}
    ham = found["messages"] - found["spam"]
    if recalls := found.get("recall_at_fpr"):
        out["recall_at_fpr"] = {
            rate: round(value, 4)
            for rate, value in recalls.items()
            if value is not None and ham >= HAM_NEEDED.get(float(rate), 0)
        }
    return out


def card_figures(result: dict[str, Any]) -> dict[str, Any]:
    """Give one group a protocol: how it was measured -> on what -> figures."""
    inside = {"sms_spam_collection": result["P1"]} if "P1" in result else {}
    groups = {
        OWN: lines(result.get("bundled", {})),
        f"{OTHERS}, five folds of one collection": lines(inside | result.get("P3", {})),
        f"{OTHERS}, a collection left out": lines(result.get("P2", {})),
        f"{OTHERS}, a collection left out with its near-copies": lines(result.get("P2 without near-copies", {})),
    }
    attacked = {name: found for name, found in result.get("P4", {}).items() if isinstance(found, dict)}
    for figure, words in (("kept", "of the spam caught, still caught"), ("ham_lost", "real messages lost")):
        groups[f"{OTHERS}, SMS disguised: {words}"] = {n: round(found[figure], 4) for n, found in attacked.items()}
    training = {"training": result["training"]} if "training" in result else {}
    return {name: found for name, found in groups.items() if found} | training


def lines(sources: dict[str, Any]) -> dict[str, Any]:
    """Give one line a source, and the mean of them where there is one."""
    found = {source: line(one) for source, one in sources.items() if source != "mean"}
    if mean := sources.get("mean"):
        found["mean"] = {
            "auc": round(mean["auc"], 4),
            "recall": round(mean["promised_recall"], 4),
            "false_positive_rate": round(mean["promised_false_positives"], 4),
            "ece": round(mean["ece"], 4),
            "recall_at_fpr": {"0.01": round(mean["recall_at_0.01"], 4)},
        }
    return found


def write_card(result: dict[str, Any], path: Path) -> None:
    """Write what `make model` puts into the card."""
    path.write_text(json.dumps(card_figures(result), indent=1) + "\n", encoding="utf-8")
