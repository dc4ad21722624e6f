"""Whose stack it is: the one question before anything is changed or removed.

Knows what tells ours: the tag `made-by=despam`, which each deploy has set since the first, or, where our templates were
deployed by hand, what they alone have. Refuses to go by a name or by an output alone: `docker-registry` with a
`BucketName` may hold a company's images.

Invariant: what is not known to be ours is not; a bucket is ours to remove only as a resource of a stack that is.
"""

from __future__ import annotations

import re
from typing import Any

from despam.aws.cloudformation import CHANGE_SET, EMPTY, TAG, Stack
from despam.aws.faults import translated

SERVICE = {"CodeBucket", "CodeKey", "RegistryBucket", "RegistryPrefix", "Architecture", "Front"}  # its parameters
REGISTRY = {("Bucket", "AWS::S3::Bucket"), ("BucketPolicy", "AWS::S3::BucketPolicy")}  # all that it is made of
HALF_MADE = ("CREATE_IN_PROGRESS", "CREATE_FAILED", "ROLLBACK_IN_PROGRESS", "ROLLBACK_FAILED")  # no outputs yet


def is_service(client: Any, stack: Stack) -> bool:
    """Say whether this is a service of despam's."""
    if _has_tag(stack):
        return stack.status in EMPTY or "CodeKey" in stack.parameters
    return _is_our_review(client, stack) or stack.parameters.keys() >= SERVICE


def is_registry(client: Any, stack: Stack) -> bool:
    """Say whether this is the stack of a registry of despam's."""
    if _has_tag(stack) and "CodeKey" not in stack.parameters:
        return "RegistryUrl" in stack.outputs or stack.status in (*EMPTY, *HALF_MADE)
    if _is_our_review(client, stack):
        return True
    if "RegistryUrl" not in stack.outputs or stack.parameters:
        return False
    parts = _resources(client, stack)
    return parts.keys() == REGISTRY and f"s3://{bucket_of(client, stack)}/registry" == stack.outputs["RegistryUrl"]


def bucket_of(client: Any, stack: Stack) -> str:
    """Name the bucket that is a resource of a registry's stack; "" when it has none."""
    return _resources(client, stack).get(("Bucket", "AWS::S3::Bucket"), "")


def _has_tag(stack: Stack) -> bool:
    return stack.tags.get(TAG["Key"]) == TAG["Value"]


def _is_our_review(client: Any, stack: Stack) -> bool:
    """Say whether a stack that nobody has made yet holds change sets of ours alone; AWS may show no tags of it."""
    if stack.status != "REVIEW_IN_PROGRESS":
        return False
    with translated(f"looking at the change sets of the stack {stack.name}"):
        pages = client.get_paginator("list_change_sets").paginate(StackName=stack.name)
        names = [summary["ChangeSetName"] for page in pages for summary in page.get("Summaries", [])]
    return all(re.fullmatch(rf"{CHANGE_SET}\d+", name) for name in names)


def _resources(client: Any, stack: Stack) -> dict[tuple[str, str], str]:
    """Read the names of a stack's resources, by logical name and type."""
    with translated(f"looking at the resources of the stack {stack.name}"):
        found = client.describe_stack_resources(StackName=stack.name)["StackResources"]
    return {(one["LogicalResourceId"], one["ResourceType"]): one.get("PhysicalResourceId", "") for one in found}
