"""The doctor finds what is wrong with any object, says it, and mends only what has one right answer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from despam.errors import CorruptVersion, StorageDown, UnknownVersion
from despam.registry import Registry
from despam.registry.reader import Reader, model_path, seal
from tests.registry.conftest import Place

Models = tuple[Path, Path, Path]


@pytest.fixture
def registry(folder_place: Place, models: Models) -> Registry:
    """Two promotions of three versions."""
    opened = Registry(folder_place.url)
    versions = [opened.publish(model).version for model in models]
    opened.promote(versions[0])
    opened.promote(versions[1])
    return opened


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_whole_registry_has_no_finding(registry: Registry) -> None:
    """Nothing is said, and mending changes nothing."""
    assert registry.doctor() == [] == registry.doctor(mend=True)


def test_broken_bytes_are_found(registry: Registry, models: Models) -> None:
    """By hash, with what to do; not mended, since the right bytes are not here."""
    registry.storage.replace(model_path(sha256_of(models[2])), b"rotten")
    (finding,) = registry.doctor(mend=True)
    assert (finding.kind, finding.path, finding.open) == ("error", model_path(sha256_of(models[2])), True)
    assert "another hash" in finding.what and "publish that model again" in finding.what


def test_a_file_that_is_no_model_is_found(registry: Registry) -> None:
    """Its hash is right, and it still cannot decide."""
    data = b"right hash, no model"
    registry.storage.create(model_path(hashlib.sha256(data).hexdigest()), data)
    (finding,) = registry.doctor()
    assert finding.kind == "error" and "no safetensors file" in finding.what


def test_a_pointer_to_nothing_is_found(registry: Registry, models: Models) -> None:
    """The live version was removed by hand."""
    registry.storage.delete(model_path(sha256_of(models[1])))
    (finding,) = registry.doctor()
    assert finding.path == "live.json" and "is not there" in finding.what


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"sha256": 5}', b'{"sha256": "abc"}', b"\xff", b"[" * 100_000])
def test_a_pointer_that_cannot_be_read_is_put_back(registry: Registry, models: Models, body: bytes) -> None:
    """Lists still work, a promotion says what to do, and mending restores what the history ends with."""
    registry.storage.replace("live.json", body)
    (finding,) = registry.doctor()
    assert (finding.kind, finding.path, finding.open) == ("error", "live.json", True)
    assert len(registry.versions()) == 3 and len(registry.history()) == 2
    with pytest.raises(CorruptVersion, match="despam doctor --mend"):
        registry.promote(sha256_of(models[2]))
    assert [one.mended for one in registry.doctor(mend=True)] == [True]
    assert registry.doctor() == []
    live = registry.live()
    assert live is not None and live.sha256 == sha256_of(models[1])
    assert registry.promote(sha256_of(models[2])).changed


def test_a_pointer_that_cannot_be_read_is_removed_where_nothing_was_ever_live(
    folder_place: Place, models: Models
) -> None:
    """Then a first promotion is possible."""
    registry = Registry(folder_place.url)
    version = registry.publish(models[0]).version
    registry.storage.create("live.json", b"?")
    assert [one.mended for one in registry.doctor(mend=True)] == [True]
    assert registry.promote(version).entry.number == 1


def test_a_missing_pointer_is_restored_from_the_history(registry: Registry, models: Models) -> None:
    """What the history ends with was live."""
    registry.storage.delete("live.json")
    assert [finding.open for finding in registry.doctor()] == [True]
    assert [finding.mended for finding in registry.doctor(mend=True)] == [True]
    live = registry.live()
    assert live is not None and live.sha256 == sha256_of(models[1])
    assert registry.doctor() == []


@pytest.mark.parametrize("keep", [True, False])
def test_a_pointer_changed_by_hand_is_taken_into_the_history(registry: Registry, models: Models, keep: bool) -> None:
    """With the rest of its fields or without: mended, it is an entry like any other, and services take it."""
    found = registry.storage.get("live.json")
    assert found is not None
    body = (json.loads(found.data) if keep else {}) | {"sha256": sha256_of(models[2])}
    registry.storage.replace("live.json", json.dumps(body).encode())
    if keep:
        with pytest.raises(CorruptVersion, match="was altered"):
            Reader(registry.url).fetch_pointer()
    assert [finding.mended for finding in registry.doctor(mend=True)] == [True]
    assert registry.doctor() == []
    pointer = Reader(registry.url).fetch_pointer()
    assert pointer is not None and pointer.sha256 == sha256_of(models[2])
    assert [entry.action for entry in registry.history()] == ["promote", "promote", "by hand"]


def test_an_altered_entry_is_found(registry: Registry) -> None:
    """One digit of a hash, still a fine entry to look at."""
    found = registry.storage.get("history/00000001.json")
    assert found is not None
    body = json.loads(found.data)
    body["previous"] = 7
    registry.storage.replace("history/00000001.json", json.dumps(body).encode())
    assert ("error", "history/00000001.json") in [(finding.kind, finding.path) for finding in registry.doctor()]
    with pytest.raises(UnknownVersion, match="entry 1 of the history is missing"):
        registry.rollback()


def test_an_older_pointer_put_back_by_hand_is_found(registry: Registry) -> None:
    """The history goes on where the pointer stands still; promoting again puts it right."""
    old = registry.storage.get("live.json")
    assert old is not None
    registry.rollback()
    registry.storage.replace("live.json", old.data)
    (finding,) = registry.doctor(mend=True)
    assert finding.path == "live.json" and "goes on to 3" in finding.what
    registry.promote("newest")
    assert registry.history()[-1].number == 4


@pytest.mark.parametrize("body", [b"", b"nonsense", b"[]", b'{"number": 1}'])
def test_a_broken_entry_is_found(registry: Registry, body: bytes) -> None:
    """And the history goes on without it."""
    registry.storage.replace("history/00000001.json", body)
    kinds = [(finding.kind, finding.path) for finding in registry.doctor(mend=True)]
    assert ("error", "history/00000001.json") in kinds
    assert [entry.number for entry in registry.history()] == [2]


@pytest.mark.parametrize("body", [b"", b'{"number": 2}'])
def test_a_broken_newest_entry_is_written_again_from_the_pointer(registry: Registry, body: bytes) -> None:
    """The pointer has it whole; until it is mended a promotion says where to go."""
    before = registry.history()
    registry.storage.replace("history/00000002.json", body)
    assert registry.history() == before
    with pytest.raises(StorageDown, match="despam doctor"):
        registry.promote("newest")
    assert [finding.mended for finding in registry.doctor(mend=True)] == [True]
    assert registry.doctor() == [] and registry.history() == before
    assert registry.promote("newest").changed


def test_a_missing_entry_is_found(registry: Registry) -> None:
    """A gap in the numbers."""
    registry.promote("newest")
    registry.storage.delete("history/00000002.json")
    findings = registry.doctor(mend=True)
    assert any(f.path == "history/00000003.json" and "missing" in f.what for f in findings)


def test_entries_that_contradict_each_other_are_found(registry: Registry, models: Models) -> None:
    """From is what the one before says."""
    found = registry.storage.get("history/00000001.json")
    assert found is not None
    body = json.loads(found.data) | {"after": sha256_of(models[2])}
    registry.storage.replace("history/00000001.json", seal(body))
    assert [f.path for f in registry.doctor()] == ["history/00000002.json"]


def test_a_wrong_clock_is_a_note(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry dated before the one it follows does no harm."""
    found = registry.storage.get("history/00000001.json")
    assert found is not None
    body = json.loads(found.data) | {"when": "2999-01-01T00:00:00Z"}
    registry.storage.replace("history/00000001.json", seal(body))
    (finding,) = registry.doctor()
    assert (finding.kind, finding.open) == ("note", False)


def test_what_belongs_to_nobody_is_a_note(registry: Registry) -> None:
    """Named, left alone."""
    registry.storage.create("bundles/x.zip", b"PK")
    registry.storage.create("models/readme.txt", b"hello")
    findings = registry.doctor(mend=True)
    assert [(f.kind, f.path) for f in findings] == [("note", "bundles/x.zip"), ("note", "models/readme.txt")]


def test_a_registry_that_is_promoted_while_examined_stays_whole(
    registry: Registry, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mending runs beside others: what it writes is what they would have written."""
    original: Callable[..., object] = Registry.history_objects

    def busy(self: Registry) -> object:
        seen = original(self)
        monkeypatch.setattr(Registry, "history_objects", original)
        Registry(self.url).promote(sha256_of(models[2]))
        return seen

    monkeypatch.setattr(Registry, "history_objects", busy)
    registry.doctor(mend=True)
    assert registry.doctor() == []
    assert len(registry.history()) == 3
