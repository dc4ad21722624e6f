"""Sentences of the contract, against whatever hypothesis can think of."""

from __future__ import annotations

import contextlib
import io
import json
import types
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from despam.service.answer import encode, write_error
from despam.service.api import Api
from despam.service.aws_lambda import Door as LambdaDoor
from despam.service.exchange import WANTED, Request, Response
from despam.service.settings import Settings, build

from .conftest import EVENTS

STATUSES = {200, 204, 304, 400, 401, 404, 405, 413, 415}
many = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
any_text = st.text(st.characters(), max_size=60)  # lone surrogates too
json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | any_text,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(any_text | st.sampled_from(["text", "texts"]), inner, max_size=4)
    ),
    max_leaves=12,
)
bodies = (
    st.binary(max_size=200)
    | json_values.map(json.dumps).map(str.encode)
    | any_text.map(lambda text: json.dumps({"text": text}).encode())
)
paths = (
    st.sampled_from(["/classify", "/predict", "/classify/batch", "/health", "/model", "/openapi.json", "/", "/main.js"])
    | any_text
)
methods = st.sampled_from(["POST", "GET", "HEAD", "OPTIONS", "PUT"]) | any_text
headers = st.dictionaries(
    st.sampled_from(WANTED), any_text | st.sampled_from(["application/json", "gzip", "*", "secret"]), max_size=5
)


@pytest.fixture(
    scope="module", params=[{}, {"api_key": "secret", "origins": ("https://a.example", "https://b.example")}]
)
def api(request: pytest.FixtureRequest) -> Api:
    """A brain, open and guarded."""
    return build(Settings(**request.param))


def check(response: Response, origins: tuple[str, ...]) -> None:
    """What is true of every response."""
    assert response.status in STATUSES, (response.status, response.failure)
    found = dict(response.headers)
    assert len(found) == len(response.headers)
    assert found["Access-Control-Allow-Origin"] in origins
    assert found["X-Content-Type-Options"] == "nosniff"
    for name, value in [*response.headers, ("X-Request-Id", response.request_id)]:
        assert name.isascii()
        assert value.isascii()
        assert value.isprintable()
    if found.get("Content-Type") == "application/json" and response.body:
        answer = json.loads(response.body.decode("utf-8", "strict"), parse_constant=pytest.fail)
        assert response.status == 200 or list(answer) == ["error"]


@many
@given(method=methods, path=paths, body=bodies, found=headers, query=any_text)
def test_every_request_has_an_answer(
    api: Api, method: str, path: str, body: bytes, found: dict[str, str], query: str
) -> None:
    """Whatever it is: no exception, no 500, valid JSON in UTF-8, CORS, and no header that could be split."""
    check(api.handle(Request(method, path, found, body, query)), api.origins)


@many
@given(text=any_text)
def test_every_text_has_a_verdict(text: str) -> None:
    """It comes back as it was, lone surrogates as U+FFFD, and clues sum to the score."""
    api = build(Settings())
    response = api.handle(Request("POST", "/classify", {}, json.dumps({"text": text}).encode(), "explain=true"))
    answer = json.loads(response.body)
    joined = json.loads(json.dumps(text))  # what a JSON reader makes of two surrogates that are a pair
    if not joined:
        assert response.status == 400
        return
    assert answer["input_text"] == "".join("\ufffd" if "\ud800" <= letter <= "\udfff" else letter for letter in joined)
    assert sum(clue["contribution"] for clue in answer["clues"]) + answer["bias"] == pytest.approx(
        answer["score"], abs=1e-9
    )
    for clue in answer["clues"]:
        if clue["start"] is not None:
            assert answer["input_text"][clue["start"] : clue["end"]] == clue["text"]


@many
@given(event=json_values)
def test_every_event_has_an_answer(api: Api, event: Any) -> None:
    """Also one that no gateway would send."""
    with contextlib.redirect_stdout(io.StringIO()):
        answer = LambdaDoor(api)(event, types.SimpleNamespace())
    json.dumps(answer)
    assert answer["statusCode"] in STATUSES


@many
@given(data=st.data(), name=st.sampled_from(["rest_v1", "http_v2", "url", "load_balancer"]))
def test_a_recorded_event_with_anything_in_any_place_has_an_answer(api: Api, data: st.DataObject, name: str) -> None:
    """Each field may be another kind of value."""
    event = json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))
    for _ in range(data.draw(st.integers(1, 3))):
        place = event if data.draw(st.booleans()) else event["requestContext"]
        if isinstance(place, dict) and place:
            place[data.draw(st.sampled_from(sorted(place)))] = data.draw(json_values)
        if not isinstance(event.get("requestContext"), dict):
            break
    with contextlib.redirect_stdout(io.StringIO()):
        answer = LambdaDoor(api)(event)
    json.dumps(answer)
    assert answer["statusCode"] in {*STATUSES, 308}


@many
@given(sentence=any_text)
def test_an_error_is_json_in_utf8_whatever_it_says(sentence: str) -> None:
    """For the strictest reader."""
    assert list(json.loads(encode(write_error(sentence)).decode("utf-8", "strict"))) == ["error"]
