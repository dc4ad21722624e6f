"""The systems on sources they did not learn from, as a table: one row a source, one column a system.

Knows P2's results of accuracy_peers.py, and which of the systems are scikit-learn's: a source on which despam is below
one of them is marked. Refuses to know how anything was measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

US = "despam"
SKLEARN = {
    "scikit-learn, the tutorial's recipe": "tutorial",
    "scikit-learn, words + characters": "words + characters",
    "NB-SVM": "NB-SVM",
}
Sources = dict[str, dict[str, Any]]  # of one system: source -> figures


def unseen_page(results: dict[str, Any]) -> list[str]:
    """Give the section; empty where no system was measured on unseen sources."""
    runs = {name: found["P2"] for name, found in results.items() if found.get("P2")}
    if not runs:
        return []
    # systems that learnt from other rows do not belong beside each other
    most = runs[US]["most"] if US in runs else next(iter(runs.values()))["most"]
    systems = {name: run["sources"] for name, run in runs.items() if run["most"] == most}
    whole = "all messages" if not most else f"at most {most:,} messages"
    return [
        "## Each source left out",
        "",
        f"P2: learnt from {whole} of each other source (Telegram groups among them), drawn once and the same for every",
        "system; measured on all messages of the source. Recall at 1 % of its real messages lost, and AUC in brackets.",
        "The last column marks the sources on which despam is below a system made with scikit-learn: how far below the",
        "best of them, and which that is.",
        "",
        *table(systems),
        *(
            f"\n{name} was measured on at most {run['judged']:,} messages of each source."
            for name, run in runs.items()
            if name in systems and run.get("judged")
        ),
        *(f"\nLeft out: {name}, which last learnt from other rows." for name in runs if name not in systems),
        "",
        "Measured: " + ", ".join(f"{short(name)} {runs[name]['date']}" for name in systems) + ".",
    ]


def table(systems: dict[str, Sources]) -> Iterator[str]:
    """Give the lines of the table; a system that was stopped on the way has empty cells and no mean."""
    names = sorted({source for sources in systems.values() for source in sources})
    heads = list(map(short, systems))
    yield f"| source | {' | '.join(heads)} | despam below scikit-learn |"
    yield f"|---|{'--:|' * len(heads)}---|"
    for source in names:
        row = {name: sources[source] for name, sources in systems.items() if source in sources}
        cells = [cell(row[name]) if name in row else "" for name in systems]
        yield f"| {source} | {' | '.join(cells)} | {below(row)} |"
    means = {name: mean(list(sources.values())) for name, sources in systems.items() if len(sources) == len(names)}
    cells = [cell(means[name]) if name in means else "" for name in systems]
    yield f"| mean of {len(names)} | {' | '.join(cells)} | {below(means)} |"


def short(name: str) -> str:
    """Name a system in a column's head."""
    return SKLEARN.get(name, name)


def cell(found: dict[str, Any]) -> str:
    """Write recall at 1 %, and AUC."""
    return f"{recall(found):.3f} ({found['auc']:.3f})"


def recall(found: dict[str, Any]) -> float:
    """Give recall at 1 %."""
    return float(found["recall_at_fpr"]["0.01"])


def mean(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Give the mean of sources, each counted once."""
    return {
        "auc": sum(one["auc"] for one in found) / len(found),
        "recall_at_fpr": {"0.01": sum(map(recall, found)) / len(found)},
    }


def below(row: dict[str, dict[str, Any]]) -> str:
    """Say where despam is below the best scikit-learn system, by recall and by AUC; empty where it is not."""
    theirs = {SKLEARN[name]: found for name, found in row.items() if name in SKLEARN}
    if US not in row or not theirs:
        return ""
    told = []
    for what, value in (("recall", recall), ("AUC", lambda found: found["auc"])):
        best = max(theirs, key=lambda name: value(theirs[name]))
        if (gap := value(theirs[best]) - value(row[US])) > 0:
            told.append(f"**{what} -{gap:.3f}** ({best})")
    return ", ".join(told)
