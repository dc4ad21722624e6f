"""Publish, promote and roll back, in a folder and on two S3 servers."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from despam.errors import CorruptVersion, ModelError, PromotionLost, StorageDown, UnknownVersion
from despam.registry import Registry
from despam.registry.reader import model_path
from despam.registry.storage import Storage
from tests.registry.conftest import Place

Models = tuple[Path, Path, Path]


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def filled(place: Place, models: Models) -> tuple[Registry, list[str]]:
    """A registry with three versions, none live."""
    registry = Registry(place.url)
    return registry, [registry.publish(model).version for model in models]


def test_a_model_is_stored_under_its_own_hash(place: Place, models: Models) -> None:
    """The bytes come back by a prefix of it."""
    registry = Registry(place.url)
    published = registry.publish(models[0])
    assert (published.sha256, published.existed) == (sha256_of(models[0]), False)
    assert registry.fetch(published.version[:6]) == models[0].read_bytes()


def test_publishing_twice_is_fine_and_says_so(place: Place, models: Models) -> None:
    """One object, and `existed`."""
    registry = Registry(place.url)
    registry.publish(models[0])
    assert registry.publish(models[0].read_bytes()).existed
    assert len(registry.versions()) == 1


def test_what_is_no_model_is_not_published(place: Place, tmp_path: Path) -> None:
    """Refused before anything is written, with the path."""
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"no model at all")
    registry = Registry(place.url)
    with pytest.raises(ModelError, match=r"broken\.safetensors"):
        registry.publish(broken)
    assert registry.versions() == []


def test_a_model_cut_short_is_not_published(folder_place: Place, models: Models) -> None:
    """Bytes are checked like files."""
    with pytest.raises(ModelError):
        Registry(folder_place.url).publish(models[0].read_bytes()[:-10])


def test_stored_bytes_with_another_hash_are_refused_and_mended_by_publishing(place: Place, models: Models) -> None:
    """Reading says which version is broken and what to do; the same model puts it right."""
    registry = Registry(place.url)
    published = registry.publish(models[0])
    registry.storage.replace(model_path(published.sha256), b"rotten" + models[0].read_bytes()[6:])
    with pytest.raises(CorruptVersion, match="publish that model again"):
        registry.fetch(published.version)
    with pytest.raises(CorruptVersion):
        registry.promote(published.version)
    assert registry.live() is None
    again = registry.publish(models[0])
    assert again.existed and again.mended
    assert registry.fetch(published.version) == models[0].read_bytes()


def test_versions_have_date_size_figures_and_the_live_mark(place: Place, models: Models) -> None:
    """The newest first, with the card's own figures."""
    registry, versions = filled(place, models)
    registry.promote(versions[1])
    listed = {one.version: one for one in registry.versions()}
    assert set(listed) == set(versions)
    assert [one.version for one in listed.values() if one.live] == [versions[1]]
    for path, version in zip(models, versions, strict=True):
        one = listed[version]
        assert one.size_bytes == path.stat().st_size
        assert 0.5 < one.figures["accuracy"] <= 1
        assert one.to_json()["published"].endswith("Z")


def test_a_promotion_swaps_the_pointer_and_adds_an_entry(place: Place, models: Models) -> None:
    """Who, when, from, to, why; pointer and history say the same."""
    registry, versions = filled(place, models)
    registry.promote(versions[0], "first", "ann")
    entry = registry.promote(versions[1], "better", "ben").entry
    assert (entry.number, entry.who, entry.why, entry.version) == (2, "ben", "better", versions[1])
    assert entry.before == sha256_of(models[0]) and entry.when.endswith("Z")
    live = registry.live()
    assert live is not None and live.sha256 == sha256_of(models[1])
    assert [one.version for one in registry.history()] == versions[:2]
    assert [body for _, body in registry.history_objects()] == registry.history()
    assert registry.doctor() == []


def test_the_history_is_append_only(folder_place: Place, models: Models) -> None:
    """One object an entry, and an older one is never written again."""
    registry, versions = filled(folder_place, models)
    assert folder_place.folder is not None
    registry.promote(versions[0])
    first = folder_place.folder / "history" / "00000001.json"
    before = (first.read_bytes(), first.stat().st_ino, first.stat().st_mtime_ns)
    registry.promote(versions[1])
    registry.rollback()
    assert (first.read_bytes(), first.stat().st_ino, first.stat().st_mtime_ns) == before
    assert sorted(path.name for path in first.parent.iterdir()) == [f"0000000{n}.json" for n in (1, 2, 3)]


def test_a_version_is_found_by_a_unique_prefix(folder_place: Place, models: Models) -> None:
    """Also in capitals; `newest` is the last one published."""
    registry, versions = filled(folder_place, models)
    assert registry.find(versions[1][:8].upper()) == sha256_of(models[1])
    assert registry.find("newest") == sha256_of(models[2])


@pytest.mark.parametrize("unknown", ["0123456789ab", "xyz", "", "../live", "newer"])
def test_an_unknown_version_lists_what_there_is(folder_place: Place, models: Models, unknown: str) -> None:
    """The message names every version."""
    registry, versions = filled(folder_place, models)
    with pytest.raises(UnknownVersion) as caught:
        registry.promote(unknown)
    assert all(version in str(caught.value) for version in versions)
    assert folder_place.url in str(caught.value)


def test_a_prefix_that_fits_several_versions_says_which(folder_place: Place, models: Models) -> None:
    """Too short a prefix is no guess."""
    registry, _ = filled(folder_place, models)
    for end in "ab":
        registry.storage.create(model_path("f" * 11 + end + "0" * 52), b"x")
    with pytest.raises(UnknownVersion, match=r"fits fffffffffff[ab], fffffffffff[ab]; give more digits"):
        registry.find("f" * 11)


def test_of_two_stored_at_the_same_moment_neither_is_the_newest(folder_place: Place, models: Models) -> None:
    """S3 tells seconds; the older one must not go live by the luck of its hash. Older ties do not matter."""
    registry, versions = filled(folder_place, models)
    for number, seconds in ((0, 100), (1, 200), (2, 200)):
        os.utime(Path(registry.url) / model_path(sha256_of(models[number])), (seconds, seconds))
    with pytest.raises(UnknownVersion, match="stored at the same moment; give digits") as caught:
        registry.promote("newest")
    assert (
        versions[1] in str(caught.value) and versions[2] in str(caught.value) and versions[0] not in str(caught.value)
    )
    os.utime(Path(registry.url) / model_path(sha256_of(models[0])), (300, 300))
    assert registry.find("newest") == sha256_of(models[0])


def test_an_empty_registry_says_what_to_do(place: Place) -> None:
    """No version, nothing live, nothing to roll back."""
    registry = Registry(place.url)
    assert (registry.versions(), registry.live(), registry.history(), registry.doctor()) == ([], None, [], [])
    with pytest.raises(UnknownVersion, match="despam publish"):
        registry.promote("newest")
    with pytest.raises(UnknownVersion, match="nothing is live"):
        registry.rollback()


def test_promoting_what_is_live_changes_nothing(place: Place, models: Models) -> None:
    """No entry for no change."""
    registry, versions = filled(place, models)
    registry.promote(versions[0])
    again = registry.promote(versions[0])
    assert not again.changed and len(registry.history()) == 1


def test_rolling_back_goes_to_the_version_live_before(place: Place, models: Models) -> None:
    """And said twice, to the one before that; then there is none."""
    registry, versions = filled(place, models)
    for version in versions:
        registry.promote(version)
    assert registry.rollback("bad night", "ann").entry.version == versions[1]
    assert registry.rollback().entry.version == versions[0]
    with pytest.raises(UnknownVersion, match="nothing was live before"):
        registry.rollback()
    assert [entry.action for entry in registry.history()] == ["promote"] * 3 + ["rollback"] * 2
    assert registry.doctor() == []


def test_after_a_rollback_a_promotion_can_be_rolled_back_too(folder_place: Place, models: Models) -> None:
    """a, b, back to a, c: the way back leads to a, not to b."""
    registry, versions = filled(folder_place, models)
    registry.promote(versions[0])
    registry.promote(versions[1])
    registry.rollback()
    registry.promote(versions[2])
    assert registry.rollback().entry.version == versions[0]


def test_a_rollback_to_broken_bytes_is_refused(folder_place: Place, models: Models) -> None:
    """What is live stays live."""
    registry, versions = filled(folder_place, models)
    registry.promote(versions[0])
    registry.promote(versions[1])
    registry.storage.replace(model_path(sha256_of(models[0])), b"rotten")
    with pytest.raises(CorruptVersion):
        registry.rollback()
    live = registry.live()
    assert live is not None and live.version == versions[1]


def test_of_two_promotions_at_once_one_wins_and_the_other_is_told(place: Place, models: Models) -> None:
    """The loser learns who was faster, and nothing of the winner is lost."""
    registry, versions = filled(place, models)
    registry.promote(versions[0])
    other = Registry(place.url)

    def meanwhile(_candidate: bytes, _live: bytes | None) -> None:
        other.promote(versions[1], "faster", "ben")

    with pytest.raises(PromotionLost, match=f"ben made {versions[1]} live meanwhile"):
        registry.promote(versions[2], "slower", "ann", gate=meanwhile)
    live = registry.live()
    assert live is not None and live.version == versions[1]
    assert [entry.who for entry in registry.history()][1:] == ["ben"]
    assert registry.doctor() == []


def test_ctrl_c_after_the_swap_does_not_hide_that_the_version_is_live(
    folder_place: Place, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said to be live, with its entry still to be written."""
    registry, versions = filled(folder_place, models)
    create = Storage.create

    def interrupted(self: Storage, path: str, data: bytes) -> bool:
        if path.startswith("history/"):
            raise KeyboardInterrupt
        return create(self, path, data)

    monkeypatch.setattr(Storage, "create", interrupted)
    promoted = registry.promote(versions[0])
    assert (promoted.changed, promoted.recorded) == (True, False)
    live = registry.live()
    assert live is not None and live.version == versions[0]
    monkeypatch.undo()
    registry.doctor(mend=True)
    assert registry.doctor() == []


@pytest.mark.parametrize("moment", ["swap", "get"])
def test_ctrl_c_in_the_middle_of_a_swap_leaves_open_what_happened(
    folder_place: Place, models: Models, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """While it is written, and while we look whether it was."""
    registry, versions = filled(folder_place, models)
    get = Storage.get

    def interrupted(*_: object) -> bool:
        raise KeyboardInterrupt

    def swap(*_: object) -> bool:
        monkeypatch.setattr(Storage, "get", interrupted)
        return False

    monkeypatch.setattr(Storage, "swap", interrupted if moment == "swap" else swap)
    with pytest.raises(StorageDown, match="stopped; it is not known whether the promotion took effect"):
        registry.promote(versions[0])
    monkeypatch.setattr(Storage, "get", get)
    assert registry.live() is None


def test_of_two_first_promotions_at_once_one_wins(place: Place, models: Models) -> None:
    """The pointer is made once."""
    registry, versions = filled(place, models)
    with pytest.raises(PromotionLost):
        registry.promote(versions[0], gate=lambda *_: Registry(place.url).promote(versions[1]) and None)
    live = registry.live()
    assert live is not None and live.version == versions[1]


def test_a_gate_sees_both_models_and_may_say_no(folder_place: Place, models: Models) -> None:
    """Its exception comes through, and nothing is promoted."""
    registry, versions = filled(folder_place, models)
    asked: list[tuple[bytes, bytes | None]] = []
    registry.promote(versions[0], gate=lambda new, old: asked.append((new, old)))

    def refuse(new: bytes, old: bytes | None) -> None:
        asked.append((new, old))
        raise ValueError("worse")

    with pytest.raises(ValueError, match="worse"):
        registry.promote(versions[1], gate=refuse)
    contents = [model.read_bytes() for model in models]
    assert asked == [(contents[0], None), (contents[1], contents[0])]
    live = registry.live()
    assert live is not None and live.version == versions[0]


@pytest.mark.parametrize(
    "body",
    [{}, {"by": "hand"}, {"entry": {"number": "one"}}, {"format": "despam-registry-1", "version": "000000000000"}],
)
def test_a_pointer_written_by_hand_is_taken_into_the_history(place: Place, models: Models, body: dict) -> None:
    """The next promotion goes on from it, and a rollback leads back to it."""
    registry, versions = filled(place, models)
    registry.promote(versions[0])
    by_hand = json.dumps({**body, "sha256": sha256_of(models[1])}).encode()
    registry.storage.replace("live.json", by_hand)
    assert [finding.kind for finding in registry.doctor()] == ["left-over"]
    registry.promote(versions[2])
    assert [(e.action, e.version) for e in registry.history()] == [
        ("promote", versions[0]),
        ("by hand", versions[1]),
        ("promote", versions[2]),
    ]
    assert registry.doctor() == []
    assert registry.rollback().entry.version == versions[1]


def test_in_a_ci_job_the_person_behind_it_is_named(
    folder_place: Place, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the machine that the job ran on."""
    monkeypatch.setenv("GITHUB_ACTOR", "ann")
    registry, versions = filled(folder_place, models)
    assert registry.promote(versions[0]).entry.who == "ann by GitHub Actions"


def test_who_and_why_are_cut_and_any_text_is_kept(
    folder_place: Place, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Quotes, line ends, other scripts; a megabyte is no reason."""
    monkeypatch.delenv("GITHUB_ACTOR", raising=False)
    registry, versions = filled(folder_place, models)
    registry.promote(versions[0], 'в "три" ночи\n\u0000', "ann")
    assert registry.history()[-1].why == 'в "три" ночи\n\u0000'
    registry.promote(versions[1], "x" * 10**6)
    assert len(registry.history()[-1].why) == 500
    assert "@" in registry.history()[-1].who
