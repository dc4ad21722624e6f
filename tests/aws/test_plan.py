"""Plan and prices: what is printed before anything is done."""

from __future__ import annotations

import re

import pytest

from despam.aws import plan, prices
from despam.aws.plan import Wanted
from despam.cli import deploy


def test_each_option_is_a_parameter_of_the_template() -> None:
    """No option without effect, and a default for every parameter but the code's place."""
    assert set(plan.PARAMETERS.values()) <= set(plan.defaults())
    declared = set(re.findall(r"^  (\w+):\n    Type: (?:String|Number)$", plan.template("template"), re.MULTILINE))
    assert declared - set(plan.defaults()) == {"CodeBucket", "CodeKey"}


def test_the_command_has_each_option_and_names_its_default() -> None:
    """`--help` says what the template does."""
    defaults = plan.defaults()
    shown = {parameter.name: getattr(parameter, "help", "") or "" for parameter in deploy.command.params}
    for option, parameter in plan.PARAMETERS.items():
        assert option in shown
        if defaults[parameter]:
            assert f"[default: {defaults[parameter]}" in shown[option], option


def test_what_is_given_wins_over_what_is_there_and_that_over_the_default() -> None:
    """Three layers."""
    wanted = Wanted("mine", {"memory_mb": 512, "front": None})
    values = plan.settled(wanted, {"Front": "http", "MemoryMb": "128"})
    assert (values["MemoryMb"], values["Front"], values["LogDays"]) == ("512", "http", "30")


def described(**options: str | int) -> str:
    wanted = Wanted("mine", options)
    values = plan.settled(wanted, {})
    return plan.describe(wanted, values, place="here", new=True, registry=None, bundle="the bundle")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "REST API, regional, stage prod: 50 requests a second, bursts of 100; no key asked for"),
        ({"front": "http", "rate": 5}, "HTTP API: 5 requests a second"),
        ({"front": "url"}, "Function URL: no throttling of its own (--concurrency bounds it)"),
        ({"api_key": "k" * 20, "quota": 9}, "9 a month for the key; a key asked for (X-Api-Key)"),
        ({"concurrency": 3}, "at most 3 messages at once"),
        ({"origins": "https://example.org"}, "callable from web sites: https://example.org"),
        ({"refresh_seconds": 5}, "A promoted model answers within 5 s, without a deploy."),
        ({"alarm_email": "a@example.org"}, "alarms to a@example.org"),
    ],
)
def test_the_plan_says_each_choice_in_words(options: dict[str, str | int], words: str) -> None:
    """And never the key itself."""
    text = described(**options)
    assert words in text
    assert "k" * 20 not in text


def test_the_sum_is_the_sum_of_the_lines() -> None:
    """As printed, to the last digit shown."""
    text = prices.table("rest", "arm64", 256, 30)
    total = float(re.findall(r"thousand messages: \$([\d.]+)", text)[0])
    lines = [float(figure) for figure in re.findall(r"^    .*\$([\d.]+)$", text, re.MULTILINE)]
    assert len(lines) == 5
    assert sum(lines) == pytest.approx(total, abs=5e-5)
    assert prices.AS_OF in text and prices.REGION in text


def test_more_memory_and_another_front_cost_what_they_cost() -> None:
    """Only the line that they drive changes."""
    small, large = prices.per_thousand("url", "arm64", 256), prices.per_thousand("url", "arm64", 512)
    assert sum(large.values()) - sum(small.values()) == pytest.approx(5 * 0.25 * prices.LAMBDA_GB_SECOND["arm64"])
    assert prices.per_thousand("rest", "arm64", 256)["REST API"] == pytest.approx(0.0035)
    assert prices.per_thousand("url", "x86_64", 256)["Function URL"] == 0


def test_a_registry_url_is_split_where_the_template_needs_it() -> None:
    """Bucket and prefix, with or without a slash at the end."""
    assert plan.registry_place("s3://my-models/a/b/") == ("my-models", "a/b")
    assert plan.registry_place("s3://my-models/registry") == ("my-models", "registry")
