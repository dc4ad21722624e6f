"""Who may ask: CORS on every status, preflight, the API key; at every door."""

from __future__ import annotations

import pytest

from .conftest import Door, Opener
from .test_api import GETS, ORIGINS, POSTS, SPAM

KEY = "correct-horse"


@pytest.mark.parametrize("path", [*POSTS, *GETS, "/nowhere"])
def test_preflight_is_204_on_every_path(door: Door, path: str) -> None:
    """With what a browser needs to go on."""
    headers = {"Origin": "https://example.org", "Access-Control-Request-Method": "POST"}
    answer = door.ask("OPTIONS", path, headers={**headers, "Access-Control-Request-Headers": "content-type,x-api-key"})
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == "*"
    allowed = answer.headers["access-control-allow-headers"].lower()
    assert all(name in allowed for name in ("authorization", "content-type", "x-api-key", "x-request-id"))
    method = "POST" if path in POSTS else "GET"
    assert method in answer.headers["access-control-allow-methods"]


EVERY_STATUS = {
    200: ("POST", "/classify", {"text": SPAM}, {}),
    204: ("OPTIONS", "/classify", None, {}),
    304: ("GET", "/model", None, {"If-None-Match": "*"}),
    400: ("POST", "/classify", {}, {}),
    401: ("POST", "/classify", {"text": SPAM}, {"X-Api-Key": "wrong"}),
    404: ("GET", "/nowhere", None, {}),
    405: ("GET", "/classify", None, {}),
    413: ("POST", "/classify", b" " * (1024 * 1024 + 1), {}),
    415: ("POST", "/classify", b"{}", {"Content-Type": "text/plain"}),
}


@pytest.mark.parametrize("status", EVERY_STATUS)
def test_every_status_can_be_read_from_any_page(kind: str, doors: Opener, status: int) -> None:
    """The CORS and security headers do not depend on the status."""
    method, path, body, headers = EVERY_STATUS[status]
    answer = doors(kind, api_key=KEY).ask(method, path, body, {"X-Api-Key": KEY, **headers})
    assert answer.status == status
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "X-Request-Id" in answer.headers["access-control-expose-headers"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "server" not in answer.headers
    assert "x-powered-by" not in answer.headers


ASKED = {
    "https://example.org": "https://example.org",
    "http://localhost:3000": "http://localhost:3000",
    "https://evil.example": "https://example.org",
    "null": "https://example.org",
    None: "https://example.org",
}


@pytest.mark.parametrize("status", EVERY_STATUS)
@pytest.mark.parametrize(("asked", "allowed"), ASKED.items())
def test_configured_origins_are_echoed_and_others_are_not(
    kind: str, doors: Opener, status: int, asked: str | None, allowed: str
) -> None:
    """An origin that is not configured gets one that is, so its browser refuses; caches keep them apart."""
    method, path, body, headers = EVERY_STATUS[status]
    door = doors(kind, api_key=KEY, origins=ORIGINS)
    answer = door.ask(method, path, body, {"X-Api-Key": KEY, "Origin": asked, **headers})
    assert answer.status == status
    assert answer.headers["access-control-allow-origin"] == allowed
    assert "Origin" in answer.headers["vary"]


# --- the key


@pytest.mark.parametrize("key", [None, "", "wrong", KEY + "x", KEY[:-1], KEY.upper(), "Bearer " + KEY, "\u00e9"])
def test_without_the_right_key_nothing_is_judged(kind: str, doors: Opener, key: str | None) -> None:
    """401 in words, on every path that works for somebody."""
    door = doors(kind, api_key=KEY)
    for method, path in [("POST", path) for path in POSTS] + [("GET", "/model"), ("HEAD", "/model")]:
        answer = door.ask(method, path, {"text": SPAM} if method == "POST" else None, {"X-Api-Key": key})
        assert answer.status == 401
        assert answer.headers["www-authenticate"] == 'ApiKey header="X-Api-Key"'
        if method != "HEAD":
            assert answer.json == {"error": "This needs an API key; send a right one in the header X-Api-Key."}


def test_with_the_key_everything_works(kind: str, doors: Opener) -> None:
    """The header's name in any case."""
    door = doors(kind, api_key=KEY)
    for name in ("X-Api-Key", "x-api-key", "X-API-KEY"):
        assert door.ask(body={"text": SPAM}, headers={name: KEY}).status == 200
        assert door.ask("GET", "/model", headers={name: KEY}).status == 200


OPEN = [
    "GET /health",
    "HEAD /health",
    "GET /",
    "GET /main.js",
    "GET /openapi.json",
    "OPTIONS /classify",
    "OPTIONS /model",
]


@pytest.mark.parametrize(("method", "path"), [line.split() for line in OPEN])
def test_what_stays_open_needs_no_key(kind: str, doors: Opener, method: str, path: str) -> None:
    """Preflight, health, the page and the description."""
    assert doors(kind, api_key=KEY).ask(method, path).status in (200, 204)
