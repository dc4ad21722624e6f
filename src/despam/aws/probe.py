"""The first verdict from a service that was just deployed, and the URL that a person can open.

Knows HTTP from outside, and that an emulator on this machine (AWS_ENDPOINT_URL on the loopback) is reached by its own
address with the API's name in the Host header. Refuses to know how the service was made.

Invariant: it waits out the half minute in which a new API or function may still answer 403 or 5xx, and no longer.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import time
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit

from despam.errors import DeployError

TEXT = "WIN a free iPhone now! Reply with your bank details to claim your prize."
PATIENCE_SECONDS = 45.0
WAIT_SECONDS = 1.0


def shown_url(url: str) -> str:
    """Give the URL as a browser on this machine can open it: another one on an emulator."""
    emulator = _emulator()
    if emulator is None:
        return url
    parts = urlsplit(url)
    host = re.sub(r"\.(execute-api|lambda-url)\.(.*)\.(amazonaws\.com|on\.aws)$", r".\1.\2", parts.hostname or "")
    # ministack names an API without its region, a Function URL with it
    host = re.sub(r"\.execute-api\..*$", ".execute-api.localhost", host)
    host = re.sub(r"\.lambda-url\.([a-z0-9-]+)$", r".lambda-url.\1.localhost", host)
    return f"http://{host}:{emulator.port}{parts.path}"


def first_verdict(url: str, api_key: str = "", logs: str = "") -> dict[str, Any]:
    """Classify one message through the front; wait while it is coming up."""
    headers = {"Content-Type": "application/json", **({"X-Api-Key": api_key} if api_key else {})}
    body = json.dumps({"text": TEXT}).encode()
    answer = _ask(f"{url.rstrip('/')}/classify", body, headers, logs)
    if answer.get("classification") not in ("SPAM", "HAM"):
        raise DeployError(f"{url}: the service is there but gives no verdict ({str(answer)[:200]}); {_look(logs)}.")
    return answer


def health(url: str, logs: str = "") -> dict[str, Any]:
    """Ask how the service is, which needs no key."""
    return _ask(f"{url.rstrip('/')}/health", None, {}, logs)


def _look(logs: str) -> str:
    return f"its log says more: aws logs tail {logs}" if logs else "its log says more"


def _emulator() -> Any:
    endpoint = urlsplit(os.environ.get("AWS_ENDPOINT_URL", ""))
    return endpoint if endpoint.hostname in ("localhost", "127.0.0.1", "::1") and endpoint.port else None


def _ask(url: str, body: bytes | None, headers: dict[str, str], logs: str) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with urllib.request.urlopen(_request(url, body, headers), timeout=15) as response:  # noqa: S310  our own URL
                answer = json.load(response)
                if not isinstance(answer, dict):
                    raise ValueError(f"an answer that is no object: {str(answer)[:200]}")
                return answer
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = _reason(error)
            if time.monotonic() > deadline:
                message = f"{url} gives no answer, though its stack is complete ({reason})"
                raise DeployError(f"{message}; {_look(logs)}.") from error
        time.sleep(WAIT_SECONDS)


def _request(url: str, body: bytes | None, headers: dict[str, str]) -> urllib.request.Request:
    emulator = _emulator()
    if emulator is None:
        return urllib.request.Request(url, data=body, headers=headers)  # noqa: S310  our own URL
    parts = urlsplit(shown_url(url) if url.startswith("https") else url)
    target = f"http://{emulator.hostname}:{emulator.port}{parts.path}"
    return urllib.request.Request(target, data=body, headers={**headers, "Host": parts.netloc})


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        with error, contextlib.suppress(OSError, http.client.HTTPException):
            return f"{error.code} {error.read(200).decode(errors='replace')}"
        return str(error.code)
    return str(getattr(error, "reason", error)) or type(error).__name__
