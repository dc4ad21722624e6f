"""What goes wrong between us and AWS: each answer of AWS's, each state of this machine, one sentence with what to do.

The faults are real: an HTTP server on the loopback says what AWS would say, or breaks the connection.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from despam.aws import faults, removal, stack, storage
from despam.aws.plan import Wanted
from despam.errors import DeployError, MissingExtra

IDENTITY = (
    "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>123456789012</Account><Arn>arn:aws:iam::1:user/u</Arn>"
    "<UserId>U</UserId></GetCallerIdentityResult></GetCallerIdentityResponse>"
)


class Cloud:
    """An AWS that gives one answer to everything, except to who we are when asked to."""

    def __init__(self) -> None:
        self.status, self.code, self.message = 400, "", ""
        self.knows_us = False
        self.breaks = False
        self.bucket_region = "eu-central-1"
        self.port = 0

    @property
    def error(self) -> str:
        body = f"<Error><Code>{self.code}</Code><Message>{self.message}</Message></Error>"
        return f"<ErrorResponse>{body}<RequestId>r</RequestId></ErrorResponse>"


@pytest.fixture
def cloud(no_aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """The answering server, and the environment that leads to it."""
    state = Cloud()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if state.breaks:
                self.close_connection = True
                return
            if state.knows_us and b"GetCallerIdentity" in asked:
                self.answer(200, IDENTITY)
            else:
                self.answer(state.status, state.error)

        do_GET = do_HEAD = do_POST  # noqa: N815  the base class calls them so

        def answer(self, status: int, text: str) -> None:
            body = b"" if self.command == "HEAD" else text.encode()
            self.send_response(status)
            self.send_header("x-amz-bucket-region", state.bucket_region)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{state.port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setattr(stack, "ATTEMPTS", 1)
    yield state
    server.shutdown()
    server.server_close()
    thread.join(timeout=5)


def deploy(region: str | None = None) -> Any:
    return stack.deploy(Wanted("mine"), ask=lambda text: True, tell=lambda line: None, region=region)


# what AWS says -> what we say
ANSWERS = [
    (403, "ExpiredToken", "The security token included in the request is expired", "sign in again (`aws sso login`)"),
    (403, "InvalidClientTokenId", "The security token is invalid", "AWS does not know these credentials"),
    (403, "SignatureDoesNotMatch", "The request signature we calculated does not match", "the secret key is wrong"),
    (403, "SignatureDoesNotMatch", "Signature expired: 20200101 is now earlier than", "clock is off"),
    (403, "RequestTimeTooSkewed", "The difference is too large.", "clock is off"),
    (
        403,
        "AccessDenied",
        "User: arn is not authorized to perform: cloudformation:DescribeStacks",
        "access denied (User",
    ),
    (400, "Throttling", "Rate exceeded", "slow down; run the same command again in a minute"),
    (403, "OptInRequired", "The AWS Access Key Id needs a subscription", "has not switched this region on"),
    (500, "InternalFailure", "An internal error", "AWS has trouble of its own (An internal error)"),
    (503, "ServiceUnavailable", "Try again", "run the same command again later"),
    (400, "LimitExceededException", "You may have at most 2000 stacks", "an account quota is used up (You may have"),
    (
        400,
        "SomethingNew",
        "A thing nobody has heard of. (Service: X; Request ID: 7)",
        "SomethingNew: A thing nobody has heard",
    ),
]


@pytest.mark.parametrize(
    ("status", "code", "message", "words"), ANSWERS, ids=[f"{each[1]}-{each[0]}" for each in ANSWERS]
)
def test_each_answer_of_aws_is_one_sentence_with_what_to_do(
    cloud: Cloud, status: int, code: str, message: str, words: str
) -> None:
    """First when asked who we are, before anything is changed."""
    cloud.status, cloud.code, cloud.message = status, code, message
    with pytest.raises(DeployError) as caught:
        deploy()
    sentence = str(caught.value)
    assert sentence.startswith("connecting to AWS: ")
    assert words in sentence
    assert "\n" not in sentence and sentence.endswith(".") and "Request ID" not in sentence


def test_access_denied_later_names_what_was_being_done(cloud: Cloud) -> None:
    """The permission that is missing is in AWS's words."""
    cloud.knows_us = True
    cloud.status, cloud.code, cloud.message = (
        403,
        "AccessDenied",
        "not authorized to perform: cloudformation:DescribeStacks",
    )
    for act in (deploy, lambda: removal.destroy(Wanted("mine"), ask=lambda text: True, tell=print)):
        with pytest.raises(
            DeployError, match=r"looking at the stack mine: access denied.*cloudformation:DescribeStacks"
        ):
            act()


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (404, "there is no such bucket; check --registry"),
        (403, "somebody else's, or closed to these credentials"),
        (200, "is in eu-north-1, the service would be in eu-central-1; use --region eu-north-1"),
    ],
)
def test_a_bucket_that_cannot_be_used_is_said_before_anything_is_made(cloud: Cloud, status: int, words: str) -> None:
    """Missing, foreign, or elsewhere."""
    cloud.status = status
    cloud.bucket_region = "eu-north-1" if status == 200 else "eu-central-1"
    cloud.knows_us = True
    account = stack.connect()
    with pytest.raises(DeployError, match=words):
        storage.check(account.s3, "some-bucket")


def test_no_credentials(no_aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing set, nothing in the home folder, no instance role."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with pytest.raises(
        DeployError, match="no AWS credentials; run `aws configure` or `aws sso login`, or set AWS_PROFILE"
    ):
        deploy()


def test_no_region(no_aws: None) -> None:
    """Neither an option nor a setting."""
    with pytest.raises(DeployError, match="no region; add --region, or set AWS_REGION"):
        deploy()


def test_a_profile_that_is_not_there(no_aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Named as it was given."""
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(DeployError, match=r"nobody.*check AWS_PROFILE"):
        deploy("eu-central-1")


@pytest.mark.parametrize("region", ["no/region", "EU_CENTRAL"])
def test_a_region_that_is_none(no_aws: None, monkeypatch: pytest.MonkeyPatch, region: str) -> None:
    """A wrong word in --region."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with pytest.raises(DeployError, match="no such region; check --region"):
        deploy(region)


def test_nobody_listens(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """The network is gone, or the region's name leads nowhere."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(DeployError, match="no connection; check the network, and the region's name"):
        deploy()


def test_the_connection_breaks_in_the_middle(cloud: Cloud) -> None:
    """The answer never comes."""
    cloud.breaks = True
    with pytest.raises(DeployError, match="the connection broke; run this again, it goes on where it stopped"):
        deploy()


def test_without_boto3_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence with the pip line."""
    monkeypatch.setattr(stack.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"pip install 'despam\[aws\]'"):
        deploy()


REASONS = [
    (
        "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below "
        "its minimum value of [10]. (Service: Lambda, Status Code: 400, Request ID: 1) (RequestToken: 2, ErrorCode: X)",
        "use a smaller --concurrency (0 for none), or raise the Lambda quota",
    ),
    ("mine-bucket already exists", "the name is taken by something that this stack did not make"),
    ("User: x is not authorized to perform: iam:CreateRole on resource: y", "access denied (User: x is not authorized"),
    ("Unzipped size must be smaller than 262144000 bytes", "the bundle is larger than Lambda takes"),
    ("Maximum number of APIs: quota exceeded", "an account quota is used up"),
    ("", "AWS gives no reason"),
    ("Some reason. (Service: ApiGateway, Status Code: 400, Request ID: 3)", "failed: Some reason"),
]


@pytest.mark.parametrize(("reason", "words"), REASONS)
def test_why_a_resource_failed_is_said_in_words(reason: str, words: str) -> None:
    """The reasons in stack events, without request ids."""
    sentence = faults.event_sentence("Function", "AWS::Lambda::Function", reason)
    assert sentence.startswith("Function (AWS::Lambda::Function) failed: ")
    assert words in sentence
    assert "Request" not in sentence


def test_what_is_not_botos_passes_through() -> None:
    """A bug of ours must not look like AWS's fault."""
    with pytest.raises(ZeroDivisionError), faults.translated("dividing"):
        raise ZeroDivisionError
    with contextlib.suppress(DeployError), faults.translated("refusing"):
        raise DeployError("as it is.")
