"""What a version says of itself: date, size and key figures, from the first bytes of its file.

Knows where the card stands in a model file (docs/model-file.md) and reads no further, so that a list of a hundred
versions costs a hundred small reads. Refuses to judge: a header that cannot be read leaves the figures empty, the
doctor says why.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from despam.core.tensors import parse_header
from despam.errors import DespamError
from despam.registry.reader import is_sha256, model_path

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from despam.registry.storage import Listed, Storage

FIRST_BYTES = 64 << 10  # holds the whole header of an ordinary model
HEADER_LIMIT_BYTES = 4 << 20
FIGURES = ("accuracy", "precision", "recall", "f1", "auc", "false_positive_rate")


@dataclass(frozen=True)
class Version:
    """A stored version."""

    version: str
    sha256: str
    published: datetime
    size_bytes: int
    live: bool
    card: dict[str, Any] = field(repr=False)

    @property
    def figures(self) -> dict[str, Any]:
        """The key figures, of held-out messages."""
        known = self.card.get("figures")
        measured = known.get("out_of_fold") if isinstance(known, dict) else None
        if not isinstance(measured, dict):
            split = known.get("split") if isinstance(known, dict) else None  # the recipe tfidf's
            measured = {"accuracy": split.get("test_accuracy")} if isinstance(split, dict) else {}
        found = {name: measured[name] for name in FIGURES if isinstance(measured.get(name), int | float)}
        caught = measured.get("recall_at_fpr")
        if isinstance(caught, dict):
            found["recall_at_fpr"] = {name: value for name, value in caught.items() if isinstance(value, int | float)}
        return found

    def to_json(self) -> dict[str, Any]:
        """Give what `despam versions --json` prints of it."""
        kept = ("name", "created", "recipe", "messages", "spam", "ham")
        return {
            "version": self.version,
            "sha256": self.sha256,
            "published": self.published.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "size_bytes": self.size_bytes,
            "live": self.live,
            **{name: self.card[name] for name in kept if name in self.card},
            "figures": self.figures,
        }


def stored(storage: Storage) -> dict[str, Listed]:
    """List the stored versions by full hash."""
    found = {}
    for listed in storage.list("models"):
        sha256 = listed.path.removeprefix("models/").removesuffix(".safetensors")
        if is_sha256(sha256) and listed.path == model_path(sha256):
            found[sha256] = listed
    return found


def describe(storage: Storage, objects: dict[str, Listed], live: str) -> list[Version]:
    """Read the cards of versions; the newest first."""
    cards = dict(zip(objects, _cards(storage, objects.values()), strict=True))
    found = [
        Version(sha256[:12], sha256, listed.modified, listed.size_bytes, sha256 == live, cards[sha256])
        for sha256, listed in objects.items()
    ]
    return sorted(found, key=lambda one: (one.published, one.sha256), reverse=True)


def _cards(storage: Storage, objects: Iterable[Listed]) -> list[dict[str, Any]]:
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda listed: read_card(storage, listed), objects))


def read_card(storage: Storage, listed: Listed) -> dict[str, Any]:
    """Read the card out of a stored model; empty when the file is broken."""
    start = storage.get_start(listed.path, 0, min(FIRST_BYTES, listed.size_bytes)) if listed.size_bytes else b""
    length = int.from_bytes(start[:8], "little")
    if len(start) < 10 or length > min(HEADER_LIMIT_BYTES, listed.size_bytes - 8):
        return {}
    if len(start) < 8 + length:
        start += storage.get_start(listed.path, len(start), 8 + length - len(start))
    try:
        metadata = parse_header(start[8 : 8 + length], listed.path).get("__metadata__")
        card = json.loads(metadata["card"]) if isinstance(metadata, dict) else None
    except (DespamError, KeyError, TypeError, ValueError, RecursionError):
        return {}
    return card if isinstance(card, dict) else {}
