"""Counts of what the service did, in Prometheus' text format.

Knows requests by route, method and status, verdicts, repairs and a histogram of answer times; all of it since the
process started, in this process: with several workers each counts its own. Knows nothing of texts, addresses or
keys: labels are route templates, methods out of a short list, and numbers, so their number is bounded whatever
clients send.
"""

from __future__ import annotations

from bisect import bisect_left

from despam.service.log import METHODS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from despam.service.exchange import Response

BOUNDS_MS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 1000.0)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """Counters of one process."""

    def __init__(self) -> None:
        self.requests: dict[tuple[str, str, int], int] = {}
        self.verdicts: dict[str, int] = {"HAM": 0, "SPAM": 0}
        self.repairs: dict[str, int] = {}
        self.times: dict[str, list[int]] = {}  # route -> count for each bound, then above all
        self.seconds: dict[str, float] = {}

    def count(self, method: str, response: Response, elapsed_ms: float) -> None:
        """Count one request."""
        route = response.route
        key = (route, method if method in METHODS else "other", response.status)
        self.requests[key] = self.requests.get(key, 0) + 1
        times = self.times.get(route)
        if times is None:
            times = self.times[route] = [0] * (len(BOUNDS_MS) + 1)
            self.seconds[route] = 0.0
        times[bisect_left(BOUNDS_MS, elapsed_ms)] += 1
        self.seconds[route] += elapsed_ms / 1000
        if response.verdict:
            self.verdicts[response.verdict] += 1
        elif response.batch:
            for name in self.verdicts:
                self.verdicts[name] += response.batch[name]
        for kind in response.repaired:
            self.repairs[kind] = self.repairs.get(kind, 0) + 1

    def write(self, model: str, source: str, degraded: bool) -> str:
        """Write everything in Prometheus' text format."""
        lines = ["# HELP despam_requests_total Requests answered.", "# TYPE despam_requests_total counter"]
        for (route, method, status), count in sorted(self.requests.items()):
            lines.append(f'despam_requests_total{{path="{route}",method="{method}",status="{status}"}} {count}')
        lines += ["# HELP despam_verdicts_total Messages judged.", "# TYPE despam_verdicts_total counter"]
        lines += [f'despam_verdicts_total{{verdict="{name}"}} {count}' for name, count in sorted(self.verdicts.items())]
        lines += [
            "# HELP despam_repairs_total Single messages that were disguised.",
            "# TYPE despam_repairs_total counter",
        ]
        lines += [f'despam_repairs_total{{kind="{kind}"}} {count}' for kind, count in sorted(self.repairs.items())]
        lines += ["# HELP despam_answer_seconds Time from request to answer.", "# TYPE despam_answer_seconds histogram"]
        for route, times in sorted(self.times.items()):
            lines += write_histogram(route, times, self.seconds[route])
        lines += ["# HELP despam_model_info The model that decides.", "# TYPE despam_model_info gauge"]
        lines.append(f'despam_model_info{{version="{model}",source="{source}"}} 1')
        lines += [
            "# HELP despam_degraded Whether the service runs on less than it was asked to.",
            "# TYPE despam_degraded gauge",
        ]
        lines.append(f"despam_degraded {int(degraded)}")
        return "\n".join(lines) + "\n"


def write_histogram(route: str, times: list[int], seconds: float) -> list[str]:
    """Write one route's histogram, cumulative as Prometheus wants it."""
    lines = []
    total = 0
    for bound_ms, count in zip(BOUNDS_MS, times, strict=False):
        total += count
        lines.append(f'despam_answer_seconds_bucket{{path="{route}",le="{bound_ms / 1000:g}"}} {total}')
    total += times[-1]
    lines.append(f'despam_answer_seconds_bucket{{path="{route}",le="+Inf"}} {total}')
    lines.append(f'despam_answer_seconds_sum{{path="{route}"}} {seconds:.6f}')
    lines.append(f'despam_answer_seconds_count{{path="{route}"}} {total}')
    return lines
