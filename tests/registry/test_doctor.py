"""The doctor finds what is wrong with any object, says it, and mends only what has one right answer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from despam.errors import CorruptVersion, StorageDown, UnknownVersion
from despam.registry import Registry, catalogue
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


@pytest.mark.parametrize("number", [0, 1, 2])
def test_an_older_pointer_put_back_by_hand_is_found_and_promoting_puts_it_right(
    registry: Registry, models: Models, number: int
) -> None:
    """The history goes on where the pointer stands still: whichever version is promoted, the one it names too."""
    old = registry.storage.get("live.json")
    assert old is not None
    registry.rollback()
    registry.storage.replace("live.json", old.data)
    (finding,) = registry.doctor(mend=True)
    assert finding.path == "live.json" and "goes on to 3" in finding.what and "`despam promote`" in finding.what
    promoted = registry.promote(sha256_of(models[number]))
    assert registry.doctor() == []
    by_hand = registry.history()[3]
    assert (by_hand.action, by_hand.before, by_hand.after) == ("by hand", sha256_of(models[0]), sha256_of(models[1]))
    assert promoted.changed is (number != 1) and len(registry.history()) == (4 if number == 1 else 5)
    live = registry.live()
    assert live is not None and live.sha256 == sha256_of(models[number])
    # what a rollback leads to is what was live before
    before = {0: 1, 1: 0, 2: 1}[number]
    assert registry.rollback().entry.after == sha256_of(models[before])
    assert registry.doctor() == []


def test_the_same_older_pointer_put_back_twice_is_two_entries(registry: Registry, models: Models) -> None:
    """No two entries share an id."""
    old = registry.storage.get("live.json")
    assert old is not None
    for _ in range(2):
        registry.promote(sha256_of(models[2]))
        registry.storage.replace("live.json", old.data)
    registry.promote(sha256_of(models[0]))
    entries = registry.history()
    assert [entry.action for entry in entries[2:]] == ["promote", "by hand", "promote", "by hand", "promote"]
    assert len({entry.id for entry in entries}) == len(entries)
    assert registry.doctor() == []


def test_a_pointer_put_back_while_the_process_ends_is_taken_once(registry: Registry, models: Models) -> None:
    """The entry by hand is there, the promotion on it is not."""
    old = registry.storage.get("live.json")
    assert old is not None
    registry.rollback()
    registry.storage.replace("live.json", old.data)
    registry.base()
    assert registry.base().entry == registry.history()[3]
    registry.promote(sha256_of(models[2]))
    assert len(registry.history()) == 5 and registry.doctor() == []


def test_a_promotion_by_somebody_else_is_not_taken_for_a_hand(
    registry: Registry, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between our look at the pointer and at the history."""
    original = Registry.highest

    def busy(self: Registry, known: int = 0) -> int:
        monkeypatch.setattr(Registry, "highest", original)
        Registry(self.url).promote(sha256_of(models[2]))
        return original(self, known)

    monkeypatch.setattr(Registry, "highest", busy)
    base = registry.base()
    assert base.sha256 == sha256_of(models[2]) and base.number == 4
    assert [entry.action for entry in registry.history()] == ["promote"] * 3 and registry.doctor() == []


@pytest.mark.parametrize("number", [1, 2])
def test_a_promotion_with_the_pointer_gone_goes_on_from_the_history(
    registry: Registry, models: Models, number: int
) -> None:
    """Also of the version that was live."""
    registry.storage.delete("live.json")
    registry.promote(sha256_of(models[number]))
    assert registry.doctor() == []
    live = registry.live()
    assert live is not None and live.sha256 == sha256_of(models[number])


@pytest.mark.parametrize("mended", [True, False])
def test_a_rollback_leads_away_from_a_version_that_a_hand_wrote_again(
    registry: Registry, models: Models, mended: bool
) -> None:
    """The pointer was edited, the version stayed: the one before it is what a rollback is for."""
    registry.storage.replace("live.json", json.dumps({"sha256": sha256_of(models[1])}).encode())
    if mended:
        registry.doctor(mend=True)
    assert registry.rollback().entry.after == sha256_of(models[0])
    assert registry.doctor() == []


@pytest.mark.parametrize("name", ["live.json", "history/00000001.json"])
def test_an_object_that_is_far_too_large_is_found(registry: Registry, name: str) -> None:
    """A finding like any other, and lists still work."""
    registry.storage.replace(name, b" " * (2 << 20))
    findings = registry.doctor(mend=True)
    assert ("error", name) in [(finding.kind, finding.path) for finding in findings]
    assert len(registry.versions()) == 3 and registry.history()
    if name == "live.json":
        registry.storage.delete(name)
        assert [finding.mended for finding in registry.doctor(mend=True)] == [True]
        assert registry.doctor() == []


def test_a_hash_without_the_ending_is_no_version(registry: Registry) -> None:
    """Somebody's copy by hand."""
    registry.storage.create(f"models/{'e' * 64}", b"copied")
    assert len(registry.versions()) == 3
    (finding,) = registry.doctor()
    assert finding.kind == "note"


def test_a_link_that_leads_back_is_a_sentence(registry: Registry, folder_place: Place) -> None:
    """obstore walks no such folder."""
    assert folder_place.folder is not None
    (folder_place.folder / "loop").symlink_to(folder_place.folder)
    with pytest.raises(StorageDown, match="remove that link"):
        registry.doctor()


def test_a_version_that_goes_while_it_is_looked_at_is_a_finding(
    registry: Registry, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Listed, and not there any more; the list of versions has it without figures."""
    listed = catalogue.stored(registry.storage)
    registry.storage.delete(model_path(sha256_of(models[2])))
    monkeypatch.setattr(catalogue, "stored", lambda storage: listed)
    (finding,) = registry.doctor()
    assert finding.path == model_path(sha256_of(models[2])) and "is not there" in finding.what
    assert len(registry.versions()) == 3


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
