"""Lambda events of every kind, whole and broken: read as their senders meant them, and none raises."""

from __future__ import annotations

import base64
import copy
import json
import types
from pathlib import Path
from typing import Any

import pytest

from despam.service.aws_lambda import SPELLINGS
from despam.service.aws_lambda import Door as LambdaDoor

from .conftest import EVENTS, Opener

SPAM = "WIN a free iPhone now"
Handler = LambdaDoor


@pytest.fixture
def handler(doors: Opener) -> Handler:
    """The handler with the settings that nobody changed."""
    return doors("lambda v1").handler  # type: ignore[attr-defined]


def recorded(name: str) -> dict[str, Any]:
    """Read a recorded event."""
    return json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))


def body_of(answer: dict[str, Any]) -> dict[str, Any]:
    """Read an answer's body."""
    return json.loads(answer["body"])


CLASSIFIED = ["rest_v1", "rest_v1_custom_domain_base64", "http_v2", "url", "load_balancer", "direct"]


@pytest.mark.parametrize("name", CLASSIFIED)
def test_a_recorded_event_is_answered(handler: Handler, name: str) -> None:
    """As AWS sends them, with the tutorial's answer."""
    answer = handler(recorded(name))
    assert answer["statusCode"] == 200
    assert answer["headers"]["Access-Control-Allow-Origin"] == "*"
    assert (body_of(answer)["classification"], body_of(answer)["input_text"]) == ("SPAM", SPAM)


def test_every_recorded_event_is_in_a_test() -> None:
    """A file that nobody reads proves nothing."""
    tested = {*CLASSIFIED, "rest_v1_console_test", "http_v2_preflight"}
    assert {path.stem for path in Path(EVENTS).glob("*.json")} == tested


def test_a_console_test_without_headers_is_answered(handler: Handler) -> None:
    """API Gateway's console sends null for headers, and the path through {proxy+}."""
    answer = handler(recorded("rest_v1_console_test"))
    assert (answer["statusCode"], body_of(answer)["status"]) == (200, "ok")


def test_a_preflight_has_no_body_field(handler: Handler) -> None:
    """HTTP APIs leave it out."""
    answer = handler(recorded("http_v2_preflight"))
    assert (answer["statusCode"], answer["body"]) == (204, "")
    assert "POST" in answer["headers"]["Access-Control-Allow-Methods"]


def test_a_load_balancer_in_multi_value_mode_gets_multi_value_headers(handler: Handler) -> None:
    """It reads no others."""
    answer = handler(recorded("load_balancer"))
    assert answer["multiValueHeaders"] == {name: [value] for name, value in answer["headers"].items()}
    assert "clues" in body_of(answer)
    assert "multiValueHeaders" not in handler(recorded("rest_v1"))


def test_a_direct_invocation_needs_no_key(doors: Opener) -> None:
    """IAM has let it in; an event that came over HTTP does need it."""
    handler = doors("lambda v1", api_key="secret").handler  # type: ignore[attr-defined]
    assert handler({"text": SPAM})["statusCode"] == 200
    assert handler({"texts": [SPAM]})["statusCode"] == 200
    for name in ("rest_v1", "http_v2", "url", "load_balancer"):
        event = recorded(name)
        assert handler(event)["statusCode"] == 401
        # a gateway's event of an unknown kind is no direct invocation, whatever it carries
        event["requestContext"].pop("http", None)
        event.pop("httpMethod", None)
        assert handler({**event, "body": None, "path": "/classify", "text": SPAM})["statusCode"] == 401
    assert handler({"body": json.dumps({"text": SPAM})})["statusCode"] == 401


def test_a_direct_invocation_may_ask_for_clues_and_for_many(handler: Handler) -> None:
    """The event is the body; explain stands beside the text."""
    assert "clues" in body_of(handler({"text": SPAM, "explain": True}))
    assert "clues" not in body_of(handler({"text": SPAM}))
    assert len(body_of(handler({"texts": [SPAM, "a"]}))["results"]) == 2


@pytest.mark.parametrize(("event", "sentence"), [
    ({}, "No text provided."),
    ({"text": ""}, "No text provided."),
    ({"text": None}, '"text" must be a string, not null.'),
    ({"text": 5}, '"text" must be a string, not a number.'),
    ({"text": float("nan")}, '"text" must be a string.'),
    ({"key1": "value1", "key2": "value2"}, "No text provided."),
    ({"body": ""}, "No text provided."),
    ({"body": "{}"}, "No text provided."),
    ({"body": 5}, "The body of the event must be a string."),
    ({"body": "WIN", "isBase64Encoded": True}, "The event says that its body is base64, and it is not."),
    ({"body": "\udcff"}, "The body is not valid UTF-8 (byte 1)."),
    (None, "No text provided."), ([], "No text provided."), ("text", "No text provided."), (5, "No text provided."),
])  # fmt: skip
def test_an_event_without_a_text_says_so(handler: Handler, event: Any, sentence: str) -> None:
    """400 with CORS, whatever the event is."""
    answer = handler(event)
    assert (answer["statusCode"], body_of(answer)) == (400, {"error": sentence})
    assert answer["headers"]["Access-Control-Allow-Origin"] == "*"


def test_a_body_that_a_console_test_left_as_an_object_is_read(handler: Handler) -> None:
    """People forget the quotes."""
    assert body_of(handler({"body": {"text": SPAM}}))["classification"] == "SPAM"


@pytest.mark.parametrize("asked", ["text", "page"])
@pytest.mark.parametrize("name", ["rest_v1", "http_v2", "url"])
def test_an_event_may_lack_any_field(handler: Handler, name: str, asked: str) -> None:
    """Each field left out, or null, or of another kind: an answer, never an exception; the page is asked for too."""
    event = recorded(name)
    if asked == "page":
        turn_into_page_request(event)
    paths = [(key,) for key in event] + [("requestContext", key) for key in event["requestContext"]]
    for path in paths:
        for value in ("absent", None, 5, "text", [], {}, [1], {"a": 1}):
            odd = copy.deepcopy(event)
            place = odd if len(path) == 1 else odd[path[0]]
            if value == "absent":
                del place[path[-1]]
            else:
                place[path[-1]] = value
            answer = handler(odd)
            assert answer["statusCode"] in (200, 308, 400, 404, 405, 415), (path, value, answer)
            json.dumps(answer)


def turn_into_page_request(event: dict[str, Any]) -> None:
    """Make a recorded event one that asks for the page."""
    event["body"] = None
    for place in (event, event["requestContext"], event["requestContext"].get("http", {})):
        place |= {"httpMethod": "GET"} if "httpMethod" in place else {}
        place |= {"method": "GET"} if "method" in place else {}
        place |= {name: "/" for name in ("path", "rawPath") if name in place}


@pytest.mark.parametrize("spelling", [str.lower, str.upper, str.title, str.swapcase])
@pytest.mark.parametrize("multiple", [False, True])
def test_headers_are_found_whatever_their_case(doors: Opener, spelling: Any, multiple: bool) -> None:
    """In both fields that carry them."""
    handler = doors("lambda v1", api_key="secret").handler  # type: ignore[attr-defined]
    event = recorded("rest_v1")
    headers = {spelling("x-api-key"): "secret", spelling("content-type"): "application/json"}
    event["headers"] = None if multiple else headers
    event["multiValueHeaders"] = {name: [value] for name, value in headers.items()}
    assert handler(event)["statusCode"] == 200
    headers[spelling("content-type")] = "text/plain"
    event["multiValueHeaders"] = {name: [value] for name, value in headers.items()}
    assert handler(event)["statusCode"] == 415


def test_a_list_in_two_headers_is_one_list(handler: Handler) -> None:
    """The field that keeps them apart does so for all; of other headers the last one counts."""
    event = recorded("load_balancer") | {"httpMethod": "GET", "path": "/model", "body": None}
    tag = handler(event)["headers"]["ETag"]
    for tags, status in (([tag, '"a"'], 304), (['"a"', tag], 304), (['"a"', '"b"'], 200)):
        event["multiValueHeaders"]["if-none-match"] = tags
        assert handler(event)["statusCode"] == status


@pytest.mark.parametrize("field", ["queryStringParameters", "multiValueQueryStringParameters"])
def test_a_load_balancer_hands_over_the_query_as_it_was_sent(handler: Handler, field: str) -> None:
    """A REST API hands it over decoded."""
    query = {"%65xplain": "t%72ue", "a": "b%3D&c"}
    event = recorded("load_balancer")
    del event["multiValueQueryStringParameters"]
    event[field] = {name: [value] for name, value in query.items()} if field.startswith("multi") else query
    assert "clues" in body_of(handler(event))
    event = recorded("rest_v1") | {"multiValueQueryStringParameters": None, "queryStringParameters": query}
    assert "clues" not in body_of(handler(event))


def test_names_of_headers_are_remembered_up_to_a_limit(handler: Handler) -> None:
    """Whoever sends a new name with every request fills no memory, and is still answered."""
    event = recorded("rest_v1")
    for first in range(0, 3000, 100):
        event["headers"] = {f"X-{first + number}": "a" for number in range(100)} | {"cOnTeNt-tYpE": "text/plain"}
        assert handler(event)["statusCode"] == 415
    assert len(SPELLINGS) == 1000


def test_an_answer_is_not_packed(handler: Handler) -> None:
    """Whatever the client accepts: REST APIs would hand the base64 on as it is."""
    event = recorded("rest_v1") | {"path": "/", "httpMethod": "GET"}
    event["headers"] = {"Accept-Encoding": "gzip", "accept-encoding": "gzip"}
    answer = handler(event)
    assert "Content-Encoding" not in answer["headers"]
    assert answer["body"].startswith("<!")


PATHS = {
    "/classify": "a path without a stage",
    "/prod/classify": "the stage in front",
    "/prod/predict": "the other name",
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", ["rest_v1", "http_v2"])
def test_a_stage_in_front_of_the_path_is_taken_off(handler: Handler, name: str, path: str) -> None:
    """Gateways differ in whether they leave it."""
    event = recorded(name)
    event["path" if name == "rest_v1" else "rawPath"] = path
    assert handler(event)["statusCode"] == 200


def test_a_stage_may_be_called_like_a_path(handler: Handler) -> None:
    """`/classify` on a stage named classify is our path; `/classify/classify` is the stage and our path."""
    event = recorded("http_v2")
    event["requestContext"]["stage"] = "classify"
    for path in ("/classify", "/classify/classify", "/classify/predict"):
        event["rawPath"] = path
        assert handler(event)["statusCode"] == 200


def test_the_page_is_at_the_root_of_a_stage(handler: Handler) -> None:
    """And its files below; without the slash a browser is sent to where relative names lead to them."""
    event = recorded("http_v2")
    event["requestContext"]["http"]["method"] = "GET"
    for path, kind in {
        "/prod/": "text/html",
        "/prod/main.js": "text/javascript",
        "/": "text/html",
    }.items():
        event["rawPath"] = path
        answer = handler(event)
        assert answer["statusCode"] == 200
        assert answer["headers"]["Content-Type"].startswith(kind)
    event["rawPath"] = "/prod"
    answer = handler(event)
    assert (answer["statusCode"], answer["headers"]["Location"]) == (308, "prod/")
    rest = recorded("rest_v1")
    rest |= {"httpMethod": "GET", "path": "/"}
    for path, status in {"/prod": 308, "/prod/": 200, None: 200}.items():
        rest["requestContext"]["path"] = path
        assert handler(rest)["statusCode"] == status


@pytest.mark.parametrize(("route", "parameters", "raw"), [
    ("POST /spam/classify", None, "/spam/classify"),
    ("POST /{proxy+}", {"proxy": "classify"}, "/api/v1/classify"),
    ("POST /classify", None, "/api/v1/classify"),
])  # fmt: skip
def test_a_base_path_of_a_custom_domain_is_taken_off(handler: Handler, route: str, parameters: Any, raw: str) -> None:
    """Where the gateway says which part it matched; where it does not, the path is none of ours."""
    event = recorded("http_v2")
    event |= {"routeKey": route, "rawPath": raw, "pathParameters": parameters}
    assert handler(event)["statusCode"] == (404 if route == "POST /spam/classify" else 200)


def test_under_a_domain_of_ones_own_the_end_of_the_path_decides(handler: Handler) -> None:
    """There a base path stands in front that the gateway does not name; under its own names nothing can."""
    event = recorded("http_v2")
    event |= {"routeKey": "$default", "rawPath": "/api/v1/classify", "pathParameters": None}
    assert handler(event)["statusCode"] == 404
    event["requestContext"]["domainName"] = "spam.example.org"
    assert handler(event)["statusCode"] == 200
    event["rawPath"] = "/api/v1/reclassify"
    assert handler(event)["statusCode"] == 404


def test_the_root_of_a_base_path_is_the_page(handler: Handler) -> None:
    """The gateway says that it matched its root; without the slash a browser is sent to where the page's files are."""
    event = recorded("rest_v1")
    event |= {"httpMethod": "GET", "path": "/api", "resource": "/", "body": None}
    event["requestContext"] |= {"path": "/api", "resourcePath": "/"}
    answer = handler(event)
    assert (answer["statusCode"], answer["headers"]["Location"]) == (308, "api/")
    event["path"] = event["requestContext"]["path"] = "/api/"
    assert handler(event)["statusCode"] == 200


def test_an_escaped_path_is_the_path(handler: Handler) -> None:
    """As at the local server."""
    event = recorded("http_v2")
    event["rawPath"] = "/%63lassify"
    assert handler(event)["statusCode"] == 200


def test_bytes_in_base64_are_the_bytes(handler: Handler) -> None:
    """What a gateway does with a type that it takes for binary."""
    event = recorded("url")
    text = "Grüße 🎉"
    event |= {
        "body": base64.b64encode(json.dumps({"text": text}, ensure_ascii=False).encode()).decode(),
        "isBase64Encoded": True,
    }
    assert body_of(handler(event))["input_text"] == text


def test_the_invocations_id_is_the_request_id(handler: Handler) -> None:
    """Unless the client sent one."""
    context = types.SimpleNamespace(aws_request_id="c6af9ac6")
    event = recorded("url")
    assert handler(event, context)["headers"]["X-Request-Id"] == "c6af9ac6"
    event["headers"]["X-REQUEST-ID"] = "mine"
    assert handler(event, context)["headers"]["X-Request-Id"] == "mine"


def test_an_answer_that_lambda_could_not_send_is_refused_in_words(handler: Handler) -> None:
    """6 MB is Lambda's limit, and its own error would carry no CORS header."""
    texts = [f"WIN {number} free iPhones now, call 0900 {number} " * 20 for number in range(1000)]
    answer = handler({"texts": ["免費" * 1600] * 100, "explain": True})
    assert answer["statusCode"] == 413
    assert body_of(answer)["error"].startswith("The answer would be larger than AWS Lambda can send (6 MB)")
    assert handler({"texts": texts})["statusCode"] == 200


def test_an_answer_that_lambda_could_not_send_is_not_made(handler: Handler, monkeypatch: pytest.MonkeyPatch) -> None:
    """The work ends where its limit is passed: 40 texts would fill it, 100 are asked for."""
    explained = []

    def write(text: str, verdict: object, explain: bool) -> str:
        explained.append(explain)
        return "a" * 150_000

    monkeypatch.setattr("despam.service.api.write_verdict", write)
    assert handler({"texts": [SPAM] * 100, "explain": True})["statusCode"] == 413
    assert len(explained) == 42


def test_a_wrong_setting_is_said_in_the_log_and_tried_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The function lives on; every answer is a 500 in words, with CORS, until the setting is right."""
    monkeypatch.setenv("DESPAM_MODEL", str(tmp_path / "none.safetensors"))
    monkeypatch.delenv("DESPAM_REGISTRY", raising=False)
    handler = LambdaDoor()
    monkeypatch.setenv("DESPAM_REFRESH_SECONDS", "often")
    answer = handler(recorded("url"))
    assert answer["statusCode"] == 500
    assert body_of(answer) == {"error": "The service is not set up right; its log says what is wrong."}
    assert answer["headers"]["Access-Control-Allow-Origin"] == "*"
    assert "DESPAM_REFRESH_SECONDS" in json.loads(capsys.readouterr().out.splitlines()[0])["error"]
    monkeypatch.setenv("DESPAM_REFRESH_SECONDS", "30")
    monkeypatch.setenv("DESPAM_MODEL", "")
    assert handler(recorded("url"))["statusCode"] == 200


@pytest.mark.parametrize("method", ["OPTIONS", "HEAD", "POST", "GET"])
def test_a_wrong_setting_changes_no_rule(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], method: str
) -> None:
    """A preflight passes, HEAD has no body, each answer has an id that stands in the log, and CloudWatch counts it."""
    monkeypatch.setenv("DESPAM_ORIGINS", "https://a.example/path")
    event = recorded("http_v2")
    event["requestContext"]["http"]["method"] = method
    answer = LambdaDoor()(event, types.SimpleNamespace(aws_request_id="c6af9ac6"))
    headers = answer["headers"]
    assert (headers["X-Request-Id"], headers["Access-Control-Allow-Origin"]) == ("c6af9ac6", "*")
    if method == "OPTIONS":
        assert (answer["statusCode"], answer["body"]) == (204, "")
        assert "POST" in headers["Access-Control-Allow-Methods"]
        assert "X-Api-Key" in headers["Access-Control-Allow-Headers"]
    else:
        assert (answer["statusCode"], bool(answer["body"])) == (500, method != "HEAD")
    event_line, line = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (event_line["event"], event_line["id"]) == ("not set up", "c6af9ac6")
    assert (line["id"], line["status"], line["errors"]) == ("c6af9ac6", answer["statusCode"], int(method != "OPTIONS"))
