"""publish, versions, promote, rollback and doctor as a person and a CI job meet them: words, JSON, exit codes."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from despam.cli import publish
from despam.errors import PromotionLost
from despam.registry import Registry
from despam.registry.reader import model_path
from tests.cli.conftest import Run, on_a_terminal

COMMANDS = ("publish", "versions", "promote", "rollback", "doctor")
GATE = """
[[data]]
files = ["must.jsonl"]
[data.at_least]
accuracy = {limit}
"""


@pytest.fixture
def files(tmp_path: Path, make_model: Callable[..., Path], small_rows: tuple[list[str], list[str]]) -> list[str]:
    """Two models beside the test; give their versions."""
    texts, labels = small_rows
    versions = []
    for name, path in (("one", make_model()), ("two", make_model(texts[:500], labels[:500]))):
        shutil.copy(path, tmp_path / f"{name}.safetensors")
        versions.append(hashlib.sha256(path.read_bytes()).hexdigest()[:12])
    return versions


def test_a_day_with_a_registry(despam: Run, files: list[str], tmp_path: Path) -> None:
    """Publish, promote, look, roll back, check: versions on stdout, talk on stderr, exit code 0."""
    here = {"DESPAM_REGISTRY": str(tmp_path / "registry")}
    first = despam("publish", "one.safetensors", "--promote", "--why", "the first", **here)
    assert (first.returncode, first.stdout) == (0, f"{files[0]}\n"), first.stderr
    assert f"{files[0]} is live" in first.stderr and "refresh time" in first.stderr
    assert despam("publish", "two.safetensors", **here).stdout == f"{files[1]}\n"
    promoted = despam("promote", files[1][:7], "--why", "better", "--who", "ann", **here)
    assert promoted.stdout == f"{files[1]}\n" and f"(before: {files[0]})" in promoted.stderr
    table = despam("versions", **here).stdout
    assert [line.split()[:2] for line in table.splitlines() if files[1] in line] == [[files[1], "live"]]
    assert "accuracy" in table and "%" in table
    history = despam("versions", "--history", **here).stdout
    assert "better" in history and "ann" in history and history.index("better") < history.index("the first")
    assert despam("rollback", "--why", "no", **here).stdout == f"{files[0]}\n"
    checked = despam("doctor", **here)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "The registry is whole.\n")


def test_everything_as_json(despam: Run, files: list[str], tmp_path: Path) -> None:
    """One JSON value a command, nothing else on stdout."""
    where = ("--registry", tmp_path / "registry", "--json")
    stored = json.loads(despam("publish", "one.safetensors", *where).stdout)
    assert (stored["version"], stored["existed"], stored["live"]) == (files[0], False, None)
    again = json.loads(despam("publish", "one.safetensors", "--promote", *where).stdout)
    assert again["existed"] is True and again["live"]["version"] == files[0]
    despam("publish", "two.safetensors", *where)
    entry = json.loads(despam("promote", "newest", "--why", "w", *where).stdout)
    assert (entry["version"], entry["number"], entry["why"], entry["changed"]) == (files[1], 2, "w", True)
    listed = json.loads(despam("versions", *where).stdout)
    assert {one["version"]: one["live"] for one in listed} == {files[0]: False, files[1]: True}
    assert all(len(one["sha256"]) == 64 and one["size_bytes"] and "recall_at_fpr" in one["figures"] for one in listed)
    assert json.loads(despam("rollback", *where).stdout)["action"] == "rollback"
    history = json.loads(despam("versions", "--history", *where).stdout)
    assert [one["number"] for one in history] == [3, 2, 1]
    assert json.loads(despam("doctor", *where).stdout) == []


def test_a_table_on_a_terminal_marks_the_live_version(files: list[str], tmp_path: Path, despam: Run) -> None:
    """In green, and with a word."""
    despam("publish", "one.safetensors", "--registry", "registry", "--promote")
    shown = on_a_terminal(["versions", "--registry", "registry"], tmp_path, COLUMNS="120")
    assert "live" in shown and "\x1b[1;32m" in shown


@pytest.mark.parametrize("columns", ["60", "80", "120", "200"])
@pytest.mark.parametrize("history", [[], ["--history"]])
def test_a_version_can_be_read_on_any_terminal(
    files: list[str], tmp_path: Path, despam: Run, columns: str, history: list[str]
) -> None:
    """Never cut: it is what the next command is given."""
    for name in ("one", "two"):
        despam("publish", f"{name}.safetensors", "--registry", "registry", "--promote", "--why", "because of June " * 9)
    shown = on_a_terminal(["versions", *history, "--registry", "registry"], tmp_path, COLUMNS=columns)
    assert all(version in shown for version in files), shown


def test_what_people_write_does_not_reach_the_terminal_as_commands(files: list[str], despam: Run) -> None:
    """A reason with an escape sequence is shown, not obeyed."""
    despam(
        "publish", "one.safetensors", "--registry", "r", "--promote", "--why", "\x1b[2Jgone", "--who", "\x1b]0;x\x07"
    )
    shown = despam("versions", "--history", "--registry", "r").stdout
    assert "\x1b" not in shown and "\x07" not in shown and "gone" in shown


def test_what_has_happened_already_is_said(despam: Run, files: list[str]) -> None:
    """Published before, live before."""
    despam("publish", "one.safetensors", "--registry", "r", "--promote")
    again = despam("publish", "one.safetensors", "--registry", "r", "--promote")
    assert again.returncode == 0
    assert (
        f"{files[0]} was there already, unchanged." in again.stderr and f"{files[0]} is live already." in again.stderr
    )


def test_a_registry_must_be_named(despam: Run, files: list[str]) -> None:
    """Usage, exit code 2, with the option's name."""
    for arguments in (["publish", "one.safetensors"], ["versions"], ["promote", "a"], ["rollback"], ["doctor"]):
        done = despam(*arguments)
        assert done.returncode == 2 and "--registry" in done.stderr, done


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["publish", "none.safetensors"], ["none.safetensors", "cannot be opened"]),
        (["publish", "broken.safetensors"], ["broken.safetensors"]),
        (["promote", "0123"], ["no version '0123'", "there are"]),
        (["rollback"], ["nothing was live before"]),
    ],
)
def test_an_error_is_one_line_with_the_next_step(
    despam: Run, files: list[str], tmp_path: Path, arguments: list[str], words: list[str]
) -> None:
    """Exit code 3, nothing on stdout, no traceback, nothing changed."""
    (tmp_path / "broken.safetensors").write_bytes((tmp_path / "one.safetensors").read_bytes()[:5000])
    despam("publish", "one.safetensors", "--registry", "r", "--promote")
    before = sorted((path.name, path.stat().st_mtime_ns) for path in (tmp_path / "r").rglob("*.*"))
    done = despam(*arguments, "--registry", "r")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.count("\n") == 1 and all(word in done.stderr for word in words), done.stderr
    assert sorted((path.name, path.stat().st_mtime_ns) for path in (tmp_path / "r").rglob("*.*")) == before


@pytest.mark.parametrize("url", ["none", "ftp://x", "s3://", "file://x"])
def test_a_registry_that_cannot_be_is_one_line(despam: Run, url: str) -> None:
    """A folder that is not there, a kind of URL that is none."""
    done = despam("versions", "--registry", url)
    assert done.returncode == 3 and done.stderr.count("\n") == 1, done


def test_storage_that_is_not_there_is_one_line(despam: Run, files: list[str]) -> None:
    """No server behind the endpoint: exit code 3 and where to look."""
    keys = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    done = despam("versions", "--registry", "s3://bucket/x", **keys)
    assert done.returncode == 3 and done.stderr.count("\n") == 1
    assert "nothing listens" in done.stderr and "AWS_ENDPOINT_URL" in done.stderr


def test_the_doctor_says_what_is_wrong_and_mends(despam: Run, files: list[str], tmp_path: Path) -> None:
    """Exit code 1 while somebody has to do something."""
    despam("publish", "one.safetensors", "--registry", "r", "--promote")
    (tmp_path / "r" / "history" / "00000001.json").unlink()
    found = despam("doctor", "--registry", "r")
    assert found.returncode == 1 and found.stdout.startswith("left-over: history/00000001.json: ")
    assert "--mend" in found.stderr
    mended = despam("doctor", "--registry", "r", "--mend")
    assert mended.returncode == 0 and mended.stdout.startswith("mended: history/00000001.json: ")
    assert despam("doctor", "--registry", "r").returncode == 0


def test_the_doctor_finds_broken_bytes(despam: Run, files: list[str], tmp_path: Path) -> None:
    """And publishing that model again puts them right, and says so."""
    despam("publish", "one.safetensors", "--registry", "r", "--promote")
    registry = Registry(str(tmp_path / "r"))
    registry.storage.replace(model_path(registry.find(files[0])), b"rotten")
    assert despam("doctor", "--registry", "r", "--mend").returncode == 1
    assert despam("promote", files[0], "--registry", "r").returncode == 3
    assert "broken bytes" in despam("publish", "one.safetensors", "--registry", "r").stderr
    assert despam("doctor", "--registry", "r").returncode == 0


@pytest.mark.parametrize(("limit", "code"), [(0.5, 0), (0.9999, 1)])
def test_a_gate_decides_over_a_promotion(
    despam: Run, files: list[str], sms: Path, tmp_path: Path, limit: float, code: int
) -> None:
    """Exit code 1 and nothing promoted when it says no; the rule that failed is named."""
    shutil.copy(sms, tmp_path / "must.jsonl")
    with (tmp_path / "must.jsonl").open("a") as lines:
        lines.write(json.dumps({"text": "See you at eight, bring the red folder.", "label": "spam"}) + "\n")
    (tmp_path / "gate.toml").write_text(GATE.format(limit=limit))
    despam("publish", "two.safetensors", "--registry", "r", "--promote")
    despam("publish", "one.safetensors", "--registry", "r")
    done = despam("promote", files[0], "--registry", "r", "--gate", "gate.toml")
    assert done.returncode == code, done.stderr
    live = Registry(str(tmp_path / "r")).live()
    assert live is not None and live.version == files[code]
    if code:
        assert "FAILS" in done.stderr and "gate.toml, line" in done.stderr and "nothing was promoted" in done.stderr
        assert done.stdout == ""
    again = despam("publish", "one.safetensors", "--registry", "r", "--promote", "--gate", "gate.toml")
    assert (again.returncode, again.stdout) == (code, f"{files[0]}\n")
    asked = json.loads(
        despam("publish", "one.safetensors", "--registry", "r", "--promote", "--gate", "gate.toml", "--json").stdout
    )
    assert asked["version"] == files[0] and (asked["live"] is None) == bool(code)


@pytest.mark.parametrize("as_json", [False, True])
def test_a_version_that_was_stored_is_named_though_its_promotion_failed(
    files: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, as_json: bool
) -> None:
    """Somebody else was faster: what was stored can be promoted by its name."""

    def lose(*_: object) -> None:
        raise PromotionLost("ben made another one live meanwhile")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Registry, "promote", lose)
    arguments = ["one.safetensors", "--registry", "r", "--promote", *(["--json"] if as_json else [])]
    done = CliRunner().invoke(publish.command, arguments)
    assert isinstance(done.exception, PromotionLost)
    if as_json:
        stored = json.loads(done.stdout)
        assert (stored["version"], stored["existed"], stored["live"]) == (files[0], False, None)
    else:
        assert done.stdout == f"{files[0]}\n"


def test_a_gate_without_a_promotion_is_a_mistake(despam: Run, files: list[str]) -> None:
    """Usage."""
    done = despam("publish", "one.safetensors", "--registry", "r", "--gate", "gate.toml")
    assert done.returncode == 2 and "--promote" in done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_help_needs_no_storage(despam: Run, command: str) -> None:
    """Nothing heavy is imported to show it."""
    done = despam(command, "--help", PYTHONPROFILEIMPORTTIME="1")
    assert done.returncode == 0 and "Example:" in done.stdout
    assert "obstore" not in done.stderr


def test_a_broken_pointer_is_said_where_the_versions_are_listed(despam: Run, files: list[str], tmp_path: Path) -> None:
    """With the step that mends it; then promoting works again."""
    here = {"DESPAM_REGISTRY": str(tmp_path / "registry")}
    despam("publish", "one.safetensors", "--promote", **here)
    (tmp_path / "registry" / "live.json").write_text("{broken")
    listed = despam("versions", **here)
    assert listed.returncode == 0 and files[0] in listed.stdout
    assert (
        "None is live: " in listed.stderr and "live.json names no version; run `despam doctor --mend`" in listed.stderr
    )
    assert despam("doctor", "--mend", **here).returncode in (0, 1)
    assert "None is live" not in despam("versions", **here).stderr


def test_a_tfidf_model_shows_its_accuracy_too(despam: Run, tmp_path: Path, data_folder: Path) -> None:
    """That of its test side, which is all that its card holds."""
    data = str(data_folder / "sms_spam_collection.jsonl.gz")
    trained = json.loads(despam("train", data, "--recipe", "tfidf", "-o", "tfidf.safetensors", "--json").stdout)
    accuracy = trained["figures"]["split"]["test_accuracy"]
    here = {"DESPAM_REGISTRY": str(tmp_path / "registry")}
    despam("publish", "tfidf.safetensors", **here)
    assert f"{accuracy:.2%}".replace("%", " %") in despam("versions", **here).stdout
    (listed,) = json.loads(despam("versions", "--json", **here).stdout)
    assert listed["figures"] == {"accuracy": accuracy}
