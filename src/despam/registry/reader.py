"""What a running service needs of a registry: the live pointer, and a version's bytes.

Knows where both lie and how they are checked. Knows nothing of history, publishing or promoting, and never writes. This
is the part that the Lambda bundle carries.

Invariant: a model that comes out of here has the hash that it is named after, opens, and gives finite numbers on a few
texts.
"""

from __future__ import annotations

import json
from math import isfinite

from despam.core.digest import sha256_hex
from despam.core.model import Model
from despam.errors import CorruptVersion, DespamError, UnknownVersion
from despam.registry.storage import Storage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from despam.registry.storage import Found

POINTER = "live.json"
LIMIT_BYTES = 256 << 20
HEX = frozenset("0123456789abcdef")
SEALED = frozenset(("format", "entry", "check"))
PROBES = ("", "WIN a free iPhone now! Visit http://example.com", "See you at eight?", "\u0421рочно! 1000000 \U0001f911")


class Pointer:
    """The live version: its hash, the ETag it was read with, and the rest of the object."""

    __slots__ = ("body", "found", "intact", "sha256")

    def __init__(self, sha256: str, body: dict[str, Any], found: Found) -> None:
        self.sha256 = sha256
        self.body = body
        self.found = found
        # a pointer in the simplest form is somebody's own; one of ours has to be as we wrote it
        self.intact = is_intact(body) or not SEALED.intersection(body)

    @property
    def etag(self) -> str:
        """What to ask with next time."""
        return self.found.etag

    @property
    def version(self) -> str:
        """The first 12 hex digits."""
        return self.sha256[:12]


class Reader:
    """A registry, read."""

    def __init__(self, url: str, timeout_ms: int = 5000, file_timeout_ms: int = 60_000) -> None:
        """Open it; a pointer is small and has to come soon, a model may come over a slow line."""
        self.url = url
        self.storage = Storage(url, timeout_ms, retries=0)
        self.file_timeout_ms = file_timeout_ms

    def fetch_pointer(self, if_none_match: str = "") -> Pointer | None:
        """Read the live pointer; None when it still has that ETag. Raises UnknownVersion when nothing is live."""
        found = self.storage.get(POINTER, if_none_match)
        if found is None:
            raise UnknownVersion("nothing is live yet; run `despam promote VERSION`.", self.url)
        if found.unchanged:
            return None
        pointer = read_pointer(found, self.url)
        if not pointer.intact:
            raise CorruptVersion(f"{POINTER} was altered; run `despam doctor --mend`.", self.url)
        return pointer

    def fetch(self, sha256: str) -> bytes:
        """Read a version by its full hash and check it. Raises UnknownVersion or CorruptVersion."""
        return fetch(Storage(self.url, self.file_timeout_ms, retries=0), sha256)

    def fetch_model(self, sha256: str) -> Model:
        """Read, check and open a version."""
        return open_checked(self.fetch(sha256), sha256, self.url)


def model_path(sha256: str) -> str:
    """Name the object of a version."""
    return f"models/{sha256}.safetensors"


def is_sha256(value: object) -> bool:
    """Say whether a value is a full hash."""
    return type(value) is str and len(value) == 64 and HEX.issuperset(value)


def seal(body: dict[str, Any]) -> bytes:
    """Write an object with a check of its own content, so that a bit that falls over on the way is noticed."""
    return (json.dumps({**body, "check": check_of(body)}, indent=1, ensure_ascii=False) + "\n").encode()


def check_of(body: dict[str, Any]) -> str:
    """Give the check of an object's content, whatever the order and form it is written in."""
    kept = {name: value for name, value in body.items() if name != "check"}
    return sha256_hex(json.dumps(kept, sort_keys=True).encode())[:16]


def is_intact(body: dict[str, Any]) -> bool:
    """Say whether an object is as `seal` wrote it."""
    return body.get("check") == check_of(body)


def read_pointer(found: Found, url: str) -> Pointer:
    """Parse the pointer's object."""
    try:
        body = json.loads(found.data)
        sha256 = body["sha256"]
    except (ValueError, KeyError, TypeError, RecursionError):
        sha256, body = None, None
    if not is_sha256(sha256):
        raise CorruptVersion(f"{POINTER} names no version; run `despam doctor --mend`.", url)
    return Pointer(sha256, body, found)


def fetch(storage: Storage, sha256: str, attempts: int = 1) -> bytes:
    """Read a version's bytes and check them against the name; altered ones are read again, `attempts` times in all."""
    for _ in range(attempts):
        found = storage.get(model_path(sha256), limit_bytes=LIMIT_BYTES)
        if found is None:
            raise UnknownVersion(f"the version {sha256[:12]} is not there; run `despam versions`.", storage.url)
        actual = sha256_hex(found.data)
        if actual == sha256:
            break
    else:
        raise CorruptVersion(
            f"the stored bytes of version {sha256[:12]} have another hash ({actual[:12]}); publish that model again.",
            storage.url,
        )
    return found.data


def open_checked(data: bytes, sha256: str, place: str) -> Model:
    """Open a model and score a few texts. Raises a ModelError or CorruptVersion."""
    model = Model.from_bytes(data, f"version {sha256[:12]}")
    try:
        for text in PROBES:
            verdict = model.classify(text)
            if not (isfinite(verdict.score) and 0 <= verdict.spam_probability <= 1):
                raise CorruptVersion(f"the version {sha256[:12]} gives no finite score; train it again.", place)
    except DespamError:
        raise
    except Exception as error:  # anybody's bytes: whatever they raise, such a version must not take over
        raise CorruptVersion(f"the version {sha256[:12]} opens but cannot score; train it again.", place) from error
    return model
