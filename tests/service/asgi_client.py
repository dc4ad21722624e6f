"""Requests to an ASGI app as ASGI messages, for the tests of `service/asgi.py`.

Knows how a body is fed in parts, with waits between them. Knows nothing of what is tested.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from despam.service import asgi
from despam.service.settings import Settings

SPAM = "WIN a free iPhone now"
GOOD = json.dumps({"text": SPAM}).encode()
Message = dict[str, Any]


def make(**settings: Any) -> tuple[asgi.App, list[str]]:
    """Make an app that logs into a list."""
    log: list[str] = []
    return asgi.create_app(Settings(**settings), log.append), log


async def feed(app: asgi.App, parts: list[Message | float], method: str = "POST", **scope: Any) -> list[Message]:
    """Send one request as ASGI messages; a number is a wait in seconds; after the last part silence."""
    queue = list(parts)
    sent: list[Message] = []

    async def receive() -> Message:
        while queue:
            part = queue.pop(0)
            if isinstance(part, dict):
                return part
            await asyncio.sleep(part)
        await asyncio.sleep(3600)
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    whole = {
        "type": "http",
        "method": method,
        "path": "/classify",
        "query_string": b"",
        "headers": [],
        "root_path": "",
        **scope,
    }
    await app(whole, receive, send)
    return sent


def part(body: bytes, more: bool = True) -> Message:
    """A part of a body."""
    return {"type": "http.request", "body": body, "more_body": more}


def status_of(sent: list[Message]) -> tuple[int, Any]:
    """Read status and JSON."""
    return sent[0]["status"], json.loads(sent[1]["body"])
