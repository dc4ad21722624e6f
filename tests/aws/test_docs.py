"""The how-tos about AWS, and what the tutorial does there.

Their blocks run as they stand, against ministack, and their figures are those of the code.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from despam.aws import bundle, prices
from despam.errors import DeployError
from tests.shipping.conftest import blocks_of

from .conftest import MACHINE, Ministack

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"
PAGES = ["deploy-to-aws.md", "own-domain-and-cors.md", "api-key.md", "costs.md"]


# the pages deploy for arm64, as users do; ministack runs the function on this machine
THIS_MACHINE = f"""
despam() {{
    if [ "$1" = deploy ]; then command despam "$@" --arch {MACHINE}; else command despam "$@"; fi
}}
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_the_blocks_of_the_page_run_as_they_stand(name: str, aws: Ministack, data_folder: Path, tmp_path: Path) -> None:
    """In order, in one folder beside `data/`, in one shell."""
    (tmp_path / "data").symlink_to(data_folder)
    page = HOW_TO.joinpath(name).read_text(encoding="utf-8")
    assert "<!-- blocks run by tests/aws/test_docs.py -->" in page
    script = "\n".join(block.code for block in blocks_of(page) if block.runs and block.tag == "sh")
    assert script
    if "--arch arm64" in script:
        try:
            bundle.make("arm64")
        except DeployError as error:
            pytest.skip(f"no bundle for arm64 on this machine: {error}")
    run = run_in_shell(THIS_MACHINE + script, tmp_path)
    assert run.returncode == 0, f"{name}\n{run.stdout[-1500:]}\n{run.stderr[-3000:]}"


def run_in_shell(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run it up to the first command that fails, with this Python's despam."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-euxo", "pipefail", "-c", script],
        cwd=folder,
        env={**os.environ, "PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
    )


# a block of the tutorial that needs AWS says that it runs here
RUNS_HERE = re.compile(r"^<!-- not run: .*tests/aws/test_docs\.py.* -->\n```sh\n((?:.*\n)*?)```$", re.MULTILINE)
SHOWN_URL = "https://API.execute-api.REGION.amazonaws.com/prod/"
ANSWERING_YES = f"""
despam() {{
    if [ "$1" != deploy ]; then command despam "$@"; else command despam "$@" --yes --arch {MACHINE} | tee printed; fi
}}
"""


@pytest.mark.slow
def test_what_the_tutorial_does_on_aws_runs_as_it_stands(
    aws: Ministack, make_model: Callable[[], Path], tmp_path: Path
) -> None:
    """Deploy, first verdict, publish; with a yes to the plan, and the printed URL in the shown one's place."""
    page = HOW_TO.with_name("tutorial.md").read_text(encoding="utf-8")
    deploy, ask, publish = RUNS_HERE.findall(page)
    for name in ("spam_model", "better"):
        (tmp_path / f"{name}.safetensors").write_bytes(make_model().read_bytes())
    assert SHOWN_URL in ask
    first = run_in_shell(ANSWERING_YES + deploy + ask.replace(SHOWN_URL, '"$(cat printed)"'), tmp_path)
    assert first.returncode == 0, first.stderr[-3000:]
    assert '"classification":' in first.stdout
    then = run_in_shell(ANSWERING_YES + publish + "cat printed; despam destroy --stack spam-detector --yes", tmp_path)
    assert then.returncode == 0, then.stderr[-3000:]
    assert '"changed": false' in then.stdout


def test_the_costs_on_the_page_are_those_of_the_code() -> None:
    """A thousand and a million messages, for each front."""
    page = HOW_TO.joinpath("costs.md").read_text(encoding="utf-8")
    sums = [sum(prices.per_thousand(front, "arm64", 256).values()) for front in ("rest", "http", "url")]
    thousand = " | ".join(f"${total:.4f}" for total in sums)
    million = " | ".join(f"${total * 1000:.2f}" for total in sums)
    assert f"| all told | {thousand} |" in page
    assert f"| a million | {million} |" in page
    assert f"${prices.looking_per_month(30):.2f} a month" in page
    assert f"${prices.S3_GB_MONTH} a GB and month" in page
    hour = sums[0] * 36
    assert f"${hour:.2f} an hour, ${hour * 24:.2f} a day" in page


def test_the_options_on_the_pages_are_those_of_the_command() -> None:
    """No page names an option that `despam deploy` and `destroy` do not have."""
    from despam.cli import bundle as bundle_command
    from despam.cli import deploy, destroy, page

    commands = (deploy.command, destroy.command, bundle_command.command, page.command)
    known = {option for command in commands for parameter in command.params for option in parameter.opts}
    known |= {"--registry", "--promote", "--json", "--help"}
    foreign = re.compile(r"^(aws|pip|sam) .*?(?=^\w|\Z)|^\w+=\$\(aws .*$", re.MULTILINE | re.DOTALL)
    for name in PAGES:
        text = "\n".join(
            block.code for block in blocks_of(HOW_TO.joinpath(name).read_text(encoding="utf-8")) if block.runs
        )
        used = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", foreign.sub("", text)))
        assert used <= known, name
