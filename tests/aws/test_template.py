"""The two templates: what CloudFormation gets to see."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from types import SimpleNamespace
from typing import Any

import pytest

from despam.aws import bundle, plan

cfnlint = pytest.importorskip("cfnlint.api", reason="cfn-lint is not installed")

NEEDED = {"CodeBucket": "despam-bundles", "CodeKey": "bundles/0.zip"}
KEY = "a-key-of-twenty-characters"
CHOICES = [
    {"Front": front, "ApiKey": key, "AlarmEmail": address}
    for front, key, address in itertools.product(("rest", "http", "url"), ("", KEY), ("", "ops@example.org"))
] + [
    {"RegistryBucket": "despam-models"},
    {"RegistryBucket": "despam-models", "RegistryPrefix": "a/b", "Architecture": "x86_64"},
    {"ReservedConcurrency": "5", "MemoryMb": "128", "TimeoutSeconds": "29", "LogDays": "3653"},
    {
        "MemoryMb": "10240",
        "RefreshSeconds": "1",
        "MonthlyQuota": "10",
        "ApiKey": KEY,
        "RateLimit": "1",
        "BurstLimit": "1",
    },
]


def parsed(name: str) -> dict[str, Any]:
    from cfnlint.decode import cfn_yaml

    return json.loads(json.dumps(cfn_yaml.loads(plan.template(name))))  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def transformed(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The service's template as AWS's own SAM transform leaves it."""
    translator = pytest.importorskip("samtranslator.translator.transform", reason="aws-sam-translator is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        return translator.transform(parsed("template"), {}, SimpleNamespace(load=dict))  # type: ignore[no-any-return]


def complaints(text: str, parameters: dict[str, str] | None = None) -> list[str]:
    config = {"parameters": [parameters]} if parameters else {}
    return [str(match) for match in cfnlint.lint(text, None, None, config)]


@pytest.mark.parametrize("name", ["template", "registry"])
def test_cfn_lint_finds_nothing_in_the_file_as_it_stands(name: str) -> None:
    """No error and no warning."""
    assert complaints(plan.template(name)) == []


@pytest.mark.parametrize("choice", CHOICES, ids=lambda choice: "-".join(f"{value}" for value in choice.values()))
def test_cfn_lint_finds_nothing_for_each_choice_of_parameters(
    choice: dict[str, str], transformed: dict[str, Any]
) -> None:
    """Linted as expanded by SAM, where every resource and parameter value is checked against AWS's schemas."""
    assert complaints(json.dumps(transformed), {**NEEDED, **choice}) == []


@pytest.mark.parametrize("wrong", [{"Front": "ftp"}, {"MemoryMb": "64"}, {"LogDays": "31"}])
def test_a_parameter_that_cannot_be_is_refused(wrong: dict[str, str], transformed: dict[str, Any]) -> None:
    """The allowed values stand in the template, so that they hold for `aws` and `sam` too."""
    assert complaints(json.dumps(transformed), {**NEEDED, **wrong}) != []


def test_the_key_is_what_api_gateway_takes() -> None:
    """Empty, or 20 to 128 characters; the command line and the template agree."""
    pattern = re.compile(parsed("template")["Parameters"]["ApiKey"]["AllowedPattern"])
    assert pattern.fullmatch("") and pattern.fullmatch(KEY) and plan.API_KEY.fullmatch(KEY)
    for wrong in ("short", "x" * 129, "with a blank in between", "umlauts-are-no-help-here-ä"):
        assert not pattern.fullmatch(wrong)
        assert not plan.API_KEY.fullmatch(wrong)


def test_the_text_keeps_to_what_cloudformation_parses() -> None:
    """CloudFormation knows neither YAML aliases nor merges, and takes 51,200 bytes in a request."""
    for name in ("template", "registry"):
        text = plan.template(name)
        assert len(text.encode()) < 51_200
        assert not [
            line for line in text.splitlines() if line.lstrip().startswith("<<:") or ": &" in line or ": *" in line
        ]


def test_the_function_is_what_the_bundle_holds() -> None:
    """Handler, runtime and architectures are those of the zip."""
    function = parsed("template")["Resources"]["Function"]["Properties"]
    assert function["Handler"] == bundle.HANDLER
    assert function["Runtime"] == f"python{bundle.RUNTIME[0]}.{bundle.RUNTIME[1]}"
    assert parsed("template")["Parameters"]["Architecture"]["AllowedValues"] == list(bundle.ARCHITECTURES)
    assert plan.defaults()["Architecture"] == "arm64"
    assert plan.defaults()["MemoryMb"] == "256"


def test_the_role_may_read_the_registry_and_write_its_own_logs_and_nothing_else() -> None:
    """Least privilege, statement by statement."""
    role = parsed("template")["Resources"]["Role"]["Properties"]
    logs, registry = role["Policies"]
    assert "ManagedPolicyArns" not in role
    (own_logs,) = logs["PolicyDocument"]["Statement"]
    assert own_logs["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
    assert own_logs["Resource"] == {"Fn::GetAtt": ["LogGroup", "Arn"]}
    condition, with_registry, without = registry["Fn::If"]
    assert (condition, without) == ("HasRegistry", {"Ref": "AWS::NoValue"})
    read, look = with_registry["PolicyDocument"]["Statement"]
    assert read["Action"] == "s3:GetObject"
    assert read["Resource"] == {"Fn::Sub": "arn:${AWS::Partition}:s3:::${RegistryBucket}/${RegistryPrefix}/*"}
    assert look["Action"] == "s3:ListBucket"
    assert look["Condition"] == {"StringLikeIfExists": {"s3:prefix": {"Fn::Sub": "${RegistryPrefix}/*"}}}


def test_the_registry_is_kept_private_encrypted_versioned_and_tls_only() -> None:
    """The bucket and its policy outlive their stack."""
    resources = parsed("registry")["Resources"]
    assert all(
        each["DeletionPolicy"] == "RetainExceptOnCreate" and each["UpdateReplacePolicy"] == "Retain"
        for each in resources.values()
    )
    bucket = resources["Bucket"]["Properties"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert "BucketEncryption" in bucket
    (statement,) = resources["BucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_what_the_gateway_answers_itself_carries_cors_headers_for_4xx_and_5xx() -> None:
    """A browser can read why it was refused."""
    resources = parsed("template")["Resources"]
    answers = {
        each["Properties"]["ResponseType"]: each["Properties"]
        for each in resources.values()
        if "GatewayResponse" in each["Type"]
    }
    assert set(answers) == {"DEFAULT_4XX", "DEFAULT_5XX", "INVALID_API_KEY"}
    for answer in answers.values():
        assert answer["ResponseParameters"]["gatewayresponse.header.Access-Control-Allow-Origin"] == "'*'"
        assert '"error":' in answer["ResponseTemplates"]["application/json"]
    assert answers["INVALID_API_KEY"]["StatusCode"] == "401"


def test_a_key_is_asked_for_where_messages_go_and_nowhere_else() -> None:
    """Preflight, page and health stay open; toggling the key swaps the deployment, so the stage follows."""
    resources = parsed("template")["Resources"]
    methods = {
        name: each["Properties"] for name, each in resources.items() if each["Type"] == "AWS::ApiGateway::Method"
    }
    asking = {name for name, each in methods.items() if "ApiKeyRequired" in each}
    assert asking == {"ClassifyPost", "PredictPost", "BatchPost"}
    assert {methods[name]["HttpMethod"] for name in methods.keys() - asking} == {"ANY"}
    assert resources["Stage"]["Properties"]["DeploymentId"] == {
        "Fn::If": ["HasKey", {"Ref": "KeyedDeployment1"}, {"Ref": "OpenDeployment1"}]
    }


def test_each_method_is_in_the_deployments() -> None:
    """A method or gateway response that a deployment does not wait for could be missing from the stage."""
    resources = parsed("template")["Resources"]
    parts = {
        name
        for name, each in resources.items()
        if each["Type"] in ("AWS::ApiGateway::Method", "AWS::ApiGateway::GatewayResponse")
    }
    for name in ("OpenDeployment1", "KeyedDeployment1"):
        assert set(resources[name]["DependsOn"]) == parts


def test_a_changed_api_gets_new_deployments() -> None:
    """API Gateway serves a snapshot: who changes methods or answers counts up the deployments, then mends this hash."""
    resources = parsed("template")["Resources"]
    kinds = ("AWS::ApiGateway::Method", "AWS::ApiGateway::GatewayResponse", "AWS::ApiGateway::Resource")
    snapshot = {name: each for name, each in sorted(resources.items()) if each["Type"] in kinds}
    names = [name for name, each in resources.items() if each["Type"] == "AWS::ApiGateway::Deployment"]
    digest = hashlib.sha256(json.dumps([snapshot, names], sort_keys=True).encode()).hexdigest()[:16]
    assert digest == "4ce47648be880e21"
