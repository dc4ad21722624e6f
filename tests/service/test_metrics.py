"""What Prometheus reads: well-formed, true, bounded."""

from __future__ import annotations

import re

from despam.service.exchange import OTHER, Response
from despam.service.metrics import CONTENT_TYPE, Metrics
from despam.service.settings import Settings

from .conftest import HttpDoor, Opener

LINE = re.compile(r'([a-z_]+)(?:\{((?:[a-z]+="[^"\\\n]*",?)*)\})? ([0-9.e+-]+|\+Inf)')


def read(text: str) -> dict[str, float]:
    """Read Prometheus' text format strictly: each sample has a type, and no series stands twice."""
    types: set[str] = set()
    found: dict[str, float] = {}
    assert text.endswith("\n")
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            name, kind = line.split()[2:]
            assert name not in types
            types.add(name)
            assert kind in ("counter", "gauge", "histogram")
        elif not line.startswith("# HELP "):
            match = LINE.fullmatch(line)
            assert match, line
            assert re.sub("_(bucket|sum|count)$", "", match[1]) in types or match[1] in types
            series = line.rpartition(" ")[0]
            assert series not in found
            found[series] = float(match[3])
    return found


def test_the_server_counts_what_it_did() -> None:
    """Requests by path, method and status; verdicts; repairs; times; the model."""
    door = HttpDoor(Settings())
    try:
        for text in ("WIN a free iPhone now", "Are we still on for lunch at one?", "\u0412uy n\u043ew <b>free</b>"):
            door.ask(body={"text": text})
        door.ask(path="/classify/batch", body={"texts": ["WIN a free iPhone now", ""]})
        door.ask("GET", "/nowhere")
        answer = door.ask("GET", "/metrics")
        version = door.ask("GET", "/health").json["model"]
    finally:
        door.close()
    assert answer.headers["content-type"] == CONTENT_TYPE
    found = read(answer.body.decode())
    assert found['despam_requests_total{path="/classify",method="POST",status="200"}'] == 3
    assert found['despam_requests_total{path="other",method="GET",status="404"}'] == 1
    assert found['despam_verdicts_total{verdict="SPAM"}'] + found['despam_verdicts_total{verdict="HAM"}'] == 4
    assert found['despam_repairs_total{kind="html"}'] == 1
    assert found['despam_answer_seconds_count{path="/classify"}'] == 3
    assert found['despam_answer_seconds_bucket{path="/classify",le="+Inf"}'] == 3
    assert found[f'despam_model_info{{version="{version}",source="bundled"}}'] == 1
    assert found["despam_degraded"] == 0


def test_a_histogram_is_cumulative() -> None:
    """As Prometheus wants it."""
    metrics = Metrics()
    for elapsed_ms in (0.01, 0.05, 0.3, 7.0, 5000.0):
        metrics.count("POST", Response(200, ()), elapsed_ms)
    found = read(metrics.write("0" * 12, "file", True))
    buckets = [value for series, value in found.items() if "_bucket" in series]
    assert buckets == sorted(buckets)
    assert buckets[-1] == 5
    assert found['despam_answer_seconds_bucket{path="other",le="5e-05"}'] == 2
    assert found['despam_answer_seconds_sum{path="other"}'] == 5.00736
    assert found["despam_degraded"] == 1


def test_the_number_of_series_does_not_grow_with_what_clients_send() -> None:
    """Methods out of a list, paths as templates."""
    metrics = Metrics()
    for number in range(1000):
        metrics.count(f"METHOD{number}", Response(404, ()), 1.0)
    assert list(metrics.requests) == [(OTHER, "other", 404)]


def test_there_are_no_metrics_without_a_server(doors: Opener) -> None:
    """On Lambda the log lines are the metrics."""
    assert doors("lambda v2").ask("GET", "/metrics").status == 404
