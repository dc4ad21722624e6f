"""Documents cannot lie: their blocks run, their links lead somewhere, their reference pages come from the code."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from despam.core import engine

from ..attacks.make_models import ATTACKS, honest_header
from .conftest import NOT_RUN, PRINTED, ROOT, blocks_of, not_printed, run_python, run_shell

PAGES = sorted(path for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")] if path.is_file())
NAMES = [path.relative_to(ROOT).as_posix() for path in PAGES]
RUNS = {"sh": run_shell, "python": run_python}


def runnable(text: str) -> list[tuple[int, str, str]]:
    """Return line, tag and code of each block to run or compare here; README's clients are the service's tests'."""
    clients = text.find("\n## Clients\n")
    after = text.find("\n## ", clients + 1) if clients >= 0 else -1
    skipped = (
        range(text.count("\n", 0, clients), text.count("\n", 0, after if after >= 0 else None)) if clients >= 0 else ()
    )
    return [
        (b.line, b.tag, b.code)
        for b in blocks_of(text)
        if ((b.runs and b.tag in RUNS) or b.printed) and b.line not in skipped
    ]


def elsewhere(text: str) -> str:
    """Return which test runs the page's blocks instead, if the page names one."""
    named = re.search(r"<!-- blocks run by (\S+) -->", text)
    return named[1] if named else ""


@pytest.mark.slow
@pytest.mark.timeout(1200)  # half a minute a page with the kernel; the tutorial more than five in Python alone
@pytest.mark.parametrize("name", NAMES)
def test_the_blocks_of_a_page_run_as_they_stand(name: str, tmp_path: Path, data_folder: Path) -> None:
    """In order, in one folder beside `data/`, each block ends with exit code 0 and prints what the page shows of it."""
    text = (ROOT / name).read_text(encoding="utf-8")
    if other := elsewhere(text):
        assert (ROOT / other).exists()
        return
    (tmp_path / "data").symlink_to(data_folder)
    printed = ""
    for line, tag, code in runnable(text):
        if tag == "text":
            assert not_printed(code, printed) == [], f"{name}:{line}: the block above printed\n{printed}"
            continue
        done = RUNS[tag](code, tmp_path)
        printed = done.stdout
        assert done.returncode == 0, f"{name}:{line}\n{code}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"


def test_what_a_page_shows_as_printed_is_compared() -> None:
    """A mark makes the block above it the one to compare with; a line that was not printed is found."""
    page = f"```sh\necho ham\n```\n\n{PRINTED}\n```text\nham\n```\n\n```text\nno output\n```\n"
    assert [tag for _, tag, _ in runnable(page)] == ["sh", "text"]
    assert not_printed("ham\n\nspam\n", "ham \nunsure\n") == ["spam"]


@pytest.mark.parametrize("name", NAMES)
def test_a_block_that_does_not_run_says_why(name: str) -> None:
    """`<!-- not run: reason -->` stands right above a block, never alone."""
    text = (ROOT / name).read_text(encoding="utf-8")
    marks = len(NOT_RUN.findall(text))
    assert marks == sum(not block.runs for block in blocks_of(text))


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_to_files_and_headings_that_are_there(name: str) -> None:
    """Relative links resolve inside the repository."""
    page = ROOT / name
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, heading = target.partition("#")
        if re.match(r"[a-z]+:", path):
            continue
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (heading and file.suffix == ".md" and heading not in anchors(file)):
            broken.append(target)
    assert broken == []


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, spelt as GitHub does."""
    found = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def test_the_reference_pages_are_what_the_code_says() -> None:
    """`make docs` would change nothing."""
    done = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_readme_shows_a_command_early() -> None:
    """A runnable command stands by line 20."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert min(block.line for block in blocks_of(text) if block.tag == "sh") <= 20


def test_every_page_can_be_reached_from_the_index() -> None:
    """docs/README.md links every page, decision notes through their folder."""
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    pages = [path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")]
    lost = [
        page for page in pages if page != "README.md" and not page.startswith("decisions/") and f"({page})" not in index
    ]
    assert lost == []


def test_no_two_decision_notes_share_a_number() -> None:
    """Each is docs/decisions/NNNN-title.md."""
    numbers = sorted(int(path.name[:4]) for path in (ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    assert len(numbers) == len(set(numbers))


def test_the_page_on_the_model_file_names_everything_in_one() -> None:
    """Each key of the metadata, each group of features and each exception stands on the page."""
    page = (ROOT / "docs" / "model-file.md").read_text(encoding="utf-8")
    metadata = honest_header()["__metadata__"]
    kinds = {kind.__name__ for kind, _ in ATTACKS.values()}
    wanted = {metadata["format"], *metadata, *engine.GROUPS, *json.loads(metadata["cutoffs"]), *kinds}
    assert [name for name in sorted(wanted) if f"`{name}`" not in page and f'"{name}"' not in page] == []
