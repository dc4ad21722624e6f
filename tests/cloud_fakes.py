"""The few requests of GCS and Azure Blob Storage that a registry makes, answered from memory.

Knows what their documentation says of conditions: GCS's XML API swaps by `x-goog-if-generation-match`, Azure's by
`If-Match`, both answer 412, and 304 to `If-None-Match`. There is no emulator of either on PyPI that speaks these,
so this is no independent witness: it shows that the right conditions are sent, and that nothing else is needed. S3
is tested on real servers.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

Headers = dict[str, str]


class Cloud(ThreadingHTTPServer):
    """A bucket or container in memory."""

    daemon_threads = True

    def __init__(self, kind: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.kind = kind  # gcs | azure
        self.objects: dict[str, tuple[bytes, int]] = {}  # path -> (bytes, generation)
        self.generation = 0
        self.lock = threading.Lock()
        self.conditions: list[Headers] = []  # of the writes

    @property
    def url(self) -> str:
        """The endpoint."""
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextlib.contextmanager
def cloud(kind: str) -> Iterator[Cloud]:
    """Run one until the block is left."""
    server = Cloud(kind)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"  # a connection a request: nothing is left open
    server: Cloud

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Say nothing."""

    def do_GET(self) -> None:
        """Read an object, or list them."""
        parts = urlsplit(self.path)
        query = parse_qs(parts.query)
        if "list-type" in query or "comp" in query:
            self.list(unquote(parts.path), query.get("prefix", [""])[0])
            return
        held = self.server.objects.get(unquote(parts.path))
        if held is None:
            self.answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
        elif self.headers.get("if-none-match") == f'"{held[1]}"':
            self.answer(304, b"")
        else:
            self.answer_with(held[0], held[1])

    def answer_with(self, data: bytes, generation: int) -> None:
        """Send an object, or the range of it that was asked for."""
        wanted = self.headers.get("range") or self.headers.get("x-ms-range")
        if not wanted:
            self.answer(200, data, generation)
            return
        start, end = (int(number) for number in wanted.removeprefix("bytes=").split("-"))
        end = min(end, len(data) - 1)
        self.answer(206, data[start : end + 1], generation, f"bytes {start}-{end}/{len(data)}")

    def do_PUT(self) -> None:
        """Write an object if the condition holds."""
        path = unquote(urlsplit(self.path).path)
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        server = self.server
        with server.lock:
            held = server.objects.get(path)
            names = ("x-goog-if-generation-match",) if server.kind == "gcs" else ("if-match", "if-none-match")
            sent = {name: self.headers[name] for name in names if self.headers.get(name)}
            server.conditions.append(sent)
            if not all(self.holds(name, value, held[1] if held else 0) for name, value in sent.items()):
                exists = server.kind == "azure" and "if-none-match" in sent
                self.answer(409 if exists else 412, b"<Error><Code>PreconditionFailed</Code></Error>")
                return
            server.generation += 1
            server.objects[path] = (body, server.generation)
            self.answer(200 if server.kind == "gcs" else 201, b"", server.generation)

    def holds(self, name: str, value: str, generation: int) -> bool:
        """Decide one condition; generation 0 is an object that is not there."""
        if name == "if-none-match":
            return value == "*" and generation == 0
        return value.strip('"') == str(generation)

    def answer(self, status: int, body: bytes, generation: int = 0, content_range: str = "") -> None:
        """Send an answer with the headers of an object."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if content_range:
            self.send_header("Content-Range", content_range)
        if generation:
            self.send_header("ETag", f'"{generation}"')
            self.send_header("x-goog-generation", str(generation))
            self.send_header("Last-Modified", formatdate(usegmt=True))
        self.end_headers()
        self.wfile.write(body)

    def list(self, root: str, prefix: str) -> None:
        """List objects in the XML of either."""
        start = root.rstrip("/") + "/"
        held = sorted((path.removeprefix(start), one) for path, one in self.server.objects.items())
        held = [(name, one) for name, one in held if name.startswith(prefix)]
        if self.server.kind == "gcs":
            items = "".join(
                f"<Contents><Key>{escape(name)}</Key><Size>{len(data)}</Size><ETag>&quot;{generation}&quot;</ETag>"
                "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
                for name, (data, generation) in held
            )
            body = f"<ListBucketResult>{items}</ListBucketResult>"
        else:
            items = "".join(
                f"<Blob><Name>{escape(name)}</Name><Properties><Last-Modified>{formatdate(usegmt=True)}</Last-Modified>"
                f"<Etag>{generation}</Etag><Content-Length>{len(data)}</Content-Length>"
                "<Content-Type>application/octet-stream</Content-Type></Properties></Blob>"
                for name, (data, generation) in held
            )
            body = f"<EnumerationResults><Blobs>{items}</Blobs><NextMarker/></EnumerationResults>"
        self.answer(200, f'<?xml version="1.0" encoding="utf-8"?>{body}'.encode())
