"""Writes the tables of figures in README.md and accuracy.md from docs/benchmarks, and an answer of the bundled model.

Knows which figures of which run are shown, and between which marks they stand. Measures none: `make bench` and `make
accuracy-peers` do. Run by generate.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import despam
from despam.service.answer import write_verdict

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- figures: made by docs/generate.py -->\n", "<!-- end of figures -->\n"
WORDS_CHARACTERS = "scikit-learn, words + characters"
SHOWN = {
    "despam": "despam",
    "scikit-learn, the tutorial's recipe": "the tutorial's scikit-learn",
    WORDS_CHARACTERS: "scikit-learn, words + characters",
    "fastText": "fastText",
    "MiniLM + logistic regression": "MiniLM",
}

Figures = dict[str, Any]  # of one system in one run


def fill(name: str, table: Callable[[], str]) -> str:
    """Give a page with the table of today's figures between its marks."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return re.sub(f"(?<={re.escape(BEGIN)}).*(?={re.escape(END)})", lambda _: f"\n{table()}\n", text, flags=re.DOTALL)


def overview() -> str:
    """Give the README's table: a system a column, its name short."""
    peers, speed = read("accuracy-peers.json"), read("speed.json")["systems"]
    rows: list[tuple[str, Figures, Callable[[Figures], str]]] = [
        ("spam caught at 1 % lost, on sources left out (mean of eight)", peers, caught_elsewhere),
        ("the same inside the SMS Spam Collection", peers, caught_inside),
        ("spam caught at 1 % lost, taught 2,020 messages of SMS and mail", speed, caught_mixed),
        ("a warm SMS", speed, lambda found: microseconds(found["SMS p50 us"])),
        ("first verdict of a new process", speed, lambda found: f"{found['first verdict ms']:,.0f} ms"),
        ("bulk mail in a second, one thread", speed, lambda found: f"{found['bulk MB/s']:.2g} MB"),
        ("installed, without the model", speed, lambda found: f"{found['package bytes'] / 1e6:,.0f} MB"),
    ]
    lines = [f"| | {' | '.join(SHOWN.values())} |", "|---|" + "--:|" * len(SHOWN)]
    lines += [f"| {name} | {' | '.join(show(found[system]) for system in SHOWN)} |" for name, found, show in rows]
    return "\n".join(lines) + "\n"


def peers_table() -> str:
    """Give the table of accuracy.md: a system a line, what it catches against what it costs."""
    systems = {name: found for name, found in read("accuracy-peers.json").items() if "P1" in found}
    lines = [
        "| system | caught at 1 % lost | on sources left out | model | a message |",
        "|---|--:|--:|--:|--:|",
    ]
    for name in sorted(systems, key=lambda name: -mean_elsewhere(systems[name])):
        found, inside = systems[name], systems[name]["P1"]
        size, time = f"{inside['size_bytes'] / 1e6:.1f} MB", microseconds(inside["microseconds"])
        lines.append(f"| {name} | {caught_inside(found)} | {caught_elsewhere(found)} | {size} | {time} |")
    return "\n".join(lines) + "\n"


def caught_inside(found: Figures) -> str:
    """Give what is caught inside the SMS set, of five folds."""
    return f"{found['P1']['recall_at_fpr']['0.01']:.1%}"


def caught_elsewhere(found: Figures) -> str:
    """Write the mean of the sources left out."""
    return f"{mean_elsewhere(found):.1%}"


def caught_mixed(found: Figures) -> str:
    """Give what is caught of the mix of collections that `make bench` learns from."""
    return f"{found['recall at 1 %']:.1%}"


def mean_elsewhere(found: Figures) -> float:
    """Give what is caught on average of the sources left out; Telegram groups are learnt from and not in the mean."""
    sources = [one for name, one in found["P2"]["sources"].items() if name != "telegram_groups"]
    return float(sum(one["recall_at_fpr"]["0.01"] for one in sources)) / len(sources)


def microseconds(found: float) -> str:
    """Write a time that may be one of many sizes."""
    return f"{found:.0f} us" if found < 1000 else f"{found / 1000:,.1f} ms"


def read(name: str) -> dict[str, Any]:
    """Read one run's figures."""
    found: dict[str, Any] = json.loads((ROOT / "docs" / "benchmarks" / name).read_text(encoding="utf-8"))
    return found


def answer() -> str:
    """Give what the API says of one text with the bundled model."""
    text = "WIN a free iPhone now"
    found = json.loads(write_verdict(text, despam.load().classify(text)))
    found |= {name: round(found[name], 3) for name in ("spam_probability", "score", "cutoff")}
    return "```json\n" + json.dumps(found).replace(', "score"', ',\n "score"') + "\n```\n"


PAGES = {
    "docs/reference/http.md": partial(fill, "docs/reference/http.md", answer),
    "README.md": partial(fill, "README.md", overview),
    "docs/accuracy.md": partial(fill, "docs/accuracy.md", peers_table),
}
