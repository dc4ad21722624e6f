"""gs:// and az://: the conditions that each of them understands are the ones that are sent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from despam.errors import PromotionLost, StorageDown
from despam.registry import Registry
from despam.registry.faults import explain
from despam.registry.reader import Reader
from tests.cloud_fakes import Cloud, cloud

Models = tuple[Path, Path, Path]
URLS = {"gcs": "gs://bucket/registry", "azure": "az://container/registry"}


@pytest.fixture(params=["gcs", "azure"])
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """A cloud, and the environment that leads to it."""
    with cloud(request.param) as running:
        if running.kind == "gcs":
            monkeypatch.setenv("STORAGE_EMULATOR_HOST", running.url)
        else:
            monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", running.url)
            monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
            monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "a2V5")
        yield running


def test_the_life_of_a_registry(place: Cloud, models: Models) -> None:
    """Publish, promote, roll back, read, check."""
    registry = Registry(URLS[place.kind])
    versions = [registry.publish(model).version for model in models]
    assert registry.publish(models[0]).existed
    for version in versions:
        registry.promote(version)
    assert registry.rollback().entry.version == versions[1]
    reader = Reader(URLS[place.kind])
    pointer = reader.fetch_pointer()
    assert pointer is not None and pointer.version == versions[1]
    assert reader.fetch(pointer.sha256) == models[1].read_bytes()
    assert reader.fetch_pointer(pointer.etag) is None
    assert {one.version: one.live for one in registry.versions()} == dict(
        zip(versions, [False, True, False], strict=True)
    )
    assert [entry.number for entry in registry.history()] == [1, 2, 3, 4]
    assert registry.doctor() == []


def test_every_write_has_its_condition(place: Cloud, models: Models) -> None:
    """Create-only, or the generation (GCS) or ETag (Azure) that was read; never without."""
    registry = Registry(URLS[place.kind])
    versions = [registry.publish(model).version for model in models[:2]]
    for version in versions:
        registry.promote(version)
    create, swap = (
        ({"x-goog-if-generation-match": "0"}, "x-goog-if-generation-match")
        if place.kind == "gcs"
        else ({"if-none-match": "*"}, "if-match")
    )
    kinds = ["create" if sent == create else "swap" if swap in sent else "none" for sent in place.conditions]
    # two models, pointer, entry, the first entry again before the second promotion, pointer, entry
    assert kinds == ["create", "create", "create", "create", "create", "swap", "create"]


def test_of_two_promotions_at_once_one_wins(place: Cloud, models: Models) -> None:
    """The other is told, and nothing is lost."""
    registry, other = Registry(URLS[place.kind]), Registry(URLS[place.kind])
    versions = [registry.publish(model).version for model in models]
    registry.promote(versions[0])
    with pytest.raises(PromotionLost):
        registry.promote(versions[1], gate=lambda *_: other.promote(versions[2]) and None)
    live = registry.live()
    assert live is not None and live.version == versions[2]
    assert registry.doctor() == []


@pytest.mark.parametrize(
    ("url", "variable"),
    [("gs://bucket/x", "GOOGLE_APPLICATION_CREDENTIALS"), ("az://c/x", "AZURE_STORAGE_ACCOUNT_KEY")],
)
def test_missing_keys_name_the_variables_of_that_cloud(url: str, variable: str) -> None:
    """Not those of another one."""
    asked = "Error performing GET http://169.254.169.254/latest in 1ms - Server returned 403"
    sentence = explain(RuntimeError(asked), url)
    assert "there are no credentials" in sentence and variable in sentence and "AWS" not in sentence


def test_an_azure_account_must_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence names the variable."""
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    with pytest.raises(StorageDown, match="AZURE_STORAGE_ACCOUNT_NAME"):
        Registry("az://container/x")
