"""The door for AWS Lambda: `despam.service.aws_lambda.handler`.

Knows how API Gateway's REST API (payload 1.0), its HTTP API and Function URLs (2.0), a load balancer and a direct
invocation `{"text": "..."}` write a request, and how each wants the answer. Knows nothing of what is asked.

The brain is wired when Lambda imports this module (the init phase has a whole core for itself), elsewhere at the
first event. A setting that cannot be right does not kill the function: every answer is then a 500 in words, and the
log says which it is.

Invariant: no event, however odd, makes `handler` raise.
"""

from __future__ import annotations

import os
import time

from despam.errors import DespamError, RequestRefused
from despam.service.api import Api, Unready, write_json
from despam.service.exchange import ID_CHARACTERS, LISTS, WANTED, Request, Response
from despam.service.log import to_stdout, write_emf_line, write_event
from despam.service.settings import build, from_environ

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Lambda sends back at most 6 MB, counted as JSON text: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
LIMIT_ANSWER_BYTES = 6 * 1024 * 1024 - 64 * 1024
TOO_LONG = "The answer would be larger than AWS Lambda can send (6 MB); ask for fewer texts at a time."
ANSWER_LIMIT = (LIMIT_ANSWER_BYTES, TOO_LONG)  # quoting makes it longer, never shorter: what is longer need not be made
ODD_EVENT = "The event has the form of no known kind of request."


class Spellings(dict[str, str]):
    """The header that a name means to the brain, the empty string where it reads none of the kind; learns by meeting.

    A gateway sends a dozen headers a request and spells them alike every time: 1 us less for each request.
    """

    def __missing__(self, name: str) -> str:
        lower = str(name).lower()
        # a packed body would have to travel in base64, which REST APIs hand on as it is; the gateway packs by itself
        wanted = lower if lower in WANTED and lower != "accept-encoding" else ""
        if len(self) < 1000:
            self[name] = wanted
        return wanted


SPELLINGS = Spellings()


class Door:
    """A handler around a brain; without one it wires its own from the environment at the first event."""

    __slots__ = ("api", "failure")

    def __init__(self, api: Api | None = None) -> None:
        self.api = api
        self.failure = ""  # why there is no brain
        if api is not None:
            api.answer_limit = ANSWER_LIMIT

    def __call__(self, event: Any, context: Any = None) -> dict[str, Any]:
        """Answer an event in the form that its sender expects."""
        start = time.perf_counter()
        api = self.api
        if api is None:
            api = self.open()
        try:
            request = read_event(event, api)
            slash = find_missing_slash(event, request)
        except Exception as error:  # noqa: BLE001  the door: an event of no known form is the client's or the gateway's
            request = Request("POST", "/classify")
            refused = error if isinstance(error, RequestRefused) else RequestRefused(400, ODD_EVENT)
            response = api.refuse(request, refused)
        else:
            if "x-request-id" not in request.headers and (given := getattr(context, "aws_request_id", None)):
                request.headers["x-request-id"] = given
            response = api.redirect(request, slash) if slash else api.handle(request)
        if len(response.body) > LIMIT_ANSWER_BYTES // 4 and is_too_long(response.body):
            response = api.refuse(request, RequestRefused(413, TOO_LONG))
        if self.failure:
            to_stdout(write_event("not set up", id=response.request_id, error=self.failure))
        to_stdout(write_emf_line(request.method, response, (time.perf_counter() - start) * 1000))
        return write_answer(response, event)

    def open(self) -> Api:
        """Wire the brain; when that fails keep why, and try again at the next event."""
        self.failure = ""
        try:
            self.api = build(from_environ(os.environ))
        except DespamError as error:
            self.failure = str(error)
            return Unready()
        self.api.answer_limit = ANSWER_LIMIT
        return self.api


def read_event(event: Any, api: Api) -> Request:
    """Read any of the kinds of event."""
    if type(event) is not dict:
        raise RequestRefused(400, "No text provided.")
    context = event.get("requestContext")
    if type(context) is not dict:
        context = {}
    http = context.get("http")
    if type(http) is dict:  # payload 2.0: HTTP API and Function URL
        method, raw_path, query = http.get("method"), event.get("rawPath"), event.get("rawQueryString") or ""
    elif "httpMethod" in event:  # payload 1.0: REST API and load balancer
        method, raw_path, query = event["httpMethod"], event.get("path"), read_query(event)
    elif event.get("body") is None and not context:  # what came through a gateway is never trusted like IAM's own
        return read_direct(event)
    else:
        method, raw_path, query = "POST", event.get("path") or "/classify", read_query(event)
    return Request(
        str(method or "POST").upper(),
        find_path(raw_path if type(raw_path) is str else "", event, context, api),
        read_headers(event),
        read_body(event),
        query if type(query) is str else "",
    )


def read_direct(event: dict[str, Any]) -> Request:
    """Read a direct invocation as in the tutorial: the event is the body."""
    path = "/classify/batch" if "texts" in event else "/classify"
    query = "explain=true" if event.get("explain") is True else ""
    try:
        body = write_json({name: event[name] for name in ("text", "texts") if name in event})
    except (TypeError, ValueError):
        raise RequestRefused(400, '"text" must be a string.') from None
    return Request("POST", path, {}, body, query, trusted=True)


def read_headers(event: dict[str, Any]) -> dict[str, str]:
    """Read the headers, whatever their case; a field that is missing or null is no header."""
    headers = event.get("headers")
    found: dict[str, str] = {}
    multiple = event.get("multiValueHeaders")
    if not headers and type(multiple) is dict:
        for name, values in multiple.items():
            if (wanted := SPELLINGS[name]) and type(values) is list and values:
                found[wanted] = ", ".join(map(str, values)) if wanted in LISTS else str(values[-1])
    elif type(headers) is dict:
        for name, value in headers.items():
            if (wanted := SPELLINGS[name]) and value is not None:
                found[wanted] = value if type(value) is str else str(value)
    return found


def read_query(event: dict[str, Any]) -> str:
    """Write the query of payload 1.0 as a query string again: decoded by a REST API, as sent by a load balancer."""
    single = event.get("queryStringParameters")
    multiple = event.get("multiValueQueryStringParameters")
    if type(multiple) is dict and multiple:
        pairs = [(name, value) for name, values in multiple.items() for value in values or ()]
    elif type(single) is dict and single:
        pairs = list(single.items())
    else:
        return ""
    context = event.get("requestContext")
    if type(context) is dict and "elb" in context:
        return "&".join(f"{name}={value}" for name, value in pairs)
    from urllib.parse import urlencode

    return urlencode(pairs)


def read_body(event: dict[str, Any]) -> bytes:
    """Read the body as the bytes that the client sent."""
    body = event.get("body")
    if body is None:
        return b""
    if type(body) is dict:  # a console test with the body left as an object
        return write_json(body)
    if type(body) is not str:
        raise RequestRefused(400, "The body of the event must be a string.")
    if not event.get("isBase64Encoded"):
        return body.encode("utf-8", "surrogatepass")
    from binascii import Error, a2b_base64

    try:
        return a2b_base64(body, strict_mode=True)
    except (Error, ValueError):
        raise RequestRefused(400, "The event says that its body is base64, and it is not.") from None


def find_path(raw: str, event: dict[str, Any], context: dict[str, Any], api: Api) -> str:
    """Take stage and base path off: the first candidate that is one of our paths."""
    if raw in api.routes:
        return raw
    if "%" in raw:  # as sent: an HTTP server takes this off
        from urllib.parse import unquote

        raw = unquote(raw)
    stage = context.get("stage")
    prefix = f"/{stage}"
    path = raw
    if type(stage) is str and stage != "$default" and (raw == prefix or raw.startswith(prefix + "/")):
        path = raw[len(prefix) :] or "/"
        if path in api.routes:
            return path
    if api.has_page(path):
        return path
    for candidate in name_paths(event):
        if candidate == "/" or (raw.endswith(candidate) and (candidate in api.routes or api.has_page(candidate))):
            return candidate
    if has_own_domain(context):  # the gateway names no base path, and matches every path alike
        return max(
            (route for route in api.routes if route != "/" and raw.endswith(route)), key=len, default=path or "/"
        )
    return path or "/"


def has_own_domain(context: dict[str, Any]) -> bool:
    """Say whether the gateway was asked under a domain of the user's, which may have a base path."""
    domain = context.get("domainName")
    return type(domain) is str and not domain.endswith((".amazonaws.com", ".amazonaws.com.cn", ".on.aws"))


def find_missing_slash(event: dict[str, Any], request: Request) -> str:
    """Find where to send a browser that asks for the page at `/prod` or a base path: its files are named below it."""
    if request.path != "/" or request.method not in ("GET", "HEAD"):
        return ""
    context = event.get("requestContext")
    if type(context) is not dict:
        return ""
    raw = event.get("rawPath") or event.get("path")
    if raw == "/" and context.get("path") == f"/{context.get('stage')}":  # a REST API takes its stage off itself
        raw = context["path"]
    last = raw.rpartition("/")[2] if type(raw) is str else ""
    return f"{last}/" if last and ID_CHARACTERS.issuperset(last) else ""


def name_paths(event: dict[str, Any]) -> list[str]:
    """Name the paths that the gateway itself matched: they stand without the base path of a custom domain."""
    parameters = event.get("pathParameters")
    found = []
    if type(parameters) is dict and type(parameters.get("proxy")) is str:
        found.append("/" + parameters["proxy"])
    for name in ("resource", "routeKey"):
        matched = event.get(name)
        if type(matched) is str and "{" not in matched and "/" in matched:
            found.append(matched[matched.index("/") :])
    return found


def is_too_long(body: bytes) -> bool:
    """Say whether a body is more than Lambda can send once it is quoted as JSON."""
    import json

    return len(json.dumps(body.decode("utf-8", "replace"))) > LIMIT_ANSWER_BYTES


def write_answer(response: Response, event: Any) -> dict[str, Any]:
    """Write the answer, in one form for all; a load balancer in multi-value mode wants one more field."""
    headers = dict(response.headers)
    headers["X-Request-Id"] = response.request_id
    answer: dict[str, Any] = {
        "statusCode": response.status,
        "headers": headers,
        "body": response.body.decode(),
        "isBase64Encoded": False,
    }
    if type(event) is dict and "multiValueHeaders" in event and not event.get("headers"):
        answer["multiValueHeaders"] = {name: [value] for name, value in headers.items()}
    return answer


handler = Door()
if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    handler.open()
    if handler.failure:
        to_stdout(write_event("not set up", error=handler.failure))
