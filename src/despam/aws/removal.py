"""Destroy: take the service away, and the registry only when told so.

Knows what is lost with each. Refuses to lose a model without naming it first: the registry's bucket has its own stack,
kept by default, and other services may be reading it.

Invariant: nothing is removed that is not known to be ours, and nothing before `ask` has said yes to a text that names
it, twice where stored models go; a removal that was cut short can be run again and goes on.
"""

from __future__ import annotations

from despam.aws import cloudformation, ownership, storage
from despam.aws.cloudformation import Stack, Tell
from despam.aws.faults import translated
from despam.aws.plan import Wanted
from despam.aws.stack import Account, Ask, connect
from despam.errors import DeployError

NAMED_MODELS = 20


def destroy(
    wanted: Wanted, *, ask: Ask, tell: Tell, region: str | None = None, with_registry: bool = False
) -> tuple[str, ...]:
    """Remove the service; give the names of the stacks that went, none when `ask` said no."""
    account = connect(region)
    service, registry = _present(account, wanted, with_registry)
    if service is None and not (registry and with_registry):
        left = (
            f" (the registry's stack {wanted.registry_stack} is there: --with-registry removes it)" if registry else ""
        )
        raise DeployError(f"no stack {wanted.stack} in {account.place}{left}; check --stack and --region.")
    if not ask(_losses(account, service, registry, with_registry)):
        return ()
    models = _models(account, registry) if registry and with_registry else ()
    if models and not ask(f"The registry on its own: nobody can bring these models back: {_named(models)}."):
        return ()
    removed = []
    try:
        if service:
            tell(f"Stack {service.name}")
            cloudformation.delete(account.stacks, service.name, tell)
            removed.append(service.name)
        if registry and with_registry:
            _remove_registry(account, registry, tell)
            removed.append(registry.name)
    except KeyboardInterrupt:
        raise DeployError(f"stopped; what is left of {wanted.stack} goes with the same command.") from None
    return tuple(removed)


def _present(account: Account, wanted: Wanted, with_registry: bool) -> tuple[Stack | None, Stack | None]:
    """Look at both stacks, and refuse those that are busy or not ours."""
    service = cloudformation.look(account.stacks, wanted.stack)
    registry = cloudformation.look(account.stacks, wanted.registry_stack)
    if service and not ownership.is_service(account.stacks, service):
        raise DeployError(f"the stack {service.name} in {account.place} is not despam's; it was left alone.")
    if registry and not ownership.is_registry(account.stacks, registry):
        if with_registry:
            message = f"the stack {registry.name} in {account.place} is not despam's; nothing was removed"
            raise DeployError(f"{message}: leave --with-registry out.")
        registry = None
    for stack in (service, registry):
        if stack is not None and stack.is_busy:
            cloudformation.check_ready(stack)
    return service, registry


def _losses(account: Account, service: Stack | None, registry: Stack | None, with_registry: bool) -> str:
    lines = [f"Remove from {account.place}:"]
    if service:
        lines.append(
            f"  the stack {service.name}: function, {service.parameters.get('Front', '')} front, role and logs"
        )
        lines.append(
            f"  its address {service.outputs.get('Url', '')} answers no more, and a new deploy gets another one"
        )
    bucket = ownership.bucket_of(account.stacks, registry) if registry else ""
    if registry and with_registry:
        lines += _registry_losses(account, registry, bucket)
    elif bucket:
        lines.append(f"What stays: the bucket {bucket} with its registry: models, history, bundles.")
    elif service and service.parameters.get("RegistryBucket"):
        lines.append(f"What stays: the bucket {service.parameters['RegistryBucket']}, which this stack did not make.")
    return "\n".join(lines)


def _registry_losses(account: Account, registry: Stack, bucket: str) -> list[str]:
    if not (bucket and storage.exists(account.s3, bucket)):
        return [f"  the stack {registry.name}, whose bucket is gone already"]
    held = storage.contents(account.s3, bucket)
    lines = [
        f"  the stack {registry.name} and its bucket {bucket}: {held.objects} objects, {held.size_bytes / 1e6:.1f} MB, "
        "older versions and history included"
    ]
    if held.models:
        lines.append(f"  FOR GOOD, these models: {_named(held.models)}")
    lines += [
        f"  the stack {name} reads this registry and falls back to its bundled model"
        for name in _readers(account, bucket, registry)
    ]
    return lines


def _named(models: tuple[str, ...]) -> str:
    more = len(models) - NAMED_MODELS
    return ", ".join(models[:NAMED_MODELS]) + (f" and {more} more" if more > 0 else "")


def _models(account: Account, registry: Stack) -> tuple[str, ...]:
    """Name the models that go with the registry's bucket."""
    bucket = ownership.bucket_of(account.stacks, registry)
    return storage.contents(account.s3, bucket).models if bucket and storage.exists(account.s3, bucket) else ()


def _readers(account: Account, bucket: str, registry: Stack) -> list[str]:
    """Name the other services that read this bucket."""
    own = registry.name.removesuffix("-registry")
    found = []
    with translated("looking for other services of this registry"):
        for page in account.stacks.get_paginator("describe_stacks").paginate():
            for stack in page["Stacks"]:
                read = {entry["ParameterKey"]: entry.get("ParameterValue") for entry in stack.get("Parameters", [])}
                alive = stack["StackStatus"] != "DELETE_COMPLETE"
                if alive and stack["StackName"] != own and read.get("RegistryBucket") == bucket:
                    found.append(stack["StackName"])
    return found


def _remove_registry(account: Account, registry: Stack, tell: Tell) -> None:
    """Empty and remove the bucket first: while its stack is there, a removal that was cut short finds it again."""
    bucket = ownership.bucket_of(account.stacks, registry)
    if bucket and storage.exists(account.s3, bucket):
        storage.remove(account.s3, bucket)
        tell(f"Bucket {bucket} removed")
    tell(f"Stack {registry.name}")
    cloudformation.delete(account.stacks, registry.name, tell)
