"""Stacks and buckets of other people, whose names happen to fit: deploy and destroy leave them as they are."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from despam.aws import cloudformation, ownership, plan, removal, stack, storage
from despam.aws.plan import Wanted
from despam.errors import DeployError

from .conftest import Ministack

TOPIC = {"Resources": {"T": {"Type": "AWS::SNS::Topic"}}}
# what a company may keep its docker images with: an output BucketName, as ours has
IMAGES = {
    "Resources": {"Bucket": {"Type": "AWS::S3::Bucket"}, "BucketPolicy": {"Type": "AWS::SNS::Topic"}},
    "Outputs": {"BucketName": {"Value": {"Ref": "Bucket"}}, "RegistryUrl": {"Value": "https://registry.example"}},
}
LAMBDA = {"Parameters": {"CodeKey": {"Type": "String", "Default": "k"}}, **TOPIC}


def make(aws: Ministack, name: str, template: Any, **more: Any) -> None:
    """Make a stack as somebody else would."""
    client = aws.client("cloudformation")
    text = template if isinstance(template, str) else json.dumps(template)
    client.create_stack(StackName=name, TemplateBody=text, **more)
    while client.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"] == "CREATE_IN_PROGRESS":
        time.sleep(0.05)


def parts(aws: Ministack, name: str) -> list[tuple[str, str]]:
    found = aws.client("cloudformation").describe_stack_resources(StackName=name)["StackResources"]
    return sorted((one["PhysicalResourceId"], one["ResourceStatus"]) for one in found)


def objects(aws: Ministack, bucket: str) -> list[str]:
    return [one["Key"] for one in aws.client("s3").list_objects_v2(Bucket=bucket).get("Contents", [])]


def deploy(name: str, registry: str | None = None) -> Any:
    return stack.deploy(Wanted(name, registry=registry), ask=lambda text: True, tell=lambda line: None)


def destroy(name: str, with_registry: bool = False) -> tuple[str, ...]:
    return removal.destroy(Wanted(name), ask=lambda text: True, tell=lambda line: None, with_registry=with_registry)


@pytest.fixture(autouse=True)
def no_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of these deploys gets as far as its bundle's contents."""

    class Bundle:
        data, architecture, model, sha256, zipped_bytes, notes = b"PK", "arm64", "m", "0" * 64, 2, ()

    monkeypatch.setattr(stack.bundling, "make", lambda *a: Bundle)

    def stop(*arguments: Any) -> None:
        raise DeployError("the service is not what these tests are about")

    monkeypatch.setattr(stack, "_change", stop)


@pytest.fixture
def images(aws: Ministack) -> str:
    """`docker-registry`, and the bucket in it with an image."""
    name = f"docker{time.time_ns()}"
    make(aws, f"{name}-registry", IMAGES)
    found = cloudformation.look(aws.client("cloudformation"), f"{name}-registry")
    assert found is not None
    aws.client("s3").put_object(Bucket=found.outputs["BucketName"], Key="layers/1", Body=b"image")
    return name


def bucket_in(aws: Ministack, name: str) -> str:
    found = cloudformation.look(aws.client("cloudformation"), f"{name}-registry")
    assert found is not None
    return found.outputs["BucketName"]


def test_deploy_does_not_change_a_stack_that_has_the_name_of_its_registry(aws: Ministack, images: str) -> None:
    """Its resources would be replaced by a bucket of ours."""
    before = parts(aws, f"{images}-registry")
    with pytest.raises(DeployError, match=f"the stack {images}-registry in .* is not despam's; choose another --stack"):
        deploy(images)
    assert parts(aws, f"{images}-registry") == before


def test_deploy_with_a_registry_elsewhere_has_nothing_to_do_with_that_stack(aws: Ministack, images: str) -> None:
    """The name is taken by something that this service does not need."""
    aws.client("s3").create_bucket(Bucket=f"{images}-models")
    with pytest.raises(DeployError, match="not what these tests are about"):
        deploy(images, f"s3://{images}-models/registry")


def test_destroy_with_registry_does_not_empty_a_bucket_of_somebody_else(aws: Ministack, images: str) -> None:
    """Nor does it name it among what stays of ours."""
    bucket = bucket_in(aws, images)
    with pytest.raises(DeployError, match=f"{images}-registry in .* is not despam's; nothing was removed"):
        destroy(images, with_registry=True)
    with pytest.raises(DeployError, match=f"no stack {images} in [^;]*account 000000000000\\); check"):
        destroy(images)
    assert objects(aws, bucket) == ["layers/1"]


def test_a_registry_stack_made_between_the_look_and_the_change_is_not_changed(
    aws: Ministack, images: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A registry is only ever created."""
    before = parts(aws, f"{images}-registry")
    monkeypatch.setattr(stack, "_present", lambda account, wanted: (None, None))
    with pytest.raises(DeployError, match="made by somebody else meanwhile"):
        deploy(images)
    assert parts(aws, f"{images}-registry") == before


@pytest.mark.parametrize("template", [TOPIC, LAMBDA])
def test_a_foreign_stack_is_left_alone_with_and_without_parameters(aws: Ministack, template: Any) -> None:
    """A database has none, a function of somebody's own may have a CodeKey too."""
    name = f"theirs{time.time_ns()}"
    make(aws, name, template)
    with pytest.raises(DeployError, match="is not despam's; it was left alone"):
        destroy(name)
    with pytest.raises(DeployError, match="is not despam's; choose another --stack"):
        deploy(name)
    assert parts(aws, name)[0][1] == "CREATE_COMPLETE"


@pytest.mark.parametrize(("change_set", "ours"), [("somebodys-review", False), ("despam-1", True)])
def test_a_stack_under_review_is_told_by_its_change_sets(aws: Ministack, change_set: str, ours: bool) -> None:
    """AWS may show no tags before the first change."""
    name, client = f"review{time.time_ns()}", aws.client("cloudformation")
    client.create_change_set(
        StackName=name, ChangeSetName=change_set, ChangeSetType="CREATE", TemplateBody=json.dumps(TOPIC)
    )
    found = cloudformation.look(client, name)
    assert found is not None and found.status == "REVIEW_IN_PROGRESS"
    assert ownership.is_service(client, found) is ours
    if not ours:
        with pytest.raises(DeployError, match="is not despam's"):
            destroy(name)


@pytest.mark.parametrize("tags", [[], [{"Key": "made-by", "Value": "despam"}]])
def test_a_registry_that_was_deployed_by_hand_is_ours(aws: Ministack, tags: list[dict[str, str]]) -> None:
    """The how-to says how; before it said so, those stacks had no tag."""
    name, client = f"byhand{time.time_ns()}", aws.client("cloudformation")
    make(aws, f"{name}-registry", plan.template("registry"), Tags=tags)
    bucket = bucket_in(aws, name)
    assert destroy(name, with_registry=True) == (f"{name}-registry",)
    assert not storage.exists(aws.client("s3"), bucket)
    assert cloudformation.look(client, f"{name}-registry") is None


def test_a_service_that_was_deployed_by_hand_is_ours(aws: Ministack) -> None:
    """By the parameters that our template alone has; the tag alone does not make a registry a service."""
    parameters = dict.fromkeys((*plan.defaults(), "CodeBucket", "CodeKey", "RegistryBucket", "RegistryPrefix"), "x")
    client = aws.client("cloudformation")
    assert ownership.is_service(client, cloudformation.Stack("s", "arn", "UPDATE_COMPLETE", parameters))
    tagged = cloudformation.Stack("s-registry", "arn", "CREATE_COMPLETE", tags={"made-by": "despam"})
    assert not ownership.is_service(client, tagged)


def test_a_removal_cut_short_after_the_bucket_can_be_ended_and_deploy_says_how(
    aws: Ministack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bucket is gone, its stack is not."""
    name = f"cut{time.time_ns()}"
    make(aws, f"{name}-registry", plan.template("registry"), Tags=[cloudformation.TAG])
    storage.remove(aws.client("s3"), bucket_in(aws, name))
    with monkeypatch.context() as patch:
        patch.setattr(storage, "exists", lambda *a: pytest.fail("who deploys may not list the account's buckets"))
        with pytest.raises(DeployError, match=f"despam destroy --stack {name} --with-registry` ends it"):
            deploy(name)
    assert destroy(name, with_registry=True) == (f"{name}-registry",)
    with pytest.raises(DeployError, match="not what these tests are about"):
        deploy(name)


def test_destroy_says_what_it_removed(aws: Ministack) -> None:
    """A service whose bucket is somebody's own has no registry to remove with it."""
    name = f"own{time.time_ns()}"
    make(aws, name, LAMBDA, Tags=[cloudformation.TAG])
    assert destroy(name, with_registry=True) == (name,)
