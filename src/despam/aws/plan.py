"""What a deploy will do: the options as the template's parameters, in words, and what it costs.

Knows both templates' texts and which option is which parameter. Refuses to know AWS's present state beyond the
parameters it is handed: the same plan is printed for `--dry-run`, which calls nothing.

Invariant: an option that is not given keeps the value it has in the stack, and the template's own default in a new one;
a redeploy without `--api-key` does not open the service.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from despam.aws import prices
from despam.errors import SettingError
from despam.service.settings import Settings, read_origins

# option -> template parameter
PARAMETERS = {
    "arch": "Architecture",
    "memory_mb": "MemoryMb",
    "concurrency": "ReservedConcurrency",
    "refresh_seconds": "RefreshSeconds",
    "front": "Front",
    "origins": "Origins",
    "api_key": "ApiKey",
    "rate": "RateLimit",
    "burst": "BurstLimit",
    "quota": "MonthlyQuota",
    "log_days": "LogDays",
    "alarm_email": "AlarmEmail",
    "alarm_ms": "AlarmMilliseconds",
}
BUNDLED = "bundled"  # as a model: the one that comes with despam
STACK_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,79}")
API_KEY = re.compile(r"[A-Za-z0-9._~-]{20,128}")
S3_URL = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(?P<prefix>[A-Za-z0-9._/-]*[A-Za-z0-9._-])/?")


def template(name: str) -> str:
    """Read one of the two templates: `template` or `registry`."""
    return Path(__file__).with_name(f"{name}.yaml").read_text()


def defaults() -> dict[str, str]:
    """Read the template's own default of each parameter."""
    found = re.findall(r"^  (\w+):\n(?:    .*\n)*?    Default: (.*)$", template("template"), re.MULTILINE)
    return {name: value.strip('"') for name, value in found}


@dataclass(frozen=True)
class Wanted:
    """What the caller asked for, checked."""

    stack: str
    options: Mapping[str, str | int | None] = field(
        default_factory=dict
    )  # by the names in PARAMETERS; None = not given
    registry: str | None = None  # s3://bucket/prefix of an own bucket; None = a bucket made for this stack
    model: str | None = None  # a file, or BUNDLED; None = the one in the present bundle, for a new stack BUNDLED

    def __post_init__(self) -> None:
        """Refuse what AWS would refuse later and less clearly."""
        if not STACK_NAME.fullmatch(self.stack):
            raise SettingError(f"--stack {self.stack}: use a letter, then letters, digits and hyphens, at most 80.")
        key = self.options.get("api_key")
        if key and not API_KEY.fullmatch(str(key)):
            raise SettingError("--api-key: API Gateway takes 20 to 128 letters, digits and . _ ~ -; choose such a key.")
        if self.options.get("origins") is not None:
            # the service would refuse them at its first event; it is asked now
            Settings(origins=read_origins(str(self.options["origins"])))
        if self.registry is not None and not S3_URL.fullmatch(self.registry):
            raise SettingError(
                f"--registry {self.registry}: a function on AWS reads s3://BUCKET/PREFIX; give such a URL."
            )

    @property
    def registry_stack(self) -> str:
        """Name the stack of the registry's bucket."""
        return f"{self.stack}-registry"

    @property
    def model_file(self) -> str | None:
        """Give the model's file; None is the model that comes with despam."""
        return None if self.model == BUNDLED else self.model

    def given(self) -> dict[str, str]:
        """Give the template parameters that the options set."""
        return {PARAMETERS[name]: str(value) for name, value in self.options.items() if value is not None}


def settled(wanted: Wanted, present: Mapping[str, str]) -> dict[str, str]:
    """Merge options, the stack's present parameters and the template's defaults into what will hold."""
    return {**defaults(), **present, **wanted.given()}


def registry_place(url: str) -> tuple[str, str]:
    """Split s3://bucket/prefix."""
    match = S3_URL.fullmatch(url)
    assert match is not None, "Wanted has checked it"
    return match["bucket"], match["prefix"]


def describe(
    wanted: Wanted, values: Mapping[str, str], *, place: str, new: bool | None, registry: str | None, bundle: str
) -> str:
    """Write the plan for a terminal; `new` None is not known."""
    if new is None:
        lines = [
            f"If there is no stack {wanted.stack} in {place} yet, create it "
            "(one that is there keeps what no option names):"
        ]
    else:
        lines = [f"{'Create' if new else 'Change'} the stack {wanted.stack} in {place}:"]
    steps = []
    if registry is None:
        steps.append(
            f"stack {wanted.registry_stack}: one S3 bucket for models and bundles, "
            "private, encrypted, versioned, TLS only; it is kept when the service goes"
        )
        registry = "s3://(the new bucket)/registry"
    steps += [
        f"upload {bundle}, named after its SHA-256",
        f"function: Python 3.11, {values['Architecture']}, {values['MemoryMb']} MB, {_concurrency(values)}; "
        f"may read {registry} and write its own logs, nothing else",
        f"log group /despam/{wanted.stack}, kept {values['LogDays']} days",
        _front(values),
    ]
    if values["AlarmEmail"]:
        steps.append(
            f"alarms to {values['AlarmEmail']} (AWS asks that address to confirm): errors, throttles, "
            f"p99 over {values['AlarmMilliseconds']} ms"
        )
    lines += [f"  {number}. {step}" for number, step in enumerate(steps, 1)]
    lines.append(f"A promoted model answers within {values['RefreshSeconds']} s, without a deploy.")
    return "\n".join([*lines, _costs(values)])


def _concurrency(values: Mapping[str, str]) -> str:
    reserved = values["ReservedConcurrency"]
    return "no concurrency reserved" if reserved == "0" else f"at most {reserved} messages at once"


def _front(values: Mapping[str, str]) -> str:
    key = "a key asked for (X-Api-Key)" if values["ApiKey"] else "no key asked for"
    limits = f"{values['RateLimit']} requests a second, bursts of {values['BurstLimit']}"
    callable_from = f"callable from web sites: {values['Origins']}"
    if values["Front"] == "rest":
        quota = f", {values['MonthlyQuota']} a month for the key" if values["ApiKey"] else ""
        return f"REST API, regional, stage prod: {limits}{quota}; {key}; {callable_from}"
    if values["Front"] == "http":
        return f"HTTP API: {limits}; {key}; {callable_from}"
    return f"Function URL: no throttling of its own (--concurrency bounds it); {key}; {callable_from}"


def _costs(values: Mapping[str, str]) -> str:
    return prices.table(values["Front"], values["Architecture"], int(values["MemoryMb"]), int(values["RefreshSeconds"]))
