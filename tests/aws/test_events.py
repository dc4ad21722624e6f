"""Which events of a stack are told: all of what is being done, also where clocks tell them apart no more.

A double stands in for CloudFormation here, as events of one millisecond cannot be ordered from outside: a fast machine
running ministack did it once, and the failing event stood beyond the one that begins the operation.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from despam.aws import cloudformation

STACK = "arn:aws:cloudformation:eu-central-1:000000000000:stack/tied/1"


class Pages:
    """A CloudFormation that has these pages of events, and counts what is read."""

    def __init__(self, *pages: list[str]) -> None:
        self.pages = list(pages)
        self.read = 0

    def get_paginator(self, operation: str) -> Pages:
        assert operation == "describe_stack_events"
        return self

    def paginate(self, StackName: str) -> Iterator[dict[str, Any]]:  # noqa: N803 -- boto3's own name
        assert StackName == STACK
        for page in self.pages:
            self.read += 1
            yield {"StackEvents": [{"EventId": event} for event in page]}


def told(client: Pages, seen: set[str]) -> list[str]:
    return [event["EventId"] for event in cloudformation._new_events(client, STACK, seen)]


def test_an_event_behind_a_seen_one_is_still_new() -> None:
    """Events of one millisecond come in any order, before and behind what was there."""
    seen = {"created", "first"}
    assert told(Pages(["rolled back", "first", "failed", "created", "begun"]), seen) == [
        "begun",
        "failed",
        "rolled back",
    ]
    assert told(Pages(["rolled back", "first", "failed", "created", "begun"]), seen) == []


def test_reading_ends_at_the_first_page_of_nothing_new() -> None:
    """A stack of years has many pages; each look reads one more than it needs at most."""
    client = Pages(["c", "b"], ["a", "old"], ["older"], ["oldest"])
    assert told(client, {"old", "older", "oldest"}) == ["a", "b", "c"]
    assert client.read == 3
