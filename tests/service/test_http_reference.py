"""The reference page says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from despam.service import protocol
from despam.service.settings import Settings

from .conftest import Opener

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "http.md"


@pytest.fixture(scope="module")
def text() -> str:
    """The page."""
    return PAGE.read_text(encoding="utf-8")


def test_every_path_stands_on_the_page(text: str, doors: Opener) -> None:
    """With its method, and whether it needs the key."""
    api = doors("brain").api  # type: ignore[attr-defined]
    rows = {cells[1].strip(" `"): cells for line in text.splitlines() if len(cells := line.split("|")) == 6}
    for path, methods in {**api.routes, "/metrics": {"GET": None}}.items():
        assert next(iter(methods)) in rows[path][2]
        assert rows[path][4].strip() == ("no" if path in api.open else "yes")


def test_every_setting_stands_on_the_page(text: str) -> None:
    """By both its names."""
    for name in Settings().to_environ():
        assert re.search(rf"\| `{name}` \| `--[a-z-]+` \|", text), name


def test_the_errors_below_the_brain_stand_on_the_page(text: str) -> None:
    """Word by word."""
    for status, sentence in (protocol.MALFORMED, protocol.NO_HOST, protocol.HEAD_TOO_LONG, protocol.HEAD_TOO_SLOW):
        assert f"| {status} | {sentence} |" in text


def test_the_application_on_the_page_runs(text: str) -> None:
    """The block on mounting, as it stands."""
    block = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert block
    names: dict[str, object] = {}
    exec(block[1], names)
    assert names["site"]
