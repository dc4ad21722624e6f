"""URLs, environment, keys and forks: what is true before the first object is read."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from despam.errors import CorruptVersion, MissingExtra, SettingError, StorageDown
from despam.registry import Registry
from despam.registry.profile import read_profile
from despam.registry.storage import Storage, endpoint_of, folder_of, settings_of
from tests.registry.conftest import Place


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("file:///var/models", "/var/models"),
        ("file:///var/my%20models/", "/var/my models"),
        ("/var/models/../registry", "/var/registry"),
        ("s3://bucket", ""),
        ("s3://bucket/a/b", ""),
        ("gs://bucket/a", ""),
        ("az://container/a", ""),
    ],
)
def test_a_url_is_a_folder_or_a_bucket(url: str, folder: str) -> None:
    """Plain paths and file:// are folders."""
    assert folder_of(url) == folder


def test_a_relative_path_and_a_home_are_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a shell would."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert folder_of("models") == str(tmp_path / "models")
    assert folder_of("~/models") == str(tmp_path / "home" / "models")


@pytest.mark.parametrize(
    "url", ["", "ftp://host/x", "http://host/x", "file://models", "s3://", "gs:///", "a\0b", "memory://"]
)
def test_what_is_no_registry_is_refused_with_examples(url: str) -> None:
    """Before anything is opened."""
    with pytest.raises(SettingError, match=r"s3://BUCKET|file:///FOLDER"):
        Storage(url)


@pytest.mark.parametrize(
    "url", ["s3:/bucket/p", "s3:bucket", "S3:/b", "gs:/b/p", "az:/c/p", "file:/models", "https:/x"]
)
def test_a_url_that_lacks_a_slash_is_no_folder(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be made below the folder one happens to be in; another colon is a name's own."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingError, match="lacks the two slashes"):
        Storage(url, make_folder=True)
    assert list(tmp_path.iterdir()) == []
    assert folder_of(f"./{url}") == str(tmp_path / url)
    assert folder_of("models: mine") == str(tmp_path / "models: mine")


def test_keys_in_a_url_are_refused_and_not_repeated() -> None:
    """They would end up in logs."""
    with pytest.raises(SettingError, match="environment") as caught:
        Storage("s3://AKIA:secret@bucket/x")
    assert "secret" not in str(caught.value)


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    """Publishing makes it, nothing else does."""
    with pytest.raises(StorageDown, match="no such folder"):
        Registry(str(tmp_path / "none"))
    Registry(str(tmp_path / "made" / "deep"), make_folder=True)
    assert (tmp_path / "made" / "deep").is_dir()


def test_a_file_in_the_way_of_a_folder_is_said(tmp_path: Path) -> None:
    """One sentence, not a traceback."""
    (tmp_path / "taken").write_text("a file")
    for make_folder in (False, True):
        with pytest.raises(StorageDown, match=r"taken: is a file; name a folder\."):
            Registry(str(tmp_path / "taken"), make_folder=make_folder)


def test_a_folder_that_cannot_be_written_to_is_said(folder_place: Place, models: tuple[Path, Path, Path]) -> None:
    """Root may write anywhere, so a file stands where a folder must be made."""
    assert folder_place.folder is not None
    (folder_place.folder / "models").write_text("in the way")
    with pytest.raises(StorageDown, match=r"writing models/[0-9a-f]{64}\.safetensors failed"):
        Registry(folder_place.url).publish(models[0])


def test_create_never_overwrites(place: Place) -> None:
    """The first bytes stay."""
    storage = Storage(place.url)
    assert storage.create("a/b", b"first")
    assert not storage.create("a/b", b"second")
    found = storage.get("a/b")
    assert found is not None and found.data == b"first"


def test_swap_changes_what_was_read_and_nothing_else(place: Place) -> None:
    """With the old object in hand it is changed once."""
    storage = Storage(place.url)
    assert storage.swap("p", b"one", None)
    assert not storage.swap("p", b"two", None)
    old = storage.get("p")
    assert storage.swap("p", b"two", old)
    assert not storage.swap("p", b"three", old)
    found = storage.get("p")
    assert found is not None and found.data == b"two"


def test_an_unchanged_object_is_not_sent_again(place: Place) -> None:
    """The conditional GET: 304 carries no bytes."""
    storage = Storage(place.url)
    storage.create("p", b"one")
    first = storage.get("p")
    assert first is not None and first.etag
    again = storage.get("p", first.etag)
    assert again is not None and again.unchanged and again.data == b""
    storage.swap("p", b"two", first)
    changed = storage.get("p", first.etag)
    assert changed is not None and changed.data == b"two"


def test_an_object_over_the_limit_is_not_read(place: Place) -> None:
    """A pointer of a gigabyte is no pointer."""
    storage = Storage(place.url)
    storage.create("p", b"x" * 2000)
    with pytest.raises(CorruptVersion, match=r"2,000 bytes, the limit is 1,000"):
        storage.get("p", limit_bytes=1000)


def test_absence_is_no_error(place: Place) -> None:
    """None, also when asked with an ETag."""
    storage = Storage(place.url)
    assert storage.get("none") is None
    assert storage.get("none", '"etag"') is None
    assert list(storage.list("none")) == []


def test_listing_starts_after_a_name(place: Place) -> None:
    """In the order of names, under the prefix alone."""
    storage = Storage(place.url)
    for name in ("h/1", "h/2", "h/3", "hh/4"):
        storage.create(name, b"x")
    assert sorted(one.path for one in storage.list("h")) == ["h/1", "h/2", "h/3"]
    assert sorted(one.path for one in storage.list("h", "h/1")) == ["h/2", "h/3"]


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"])
def test_an_endpoint_comes_from_the_usual_variables(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain HTTP is allowed when the endpoint says so."""
    for other in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
    monkeypatch.setenv(name, "http://127.0.0.1:9000")
    assert endpoint_of("s3://b") == "http://127.0.0.1:9000"
    assert (settings_of("s3://b") or {})["endpoint"] == "http://127.0.0.1:9000"


def test_the_region_comes_from_either_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS_REGION before AWS_DEFAULT_REGION."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.delenv("AWS_REGION", raising=False)
    assert (settings_of("s3://b") or {})["region"] == "eu-west-1"
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    assert (settings_of("s3://b") or {})["region"] == "eu-central-1"


def test_a_region_in_china_has_its_own_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless the environment names one."""
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_REGION", "cn-north-1")
    assert (settings_of("s3://b") or {})["endpoint"] == "https://s3.cn-north-1.amazonaws.com.cn"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://vpce.example")
    assert (settings_of("s3://b") or {})["endpoint"] == "https://vpce.example"


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """A home folder with AWS profiles."""
    folder = tmp_path / ".aws"
    folder.mkdir()
    (folder / "credentials").write_text(
        "[default]\naws_access_key_id = A\naws_secret_access_key = B\n"
        "[work]\naws_access_key_id = C\naws_secret_access_key = %D\naws_session_token = E\n"
    )
    (folder / "config").write_text(
        "[default]\nregion = eu-west-1\n[profile work]\nregion = us-west-2\n[profile sso]\nsso_start_url = https://x\n"
    )
    return {"HOME": str(tmp_path)}


def test_keys_come_from_the_default_profile(home: dict[str, str]) -> None:
    """As with every AWS tool."""
    assert read_profile(home) == {"access_key_id": "A", "secret_access_key": "B", "region": "eu-west-1"}


def test_keys_come_from_the_profile_that_is_named(home: dict[str, str]) -> None:
    """With its session token; a percent sign is a percent sign."""
    expected = {"access_key_id": "C", "secret_access_key": "%D", "session_token": "E", "region": "us-west-2"}
    assert read_profile(home | {"AWS_PROFILE": "work"}) == expected


def test_a_profile_without_keys_says_how_to_get_them(home: dict[str, str]) -> None:
    """Single sign-on is another program's work."""
    with pytest.raises(SettingError, match="aws configure export-credentials"):
        read_profile(home | {"AWS_PROFILE": "sso"})


def test_a_profile_that_is_not_there_is_said(home: dict[str, str]) -> None:
    """By its name."""
    with pytest.raises(SettingError, match="'nobody'"):
        read_profile(home | {"AWS_PROFILE": "nobody"})


def test_without_profiles_there_are_no_keys(tmp_path: Path) -> None:
    """No home, a broken file, or a role of the machine: obstore asks for itself."""
    assert read_profile({"HOME": str(tmp_path)}) == {}
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text("no section\n")
    assert read_profile({"HOME": str(tmp_path)}) == {}
    assert read_profile({"HOME": str(tmp_path), "AWS_WEB_IDENTITY_TOKEN_FILE": "x"}) == {}


def test_keys_of_a_profile_open_a_bucket(s3_place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For real: the keys stand in a file alone."""
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text(
        f"[tests]\naws_access_key_id = {os.environ['AWS_ACCESS_KEY_ID']}\n"
        f"aws_secret_access_key = {os.environ['AWS_SECRET_ACCESS_KEY']}\n"
    )
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_PROFILE", "tests")
    assert Storage(s3_place.url).create("a", b"x")


FULL = """
import resource, sys
from despam.registry import Registry
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    Registry({url!r}).publish({model!r})
except Exception as error:
    print(type(error).__name__, error)
"""


def test_a_disk_that_takes_no_more_is_said_and_leaves_no_version(
    folder_place: Place, models: tuple[Path, Path, Path]
) -> None:
    """A limit on the size of files stands in for a full disk: the write ends in the middle."""
    program = FULL.format(url=folder_place.url, model=str(models[0]))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert "StorageDown" in done.stdout and "takes no file of that size" in done.stdout, done
    registry = Registry(folder_place.url)
    assert registry.versions() == []
    assert all(finding.kind == "left-over" for finding in registry.doctor())
    assert registry.publish(models[0]).existed is False


FORK = """
import os, sys, signal
from despam.registry.storage import Storage
storage = Storage({url!r})
storage.create("a", b"x")
child = os.fork()
if child == 0:
    signal.alarm(20)
    try:
        storage.get("a")
    except Exception as error:
        print(type(error).__name__, error, flush=True)
    os._exit(0)
print(os.waitpid(child, 0)[1])
"""


def test_a_forked_process_is_told_instead_of_waiting_for_ever(folder_place: Place) -> None:
    """obstore's threads stay behind in the parent."""
    program = FORK.format(url=folder_place.url)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert "StorageDown" in done.stdout and "was forked" in done.stdout and done.stdout.endswith("\n0\n"), done


def test_without_obstore_the_extra_is_named(folder_place: Place) -> None:
    """One sentence with the pip line."""
    program = (
        "import sys; sys.modules['obstore'] = None\n"
        f"from despam.registry.storage import Storage\nStorage({folder_place.url!r})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (
        f"{MissingExtra.__name__}: A registry needs the extra 'registry': pip install 'despam[registry]'" in done.stderr
    )


def test_the_reader_loads_no_writer(folder_place: Place) -> None:
    """What goes into the Lambda bundle stays small: no dataclasses, no pathlib of our own, no writer."""
    program = (
        "import sys; before = set(sys.modules)\n"
        "import despam.registry.reader\n"
        "new = set(sys.modules) - before\n"
        "print(*sorted(n for n in new if 'despam.registry' in n or n in ('dataclasses', 'obstore')))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    registry = ["despam.registry", "despam.registry.faults", "despam.registry.reader", "despam.registry.storage"]
    assert done.stdout.split() == registry, done
