"""`python -m despam.train.bundled` (`make model`) makes the model that ships, and its card.

Knows which corpora may be learnt from for weights that are passed on (data/README.md) and where they lie.
Everything else is the default recipe. Where the larger corpora are missing it stops and says so: a bundled model of
less would be another product.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from despam import corpus
from despam.core.model import bundled_path
from despam.errors import TrainingError
from despam.train.training import TrainedModel, train

LICENCES = {
    "sms_spam_collection": "CC BY 4.0",
    "sms_smishing_mishra_soni": "CC BY 4.0",
    "sms_india": "MIT",
    "telegram_groups": "MIT",
    "telegram_russian": "MIT",
    "spamassassin": "CC0 1.0 (contents), PDDL 1.0 (data base)",
    "enron_spam": "published for free use",
    "youtube_spam_collection": "CC BY 4.0",
}
LIMITS = [
    "Learnt from English, Russian and some Hinglish messages of 1999 to 2026. In other languages most messages are "
    "`unsure`, nearly all where the script is another one; do not decide by what it says of them.",
    "E-mail in the data is old (1999 to 2005): newer mail looks different. Retrain on your own messages.",
    "Text only: no sender, no headers, no attachments, no links followed.",
    "On a source it has not seen it loses more real messages than on its own (docs/accuracy.md).",
]
INTENDED_USE = [
    "A first verdict on short messages by strangers (contact forms, comments, SMS, chat, mail) in English or Russian, "
    "until there are messages of your own to retrain on.",
    "Sorting: what is unsure goes to a person, and spam is kept where it can be looked at.",
]
UNSUITABLE_USE = [
    "Deleting mail or blocking people without anybody looking: on messages from elsewhere real ones are lost.",
    "Telling phishing, hate or other harm from honest messages: it learnt only what people called spam.",
    "Judging people, or the only safeguard against an attacker who can try messages until one passes.",
]


def main() -> None:
    """Train on the allowed corpora and write the bundled model and its card."""
    paths = find_sources()
    kept = corpus.distinct(corpus.read(paths))
    sys.stderr.write(
        f"{kept.read:,} messages, {kept.repeats:,} repeats and {kept.conflict_rows:,} conflicting ones left out\n"
    )
    model = train(kept.rows, card=base_card(paths))
    model.save(bundled_path())
    write_card(model, Path(bundled_path()).with_suffix(".json"))


def find_sources() -> list[str]:
    """Find all allowed corpora. Raises TrainingError where one is missing."""
    found = {name: corpus.find_corpus(name) for name in LICENCES}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        raise TrainingError(
            f"the corpora {', '.join(missing)} are missing; set DESPAM_CORPORA to the folder that holds them"
        )
    return [str(path) for path in found.values()]


def base_card(paths: list[str]) -> dict[str, Any]:
    """Say what the bundled model is."""
    # a fixed day where the build asks for one, so that the same data give the same bytes on any day
    day = os.environ.get("DESPAM_MODEL_DATE") or datetime.datetime.now(datetime.UTC).date().isoformat()
    figures = protocol_figures()
    # measured by `make accuracy` in a run of its own: a training that timed itself would give other bytes each time
    cost = figures.pop("training", None)
    return {
        "name": "despam bundled",
        "created": day,
        "languages": ["en", "ru"],
        "limits": LIMITS,
        "intended_use": INTENDED_USE,
        "unsuitable_use": UNSUITABLE_USE,
        "figures": figures,
        **({"training": cost} if cost else {}),
        "data": [
            {
                "name": Path(path).name.split(".")[0],
                "sha256": digest(path),
                "licence": LICENCES[Path(path).name.split(".")[0]],
            }
            for path in sorted(paths, key=lambda path: Path(path).name)
        ],
    }


def protocol_figures() -> dict[str, Any]:
    """Read what `make accuracy` measured of this recipe on messages that its models had not seen; empty without it."""
    root = corpus.repository()
    path = root / "docs" / "benchmarks" / "card.json" if root else None
    figures: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path and path.is_file() else {}
    return figures


def digest(path: str) -> str:
    """Give the SHA-256 of a file."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_card(model: TrainedModel, path: Path) -> None:
    """Write the card beside the model, for people."""
    opened = model.open()
    card = {
        "version": opened.version,
        "sha256": opened.sha256,
        "size_bytes": opened.size_bytes,
        "cutoff": opened.cutoff,
    }
    path.write_text(
        json.dumps(card | model.card, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
