"""The clients in README, run as they stand; only the address of the service is put in."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from .conftest import HttpDoor, Opener

README = Path(__file__).resolve().parents[2] / "README.md"
ADDRESS = "http://localhost:8000"


def snippets(tag: str) -> list[str]:
    """Read the blocks of a language from the section."""
    text = README.read_text(encoding="utf-8")
    section = re.search(r"^## Clients$(.*?)^## ", text, re.MULTILINE | re.DOTALL)
    assert section, "README has no section 'Clients'"
    return re.findall(rf"^```{tag}\n(.*?)^```$", section[1], re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def address(doors: Opener) -> str:
    """The address of a running service."""
    door = doors("http")
    assert isinstance(door, HttpDoor)
    return door.url


def run(command: list[str], folder: Path) -> str:
    """Run a client; give what it printed."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_clients_are_there() -> None:
    """curl, fetch, urllib and httpx, all with the address that is put in."""
    assert [len(snippets(tag)) for tag in ("sh", "js", "python")] == [1, 1, 2]
    assert "urllib" in snippets("python")[0]
    assert "httpx" in snippets("python")[1]
    assert all(ADDRESS in snippet for tag in ("sh", "js", "python") for snippet in snippets(tag))


def test_the_curl_line_gets_a_verdict(address: str, tmp_path: Path) -> None:
    """In a shell."""
    for snippet in snippets("sh"):
        assert '"classification": "SPAM"' in run(["sh", "-euc", snippet.replace(ADDRESS, address)], tmp_path)


def test_the_python_clients_get_verdicts(address: str, tmp_path: Path) -> None:
    """urllib alone, and httpx with a batch."""
    for snippet in snippets("python"):
        found = run([sys.executable, "-W", "error", "-c", snippet.replace(ADDRESS, address)], tmp_path)
        assert found.startswith("SPAM ")


class Site(BaseHTTPRequestHandler):
    """A page on another origin."""

    def do_GET(self) -> None:
        """An empty page."""
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def site() -> Iterator[str]:
    """The address of another site."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.browser
def test_the_fetch_client_gets_a_verdict_from_another_origin(address: str, site: str, chromium: str) -> None:
    """In a real browser, preflight included."""
    from playwright.sync_api import sync_playwright

    printed: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        page = browser.new_page()
        page.on("console", lambda message: printed.append(message.text))
        page.goto(site)
        for snippet in snippets("js"):
            page.evaluate(f"async () => {{ {snippet.replace(ADDRESS, address)} }}")
        browser.close()
    assert len(printed) == 1
    assert printed[0].startswith("SPAM 0.")
