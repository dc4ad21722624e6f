"""Check every object of a registry, and mend what a crash or a hand left.

Knows what a registry may hold and which of its disagreements have one right answer: those are mended when asked for.
Refuses to guess: a pointer to a version that is not there, or bytes with a wrong hash, are said with the command that
puts them right.

Invariant: mending only ever adds what is known to be right (an entry that the pointer carries, a pointer that the
history ends with) and removes only files that no finished write left behind; it may run while others promote.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from despam.errors import CorruptVersion, DespamError, ModelError, PromotionLost, StorageDown, UnknownVersion
from despam.registry import catalogue, folder
from despam.registry.entry import Entry, entry_of
from despam.registry.reader import POINTER, fetch, model_path, open_checked, read_pointer

if TYPE_CHECKING:
    from despam.registry.reader import Pointer
    from despam.registry.storage import Found, Storage
    from despam.registry.writer import Registry

OLD_SECONDS = 3600  # a half-written file this old belongs to nobody who is still at work


@dataclass(frozen=True)
class Finding:
    """Something about one object."""

    kind: str  # error | left-over | note
    path: str
    what: str
    mended: bool = False

    @property
    def open(self) -> bool:
        """True when somebody has to do something."""
        return self.kind != "note" and not self.mended


def examine(registry: Registry, mend: bool) -> list[Finding]:
    """Check every object, and with `mend` put right what has one right answer."""
    if not registry.storage.folder:
        list(registry.storage.list("models"))  # a bucket that is not there is an error of storage, no finding
    return [*_models(registry), *_history(registry, mend), *_strangers(registry, mend)]


def _models(registry: Registry) -> Iterator[Finding]:
    """Check name, hash and use of every stored version."""
    for sha256 in sorted(catalogue.stored(registry.storage)):
        path = model_path(sha256)
        try:
            open_checked(fetch(registry.storage, sha256, 2), sha256, "")
        except StorageDown:
            raise
        except (CorruptVersion, UnknownVersion) as error:
            yield Finding("error", path, _bare(error, registry))
        except ModelError as error:
            yield Finding("error", path, f"{error}; remove it, or publish it again with a despam that reads it")


def _history(registry: Registry, mend: bool) -> Iterator[Finding]:
    """Check the entries, the pointer, and that they agree; the entries first, since others may promote meanwhile."""
    objects = registry.history_objects()
    entries = [entry for _, entry in objects if entry]
    last = entries[-1] if entries else None
    found, pointer = None, None
    is_too_large = False
    try:
        found = registry.read_pointer_object()
    except CorruptVersion:
        is_too_large = True
    with contextlib.suppress(CorruptVersion):
        pointer = read_pointer(found, registry.url) if found else None
    own = entry_of(pointer) if pointer else None
    broken = [path for path, entry in objects if entry is None and (own is None or own.path != path)]
    yield from (Finding("error", path, "is no entry of the history; restore or remove it") for path in broken)
    yield from _chain(entries)
    if is_too_large:
        yield Finding("error", POINTER, "is far too large for a pointer; remove it, then run this again with --mend")
    elif pointer is not None:
        yield from _pointer(registry, pointer, last, mend)
    elif found is not None:
        yield _put_back(registry, found, last, mend)
    elif last is not None:
        yield _restore_pointer(registry, last, mend)


def _pointer(registry: Registry, pointer: Pointer, last: Entry | None, mend: bool) -> Iterator[Finding]:
    """Check what the pointer names, and that the history ends with it."""
    if pointer.sha256 not in catalogue.stored(registry.storage):
        what = f"names version {pointer.version}, which is not there"
        yield Finding("error", POINTER, f"{what}; publish that model, or `despam promote` another version")
    entry = entry_of(pointer)
    if entry is None:
        yield _adopt(registry, pointer, mend)
    elif last is None or last.number < entry.number:
        if registry.entry_at(entry.number) is None:  # else somebody promotes while we look
            yield _record(registry, entry, mend)
    elif last.id != entry.id:
        what = f"is at entry {entry.number}, the history goes on to {last.number}"
        either = " or ".join(dict.fromkeys((pointer.version, last.version)))
        what += f"; `despam promote` the version that is to be live, {either}"
        yield Finding("error", POINTER, what)


def _chain(entries: list[Entry]) -> Iterator[Finding]:
    """Check that each entry goes on from the one before it."""
    for number, entry in enumerate(entries, 1):
        if entry.number != number and (number == 1 or entries[number - 2].number != entry.number - 1):
            yield Finding("error", entry.path, "an entry before it is missing; restore it from a backup")
    for older, newer in pairwise(entries):
        if newer.before != older.after:
            yield Finding(
                "error",
                newer.path,
                f"says that {(newer.before or 'nothing')[:12]} was live, {older.path} says {older.version}",
            )
        if newer.when and newer.when < older.when:
            yield Finding(
                "note",
                newer.path,
                f"is dated {newer.when}, before entry {older.number}: the clock of {newer.who} was wrong",
            )


def _record(registry: Registry, entry: Entry, mend: bool) -> Finding:
    """Write the entry that only the pointer has, or has whole."""
    what = "a promotion ended before its entry was written"
    finding = Finding("left-over", entry.path, f"{what} ({entry.version}, {entry.who}, {entry.when})")
    if not mend:
        return finding
    if not registry.storage.create(entry.path, entry.to_history()) and registry.entry_at(entry.number) is None:
        registry.storage.replace(entry.path, entry.to_history())  # it is there, and broken
    there = registry.entry_at(entry.number)
    return replace(finding, mended=there is not None and there.id == entry.id)


def _put_back(registry: Registry, found: Found, last: Entry | None, mend: bool) -> Finding:
    """Replace a pointer that cannot be read by the one that the history ends with; without a history, remove it."""
    right = f"the history ends with {last.version} live" if last else "there is no history either"
    finding = Finding("error", POINTER, f"names no version; {right}")
    if not mend:
        return finding
    if last is None:
        registry.storage.delete(POINTER)
        return replace(finding, mended=True)
    return replace(finding, mended=registry.storage.swap(POINTER, last.to_pointer(), found))


def _adopt(registry: Registry, pointer: Pointer, mend: bool) -> Finding:
    """Take a pointer that was written by hand into the history, and write it as ours."""
    what = f"was written or changed without despam; it names {pointer.version}"
    if not pointer.intact:
        what += ", and services refuse it as it is"
    finding = Finding("left-over", POINTER, what)
    if not mend:
        return finding
    try:
        registry.settle(registry.base())
    except PromotionLost:
        return finding  # somebody promoted meanwhile, and took it into the history on the way
    return replace(finding, mended=True)


def _restore_pointer(registry: Registry, last: Entry, mend: bool) -> Finding:
    """Write the pointer that the history ends with."""
    finding = Finding("error", POINTER, f"is missing; the history ends with {last.version} live")
    return replace(finding, mended=registry.storage.create(POINTER, last.to_pointer())) if mend else finding


def _strangers(registry: Registry, mend: bool) -> Iterator[Finding]:
    """Name what no registry writes, and half-written files in a folder."""
    known = {model_path(sha256) for sha256 in catalogue.stored(registry.storage)} | {POINTER}
    for listed in registry.storage.list():
        if listed.path not in known and not listed.path.startswith("history/"):
            yield Finding("note", listed.path, "is no object of a registry; it does no harm")
    if registry.storage.folder:
        yield from _half_written(registry.storage, mend)


def _half_written(storage: Storage, mend: bool) -> Iterator[Finding]:
    """Name what a killed write left in a folder, and remove it when nobody can be at it any more."""
    for path in storage.on_disk("listing", folder.left_over):
        finding = Finding("left-over", path, "a write ended in the middle; nothing reads this file")
        if not mend:
            yield finding
        elif storage.on_disk(f"removing {path}", folder.remove_old, path, OLD_SECONDS):
            yield replace(finding, mended=True)
        else:
            young = "it is younger than an hour, so somebody may be writing it: run this later"
            yield replace(finding, what=f"{finding.what}; {young}")


def _bare(error: DespamError, registry: Registry) -> str:
    return str(error).removeprefix(f"{registry.url}: ").rstrip(".")
