"""Publish, promote, roll back: the registry as people and CI jobs change it.

Knows the order of writes that makes a crash harmless (docs/decisions/0002-registry-crash-safety.md): the swap of the
pointer is the one moment of a promotion, and the pointer carries the whole entry, so that the history can be completed
from it. Knows nothing of obstore, terminals or gates: a gate is a function that the caller gives and that raises.

Invariant: an entry's object exists before the pointer moves on from it; a promotion that was not told to have won or
lost is said to be unknown, never silently dropped.
"""

from __future__ import annotations

import getpass
import json
import os
import socket
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from despam.core.digest import sha256_hex
from despam.core.model import load
from despam.errors import CorruptVersion, PromotionLost, RegistryError, StorageDown, UnknownVersion
from despam.registry import catalogue
from despam.registry.entry import LONGEST, Entry, adopt, entry_of, parse_entry
from despam.registry.reader import HEX, POINTER, Pointer, fetch, is_intact, model_path, open_checked, read_pointer
from despam.registry.storage import Storage

if TYPE_CHECKING:
    from despam.registry.catalogue import Version
    from despam.registry.doctor import Finding
    from despam.registry.storage import Found

    Gate = Callable[[bytes, bytes | None], None]  # (candidate, live or None); raises when the answer is no

SWAP_ATTEMPTS = 4
READS = 3  # of an object that is not as it was written
SHOWN = 10
UNKNOWN = "it is not known whether the promotion took effect; run `despam versions` when storage answers again."
NEWEST = "newest"  # no hex digits, so no version is called that


@dataclass(frozen=True)
class Published:
    """What publishing did."""

    version: str
    sha256: str
    size_bytes: int
    existed: bool  # the very file was there already
    mended: bool = False  # it was there with broken bytes, which have been replaced


@dataclass(frozen=True)
class Promoted:
    """What a promotion or a rollback did."""

    entry: Entry
    changed: bool = True  # False: it was live already
    recorded: bool = (
        True  # False: the history's object is still to be written, which the next promotion or the doctor does
    )


@dataclass(frozen=True)
class Base:
    """The pointer as read, what it stands on, and the number of the next entry."""

    pointer: Pointer | None
    entry: Entry | None
    number: int

    @property
    def found(self) -> Found | None:
        """The object to swap away."""
        return self.pointer.found if self.pointer else None

    @property
    def sha256(self) -> str | None:
        """The full hash that is live."""
        return self.entry.after if self.entry else None


class Registry:
    """A registry, read and changed."""

    def __init__(self, url: str, timeout_ms: int = 30_000, retries: int = 3, make_folder: bool = False) -> None:
        self.url = url
        self.storage = Storage(url, timeout_ms, retries, make_folder)

    # reading

    def live(self) -> Pointer | None:
        """Read the live pointer; None when nothing was ever promoted."""
        found = self.read_pointer_object()
        return read_pointer(found, self.url) if found else None

    def fetch(self, version: str) -> bytes:
        """Read a version's bytes, checked against its hash; a unique prefix is enough."""
        return fetch(self.storage, self.find(version), READS)

    def versions(self) -> list[Version]:
        """List the stored versions with date, size and card, the newest first."""
        objects = catalogue.stored(self.storage)
        try:
            pointer = self.live()
            live = pointer.sha256 if pointer else ""
        except CorruptVersion:
            live = ""  # the list is what somebody needs to mend it
        return catalogue.describe(self.storage, objects, live)

    def history(self) -> list[Entry]:
        """List the promotions, the oldest first; the last is read from the pointer when its own object is missing."""
        entries = [entry for _, entry in self.history_objects() if entry]
        try:
            pointer = self.live()
        except CorruptVersion:
            pointer = None  # the history is what somebody needs to mend it
        last = entry_of(pointer) if pointer else None
        if last is not None and all(entry.id != last.id for entry in entries):
            entries.append(last)
        return entries

    def history_objects(self) -> list[tuple[str, Entry | None]]:
        """Read every object of the history, in order; None for one that is no entry."""
        paths = sorted(listed.path for listed in self.storage.list("history"))
        with ThreadPoolExecutor(8) as pool:
            return list(zip(paths, pool.map(self._read_entry, paths), strict=True))

    def find(self, version: str) -> str:
        """Find the full hash by a unique prefix, or of `newest`. Raises UnknownVersion, which lists what there is."""
        prefix = version.strip().lower()
        objects = catalogue.stored(self.storage)
        newest = sorted(objects, key=lambda sha256: (objects[sha256].modified, sha256), reverse=True)
        fitting: list[str] = []
        if prefix == NEWEST:
            fitting = [sha256 for sha256 in newest if objects[sha256].modified == objects[newest[0]].modified]
        elif prefix and HEX.issuperset(prefix):
            fitting = [sha256 for sha256 in newest if sha256.startswith(prefix)]
        if len(fitting) == 1:
            return fitting[0]
        if fitting and prefix == NEWEST:
            raise UnknownVersion(f"{_listed(fitting)} were stored at the same moment; give digits of one.", self.url)
        if fitting:
            raise UnknownVersion(f"{version!r} fits {_listed(fitting)}; give more digits.", self.url)
        there = f"there are {_listed(newest)}" if newest else "it holds none yet: run `despam publish MODEL`"
        raise UnknownVersion(f"no version {version!r}; {there}.", self.url)

    # changing

    def publish(self, model: bytes | str | os.PathLike[str]) -> Published:
        """Store a model under its own hash, after opening it and scoring with it. Raises a ModelError."""
        if not isinstance(model, bytes):
            load(model)  # its errors name the path
            model = Path(model).read_bytes()
        sha256 = sha256_hex(model)
        open_checked(model, sha256, self.url)
        if self.storage.create(model_path(sha256), model):
            return Published(sha256[:12], sha256, len(model), existed=False)
        try:
            fetch(self.storage, sha256, READS)
        except CorruptVersion:
            self.storage.replace(model_path(sha256), model)
            return Published(sha256[:12], sha256, len(model), existed=True, mended=True)
        return Published(sha256[:12], sha256, len(model), existed=True)

    def promote(self, version: str, why: str = "", who: str = "", gate: Gate | None = None) -> Promoted:
        """Make a version live. Raises PromotionLost when somebody else promoted between our first look and our swap."""
        sha256 = self.find(version)
        base = self.base()
        data = fetch(self.storage, sha256, READS)
        open_checked(data, sha256, self.url)
        if base.entry and base.sha256 == sha256:
            self.settle(base)
            return Promoted(base.entry, changed=False, recorded=self._record(base.entry))
        if gate is not None:
            gate(data, self._live_bytes(base))
        previous = base.entry.number if base.entry else None
        return self._move(base, "promote", sha256, previous, why, who)

    def rollback(self, why: str = "", who: str = "") -> Promoted:
        """Make the version live that was live before; again, and it is the one before that."""
        base = self.base()
        if base.entry is None:
            raise UnknownVersion("nothing is live yet, so there is nothing to roll back.", self.url)
        target, previous = self._before(base.entry)
        open_checked(fetch(self.storage, target, READS), target, self.url)
        return self._move(base, "rollback", target, previous, why, who)

    def doctor(self, mend: bool = False) -> list[Finding]:
        """Check every object; with `mend` complete what a crash left half done."""
        from despam.registry.doctor import examine

        return examine(self, mend)

    # how

    def base(self) -> Base:
        """Read the pointer and make sure that its entry stands in the history, and is the last one."""
        for _ in range(READS):
            pointer = self.live()
            own = entry_of(pointer) if pointer else None
            number = self.highest(own.number if own else 0)
            if own is not None and own.number == number and self._record(own):
                return Base(pointer, own, number + 1)
            # a pointer that is missing, or that a hand wrote or put back; unless somebody promoted while we looked
            if self._is_still(pointer):
                return self._base_by_hand(pointer, number)
        raise PromotionLost("others promote all the time, so nothing was changed; try again.", self.url)

    def _base_by_hand(self, pointer: Pointer | None, number: int) -> Base:
        """Take what a hand did to the pointer into the history."""
        last = self.entry_at(number)
        is_newest = pointer is not None and (own := entry_of(pointer)) is not None and own.number == number
        entry = adopt(pointer, last, number) if pointer else last
        if (is_newest and last is None) or (entry and not self._record(entry)):
            raise StorageDown("the newest entry of the history is broken; run `despam doctor --mend`.", self.url)
        return Base(pointer, entry, max(number, entry.number if entry else 0) + 1)

    def _is_still(self, pointer: Pointer | None) -> bool:
        """Say whether the pointer is what it was."""
        now = self.read_pointer_object()
        return (now.data if now else None) == (pointer.found.data if pointer else None)

    def settle(self, base: Base) -> None:
        """Write the pointer as ours where a hand wrote it, put it back, or removed it."""
        own = entry_of(base.pointer) if base.pointer else None
        if base.entry and (own is None or own.id != base.entry.id):
            self._swap(base, base.entry)

    def highest(self, known: int = 0) -> int:
        """Give the highest number in the history, which is at least `known`."""
        after = f"history/{known:08d}.json" if known else ""
        numbers = (
            listed.path.removeprefix("history/").removesuffix(".json") for listed in self.storage.list("history", after)
        )
        return max([known, *(int(number) for number in numbers if number.isdecimal())])

    def entry_at(self, number: int) -> Entry | None:
        """Read one entry of the history."""
        return self._read_entry(f"history/{number:08d}.json") if number else None

    def _read_entry(self, path: str) -> Entry | None:
        """Read the object of an entry; None when there is none, or it is broken."""
        try:
            found = self._read_steady(path, parse_entry)
        except CorruptVersion:  # far larger than any entry
            return None
        return parse_entry(found.data) if found else None

    def read_pointer_object(self) -> Found | None:
        """Read the pointer's object."""
        return self._read_steady(POINTER, is_own_pointer)

    def _read_steady(self, path: str, is_good: Callable[[bytes], object]) -> Found | None:
        """Read an object until it is good; what reads the same each time is what is stored. Raises StorageDown else."""
        read: list[Found] = []
        for _ in range(READS):
            found = self.storage.get(path)
            if found is None or is_good(found.data):
                return found
            read.append(found)
        if len({found.data for found in read}) > 1:
            raise StorageDown(f"{path} reads differently each time; check the network, then try again.", self.url)
        return read[-1]

    def _record(self, entry: Entry) -> bool:
        """Write an entry's object if it is not there; False when another entry has its number."""
        if self.storage.create(entry.path, entry.to_history()):
            return True
        there = self.entry_at(entry.number)
        return there is not None and there.id == entry.id

    def _before(self, entry: Entry) -> tuple[str, int | None]:
        """Give the version that a rollback goes to, and the entry that the next rollback would go to."""
        if entry.previous is None:
            raise UnknownVersion(f"nothing was live before {entry.version}; run `despam versions`.", self.url)
        target = self.entry_at(entry.previous)
        if target is None:
            sentence = (
                f"entry {entry.previous} of the history is missing; run `despam doctor`, or promote a version by name."
            )
            raise UnknownVersion(sentence, self.url)
        return target.after, target.previous

    def _live_bytes(self, base: Base) -> bytes | None:
        """Read the live model for a gate; None when there is none that can be read."""
        try:
            return fetch(self.storage, base.sha256, READS) if base.sha256 else None
        except (CorruptVersion, UnknownVersion):
            return None

    def _move(self, base: Base, action: str, sha256: str, previous: int | None, why: str, who: str) -> Promoted:
        """Swap the pointer, then write the history's object."""
        when = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        who = (who or whoami())[:LONGEST]
        entry = Entry(base.number, uuid.uuid4().hex, action, when, who, why[:LONGEST], base.sha256, sha256, previous)
        self._swap(base, entry)
        try:
            return Promoted(entry, recorded=self._record(entry))
        except (RegistryError, KeyboardInterrupt):  # it is live: "stopped" would say that it is not
            return Promoted(entry, recorded=False)

    def _swap(self, base: Base, entry: Entry) -> None:
        """Swap the pointer; Ctrl-C in the middle leaves open what happened. Raises PromotionLost, StorageDown."""
        try:
            self._swap_for_sure(base, entry)
        except KeyboardInterrupt:
            raise StorageDown(f"stopped; {UNKNOWN}", self.url) from None

    def _swap_for_sure(self, base: Base, entry: Entry) -> None:
        """Swap the pointer, and find out what happened when the answer is not clear."""
        old, refused = base.found, None
        for _ in range(SWAP_ATTEMPTS):
            try:
                if self.storage.swap(POINTER, entry.to_pointer(), old):
                    return
                refused = None
            except StorageDown as error:
                refused = error
            now = self._look_again(refused)
            if self._is_done(now, entry):
                return
            if (now.data if now else None) != (base.found.data if base.found else None):
                raise self._lost(now)
            old = now  # nobody moved it: the answer was lost on the way, or the ETag was wrong
        raise refused or StorageDown("storage refuses the swap though nobody else promotes; try again.", self.url)

    def _look_again(self, refused: StorageDown | None) -> Found | None:
        """Read the pointer after a swap that did not clearly succeed."""
        try:
            return self.read_pointer_object()
        except StorageDown as error:
            raise StorageDown(UNKNOWN, self.url) from (refused or error)

    def _is_done(self, now: Found | None, entry: Entry) -> bool:
        """Say whether our entry is live, or was until somebody promoted over it."""
        if now is None:
            return False
        there = entry_of(read_pointer(now, self.url))
        if there is None:
            return False
        if there.id == entry.id:
            return True
        ours = self.entry_at(entry.number) if there.number > entry.number else None
        return ours is not None and ours.id == entry.id

    def _lost(self, now: Found | None) -> PromotionLost:
        """Say who was faster."""
        entry = entry_of(read_pointer(now, self.url)) if now else None
        winner = f"{entry.who} made {entry.version} live meanwhile" if entry else "the pointer was changed meanwhile"
        return PromotionLost(
            f"{winner}, so nothing was changed; look at `despam versions`, then promote again.", self.url
        )


def is_own_pointer(data: bytes) -> bool:
    """Say whether a pointer is as despam wrote it."""
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        return False
    return isinstance(body, dict) and is_intact(body)


def whoami() -> str:
    """Name the person and machine of a promotion; in GitHub Actions whoever set the job off."""
    if actor := os.environ.get("GITHUB_ACTOR"):
        return f"{actor} by GitHub Actions"
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (OSError, KeyError):
        return f"user {os.getuid()}@{socket.gethostname()}"


def _listed(hashes: list[str]) -> str:
    shown = ", ".join(sha256[:12] for sha256 in hashes[:SHOWN])
    return shown if len(hashes) <= SHOWN else f"{shown} and {len(hashes) - SHOWN} more"
