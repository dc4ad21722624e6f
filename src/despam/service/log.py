"""One JSON line a request: what happened, never what was said.

Knows the fields of a line and CloudWatch's embedded metric format. Refuses to know text, address, key, path and
header of a request: a line is made of the Response's own facts, of a route's template and of a method out of a
short list, so there is nothing a client could write into the log but a request id of harmless characters.

Invariant: a line is one line of JSON; a log that cannot be written never stops an answer.
"""

from __future__ import annotations

import os
import sys
import time
from json.encoder import encode_basestring as quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from despam.service.exchange import Response

METHODS = frozenset(("GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE"))
# CloudWatch reads metrics out of the line itself (embedded metric format). No dimensions: each value of one would be
# a metric to pay for, and these four are among the ten that cost nothing.
EMF = (
    '"Dimensions": [[]], "Namespace": "despam", "Metrics": [{"Name": "requests", "Unit": "Count"}, '
    '{"Name": "spam", "Unit": "Count"}, {"Name": "errors", "Unit": "Count"}, {"Name": "ms", "Unit": "Milliseconds"}]'
)


def write_line(method: str, response: Response, elapsed_ms: float) -> str:
    """Write the line of a request, without an end of line."""
    return f'{{"time": {time.time():.3f}, {write_facts(method, response, elapsed_ms)}}}'


def write_emf_line(method: str, response: Response, elapsed_ms: float) -> str:
    """Write the line of a request so that CloudWatch counts it too."""
    now_ms = int(time.time() * 1000)
    spam = response.batch["SPAM"] if response.batch else int(response.verdict == "SPAM")
    errors = int(response.status >= 500)
    return (
        f'{{"_aws": {{"Timestamp": {now_ms}, "CloudWatchMetrics": [{{{EMF}}}]}}, "requests": 1, "spam": {spam}, '
        f'"errors": {errors}, {write_facts(method, response, elapsed_ms)}}}'
    )


def write_facts(method: str, response: Response, elapsed_ms: float) -> str:
    """Write the fields that both kinds of line share."""
    line = (
        f'"id": "{response.request_id}", "method": "{method if method in METHODS else "other"}", '
        f'"path": "{response.route}", "status": {response.status}, "ms": {elapsed_ms:.3f}'
    )
    if response.model:
        line += f', "model": "{response.model}"'
    if response.verdict:
        line += f', "verdict": "{response.verdict}"'
    if response.repaired:
        line += f', "repaired": "{" ".join(response.repaired)}"'
    if response.batch:
        line += ', "batch": {' + ", ".join(f'"{name}": {count}' for name, count in response.batch.items()) + "}"
    if response.failure:
        line += f', "failure": {quote(response.failure)}'
    return line


def write_event(event: str, **facts: str | int | float) -> str:
    """Write a line about the service itself."""
    more = "".join(f', "{name}": {quote(fact) if isinstance(fact, str) else fact}' for name, fact in facts.items())
    return f'{{"time": {time.time():.3f}, "event": {quote(event)}{more}}}'


class LineWriter:
    """Writes lines to a descriptor and never waits for whoever reads them: who is too slow loses lines, and is told."""

    __slots__ = ("descriptor", "lost", "may_block")

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.lost = 0
        self.may_block: bool | None = None  # a pipe or a socket; looked up at the first line

    def __call__(self, line: str) -> None:
        """Write one line in one call, so that lines of several workers do not mix."""
        try:
            if self.may_block is None:
                self.may_block = (os.fstat(self.descriptor).st_mode & 0o170000) in (0o010000, 0o140000)
            if self.may_block and not self.has_room():
                self.lost += 1
                return
            if self.lost:
                lost, self.lost = self.lost, 0
                os.write(self.descriptor, (write_event("log lines lost", count=lost) + "\n").encode())
            os.write(self.descriptor, (line + "\n").encode("utf-8", "replace"))
        except OSError:
            pass  # a closed or full log must not cost an answer

    def has_room(self) -> bool:
        """Say whether a line can be written at once; a pipe is ready when 4 KiB fit, more than a line."""
        from select import select

        return bool(select((), (self.descriptor,), (), 0)[1])


to_stderr = LineWriter(2)


def to_stdout(line: str) -> None:
    """Write one line to stdout, which Lambda's runtime hands to CloudWatch."""
    try:
        sys.stdout.write(line + "\n")
    except (OSError, ValueError):
        pass  # as above
