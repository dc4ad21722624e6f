"""What a message costs on AWS at list prices: every figure that the project believes stands in this file.

Knows AWS's prices in one region on one date, and what one message uses. Refuses to know free tiers, discounts, taxes
and other regions, which differ by some percent: the bill is AWS's, this is what to expect of it.

Invariant: the sum printed is the sum of the lines printed.
"""

from __future__ import annotations

import math

REGION = "us-east-1"
AS_OF = "2026-05-11"  # compared on this day with what public pages quote

LAMBDA_REQUEST = 0.20 / 1_000_000
LAMBDA_GB_SECOND = {"arm64": 0.0000133334, "x86_64": 0.0000166667}
FRONT_REQUEST = {"rest": 3.50 / 1_000_000, "http": 1.00 / 1_000_000, "url": 0.0}
FRONT_NAMES = {"rest": "REST API", "http": "HTTP API", "url": "Function URL"}
LOG_GB = 0.50  # CloudWatch Logs, taking in
TRANSFER_GB = 0.09  # out to the internet
S3_GET = 0.0004 / 1_000
S3_GB_MONTH = 0.023

# One message: a warm answer takes well under a millisecond of CPU; at 256 MB a function has a seventh of a core, and
# AWS rounds up to the next millisecond.
BILLED_MS = 5
LOG_BYTES = 900  # our line and the three of Lambda's own
ANSWER_BYTES = 1_000


def per_thousand(front: str, architecture: str, memory_mb: int) -> dict[str, float]:
    """Break down what a thousand messages cost, in US dollars, by what is paid for."""
    seconds = 1_000 * BILLED_MS / 1_000
    return {
        FRONT_NAMES[front]: 1_000 * FRONT_REQUEST[front],
        "Lambda requests": 1_000 * LAMBDA_REQUEST,
        f"Lambda time ({BILLED_MS} ms, {memory_mb} MB, {architecture})": seconds
        * memory_mb
        / 1_024
        * LAMBDA_GB_SECOND[architecture],
        "logs": 1_000 * LOG_BYTES / 1e9 * LOG_GB,
        "answers sent": 1_000 * ANSWER_BYTES / 1e9 * TRANSFER_GB,
    }


def looking_per_month(refresh_seconds: int) -> float:
    """Say what one function instance, busy all month, pays for looking at the live pointer; up to the next cent."""
    return math.ceil(30 * 86_400 / refresh_seconds * S3_GET * 100) / 100


def table(front: str, architecture: str, memory_mb: int, refresh_seconds: int) -> str:
    """Write the costs for the plan."""
    parts = per_thousand(front, architecture, memory_mb)
    width = max(map(len, parts))
    lines = [f"    {name:<{width}}  ${cost:.6f}" for name, cost in parts.items()]
    return "\n".join(
        [
            f"Cost of a thousand messages: ${sum(parts.values()):.4f} (list prices, {REGION}, {AS_OF}, no free tier)",
            *lines,
            f"  and at most ${looking_per_month(refresh_seconds):.2f} a month for a busy instance looking for models,",
            f"  ${S3_GB_MONTH} a GB and month for models; nothing while no message comes.",
        ]
    )
