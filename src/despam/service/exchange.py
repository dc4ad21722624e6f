"""What passes between a door and the brain: a request, a response, and the rules for single fields of them.

Knows the fields, which of them the log may see, and how a query, an entity tag, an encoding and a request id are read.
Does not know routes, CORS or any door. Plain classes with slots: dataclasses would cost the first answer milliseconds.
"""

from __future__ import annotations

import os

from despam.errors import RequestRefused

TYPE_CHECKING = False
if TYPE_CHECKING:
    Headers = tuple[tuple[str, str], ...]

OTHER = "other"  # the route of a path that is none
ID_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:=+/")
ID_LENGTH = 128
EXPLAIN_WRONG = '"explain" in the query must be true or false, once.'
# the headers that the brain reads; doors need not hand over others
WANTED = ("accept-encoding", "content-type", "content-encoding", "x-api-key", "origin", "if-none-match", "x-request-id")

LISTS = frozenset(("accept-encoding", "if-none-match"))  # those that may stand several times, and then are one list


class Request:
    """What a door hands over: header names in lower case, the path without any prefix, the query as sent."""

    __slots__ = ("body", "headers", "method", "path", "query", "trusted")

    def __init__(
        self,
        method: str,
        path: str,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        query: str = "",
        trusted: bool = False,  # a direct invocation: IAM has let it in, so it needs no key
    ) -> None:
        self.method = method
        self.path = path
        self.headers = {} if headers is None else headers
        self.body = body
        self.query = query
        self.trusted = trusted


class Response:
    """What a door sends on, and below the line what the log may know of it."""

    __slots__ = (
        "batch",
        "body",
        "failure",
        "headers",
        "model",
        "repaired",
        "request_id",
        "route",
        "size_bytes",
        "status",
        "verdict",
    )

    def __init__(self, status: int, headers: Headers, body: bytes = b"") -> None:
        self.status = status
        self.headers = headers  # without X-Request-Id and Content-Length, so that doors can keep them encoded
        self.body = body
        self.size_bytes = len(body)  # also of the body that an answer to HEAD leaves out
        self.request_id = ""
        # --- for log and metrics
        self.route = OTHER
        self.model = ""
        self.verdict = ""  # SPAM, HAM or nothing
        self.repaired: tuple[str, ...] = ()
        self.batch: dict[str, int] | None = None  # how many SPAM, HAM and errors
        self.failure = ""  # where our own bug is: type and place, never its message


def read_explain(query: str) -> bool:
    """Read `explain` from a query; other names are none of our business."""
    pairs = [pair.partition("=") for pair in query.split("&")]
    if "%" in query:
        from urllib.parse import unquote

        pairs = [(unquote(name), equals, unquote(value)) for name, equals, value in pairs]
    values = [value for name, _, value in pairs if name == "explain"]
    if not values:
        return False
    if len(values) > 1 or values[0] not in ("true", "false"):
        raise RequestRefused(400, EXPLAIN_WRONG)
    return values[0] == "true"


def matches(known: str, tag: str) -> bool:
    """Compare If-None-Match with a tag, weakly as RFC 9110 13.1.2 wants it."""
    return known.strip() == "*" or any(one.strip().removeprefix("W/") == tag for one in known.split(","))


def takes_gzip(accepted: str) -> bool:
    """Say whether Accept-Encoding names gzip and does not weigh it with nothing."""
    for one in accepted.lower().split(","):
        name, _, weight = one.partition(";")
        if name.strip() == "gzip":
            return weight.replace(" ", "").removeprefix("q=").strip("0.") != "" or not weight
    return False


def is_harmless(given: str | None) -> bool:
    """Say whether a request id may come back and stand in the log."""
    return given is not None and 0 < len(given) <= ID_LENGTH and ID_CHARACTERS.issuperset(given)


def name_failure(error: BaseException) -> str:
    """Name type and place of a bug; its message may quote the text, so it stays out."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return type(error).__name__
    code = trace.tb_frame.f_code
    return f"{type(error).__name__} in {code.co_name}, {os.path.basename(code.co_filename)}:{trace.tb_lineno}"  # noqa: PTH119
