"""The figures of all protocols as the bundled model's card carries them: one flat line a protocol and source.

Knows the results of accuracy.py and the names that `despam inspect` and the page can show. The bundled model is trained
on all its sources, so these are figures of its recipe on messages that each model had not seen. What training took is
measured apart and stands in the card from then on: a training that timed itself would give other bytes each time.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

KEPT = ("accuracy", "precision", "recall", "f1", "auc", "false_positive_rate", "ece", "brier")


def line(found: dict[str, Any]) -> dict[str, Any]:
    """Keep the usual figures, to four digits."""
    out: dict[str, Any] = {key: round(found[key], 4) for key in KEPT if isinstance(found.get(key), float)}
    if recalls := found.get("recall_at_fpr"):
        out["recall_at_fpr"] = {rate: round(value, 4) for rate, value in recalls.items() if value is not None}
    return out


def card_figures(result: dict[str, Any]) -> dict[str, Any]:
    """Give one entry a protocol and source."""
    out: dict[str, Any] = {}
    if "P1" in result:
        out["P1 SMS in five folds"] = line(result["P1"])
    for key, name in (("P2", "left out"), ("P2 without near-copies", "left out, without near-copies")):
        for source, found in result.get(key, {}).items():
            if source == "mean":
                out[f"P2 mean of sources {name}"] = {
                    "auc": round(found["auc"], 4),
                    "recall": round(found["promised_recall"], 4),
                    "false_positive_rate": round(found["promised_false_positives"], 4),
                    "ece": round(found["ece"], 4),
                    "recall_at_fpr": {"0.01": round(found["recall_at_0.01"], 4)},
                }
            elif key == "P2":
                out[f"P2 {source} {name}"] = line(found)
    for source, found in result.get("P3", {}).items():
        out[f"P3 {source} in five folds"] = line(found)
    attacked = {name: found for name, found in result.get("P4", {}).items() if isinstance(found, dict)}
    if attacked:
        out["P4 share of caught spam kept when disguised"] = {n: round(f["kept"], 4) for n, f in attacked.items()}
        out["P4 share of real messages lost when disguised"] = {n: round(f["ham_lost"], 4) for n, f in attacked.items()}
    if "training" in result:
        out["training"] = result["training"]
    return out


def write_card(result: dict[str, Any], path: Path) -> None:
    """Write what `make model` puts into the card."""
    path.write_text(json.dumps(card_figures(result), indent=1, sort_keys=True) + "\n", encoding="utf-8")
