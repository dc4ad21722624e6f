"""Deploy and destroy against ministack: real stacks, a function that runs, verdicts through each front."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from despam.aws import bundle, cloudformation, plan, probe, removal, stack, storage
from despam.aws.plan import Wanted
from despam.core.model import load
from despam.errors import DeployError, ModelError, SettingError

from .conftest import MACHINE, REGION, Ministack

KEY = "a-key-of-twenty-characters"
SPAM = {"text": "WIN a free iPhone now! Call 09061701461 to claim your prize"}

MADE: dict[tuple[str, str | None], bundle.Bundle] = {}


@pytest.fixture(scope="module")
def model(make_model: Callable[[], Path]) -> str:
    return str(make_model())


@pytest.fixture(autouse=True)
def one_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bundles of the same input are the same; made once here, they are not what these tests are about."""
    make = bundle.make

    def once(architecture: str, model: str | None) -> bundle.Bundle:
        if (architecture, model) not in MADE:
            MADE[architecture, model] = make(architecture, model)
        return MADE[architecture, model]

    monkeypatch.setattr(stack.bundling, "make", once)
    monkeypatch.setattr(probe, "PATIENCE_SECONDS", 5)


class Desk:
    """Somebody at a terminal: answers, and remembers what was said."""

    def __init__(self, answer: bool = True) -> None:
        self.answer = answer
        self.asked: list[str] = []
        self.told: list[str] = []

    def ask(self, question: str) -> bool:
        self.asked.append(question)
        return self.answer

    def deploy(self, wanted: Wanted) -> Any:
        return stack.deploy(wanted, ask=self.ask, tell=self.told.append)

    def destroy(self, name: str, with_registry: bool = False) -> tuple[str, ...]:
        return removal.destroy(Wanted(name), ask=self.ask, tell=self.told.append, with_registry=with_registry)


def wanted(name: str, model: str | None, registry: str | None = None, **options: str | int | None) -> Wanted:
    return Wanted(name, {"arch": MACHINE, **options}, registry, model)


def stacks(aws: Ministack) -> set[str]:
    described = aws.client("cloudformation").describe_stacks()["Stacks"]
    return {each["StackName"] for each in described if each["StackStatus"] != "DELETE_COMPLETE"}


def test_deploy_makes_bucket_function_and_api_and_ends_with_a_verdict(aws: Ministack, model: str) -> None:
    """The whole of it: plan, question, progress, URL, verdict; the page and the tutorial's path answer too."""
    desk = Desk()
    deployed = desk.deploy(wanted("whole", model))
    (question,) = desk.asked
    assert f"Create the stack whole in {REGION} (account 000000000000)" in question
    assert "stack whole-registry: one S3 bucket" in question
    assert "Cost of a thousand messages: $0.00" in question
    assert "  Function created" in desk.told
    assert deployed.changed
    assert deployed.verdict["classification"] in ("SPAM", "HAM")
    for path in ("classify", "predict"):
        answer = aws.ask(deployed.url, path, SPAM)
        assert answer.status == 200
        assert answer.json["input_text"] == SPAM["text"]
    assert b"userInput" in aws.ask(deployed.url).body
    assert aws.ask(deployed.url, "health").json["model"] == deployed.verdict["model"]
    assert aws.ask(deployed.url, "classify/batch", {"texts": ["a", "b"]}).status == 200


def test_preflight_and_errors_carry_cors_headers_through_the_gateway(aws: Ministack, model: str) -> None:
    """OPTIONS reaches the function; so do a bad body, an unknown path and a wrong method."""
    url = Desk().deploy(wanted("cors", model)).url
    preflight = aws.ask(
        url, "classify", method="OPTIONS", Origin="https://example.org", Access_Control_Request_Method="POST"
    )
    assert preflight.status == 204
    answers = [
        (preflight, 204),
        (aws.ask(url, "classify", b"no json"), 400),
        (aws.ask(url, "nowhere"), 404),
        (aws.ask(url, "classify", method="GET"), 405),
    ]
    for answer, status in answers:
        assert answer.status == status
        headers = {name.lower(): value for name, value in answer.headers.items()}
        assert headers["access-control-allow-origin"] == "*", status


def test_running_it_again_with_nothing_new_changes_nothing_and_says_so(aws: Ministack, model: str) -> None:
    """No question, no change set, the same URL; also without naming any option again."""
    first = Desk().deploy(wanted("again", model, memory_mb=512))
    before = aws.client("cloudformation").describe_stack_events(StackName="again")["StackEvents"]
    for options in ({"memory_mb": 512}, {}):
        desk = Desk()
        second = desk.deploy(wanted("again", model, **options))
        assert not second.changed
        assert second.url == first.url
        assert desk.asked == []
        assert any("Nothing new: again" in line and "nothing was changed" in line for line in desk.told)
    assert aws.client("cloudformation").describe_stack_events(StackName="again")["StackEvents"] == before


def test_a_new_setting_changes_the_stack_and_keeps_the_others(aws: Ministack, model: str) -> None:
    """What is not named keeps its value: the memory of the first deploy is still there after the second."""
    Desk().deploy(wanted("more", model, memory_mb=512))
    desk = Desk()
    assert desk.deploy(wanted("more", model, refresh_seconds=5)).changed
    assert "Change the stack more" in desk.asked[0]
    assert "512 MB" in desk.asked[0]
    described = cloudformation.look(aws.client("cloudformation"), "more")
    assert described is not None
    assert (described.parameters["MemoryMb"], described.parameters["RefreshSeconds"]) == ("512", "5")
    assert described.parameters["Front"] == "rest"


def test_another_model_in_the_bundle_is_a_change(aws: Ministack, model: str, bundled: Any) -> None:
    """The bundle is stored under its hash beside the older one; the word is that of the other commands."""
    first = Desk().deploy(wanted("newer", model))
    second = Desk().deploy(wanted("newer", "bundled"))
    assert second.changed
    assert second.verdict["model"] == bundled.version != first.verdict["model"]
    bucket = plan.registry_place(second.registry)[0]
    stored = aws.client("s3").list_objects_v2(Bucket=bucket, Prefix="bundles/")["Contents"]
    assert len(stored) == 2


def test_without_a_model_the_one_in_the_present_bundle_stays(aws: Ministack, model: str) -> None:
    """Asking for the URL, or for another setting, must not put another model behind the service."""
    first = Desk().deploy(wanted("keeping", model))
    desk = Desk()
    same = desk.deploy(wanted("keeping", None))
    assert (same.changed, desk.asked) == (False, [])
    changed = desk.deploy(wanted("keeping", None, memory_mb=300))
    assert changed.changed
    assert f"model {load(model).version} as before)" in desk.asked[0]
    assert changed.verdict["model"] == first.verdict["model"] == load(model).version


def test_a_present_bundle_that_has_lost_its_model_is_said_with_the_way_on(aws: Ministack, model: str) -> None:
    """Somebody tidied the bucket, or put another zip there; nothing is asked and nothing changed."""
    deployed = Desk().deploy(wanted("tidied", model))
    described = cloudformation.look(aws.client("cloudformation"), "tidied")
    assert described is not None
    bucket, key = described.parameters["CodeBucket"], described.parameters["CodeKey"]
    for spoil in (
        lambda: aws.client("s3").put_object(Bucket=bucket, Key=key, Body=b"no zip"),
        lambda: aws.client("s3").delete_object(Bucket=bucket, Key=key),
    ):
        spoil()
        desk = Desk()
        with pytest.raises(DeployError, match=rf"{key} cannot be kept \(.*--model FILE, or --model bundled"):
            desk.deploy(wanted("tidied", None))
        assert desk.asked == []
    assert Desk().deploy(wanted("tidied", model)).url == deployed.url


def test_no_is_an_answer(aws: Ministack, model: str) -> None:
    """Nothing is made before somebody said yes."""
    desk = Desk(answer=False)
    assert desk.deploy(wanted("declined", model)) is None
    assert not {"declined", "declined-registry"} & stacks(aws)


@pytest.mark.parametrize("front", ["http", "url"])
def test_the_other_fronts_answer_too(aws: Ministack, model: str, front: str) -> None:
    """HTTP API and Function URL, with the same verdict."""
    deployed = Desk().deploy(wanted(f"front-{front}", model, front=front))
    answer = aws.ask(deployed.url, "classify", SPAM)
    assert answer.status == 200
    assert answer.json["classification"] in ("SPAM", "HAM")
    if front != "http":  # ministack answers an HTTP API's preflight itself; AWS hands it to the $default route
        assert aws.ask(deployed.url, "classify", method="OPTIONS").status == 204


@pytest.mark.parametrize("front", ["rest", "http", "url"])
def test_a_key_closes_classify_and_leaves_page_and_preflight_open(aws: Ministack, model: str, front: str) -> None:
    """On every front: the service itself asks for it, the REST API counts it besides."""
    deployed = Desk().deploy(wanted(f"key-{front}", model, front=front, api_key=KEY))
    assert deployed.verdict["classification"] in ("SPAM", "HAM")
    for path, body in (("classify", SPAM), ("predict", SPAM), ("classify/batch", {"texts": ["a"]})):
        refused = aws.ask(deployed.url, path, body)
        assert refused.status in (401, 403), path
        assert {name.lower(): value for name, value in refused.headers.items()}["access-control-allow-origin"] == "*"
        assert aws.ask(deployed.url, path, body, X_Api_Key=KEY).status == 200
    assert aws.ask(deployed.url).status == 200
    if front != "http":
        assert aws.ask(deployed.url, "classify", method="OPTIONS").status == 204


def test_a_redeploy_without_the_key_keeps_it_and_no_api_key_takes_it_away(aws: Ministack, model: str) -> None:
    """Forgetting an option must not open the service."""
    Desk().deploy(wanted("kept", model, api_key=KEY))
    again = Desk().deploy(wanted("kept", model, refresh_seconds=7))
    assert aws.ask(again.url, "classify", SPAM).status in (401, 403)
    assert again.verdict["status"]  # health: the key is AWS's secret
    desk = Desk()
    same = desk.deploy(wanted("kept", model, api_key=KEY))
    assert not same.changed and "  nothing to change" in desk.told
    opened = Desk().deploy(wanted("kept", model, api_key=""))
    assert aws.ask(opened.url, "classify", SPAM).status == 200


def test_the_usage_plan_holds_throttle_and_quota(aws: Ministack, model: str) -> None:
    """As asked for, on the REST API with a key."""
    Desk().deploy(wanted("plan", model, api_key=KEY, rate=7, burst=9, quota=1234))
    plans = aws.client("apigateway").get_usage_plans()["items"]
    (own,) = [each for each in plans if each.get("description") == "despam plan"]
    assert own["throttle"] == {"rateLimit": 7.0, "burstLimit": 9}
    assert own["quota"]["limit"] == 1234


def test_alarms_are_made_when_there_is_an_address(aws: Ministack, model: str) -> None:
    """Errors, throttles, p99, and the gateway's own 5xx."""
    desk = Desk()
    desk.deploy(wanted("alarmed", model, alarm_email="ops@example.org", alarm_ms=250))
    assert "alarms to ops@example.org" in desk.asked[0]
    alarms = aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert {each["MetricName"] for each in alarms} >= {"Errors", "Throttles", "Duration", "5XXError"}
    (slow,) = [each for each in alarms if each["MetricName"] == "Duration"]
    assert slow["Threshold"] == 250


def test_a_registry_of_ones_own_is_used_and_no_bucket_is_made(aws: Ministack, model: str) -> None:
    """--registry s3://bucket/prefix."""
    aws.client("s3").create_bucket(Bucket="my-own-models")
    desk = Desk()
    deployed = desk.deploy(wanted("own", model, "s3://my-own-models/spam/models"))
    assert deployed.registry == "s3://my-own-models/spam/models"
    assert "own-registry" not in stacks(aws)
    assert "may read s3://my-own-models/spam/models" in desk.asked[0]
    desk = Desk()
    assert desk.destroy("own")
    assert "the bucket my-own-models, which this stack did not make" in desk.asked[0]


def test_a_missing_bucket_is_said_before_anything_is_made(aws: Ministack, model: str) -> None:
    """One sentence, and no stack."""
    desk = Desk()
    with pytest.raises(DeployError, match="there is no such bucket; check --registry"):
        desk.deploy(wanted("nobucket", model, "s3://no-such-bucket-here/models"))
    assert desk.asked == []
    assert "nobucket" not in stacks(aws)


def test_a_stack_of_somebody_else_is_left_alone(aws: Ministack, model: str) -> None:
    """By deploy and by destroy."""
    template = (
        '{"Resources": {"T": {"Type": "AWS::SNS::Topic"}}, "Parameters": {"P": {"Type": "String", "Default": "1"}}}'
    )
    cloudformation.change(aws.client("cloudformation"), "theirs", template, {}, lambda line: None)
    with pytest.raises(DeployError, match="exists and is not despam's; choose another --stack"):
        Desk().deploy(wanted("theirs", model))
    with pytest.raises(DeployError, match="is not despam's; it was left alone"):
        Desk().destroy("theirs")
    assert "theirs" in stacks(aws)


def broken(monkeypatch: pytest.MonkeyPatch, old: str, new: str) -> None:
    """Deploy a template that fails half-way."""
    good = plan.template

    def bad(name: str) -> str:
        text = good(name)
        return text.replace(old, new) if name == "template" else text

    monkeypatch.setattr(plan, "template", bad)


UNKNOWN = ("Resources:\n", "Resources:\n  Extra:\n    Type: AWS::Nothing::Nonsense\n    DependsOn: RestApi\n\n")


def test_a_first_deploy_that_fails_names_the_event_and_takes_everything_back(
    aws: Ministack, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stack is gone, the bucket is named, and the next try works."""
    with monkeypatch.context() as patch:
        broken(patch, *UNKNOWN)
        with pytest.raises(DeployError) as caught:
            Desk().deploy(wanted("failing", model))
    message = str(caught.value)
    assert "Extra (AWS::Nothing::Nonsense) failed" in message
    assert "everything of this stack was taken back" in message
    assert "The bucket failing-registry-" in message
    assert "failing" not in stacks(aws)
    assert Desk().deploy(wanted("failing", model)).changed


def test_a_change_that_fails_names_the_event_and_the_service_goes_back(
    aws: Ministack, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """UPDATE_ROLLBACK_COMPLETE, said in words."""
    Desk().deploy(wanted("backing", model))
    with monkeypatch.context() as patch:
        broken(patch, *UNKNOWN)
        with pytest.raises(
            DeployError, match=r"Extra \(AWS::Nothing::Nonsense\) failed.*went back and serves as before"
        ):
            Desk().deploy(wanted("backing", model, memory_mb=300))
    described = cloudformation.look(aws.client("cloudformation"), "backing")
    assert described is not None
    assert described.status == "UPDATE_ROLLBACK_COMPLETE"


def test_a_template_that_is_refused_leaves_no_empty_stack(
    aws: Ministack, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change set that CloudFormation does not take at all."""
    with monkeypatch.context() as patch:
        broken(patch, "CodeUri:", "CodeUrl:")
        with pytest.raises(DeployError, match="preparing the stack refused"):
            Desk().deploy(wanted("refused", model))
    deadline = time.monotonic() + 5  # it is removed without being waited for
    while "refused" in stacks(aws) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert "refused" not in stacks(aws)


def test_a_stack_that_is_busy_is_not_touched(aws: Ministack, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second deploy at once is told to wait."""
    Desk().deploy(wanted("busy", model))
    look = cloudformation.look

    def busy(client: Any, name: str) -> cloudformation.Stack | None:
        found = look(client, name)
        if found and found.name == "busy":
            found.status = "UPDATE_IN_PROGRESS"
        return found

    monkeypatch.setattr(cloudformation, "look", busy)
    for act in (lambda: Desk().deploy(wanted("busy", model)), lambda: Desk().destroy("busy")):
        with pytest.raises(DeployError, match="busy is UPDATE_IN_PROGRESS: another deploy or removal is under way"):
            act()


@pytest.mark.parametrize("status", ["ROLLBACK_FAILED", "DELETE_FAILED", "UPDATE_ROLLBACK_FAILED"])
def test_a_stack_in_a_failed_state_is_said_with_the_way_out(status: str) -> None:
    """Each state has its own next step."""
    failed = cloudformation.Stack("mine", "arn", status)
    with pytest.raises(DeployError, match=r"despam destroy --stack mine|Continue update rollback"):
        cloudformation.check_ready(failed)


def test_two_deploys_at_once_end_in_one_service(aws: Ministack, model: str) -> None:
    """Both may be told that the other came in between; whatever happens, one stack serves and nobody hangs."""
    results: list[Any] = []

    def go() -> None:
        try:
            results.append(Desk().deploy(wanted("race", model)))
        except DeployError as error:
            results.append(error)

    threads = [threading.Thread(target=go) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(results) == 2
    again = Desk().deploy(wanted("race", model))
    assert aws.ask(again.url, "classify", SPAM).status == 200


def test_ctrl_c_while_waiting_says_what_goes_on_without_us(
    aws: Ministack, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stack is named, and both ways on."""

    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    Desk().deploy(wanted("stopped", model))
    busy = cloudformation.look(aws.client("cloudformation"), "stopped")
    assert busy is not None
    busy.status = "DELETE_IN_PROGRESS"
    monkeypatch.setattr(cloudformation, "look", lambda client, name: busy)
    monkeypatch.setattr(cloudformation.time, "sleep", interrupt)
    with pytest.raises(DeployError, match="AWS goes on with the stack stopped: `despam deploy --stack stopped`"):
        cloudformation.delete(aws.client("cloudformation"), "stopped", lambda line: None)


def test_ctrl_c_between_two_steps_names_both_stacks(
    aws: Ministack, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bucket is there, the service is not; the same command goes on."""

    def interrupt(*arguments: Any) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(storage, "upload", interrupt)
        with pytest.raises(DeployError, match="the stacks between-registry and between may be there in part"):
            Desk().deploy(wanted("between", model))
    assert Desk().deploy(wanted("between", model)).changed


def test_another_front_is_another_address_and_the_plan_says_so(aws: Ministack, model: str) -> None:
    """Whoever has the older one in a page must know."""
    first = Desk().deploy(wanted("moving", model, front="http"))
    desk = Desk()
    # with more memory too: ministack does not count resources that only a condition adds as a change
    second = desk.deploy(wanted("moving", model, front="rest", memory_mb=300))
    assert "The address changes: https://" in desk.asked[0]
    assert second.url != first.url
    assert aws.ask(second.url, "classify", SPAM).status == 200


def test_destroy_keeps_the_registry_and_a_new_deploy_finds_it_again(aws: Ministack, model: str) -> None:
    """The models outlive the service."""
    first = Desk().deploy(wanted("gone", model))
    desk = Desk()
    assert desk.destroy("gone")
    assert "What stays: the bucket gone-registry-" in desk.asked[0]
    assert stacks(aws) & {"gone", "gone-registry"} == {"gone-registry"}
    assert aws.ask(first.url, "classify", SPAM).status >= 400
    desk = Desk()
    second = desk.deploy(wanted("gone", model))
    assert second.registry == first.registry
    assert "one S3 bucket" not in desk.asked[0]


def test_destroy_with_the_registry_names_what_is_lost(
    aws: Ministack, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Models by name, size, and other services that read it, and asks for the models on their own; then all is gone."""
    deployed = Desk().deploy(wanted("lost", model))
    Desk().deploy(wanted("reader", model, deployed.registry))
    bucket, prefix = plan.registry_place(deployed.registry)
    s3 = aws.client("s3")
    for body in (b"one", b"two"):
        s3.put_object(Bucket=bucket, Key=f"{prefix}/models/0123456789ab.safetensors", Body=body)
    desk = Desk(answer=False)
    assert not desk.destroy("lost", with_registry=True)
    (question,) = desk.asked
    assert "FOR GOOD, these models: 0123456789ab" in question
    assert "the stack reader reads this registry" in question
    assert {"lost", "lost-registry"} <= stacks(aws)
    desk = Desk()
    answers = [True, False]  # yes to all of it, then no to the models
    with monkeypatch.context() as patch:
        patch.setattr(desk, "ask", lambda question: (desk.asked.append(question), answers.pop(0))[1])
        assert not desk.destroy("lost", with_registry=True)
    assert desk.asked[1] == "The registry on its own: nobody can bring these models back: 0123456789ab."
    assert {"lost", "lost-registry"} <= stacks(aws)
    assert Desk().destroy("lost", with_registry=True)
    assert not {"lost", "lost-registry"} & stacks(aws)
    assert bucket not in {each["Name"] for each in s3.list_buckets()["Buckets"]}


def test_a_removal_that_was_cut_short_goes_on(aws: Ministack, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The network goes away after the service's stack; the second run removes the rest."""
    deployed = Desk().deploy(wanted("halfway", model))
    with monkeypatch.context() as patch:

        def cut(s3: Any, bucket: str) -> None:
            raise DeployError(f"emptying the bucket {bucket}: no connection")

        patch.setattr(storage, "remove", cut)
        with pytest.raises(DeployError, match="emptying the bucket halfway-registry-"):
            Desk().destroy("halfway", with_registry=True)
    assert stacks(aws) & {"halfway", "halfway-registry"} == {"halfway-registry"}
    with pytest.raises(DeployError, match=r"no stack halfway .*--with-registry removes it"):
        Desk().destroy("halfway")
    assert Desk().destroy("halfway", with_registry=True)
    assert plan.registry_place(deployed.registry)[0] not in {
        each["Name"] for each in aws.client("s3").list_buckets()["Buckets"]
    }


def test_destroying_what_is_not_there_says_where_it_looked(aws: Ministack) -> None:
    """A wrong region or name must not look like success."""
    with pytest.raises(DeployError, match=f"no stack nothing in {REGION} .*check --stack and --region"):
        Desk().destroy("nothing")


def test_a_dry_run_calls_nothing(no_aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plan, costs and template, without boto3, credentials, bundle or network."""
    monkeypatch.setattr(stack, "connect", lambda region: pytest.fail("AWS was called"))
    monkeypatch.setattr(stack.bundling, "make", lambda *a: pytest.fail("a bundle was made"))
    text = stack.dry_run(Wanted("dry", {"front": "http", "memory_mb": 128}), "eu-west-1")
    assert text.startswith("If there is no stack dry in eu-west-1 yet, create it")
    assert "128 MB" in text and "HTTP API" in text
    assert plan.template("template") in text
    assert f"# dry-registry: registry.yaml\n{plan.template('registry')}" in text
    assert plan.template("registry") not in stack.dry_run(Wanted("dry", registry="s3://mine/models"))


def test_a_dry_run_refuses_a_model_that_deploy_would_refuse(tmp_path: Path) -> None:
    """A file that is not there is found before the real run."""
    with pytest.raises(ModelError, match=r"nowhere\.safetensors: cannot be opened"):
        stack.dry_run(Wanted("dry", model=str(tmp_path / "nowhere.safetensors")))


@pytest.mark.parametrize(
    ("stack_name", "options", "registry", "words"),
    [
        ("1st", {}, None, "--stack 1st"),
        ("mail filter", {}, None, "--stack mail filter"),
        ("mine", {"api_key": "short"}, None, "20 to 128"),
        ("mine", {}, "file:///models", "s3://BUCKET/PREFIX"),
        ("mine", {}, "s3://bucket", "s3://BUCKET/PREFIX"),
        ("mine", {"origins": "example.org"}, None, "DESPAM_ORIGINS"),
    ],
)
def test_an_option_that_cannot_be_is_refused_before_anything(
    stack_name: str, options: dict[str, str | int | None], registry: str | None, words: str
) -> None:
    """In the words of the option."""
    with pytest.raises(SettingError, match=words):
        Wanted(stack_name, options, registry)
