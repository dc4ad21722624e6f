"""One change of the live version: number, who, when, from, to, why.

Knows how an entry is written, both as an object of the history and inside the pointer, and how a pointer written by
hand is taken for an entry. Knows nothing of storage.

Invariant: two entries are the same change exactly when their ids are equal; an id is random, so no two promotions share
one.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from despam.core.digest import sha256_hex
from despam.registry.reader import is_intact, is_sha256, seal

if TYPE_CHECKING:
    from despam.registry.reader import Pointer

FORMAT = "despam-registry-1"
BY_HAND = "by hand"
LONGEST = 500  # characters of who and why


@dataclass(frozen=True)
class Entry:
    """One change of the live version."""

    number: int
    id: str
    action: str  # promote | rollback | by hand
    when: str  # ISO 8601, UTC
    who: str
    why: str
    before: str | None  # the full hash that was live; None for the first
    after: str  # the full hash that is live from now on
    previous: int | None  # the entry that a rollback goes back to

    @property
    def version(self) -> str:
        """The version made live."""
        return self.after[:12]

    @property
    def path(self) -> str:
        """The object of this entry."""
        return f"history/{self.number:08d}.json"

    def to_history(self) -> bytes:
        """Write the object of the history: the same bytes for the same entry, always."""
        return seal({"format": FORMAT, **asdict(self)})

    def to_pointer(self) -> bytes:
        """Write the live pointer, which carries the whole entry."""
        return seal({"format": FORMAT, "version": self.version, "sha256": self.after, "entry": asdict(self)})


def read_entry(body: object) -> Entry | None:
    """Check the fields of an entry; None when it is none."""
    if not isinstance(body, dict):
        return None
    fields = {name: body.get(name) for name in Entry.__dataclass_fields__}
    texts = all(isinstance(fields[name], str) for name in ("id", "action", "when", "who", "why"))
    hashes = is_sha256(fields["after"]) and (fields["before"] is None or is_sha256(fields["before"]))
    numbers = _is_number(fields["number"]) and (fields["previous"] is None or _is_number(fields["previous"]))
    return Entry(**fields) if texts and hashes and numbers and fields["id"] else None  # type: ignore[arg-type]


def _is_number(value: object) -> bool:
    return type(value) is int and 0 < value < 10**8


def parse_entry(data: bytes) -> Entry | None:
    """Read the object of an entry; None when it is none, or not as it was written."""
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return read_entry(body) if isinstance(body, dict) and is_intact(body) else None


def entry_of(pointer: Pointer) -> Entry | None:
    """Give the entry that a pointer carries; None when the pointer was written by hand."""
    entry = read_entry(pointer.body.get("entry")) if pointer.intact else None
    return entry if entry is not None and entry.after == pointer.sha256 else None


def adopt(pointer: Pointer, last: Entry | None, number: int) -> Entry:
    """Take a pointer that a hand wrote or put back for an entry: the same one, whoever finds it.

    `last` is the history's newest entry, `number` its number; where that is this adoption already, it is the answer.
    """
    if last is not None and last.id == _identity(pointer, number):
        return last
    modified = pointer.found.modified
    when = modified.strftime("%Y-%m-%dT%H:%M:%SZ") if modified else ""
    why = "the pointer was put back or written without despam"
    before, previous = (last.after, last.number) if last else (None, None)
    if last is not None and last.after == pointer.sha256:
        previous = last.previous  # the same version: a rollback must lead away from it
    identity = _identity(pointer, number + 1)
    return Entry(number + 1, identity, BY_HAND, when, "unknown", why, before, pointer.sha256, previous)


def _identity(pointer: Pointer, number: int) -> str:
    """Make an id that two finders agree on; by the number too, since the same pointer may be put back twice."""
    return sha256_hex(b"%d#%b" % (number, pointer.found.data))[:32]
