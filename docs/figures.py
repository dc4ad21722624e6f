"""Writes the README's table of figures from docs/benchmarks, so that it shows what the last runs gave.

Knows which figures of which run are shown, and where they stand in the README. Computes none: `make bench` and `make
accuracy-peers` do. Run by generate.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- figures: made by docs/generate.py from docs/benchmarks -->\n", "<!-- end of figures -->\n"
WORDS_CHARACTERS = "scikit-learn, words + characters"
SHOWN = {
    "despam": "despam",
    "scikit-learn, the tutorial's recipe": "the tutorial's scikit-learn",
    WORDS_CHARACTERS: "scikit-learn, words + characters",
    "fastText": "fastText",
    "MiniLM + logistic regression": "MiniLM",
}

Figures = dict[str, Any]  # of one system in one run


def readme_page() -> str:
    """Give the README with the table of today's figures."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.sub(f"(?<={re.escape(BEGIN)}).*(?={re.escape(END)})", lambda _: f"\n{table()}\n", text, flags=re.DOTALL)


def table() -> str:
    """Give the table."""
    peers, speed = read("accuracy-peers.json"), read("speed.json")["systems"]
    rows: list[tuple[str, Figures, Callable[[Figures], str]]] = [
        ("spam caught at 1 % lost, on sources left out (mean of eight)", peers, caught_elsewhere),
        ("the same inside the SMS Spam Collection", peers, lambda found: f"{found['P1']['recall_at_fpr']['0.01']:.1%}"),
        ("the same, taught a little of a mix of SMS and mail", speed, lambda found: f"{found['recall at 1 %']:.0%}"),
        ("a warm SMS", speed, lambda found: microseconds(found["SMS p50 us"])),
        ("first verdict of a new process", speed, lambda found: f"{found['first verdict ms']:,.0f} ms"),
        ("a second of bulk mail, one thread", speed, lambda found: f"{found['bulk MB/s']:.2g} MB"),
        ("installed, without the model", speed, lambda found: f"{found['package bytes'] / 1e6:,.0f} MB"),
    ]
    lines = [f"| | {' | '.join(SHOWN.values())} |", "|---|" + "--:|" * len(SHOWN)]
    lines += [f"| {name} | {' | '.join(show(found[system]) for system in SHOWN)} |" for name, found, show in rows]
    return "\n".join(lines) + "\n"


def caught_elsewhere(found: Figures) -> str:
    """Give the mean of the sources left out; Telegram groups are learnt from and not in the mean."""
    sources = {name: one for name, one in found["P2"]["sources"].items() if name != "telegram_groups"}
    return f"{sum(one['recall_at_fpr']['0.01'] for one in sources.values()) / len(sources):.0%}"


def microseconds(found: float) -> str:
    """Write a time that may be one of many sizes."""
    return f"{found:.0f} us" if found < 1000 else f"{found / 1000:,.1f} ms"


def read(name: str) -> dict[str, Any]:
    """Read one run's figures."""
    found: dict[str, Any] = json.loads((ROOT / "docs" / "benchmarks" / name).read_text(encoding="utf-8"))
    return found
