"""Stacks: look, change through a change set, follow the events, delete.

Knows CloudFormation through boto3: states, change sets, and which event of many is the one that failed. Refuses to know
what is in a template. Talks through the `tell` it is given, one line an event.

Invariant: `change` returns with the stack complete, or raises with the failing event in words and the stack rolled
back; a first creation that failed leaves no stack behind.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from despam.aws.faults import BUSY, event_sentence, translated
from despam.errors import DeployError

POLL_SECONDS = 2.0
PATIENCE_SECONDS = 30 * 60
LAG_SECONDS = 20
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
NO_CHANGES = ("didn't contain changes", "No updates are to be performed")
WORDS = {"CREATE": "created", "UPDATE": "changed", "DELETE": "removed"}
EMPTY = ("REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE")  # states of a stack in which nothing is
TAG = {"Key": "made-by", "Value": "despam"}  # on every stack of ours, so that it is told from another of that name
CHANGE_SET = "despam-"

Tell = Callable[[str], None]


@dataclass
class Stack:
    """A stack as CloudFormation describes it."""

    name: str
    identity: str
    status: str
    parameters: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def is_busy(self) -> bool:
        """Say whether something is being done to it."""
        return self.status.endswith("_IN_PROGRESS") and self.status != "REVIEW_IN_PROGRESS"


def look(client: Any, name: str) -> Stack | None:
    """Describe the stack, or give None when there is none."""
    from botocore.exceptions import ClientError

    with translated(f"looking at the stack {name}"):
        try:
            described = client.describe_stacks(StackName=name)["Stacks"][0]
        except ClientError as error:
            if "does not exist" in error.response.get("Error", {}).get("Message", ""):
                return None
            raise
    if described["StackStatus"] == "DELETE_COMPLETE":
        return None
    return Stack(
        described["StackName"],
        described["StackId"],
        described["StackStatus"],
        {entry["ParameterKey"]: entry.get("ParameterValue", "") for entry in described.get("Parameters", [])},
        {entry["OutputKey"]: entry["OutputValue"] for entry in described.get("Outputs", [])},
        {entry["Key"]: entry["Value"] for entry in described.get("Tags", [])},
    )


def template_of(client: Any, name: str) -> str:
    """Read the template that the stack was last changed with."""
    with translated(f"reading the template of the stack {name}"):
        return str(client.get_template(StackName=name, TemplateStage="Original")["TemplateBody"])


def check_ready(stack: Stack | None) -> None:
    """Refuse a stack that cannot be changed now."""
    if stack is None:
        return
    if stack.is_busy:
        raise DeployError(f"the stack {stack.name} is {stack.status}: {BUSY}.")
    if stack.status in ("ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"):
        raise DeployError(
            f"the stack {stack.name} is {stack.status}; remove it with `despam destroy --stack {stack.name}`, "
            "then deploy again."
        )
    if stack.status == "UPDATE_ROLLBACK_FAILED":
        raise DeployError(
            f"the stack {stack.name} is {stack.status}; in the CloudFormation console choose Continue update rollback, "
            "then run this again."
        )


def change(
    client: Any, name: str, template: str, parameters: dict[str, str | None], tell: Tell, new: bool = False
) -> bool:
    """Create or update the stack; say whether anything changed. A parameter that is None keeps its value.

    With `new` it is only ever created: a stack that has come up under that name meanwhile is left alone.
    """
    stack = look(client, name)
    if new and stack is not None and stack.status not in EMPTY:
        raise DeployError(f"the stack {name} was made by somebody else meanwhile; nothing was changed, run this again.")
    if stack is not None and stack.status == "ROLLBACK_COMPLETE":
        tell(f"removing what a failed first deploy left of the stack {name}")
        delete(client, name, tell)
        stack = None
    creating = stack is None or stack.status in EMPTY
    change_set = f"{CHANGE_SET}{time.time_ns()}"
    try:
        if not _prepare(client, name, change_set, template, parameters, creating):
            return False
        seen = _seen_events(client, name)
        with translated(f"changing the stack {name}"):
            client.execute_change_set(StackName=name, ChangeSetName=change_set)
    except DeployError:
        if creating:
            _forget_review(client, name)
        raise
    _follow(client, name, "CREATE" if creating else "UPDATE", seen, tell)
    return True


def _prepare(
    client: Any, name: str, change_set: str, template: str, parameters: dict[str, str | None], creating: bool
) -> bool:
    """Make the change set and wait for it; False when it has nothing to change."""
    with translated(f"preparing the stack {name}"):
        client.create_change_set(
            StackName=name,
            ChangeSetName=change_set,
            ChangeSetType="CREATE" if creating else "UPDATE",
            TemplateBody=template,
            Parameters=[
                _parameter(key, value) for key, value in parameters.items() if not (creating and value is None)
            ],
            Capabilities=CAPABILITIES,
            Tags=[TAG],
        )
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            described = client.describe_change_set(StackName=name, ChangeSetName=change_set)
            if described["Status"] == "CREATE_COMPLETE":
                return True
            if described["Status"] == "FAILED":
                break
            if time.monotonic() > deadline:
                raise DeployError(
                    f"preparing the stack {name}: no end in {PATIENCE_SECONDS // 60} minutes; see the console."
                )
            time.sleep(POLL_SECONDS)
        with contextlib.suppress(KeyError):  # ministack answers this one with an empty body, which boto3 cannot read
            client.delete_change_set(StackName=name, ChangeSetName=change_set)
    reason = described.get("StatusReason", "")
    if any(words in reason for words in NO_CHANGES):
        return False
    raise DeployError(f"preparing the stack {name}: {event_sentence(name, 'change set', reason)}; nothing was changed.")


def _parameter(key: str, value: str | None) -> dict[str, Any]:
    if value is None:
        return {"ParameterKey": key, "UsePreviousValue": True}
    return {"ParameterKey": key, "ParameterValue": value}


def _forget_review(client: Any, name: str) -> None:
    """Take away the empty stack that a refused first change set leaves."""
    stack = look(client, name)
    if stack is not None and stack.status == "REVIEW_IN_PROGRESS":
        with translated(f"removing the empty stack {name}"):
            client.delete_stack(StackName=name)


def delete(client: Any, name: str, tell: Tell) -> None:
    """Delete the stack and wait until it is gone."""
    seen = _seen_events(client, name)
    with translated(f"removing the stack {name}"):
        client.delete_stack(StackName=name)
    _follow(client, name, "DELETE", seen, tell)


def _follow(client: Any, name: str, doing: str, seen: set[str], tell: Tell) -> None:
    """Tell each event that is not `seen` until the stack is done; raise the failure in words."""
    stack = look(client, name)
    if stack is None:
        return
    failures: list[str] = []
    begin = time.monotonic()
    try:
        while True:
            # the status first: events that come after it are seen below
            stack = look(client, stack.identity)
            if stack is None:
                break
            for event in _new_events(client, stack.identity, seen):
                failures += _told(event, tell)
            if not _is_under_way(stack, doing, time.monotonic() - begin):
                break
            time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        raise DeployError(
            f"stopped waiting, but AWS goes on with the stack {name}: `despam deploy --stack {name}` later says "
            f"how it went, `despam destroy --stack {name}` removes it."
        ) from None
    _conclude(client, name, stack, doing, failures[0] if failures else "", tell)


def _is_under_way(stack: Stack, doing: str, elapsed_seconds: float) -> bool:
    if elapsed_seconds > PATIENCE_SECONDS:
        minutes = PATIENCE_SECONDS // 60
        raise DeployError(f"the stack {stack.name} is still {stack.status} after {minutes} minutes; see the console.")
    # AWS may need a moment between taking an order and showing it
    waiting = stack.status == "REVIEW_IN_PROGRESS" or (doing == "DELETE" and not stack.status.startswith("DELETE"))
    return stack.is_busy or (waiting and elapsed_seconds < LAG_SECONDS)


def _conclude(client: Any, name: str, stack: Stack | None, doing: str, failure: str, tell: Tell) -> None:
    done = "DELETE_COMPLETE" if stack is None else stack.status
    if done == f"{doing}_COMPLETE":
        return
    failure = failure or f"the stack is {done}, and no event says why"
    if doing == "DELETE":
        raise DeployError(f"{name}: {failure}; remove that in the console, then run this again.")
    if done == "ROLLBACK_COMPLETE":
        delete(client, name, tell)
        raise DeployError(f"{name}: {failure}; everything of this stack was taken back.")
    if done == "UPDATE_ROLLBACK_COMPLETE":
        raise DeployError(f"{name}: {failure}; the stack went back and serves as before.")
    raise DeployError(f"{name}: {failure}; the stack is {done}, see the CloudFormation console.")


def _seen_events(client: Any, name: str) -> set[str]:
    """Give the identities of the events a stack has so far; what is not among them belongs to what comes next."""
    stack = look(client, name)
    return set() if stack is None else {event["EventId"] for event in _new_events(client, stack.identity, set())}


def _new_events(client: Any, identity: str, seen: set[str]) -> list[dict[str, Any]]:
    """Give the events that are not `seen` yet, oldest first, and count them as seen.

    Pages come newest first, but events of one millisecond in any order: only a page of nothing new ends the reading.
    """
    fresh: list[dict[str, Any]] = []
    with translated("reading stack events"):
        for page in client.get_paginator("describe_stack_events").paginate(StackName=identity):
            unseen = [event for event in page["StackEvents"] if event["EventId"] not in seen]
            if not unseen:
                break
            fresh += unseen
            seen.update(event["EventId"] for event in unseen)
    return fresh[::-1]


def _told(event: dict[str, Any], tell: Tell) -> list[str]:
    """Tell one event; give the sentence if it is a failure and not the echo of one."""
    status, reason = event["ResourceStatus"], event.get("ResourceStatusReason", "")
    is_stack = event["ResourceType"] == "AWS::CloudFormation::Stack"
    if status.endswith("_FAILED") and reason and "cancelled" not in reason:
        sentence = event_sentence(event["LogicalResourceId"], event["ResourceType"], reason)
        tell(f"  {sentence}")
        return [sentence]
    if status.endswith("_COMPLETE") and not is_stack:
        tell(f"  {event['LogicalResourceId']} {WORDS.get(status.partition('_')[0], status)}")
    return []
