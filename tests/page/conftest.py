"""A real Chromium in front of a real `despam serve`, and what the page did while a test looked.

Each server is a process on a port of its own, stopped at the end. `visit` opens the page in a fresh context (no
cookies, no cache) and fails the test afterwards if the page logged an error, threw, asked another host, or kept
something in the browser: those hold in every state, so every test checks them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Route, expect, sync_playwright

FLAGS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
]  # fmt: skip
PATIENCE_MS = 30_000  # CI shares its cores with other work
expect.set_options(timeout=PATIENCE_MS / 2)
# a status that a test asks for is logged by the browser as an error; that is not the page's doing
EXPECTED = "Failed to load resource"

SPAM = "WINNER!! Claim your free prize now: call 09061701461 to get 1000 cash. Txt YES to 80086, reply STOP to end"
HAM = "Hey, are we still on for lunch tomorrow? I will be home by six, call me when you are on the train"


@contextmanager
def serving(*flags: str, **settings: str) -> Iterator[str]:
    """Run `despam serve` on a free port with the bundled model; give its address."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("DESPAM_")} | settings
    server = subprocess.Popen(
        [sys.executable, "-m", "despam", "serve", "--port", "0", *flags],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environ,
    )  # fmt: skip
    try:
        assert server.stdout is not None
        line = server.stdout.readline()
        address = next((word for word in line.split() if word.startswith("http://")), None)
        assert address, f"despam serve said {line!r}"
        yield address.rstrip("/")
    finally:
        server.terminate()
        server.wait(20)
        if server.stdout is not None:
            server.stdout.close()


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a server that asks for nothing."""
    with serving() as address:
        yield address


@pytest.fixture(scope="package")
def browser(chromium: str) -> Iterator[Browser]:
    """One Chromium for this folder: Playwright's event loop must be gone before other folders' tests run theirs."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def watching(page: Page, hosts: set[str]) -> Iterator[None]:
    """Fail if the page logs an error, throws, asks a host that is not in `hosts`, or keeps anything."""
    faults: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and EXPECTED not in message.text and "CORS policy" not in message.text:
            faults.append(message.text)

    page.on("console", hear)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda request: asked.add(request.url))
    asked: set[str] = set()
    yield
    kept = page.evaluate("() => [localStorage.length, sessionStorage.length, document.cookie.length]")
    strange = {url for url in asked if urlsplit(url).netloc not in hosts and not url.startswith("blob:")}
    assert not faults
    assert not strange
    assert kept == [0, 0, 0]


@pytest.fixture
def visit(browser: Browser, server: str) -> Iterator[Callable[..., Page]]:
    """Open the page in a fresh context; keyword arguments are the context's."""
    with opening(browser, server) as visit:
        yield visit


@pytest.fixture(scope="module")
def page(browser: Browser, server: str) -> Iterator[Page]:
    """One page for all tests of a file that only call the page's functions."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(server + "/")
    yield page
    context.close()


def call(page: Page, module: str, function: str, *arguments: object) -> Any:
    """Call an exported function of a module."""
    script = "async ([module, name, args]) => (await import(module))[name](...args)"
    return page.evaluate(script, [f"./{module}.js", function, list(arguments)])


@contextmanager
def opening(browser: Browser, default: str) -> Iterator[Callable[..., Page]]:
    """Give a function that opens the page, and close and check each page in the end."""
    opened = []

    def visit(address: str = default, hosts: tuple[str, ...] = (), **options: Any) -> Page:
        context = browser.new_context(**options)
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        watcher = watching(page, {urlsplit(one).netloc for one in (address, *hosts)})
        watcher.__enter__()
        opened.append((context, watcher))
        page.goto(address + "/")
        return page

    try:
        yield visit
        for _, watcher in opened:
            watcher.__exit__(None, None, None)
    finally:
        for context, _ in opened:
            context.close()


@contextmanager
def hosting(folder: Path) -> Iterator[str]:
    """Serve a folder as any web host would; give its address."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as host:
        thread = threading.Thread(target=host.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{host.server_port}"
        host.shutdown()
        thread.join()


def analyze(page: Page, text: str) -> None:
    """Type a text, press the button and wait for the verdict."""
    page.locator("#userInput").fill(text)
    page.get_by_role("button", name="Analyze").click()
    expect(page.locator("#result")).to_contain_text("Prediction: ")


def answer_with(
    page: Page, status: int, body: str = '{"error": "Said by the test."}', path: str = "**/classify**", **headers: str
) -> None:
    """Let the API answer with a fault, as seen from the browser."""

    def fulfil(route: Route) -> None:
        route.fulfill(status=status, body=body, content_type="application/json", headers=headers)

    page.route(path, fulfil)


def verdict(text: str, classification: str = "SPAM", probability: float = 0.9, **fields: Any) -> dict[str, Any]:
    """Write an answer of the contract, for states that a model cannot be asked for."""
    answer = {
        "status": "success", "classification": classification, "input_text": text, "spam_probability": probability,
        "score": 1.0, "cutoff": 0.5, "unsure": False, "model": "0123456789ab", "repaired": [], "clues": [], "bias": 0.0,
    }  # fmt: skip
    return answer | fields


def answering(page: Page, **fields: Any) -> None:
    """Let the API answer every text with these fields."""

    def fulfil(route: Route) -> None:
        text = json.loads(route.request.post_data or "{}")["text"]
        route.fulfill(json=verdict(text, **fields))

    page.route("**/classify?**", fulfil)
