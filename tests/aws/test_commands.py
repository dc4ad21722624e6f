"""`despam bundle`, `deploy` and `destroy` as typed: what goes to stdout, what to stderr, and the exit code."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from despam.aws import bundle
from despam.core.model import Model

from .conftest import MACHINE, Ministack


def despam(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "despam", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)


def test_bundle_prints_sizes_and_hash(tmp_path: Path) -> None:
    """The file is what the figures say."""
    run = despam("bundle", "--arch", MACHINE, "-o", tmp_path / "lambda.zip")
    assert run.returncode == 0, run.stderr
    made = bundle.make(MACHINE)
    assert f"{made.zipped_bytes / 1e6:.1f} MB zipped, {made.unzipped_bytes / 1e6:.1f} MB unzipped" in run.stdout
    assert f"sha256 {made.sha256}" in run.stdout
    assert (tmp_path / "lambda.zip").read_bytes() == made.data
    assert list(tmp_path.iterdir()) == [tmp_path / "lambda.zip"]


def test_bundle_as_json(tmp_path: Path) -> None:
    """For scripts."""
    facts = json.loads(despam("bundle", "--arch", MACHINE, "-o", tmp_path / "lambda.zip", "--json").stdout)
    assert facts["handler"] == bundle.HANDLER
    assert facts["zipped_bytes"] == (tmp_path / "lambda.zip").stat().st_size
    with zipfile.ZipFile(tmp_path / "lambda.zip") as archive:
        assert len(archive.namelist()) == facts["files"]


def test_bundle_into_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """Said before anything is packed."""
    run = despam("bundle", "--arch", MACHINE, "-o", tmp_path / "missing" / "lambda.zip")
    assert run.returncode == 2
    assert "lambda.zip does not exist; make it first" in run.stderr


def test_a_bundle_is_not_written_over_its_model(tmp_path: Path, bundled: Model) -> None:
    """The only copy of a model may be the one that is carried."""
    model = tmp_path / "model.safetensors"
    model.write_bytes(Path(bundled.path).read_bytes())
    run = despam("bundle", "--arch", MACHINE, "-m", model, "-o", model)
    assert run.returncode == 2
    assert "model.safetensors is the MODEL; name another file" in run.stderr
    assert model.read_bytes() == Path(bundled.path).read_bytes()


def test_a_dry_run_prints_plan_and_template_and_needs_no_account(no_aws: None) -> None:
    """To stdout, with exit code 0."""
    run = despam("deploy", "--stack", "mail-filter", "--dry-run")
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("If there is no stack mail-filter in the region of your AWS settings yet, create it")
    assert "Cost of a thousand messages: $" in run.stdout
    assert "Transform: AWS::Serverless-2016-10-31" in run.stdout
    assert run.stderr == ""


def test_deploy_and_destroy_from_the_shell(aws: Ministack) -> None:
    """stdout is the URL alone; everything else is talk."""
    run = despam("deploy", "--stack", "shell", "--arch", MACHINE, "--yes")
    assert run.returncode == 0, run.stderr
    assert run.stdout == run.stdout.strip() + "\n"
    assert aws.ask(run.stdout.strip(), "classify", {"text": "hello"}).status == 200
    assert "First verdict: " in run.stderr
    assert "next: despam publish MODEL --registry s3://shell-registry-" in run.stderr
    again = json.loads(despam("deploy", "--stack", "shell", "--yes", "--json").stdout)
    assert (again["url"], again["changed"]) == (run.stdout.strip(), False)
    _a_dry_run_of_destroy_changes_nothing(run.stdout.strip(), aws)
    gone = despam("destroy", "--stack", "shell", "--with-registry", "--yes")
    assert (gone.returncode, gone.stdout) == (0, "shell removed, with its registry\n")


def _a_dry_run_of_destroy_changes_nothing(url: str, aws: Ministack) -> None:
    """What would go and what stays is a result, to stdout; `--yes` does not overrule it."""
    run = despam("destroy", "--stack", "shell", "--dry-run", "--yes")
    assert (run.returncode, run.stderr) == (0, "")
    assert "  the stack shell: function, rest front, role and logs" in run.stdout
    assert "What stays: the bucket shell-registry-" in run.stdout
    run = despam("destroy", "--stack", "shell", "--dry-run", "--with-registry")
    assert (run.returncode, run.stderr) == (0, "")
    assert "  the stack shell-registry and its bucket shell-registry-" in run.stdout
    assert "What stays" not in run.stdout
    assert aws.ask(url, "classify", {"text": "hello"}).status == 200


def test_without_a_terminal_and_without_yes_nothing_is_done(aws: Ministack) -> None:
    """The plan is printed; the sentence says what to add."""
    run = despam("deploy", "--stack", "silent", "--arch", MACHINE)
    assert run.returncode == 3
    assert "Create the stack silent" in run.stderr
    assert "Nobody is here to answer: add --yes." in run.stderr
    assert despam("destroy", "--stack", "silent", "--yes").returncode == 3


def test_both_key_options_at_once_are_refused(no_aws: None) -> None:
    """A sentence, before anything."""
    run = despam("deploy", "--stack", "x", "--api-key", "k" * 20, "--no-api-key")
    assert run.returncode == 3
    assert "--api-key and --no-api-key: give one of the two." in run.stderr


def test_no_api_key_beats_a_key_in_the_environment(no_aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what was typed is a contradiction."""
    monkeypatch.setenv("DESPAM_API_KEY", "k" * 20)
    assert "a key asked for" in despam("deploy", "--stack", "x", "--dry-run").stdout.replace("no key asked for", "")
    run = despam("deploy", "--stack", "x", "--no-api-key", "--dry-run")
    assert run.returncode == 0, run.stderr
    assert "no key asked for" in run.stdout


def test_no_credentials_is_one_line_and_exit_code_3(no_aws: None) -> None:
    """No traceback."""
    run = despam("deploy", "--stack", "x", "--region", "eu-central-1", "--yes")
    assert run.returncode == 3
    assert run.stderr.count("\n") == 1
    assert "no AWS credentials" in run.stderr
