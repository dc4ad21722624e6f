"""The brain: a function from request to response, with no I/O of its own.

Knows routes, methods, limits, the API key, CORS, caching and what each error says. Does not know sockets, AWS
events, files or the clock: the model comes from `live.current()`, the page from `pages.FILES`, and every door only
translates, so that the same request gets the same bytes everywhere.

Invariant: `handle` always returns a Response, and every Response, errors included, carries the CORS and security
headers. What a client sent comes back in two places only: `input_text` and a request id of harmless characters.
"""

from __future__ import annotations

import itertools
import os

from despam.errors import RequestRefused
from despam.service.answer import encode, write_error, write_verdict
from despam.service.body import LIMIT_BYTES, TOO_LARGE, check_headers, check_text, read_text, read_texts
from despam.service.exchange import (
    OTHER,
    Request,
    Response,
    is_harmless,
    matches,
    name_failure,
    read_explain,
    takes_gzip,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from despam.core.model import Model
    from despam.service.metrics import Metrics

    class Live(Protocol):
        """Which model decides just now."""

        def current(self) -> Model: ...
        def status(self) -> dict[str, object]: ...
        def stop(self) -> None: ...

    from despam.service.exchange import Headers

READ = "GET, HEAD, OPTIONS"
WRITE = "POST, OPTIONS"
ANY = "GET, HEAD, POST, OPTIONS"

SECURITY = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "cross-origin"),
)
LIMIT_ANSWER_BYTES = 16 * 1024 * 1024
CLOSED = "default-src 'none'; frame-ancestors 'none'"
EXPOSED = ("Access-Control-Expose-Headers", "ETag, Retry-After, X-Request-Id")
PREFLIGHT = (
    ("Access-Control-Allow-Headers", "Authorization, Content-Type, If-None-Match, X-Api-Key, X-Request-Id"),
    ("Access-Control-Max-Age", "86400"),
)

KEY_WRONG = "This needs an API key; send a right one in the header X-Api-Key."
NOT_FOUND = "There is nothing at this path; GET /openapi.json lists what there is."
NOT_SET_UP = "The service is not set up right; its log says what is wrong."
ANSWER_TOO_LONG = "The answer would be larger than 16 MiB; ask for fewer texts at a time, or without explain."
INTERNAL = "Something went wrong here; the log says what, under the id in X-Request-Id."


class Api:
    """The brain. `handle` is safe to call from several threads."""

    def __init__(
        self,
        live: Live,
        origins: tuple[str, ...] = ("*",),
        api_key: str | None = None,
        metrics: Metrics | None = None,  # a server that lives on has some; Lambda's are in its log lines
    ) -> None:
        self.live = live
        self.origins = origins
        self.api_key = api_key
        self.answer_limit = (LIMIT_ANSWER_BYTES, ANSWER_TOO_LONG)  # of a batch; a door may have a lower one
        self.heads: dict[tuple[str, str], Headers] = {}
        self.id_start = os.urandom(6).hex()
        self.id_next = itertools.count(1).__next__
        self.routes: dict[str, dict[str, Callable[[Request], Response]]] = {
            "/classify": {"POST": self.classify},
            "/predict": {"POST": self.classify},
            "/classify/batch": {"POST": self.classify_batch},
            "/health": {"GET": self.health},
            "/model": {"GET": self.model_card},
            "/openapi.json": {"GET": self.openapi},
        }
        self.open = frozenset(("/health", "/openapi.json"))
        self.metrics = metrics
        if metrics is not None:
            self.routes["/metrics"] = {"GET": lambda request: self.show_metrics(request, metrics)}

    def handle(self, request: Request) -> Response:
        """Answer a request; whatever happens, there is an answer."""
        path = request.path
        route = path if path in self.routes else OTHER
        try:
            response = self.dispatch(request, route)
        except RequestRefused as error:
            response = self.error(request, error.status, str(error))
        except Exception as error:  # noqa: BLE001  the door: a bug becomes a 500 without internals
            response = self.error(request, 500, INTERNAL)
            response.failure = name_failure(error)
        if response.route == OTHER:
            response.route = route
        return self.finish(request, response)

    def refuse(self, request: Request, error: RequestRefused) -> Response:
        """Answer what a door could not even read, or cannot send."""
        return self.finish(request, self.error(request, error.status, str(error)))

    def finish(self, request: Request, response: Response) -> Response:
        """Give the answer its request id, and to HEAD no body."""
        if request.method == "HEAD":
            response.body = b""
        given = request.headers.get("x-request-id", "")
        response.request_id = given if is_harmless(given) else f"{self.id_start}-{self.id_next():x}"
        return response

    def dispatch(self, request: Request, route: str) -> Response:
        """Find the route, check method and key, and answer."""
        methods = self.routes.get(route)
        method = request.method
        if methods is not None and method in methods:
            if self.api_key is not None and route not in self.open and not request.trusted:
                self.check_key(request)
            return methods[method](request)
        if methods is None:
            methods = {"GET": self.page} if self.has_page(request.path) else None
        allowed = ANY if methods is None else READ if "GET" in methods else WRITE
        if method == "OPTIONS":
            return Response(
                204, (*self.head("preflight", request), ("Access-Control-Allow-Methods", allowed), ("Allow", allowed))
            )
        if methods is None:
            raise RequestRefused(404, NOT_FOUND)
        if method == "GET" and route == OTHER:
            return self.page(request)
        if method == "HEAD" and "GET" in methods:
            return self.dispatch(
                Request("GET", request.path, request.headers, b"", request.query, request.trusted), route
            )
        response = self.error(request, 405, f"This path takes {allowed}.")
        response.headers += (("Allow", allowed),)
        return response

    def check_key(self, request: Request) -> None:
        """Compare the key in constant time."""
        from hmac import compare_digest

        given = request.headers.get("x-api-key", "").encode("utf-8", "replace")
        if not compare_digest(given, (self.api_key or "").encode()):
            raise RequestRefused(401, KEY_WRONG)

    # --- headers

    def head(self, kind: str, request: Request) -> Headers:
        """Find the headers of a kind of answer for the request's origin; they are made once each."""
        origins = self.origins
        origin = origins[0]
        if len(origins) > 1 and (given := request.headers.get("origin", "")) in origins:
            origin = given
        head = self.heads.get((kind, origin))
        if head is None:
            head = self.heads[kind, origin] = self.make_head(kind, origin)
        return head

    def make_head(self, kind: str, origin: str) -> Headers:
        """Make the headers that every answer of a kind carries."""
        cors = (("Access-Control-Allow-Origin", origin), EXPOSED)
        varies = (["Accept-Encoding"] if kind == "page" else []) + (["Origin"] if origin != "*" else [])
        vary = (("Vary", ", ".join(varies)),) if varies else ()
        if kind == "preflight":
            own: Headers = PREFLIGHT
        elif kind == "page":
            from despam.service.pages import POLICY

            own = (("Content-Security-Policy", POLICY), ("Cache-Control", "no-cache"))
        else:
            cache = "no-cache" if kind == "card" else "no-store"
            own = (("Content-Type", "application/json"), ("Content-Security-Policy", CLOSED), ("Cache-Control", cache))
        return own + cors + vary + SECURITY

    def error(self, request: Request, status: int, sentence: str) -> Response:
        """Answer with an error in words."""
        head = self.head("json", request)
        if status == 401:
            head += (("WWW-Authenticate", 'ApiKey header="X-Api-Key"'),)
        elif status == 503:
            head += (("Retry-After", "1"),)
        return Response(status, head, encode(write_error(sentence)))

    def cached(self, request: Request, kind: str, tag: str, body: bytes, extra: Headers = ()) -> Response:
        """Answer with something that has an ETag: 304 when the client has it already."""
        head = (*self.head(kind, request), ("ETag", tag))
        known = request.headers.get("if-none-match")
        if known is not None and matches(known, tag):
            return Response(304, tuple(pair for pair in head if pair[0] != "Content-Type"))
        return Response(200, head + extra, body)

    # --- routes

    def classify(self, request: Request) -> Response:
        """POST /classify and /predict."""
        headers = request.headers
        body = request.body
        if len(body) > LIMIT_BYTES:
            raise RequestRefused(413, TOO_LARGE)
        check_headers(headers.get("content-type", ""), headers.get("content-encoding", ""))
        explain = read_explain(request.query) if request.query else False
        text = read_text(body)
        verdict = self.live.current().classify(text)
        response = Response(200, self.head("json", request), encode(write_verdict(text, verdict, explain)))
        response.model = verdict.model
        response.verdict = verdict.classification
        response.repaired = verdict.repaired
        return response

    def classify_batch(self, request: Request) -> Response:
        """POST /classify/batch: one model for all, one result each, errors in their places."""
        headers = request.headers
        if len(request.body) > LIMIT_BYTES:
            raise RequestRefused(413, TOO_LARGE)
        check_headers(headers.get("content-type", ""), headers.get("content-encoding", ""))
        explain = read_explain(request.query) if request.query else False
        model = self.live.current()
        counts = {"SPAM": 0, "HAM": 0, "errors": 0}
        results = []
        limit_bytes, too_long = self.answer_limit
        size = 0  # in characters: never more than the bytes
        for text in read_texts(request.body, explain):
            try:
                verdict = model.classify(check_text(text))
            except RequestRefused as error:
                counts["errors"] += 1
                results.append(write_error(str(error)))
            else:
                counts[verdict.classification] += 1
                results.append(write_verdict(verdict.text, verdict, explain))
            size += len(results[-1])
            if size > limit_bytes:
                raise RequestRefused(413, too_long)
        response = Response(200, self.head("json", request), encode(f'{{"results": [{", ".join(results)}]}}'))
        response.model = model.version
        response.batch = counts
        return response

    def redirect(self, request: Request, location: str) -> Response:
        """Send a browser elsewhere; only a door knows where it stands below a prefix."""
        return self.finish(request, Response(308, (*self.head("json", request), ("Location", location))))

    def health(self, request: Request) -> Response:
        """GET /health: alive, and what decides."""
        model = self.live.current()
        status = {**self.live.status(), "model": model.version}
        first = {
            "status": "ok",
            "model": model.version,
            "source": status.pop("source"),
            "degraded": status.pop("degraded"),
        }
        response = Response(200, self.head("json", request), write_json({**first, **status}))
        response.model = model.version
        return response

    def model_card(self, request: Request) -> Response:
        """GET /model: the card, its figures and the cutoffs of the model that decides."""
        model = self.live.current()
        body = write_json(
            {
                "model": model.version,
                "sha256": model.sha256,
                "size_bytes": model.size_bytes,
                "recipe": model.recipe,
                "cutoff": model.cutoff,
                "unsure_low": model.unsure_low,
                "unsure_high": model.unsure_high,
                "bias": model.bias,
                "card": model.card,
            }
        )
        response = self.cached(request, "card", f'"{model.version}"', body)
        response.model = model.version
        return response

    def openapi(self, request: Request) -> Response:
        """GET /openapi.json."""
        from despam.service.openapi import document

        body, tag = document(self.api_key is not None)
        return self.cached(request, "card", tag, body)

    def show_metrics(self, request: Request, metrics: Metrics) -> Response:
        """GET /metrics: what this process counted."""
        from despam.service.metrics import CONTENT_TYPE

        model = self.live.current()
        status = self.live.status()
        text = metrics.write(model.version, str(status["source"]), bool(status["degraded"]))
        head = tuple(pair for pair in self.head("json", request) if pair[0] != "Content-Type")
        return Response(200, (*head, ("Content-Type", CONTENT_TYPE)), encode(text))

    def has_page(self, path: str) -> bool:
        """Say whether the page has such a file."""
        from despam.service import pages

        return path in pages.FILES

    def page(self, request: Request) -> Response:
        """GET / and the files that the page is made of."""
        from despam.service import pages

        packed = takes_gzip(request.headers.get("accept-encoding", ""))
        body, content_type, tag = (pages.PACKED if packed else pages.FILES)[request.path]
        extra: Headers = (("Content-Type", content_type),)
        if packed:
            extra += (("Content-Encoding", "gzip"),)
        response = self.cached(request, "page", tag, body, extra)
        response.route = "/" if request.path in ("/", "/index.html") else "page file"
        return response


class Unready(Api):
    """The brain of a service that could not be wired: a preflight is answered, all else is a 500 in words."""

    def __init__(self) -> None:
        super().__init__(live=None)  # type: ignore[arg-type]  # nothing below asks for a model

    def dispatch(self, request: Request, route: str) -> Response:
        """Refuse, so that any page can read it."""
        if request.method == "OPTIONS":
            return super().dispatch(request, route)
        raise RequestRefused(500, NOT_SET_UP)


def write_json(found: dict[str, object]) -> bytes:
    """Write anything that is not in a hurry."""
    import json

    return encode(json.dumps(found, ensure_ascii=False, allow_nan=False))
