"""Deploy and destroy: the order of things, and nothing else.

Knows that the registry's bucket comes first, the bundle second, the service third, and that a verdict fetched through
the front is the proof. The work is done by its neighbours: `plan` (what), `bundle` (the zip), `storage` (the bucket),
`cloudformation` (stacks), `probe` (the verdict), `faults` (what AWS says). The only place that opens a boto3 session;
AWS_ENDPOINT_URL and the AWS_* variables hold as for every AWS tool.

Invariant: nothing is changed before `ask` has said yes, and whatever an error leaves behind is named in its sentence.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from despam.aws import bundle as bundling
from despam.aws import cloudformation, ownership, plan, probe, storage
from despam.aws.cloudformation import Stack, Tell
from despam.aws.faults import translated
from despam.aws.plan import Wanted
from despam.core.model import Model, load
from despam.errors import DeployError, MissingExtra, ModelError

Ask = Callable[[str], bool]
ATTEMPTS = 4  # for one call to AWS, when the network or AWS stumbles


@dataclass(frozen=True)
class Deployed:
    """A service that answers."""

    url: str
    registry: str
    changed: bool
    verdict: Mapping[str, Any]  # of the first message, or of /health where the key is not known here


@dataclass(frozen=True)
class Account:
    """Where we are, and AWS's clients there."""

    region: str
    number: str
    stacks: Any
    s3: Any

    @property
    def place(self) -> str:
        """Say it in words."""
        return f"{self.region} (account {self.number})"


def connect(region: str | None = None) -> Account:
    """Open a session and ask AWS who we are, so that bad credentials show before anything else."""
    if importlib.util.find_spec("boto3") is None:
        raise MissingExtra("despam deploy", "aws")
    import boto3
    from botocore.config import Config

    config = Config(retries={"mode": "standard", "max_attempts": ATTEMPTS}, connect_timeout=5, read_timeout=60)
    with translated("connecting to AWS"):
        # boto3 itself reads AWS_DEFAULT_REGION alone; the other AWS tools read both
        session = boto3.Session(region_name=region or os.environ.get("AWS_REGION") or None)
        stacks = session.client("cloudformation", config=config)
        number = session.client("sts", config=config).get_caller_identity()["Account"]
        return Account(stacks.meta.region_name, number, stacks, session.client("s3", config=config))


def dry_run(wanted: Wanted, region: str | None = None) -> str:
    """Write the plan and the template, calling nothing."""
    if wanted.model_file is not None:
        load(wanted.model_file)  # what deploy would refuse, and a file that is not there
    values = plan.settled(wanted, {})
    bundle = f"the bundle ({values['Architecture']}, model {wanted.model or plan.BUNDLED})"
    place = region or "the region of your AWS settings"
    described = plan.describe(wanted, values, place=place, new=None, registry=wanted.registry, bundle=bundle)
    parts = [described, f"# {wanted.stack}: template.yaml\n{plan.template('template')}"]
    if wanted.registry is None:
        parts.append(f"# {wanted.registry_stack}: registry.yaml\n{plan.template('registry')}")
    return "\n\n".join(parts)


def deploy(wanted: Wanted, *, ask: Ask, tell: Tell, region: str | None = None) -> Deployed | None:
    """Make or change the service; None when `ask` said no."""
    account = connect(region)
    service, registry_stack = _present(account, wanted)
    values = plan.settled(wanted, service.parameters if service else {})
    registry = _registry_url(account, wanted, service, registry_stack)
    bundle = _bundle(account, wanted, service, values["Architecture"])
    for note in bundle.notes:
        tell(f"Note: {note}.")
    if service and registry and _is_same(account, wanted, service, registry, bundle.sha256):
        tell(f"Nothing new: {wanted.stack} in {account.place} has this bundle and these settings; nothing was changed.")
        return _proved(wanted, service, registry, changed=False)
    kept = " as before" if service and wanted.model is None else ""
    name = f"the bundle ({bundle.zipped_bytes / 1e6:.1f} MB, {bundle.architecture}, model {bundle.model}{kept})"
    words = plan.describe(wanted, values, place=account.place, new=service is None, registry=registry, bundle=name)
    if service and service.parameters.get("Front") != values["Front"]:
        words += f"\nThe address changes: {service.outputs.get('Url')} answers no more."
    if not ask(words):
        return None
    try:
        if registry is None:
            registry = _make_registry(account, wanted, tell)
        return _change(account, wanted, service, registry, bundle, tell)
    except KeyboardInterrupt:
        raise DeployError(
            f"stopped; the stacks {wanted.registry_stack} and {wanted.stack} may be there in part: the same command "
            f"goes on, `despam destroy --stack {wanted.stack} --with-registry` removes both."
        ) from None


def _present(account: Account, wanted: Wanted) -> tuple[Stack | None, Stack | None]:
    """Look at both stacks, and refuse those that are busy, broken or not ours."""
    service = cloudformation.look(account.stacks, wanted.stack)
    registry = cloudformation.look(account.stacks, wanted.registry_stack)
    if service and not ownership.is_service(account.stacks, service):
        raise _foreign(account, service)
    if registry and not ownership.is_registry(account.stacks, registry):
        if wanted.registry is None and not (service and service.parameters.get("RegistryBucket")):
            raise _foreign(account, registry)
        registry = None  # the service has a registry elsewhere: this stack is nothing to it
    for stack in (service, registry):
        cloudformation.check_ready(stack)
    if service and service.status in cloudformation.EMPTY:
        # a first deploy that failed left its name only
        return None, registry
    if service and service.outputs.get("AsksForKey") == "no":
        # AWS shows a secret parameter as stars, an empty one too
        service.parameters["ApiKey"] = ""
    return service, registry


def _foreign(account: Account, stack: Stack) -> DeployError:
    message = f"the stack {stack.name} in {account.place} exists and is not despam's"
    return DeployError(f"{message}; choose another --stack.")


def _registry_url(account: Account, wanted: Wanted, service: Stack | None, registry: Stack | None) -> str | None:
    """Say which registry it will be: the one given, the one it has, the one of an earlier deploy, or None yet."""
    own = registry.outputs.get("RegistryUrl") if registry else None
    url = wanted.registry
    if url is None and service and service.parameters.get("RegistryBucket"):
        url = f"s3://{service.parameters['RegistryBucket']}/{service.parameters['RegistryPrefix']}"
    url = url or own
    if url is None:
        return None
    bucket = plan.registry_place(url)[0]
    cut_short = (
        f"the stack {wanted.registry_stack} is there and its bucket {bucket} is not: a removal was cut short; "
        f"`despam destroy --stack {wanted.stack} --with-registry` ends it, then deploy again."
    )
    storage.check(account.s3, bucket, cut_short if url == own else "")
    return url


def _bundle(account: Account, wanted: Wanted, service: Stack | None, architecture: str) -> bundling.Bundle:
    """Make the bundle with the model asked for; when none is, with the model of the bundle that is there."""
    if service is None or wanted.model is not None:
        return bundling.make(architecture, wanted.model_file)
    bucket, key = service.parameters["CodeBucket"], service.parameters["CodeKey"]
    try:
        data = bundling.model_in(storage.download(account.s3, bucket, key))
        Model.from_bytes(data, bundling.MODEL_NAME)
    except (DeployError, ModelError) as error:
        message = f"the model in the present bundle s3://{bucket}/{key} cannot be kept ({error})"
        raise DeployError(
            f"{message}; give one with --model FILE, or --model {plan.BUNDLED} for the one that comes with despam."
        ) from error
    return bundling.make(architecture, data)


def _is_same(account: Account, wanted: Wanted, service: Stack, registry: str, sha256: str) -> bool:
    """Say whether there is nothing to change; a key given is not known to be the old one, AWS keeps it secret."""
    asked = {**wanted.given(), **_places(registry, sha256)}
    return (
        all(service.parameters.get(name) == value for name, value in asked.items())
        and service.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE")
        and cloudformation.template_of(account.stacks, service.name).strip() == plan.template("template").strip()
    )


def _places(registry: str, sha256: str) -> dict[str, str]:
    bucket, prefix = plan.registry_place(registry)
    key = storage.bundle_key(sha256)
    return {"CodeBucket": bucket, "CodeKey": key, "RegistryBucket": bucket, "RegistryPrefix": prefix}


def _make_registry(account: Account, wanted: Wanted, tell: Tell) -> str:
    tell(f"Stack {wanted.registry_stack}")
    cloudformation.change(account.stacks, wanted.registry_stack, plan.template("registry"), {}, tell, new=True)
    made = cloudformation.look(account.stacks, wanted.registry_stack)
    assert made is not None, "change returned, so it is complete"
    return made.outputs["RegistryUrl"]


def _change(
    account: Account, wanted: Wanted, service: Stack | None, registry: str, bundle: bundling.Bundle, tell: Tell
) -> Deployed:
    places = _places(registry, bundle.sha256)
    try:
        put = storage.upload(account.s3, places["CodeBucket"], places["CodeKey"], bundle.data)
        tell(f"Bundle {bundle.sha256[:12]} {'uploaded' if put else 'is there already'}")
        tell(f"Stack {wanted.stack}")
        # a parameter that an older template did not have takes its default
        known = service.parameters if service else {}
        values: dict[str, str | None] = {name: None for name in plan.defaults() if name in known}
        values.update(wanted.given())
        values.update(places)
        changed = cloudformation.change(
            account.stacks, wanted.stack, plan.template("template"), values, tell, new=service is None
        )
    except DeployError as error:
        raise DeployError(
            f"{error} The bucket {places['CodeBucket']} stays, with the models and bundles in it."
        ) from error
    if not changed:
        tell("  nothing to change")
    made = cloudformation.look(account.stacks, wanted.stack)
    assert made is not None, "change returned, so it is complete"
    return _proved(wanted, made, registry, changed=changed)


def _proved(wanted: Wanted, service: Stack, registry: str, *, changed: bool) -> Deployed:
    """Fetch the first verdict; with a key that only AWS knows, ask for health."""
    url = probe.shown_url(service.outputs["Url"])
    key = str(wanted.options.get("api_key") or "")
    asks_key = service.outputs.get("AsksForKey") == "yes"
    logs = service.outputs.get("LogGroupName", "")
    verdict = probe.first_verdict(url, key, logs) if key or not asks_key else probe.health(url, logs)
    return Deployed(url, registry, changed, verdict)
