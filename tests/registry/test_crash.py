"""A crash between any two writes: nothing is lost, the left-over is found, mended, and never disagrees.

The crash table of docs/decisions/0002-registry-crash-safety.md, row by row. A crash is an exception out of the storage
layer, before or after the n-th write has been done, and in a second round a process that ends with os._exit in the same
place.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from despam.errors import StorageDown
from despam.registry import Registry
from despam.registry.entry import entry_of
from despam.registry.storage import Storage
from tests.registry.conftest import Place

Models = tuple[Path, Path, Path]
WRITES = ("create", "replace", "swap")


class Crash(BaseException):
    """The process ends here: no handler of ours may see it."""


def crash_at(monkeypatch: pytest.MonkeyPatch, number: int, moment: str, end: Callable[[], None]) -> list[str]:
    """Let the process end before or after its n-th write; give the writes seen."""
    seen: list[str] = []
    inside = []

    def wrapped(name: str) -> Callable[..., Any]:
        original = getattr(Storage, name)

        def write(self: Storage, path: str, *arguments: Any) -> Any:
            if inside:  # swap writes through create or replace: one write
                return original(self, path, *arguments)
            seen.append(path)
            here = len(seen) == number
            if here and moment == "before":
                end()
            inside.append(path)
            try:
                done = original(self, path, *arguments)
            finally:
                inside.pop()
            if here and moment == "after":
                end()
            return done

        return write

    for name in WRITES:
        monkeypatch.setattr(Storage, name, wrapped(name))
    return seen


def agree(registry: Registry) -> str:
    """Check that pointer and history say the same, and give the live version."""
    live, history = registry.live(), registry.history()
    if live is None:
        assert history == []
        return ""
    assert history[-1] == entry_of(live)
    assert [entry.number for entry in history] == list(range(1, len(history) + 1))
    for older, newer in pairwise(history):
        assert newer.before == older.after
    return live.version


def crash() -> None:
    raise Crash


# a promotion over another one writes: 1. the entry of the live version (there already), 2. the pointer, 3. its own
PROMOTION = [(1, "before"), (1, "after"), (2, "before"), (2, "after"), (3, "before"), (3, "after")]
HAPPENED = {(2, "after"), (3, "before"), (3, "after")}


@pytest.mark.parametrize(("number", "moment"), PROMOTION)
@pytest.mark.parametrize("action", ["promote", "rollback"])
def test_a_promotion_that_crashes_has_happened_or_has_not(
    place: Place, models: Models, number: int, moment: str, action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The swap of the pointer decides; history and pointer agree at once, and the doctor mends the rest."""
    registry = Registry(place.url)
    versions = [registry.publish(model).version for model in models]
    registry.promote(versions[0])
    registry.promote(versions[1])
    change = (lambda: registry.promote(versions[2])) if action == "promote" else registry.rollback
    goal = versions[2] if action == "promote" else versions[0]
    with monkeypatch.context() as patch:
        seen = crash_at(patch, number, moment, crash)
        with pytest.raises(Crash):
            change()
    assert len(seen) == number
    fresh = Registry(place.url)
    happened = (number, moment) in HAPPENED
    assert agree(fresh) == (goal if happened else versions[1])
    assert len(fresh.history()) == 2 + happened
    findings = fresh.doctor()
    left_over = (number, moment) in {(2, "after"), (3, "before")}
    assert [(f.kind, f.path) for f in findings] == ([("left-over", "history/00000003.json")] if left_over else [])
    assert all(finding.mended for finding in fresh.doctor(mend=True))
    assert fresh.doctor() == []
    fresh.promote(versions[0] if agree(fresh) != versions[0] else versions[1])
    agree(fresh)
    assert fresh.doctor() == []


@pytest.mark.parametrize(("number", "moment"), [(2, "after"), (3, "before")])
def test_the_next_promotion_mends_what_a_crash_left(
    place: Place, models: Models, number: int, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a doctor: the missing entry is written before the pointer moves on."""
    registry = Registry(place.url)
    versions = [registry.publish(model).version for model in models]
    registry.promote(versions[0])
    with monkeypatch.context() as patch:
        crash_at(patch, number, moment, crash)
        with pytest.raises(Crash):
            registry.promote(versions[1], "crashed", "ann")
    registry.promote(versions[2])
    assert [entry.version for entry in registry.history()] == versions
    assert registry.history()[1].why == "crashed"
    assert registry.doctor() == []


@pytest.mark.parametrize(("number", "moment"), [(1, "before"), (1, "after"), (2, "before"), (2, "after")])
def test_a_first_promotion_that_crashes(
    folder_place: Place, models: Models, number: int, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It writes the pointer, then the first entry."""
    registry = Registry(folder_place.url)
    version = registry.publish(models[0]).version
    with monkeypatch.context() as patch:
        crash_at(patch, number, moment, crash)
        with pytest.raises(Crash):
            registry.promote(version)
    assert agree(registry) == ("" if (number, moment) == (1, "before") else version)
    registry.doctor(mend=True)
    registry.promote(version)
    assert agree(registry) == version and len(registry.history()) == 1
    assert registry.doctor() == []


@pytest.mark.parametrize("moment", ["before", "after"])
def test_publishing_that_crashes_is_done_again(
    place: Place, models: Models, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One write, all or nothing."""
    with monkeypatch.context() as patch:
        crash_at(patch, 1, moment, crash)
        with pytest.raises(Crash):
            Registry(place.url).publish(models[0])
    registry = Registry(place.url)
    assert len(registry.versions()) == (moment == "after")
    assert registry.publish(models[0]).existed == (moment == "after")
    assert registry.doctor() == []


def test_an_entry_that_cannot_be_written_does_not_undo_the_promotion(
    place: Place, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The promoter is told that it is live, and that its entry is still to come."""
    registry = Registry(place.url)
    version = registry.publish(models[0]).version

    def down() -> None:
        raise StorageDown("gone.", place.url)

    with monkeypatch.context() as patch:
        crash_at(patch, 2, "before", down)
        promoted = registry.promote(version)
    assert promoted.changed and not promoted.recorded
    assert agree(registry) == version
    assert [finding.mended for finding in registry.doctor(mend=True)] == [True]


PROGRAM = """
import os, sys
sys.path.insert(0, {root!r})
import pytest
from despam.registry import Registry
from tests.registry.test_crash import crash_at
crash_at(pytest.MonkeyPatch(), {number}, {moment!r}, lambda: os._exit(9))
Registry({url!r}).promote({version!r})
"""


@pytest.mark.parametrize(("number", "moment"), PROMOTION)
@pytest.mark.parametrize("place", ["folder", "seaweedfs"], indirect=True)
def test_a_process_that_ends_in_the_middle(
    place: Place, models: Models, number: int, moment: str, repository: Path
) -> None:
    """os._exit, so that nothing is flushed, closed or unlocked on the way out."""
    registry = Registry(place.url)
    versions = [registry.publish(model).version for model in models]
    registry.promote(versions[0])
    program = PROGRAM.format(root=str(repository), number=number, moment=moment, url=place.url, version=versions[1])
    done = subprocess.run([sys.executable, "-c", program], env=os.environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 9, done.stderr
    happened = (number, moment) in HAPPENED
    assert agree(registry) == versions[1 if happened else 0]
    registry.doctor(mend=True)
    assert registry.doctor() == []
    registry.promote(versions[2])
    assert agree(registry) == versions[2]
    assert len(registry.history()) == 2 + happened


HOLDER = """
import fcntl, os, sys, time
lock = open({lock!r}, "ab")
fcntl.flock(lock, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(60)
"""


def test_a_process_killed_with_the_lock_in_hand_blocks_nobody(folder_place: Place, models: Models) -> None:
    """The kernel takes the lock back."""
    assert folder_place.folder is not None
    registry = Registry(folder_place.url)
    versions = [registry.publish(model).version for model in models]
    registry.promote(versions[0])
    program = HOLDER.format(lock=str(folder_place.folder / ".lock"))
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        holder.kill()
        holder.wait(10)
    assert registry.promote(versions[1]).changed
    assert registry.doctor() == []


def test_a_half_written_file_of_a_folder_is_found_and_removed_when_it_is_old(
    folder_place: Place, models: Models
) -> None:
    """obstore's own left-over of a killed write; a young one may still be at work."""
    assert folder_place.folder is not None
    registry = Registry(folder_place.url)
    version = registry.publish(models[0]).version
    half = folder_place.folder / "models" / f"{'0' * 64}.safetensors#1"
    half.write_bytes(models[0].read_bytes()[:1000])
    assert [one.version for one in registry.versions()] == [version]
    assert [finding.kind for finding in registry.doctor(mend=True)] == ["left-over"]
    assert half.exists()
    os.utime(half, (1, 1))
    assert [finding.mended for finding in registry.doctor(mend=True)] == [True]
    assert not half.exists() and registry.doctor() == []
