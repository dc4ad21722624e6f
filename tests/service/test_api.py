"""The contract, at every door: routes, methods, key, CORS, caching, ids, and what never comes out."""

from __future__ import annotations

import json

import pytest

from despam.core.model import Model
from despam.service.api import Api
from despam.service.exchange import Request, matches
from despam.service.settings import Settings

from .conftest import KINDS, BrainDoor, Door, Opener

SPAM = "WIN a free iPhone now"
HAM = "Are we still on for lunch at one?"
FIELDS = [
    "status",
    "classification",
    "input_text",
    "spam_probability",
    "score",
    "cutoff",
    "unsure",
    "model",
    "repaired",
]
POSTS = ["/classify", "/predict", "/classify/batch"]
ORIGINS = ("https://example.org", "http://localhost:3000")
GETS = ["/health", "/model", "/openapi.json", "/", "/index.html", "/main.js", "/style.css"]


@pytest.fixture(scope="module")
def model(doors: Opener) -> Model:
    """The model that all doors serve."""
    return doors("brain").api.live.current()  # type: ignore[attr-defined]


# --- verdicts


@pytest.mark.parametrize("path", ["/classify", "/predict"])
@pytest.mark.parametrize("text", [SPAM, HAM, "Grüße 🎉", "x"])
def test_a_text_gets_the_verdict_of_the_model(door: Door, model: Model, path: str, text: str) -> None:
    """All fields of the contract, in its order, with the model's own numbers."""
    verdict = model.classify(text)
    answer = door.ask(path=path, body={"text": text})
    assert answer.status == 200
    expected = {
        "status": "success",
        "classification": verdict.classification,
        "input_text": text,
        "spam_probability": verdict.spam_probability,
        "score": verdict.score,
        "cutoff": verdict.cutoff,
        "unsure": verdict.unsure,
        "model": model.version,
        "repaired": list(verdict.repaired),
    }
    if verdict.unsure:
        expected["unsure_reason"] = verdict.unsure_reason
    assert answer.json == expected
    assert [name for name in answer.json if name in FIELDS] == FIELDS


def test_the_tutorials_two_messages_get_the_tutorials_verdicts(door: Door) -> None:
    """The promise on the first page."""
    assert door.ask(body={"text": SPAM}).json["classification"] == "SPAM"
    assert door.ask(body={"text": HAM}).json["classification"] == "HAM"


def test_the_same_request_gives_the_same_bytes_at_every_door(doors: Opener) -> None:
    """Verdicts, clues, batches, cards, pages and errors."""
    requests = [
        ("POST", "/classify", {"text": "FREE entry, reply W1N. Gr\u00fc\u00dfe \U0001f389 \ud800"}, ""),
        ("POST", "/classify", {"text": "\u0412uy n\u043ew <b>free</b>"}, "explain=true"),
        ("POST", "/classify/batch", {"texts": [SPAM, "", 5, HAM]}, "explain=true"),
        ("POST", "/classify", {"text": 5}, ""),
        ("POST", "/nowhere", {"text": SPAM}, ""),
        ("DELETE", "/classify", None, ""),
        *[("GET", path, None, "") for path in GETS],
    ]
    for method, path, body, query in requests:
        bodies = {kind: doors(kind).ask(method, path, body, query=query).body for kind in KINDS}
        assert len(set(bodies.values())) == 1, (method, path, bodies)


def test_explain_adds_clues_that_sum_to_the_score(door: Door) -> None:
    """Offsets point into the text; the bias makes the sum exact."""
    text = "WIN a free iPhone now, call 0900 123456"
    answer = door.ask(body={"text": text}, query="explain=true").json
    assert list(answer)[-3:] == ["clues", "bias", "unread"]
    assert sum(clue["contribution"] for clue in answer["clues"]) + answer["bias"] == pytest.approx(
        answer["score"], abs=1e-9
    )
    spans = [clue for clue in answer["clues"] if clue["start"] is not None]
    assert spans
    assert all(text[clue["start"] : clue["end"]] == clue["text"] for clue in spans)


QUERIES = {
    "": False,
    "explain=false": False,
    "a=b&explain=true&c": True,
    "x": False,
    "explain=tru%65": True,
    "unexplain=true": False,
}


@pytest.mark.parametrize(("query", "explained"), QUERIES.items())
def test_clues_come_only_when_asked_for(door: Door, query: str, explained: bool) -> None:
    """Other names in the query are ignored."""
    assert ("clues" in door.ask(body={"text": SPAM}, query=query).json) is explained


@pytest.mark.parametrize(
    "query", ["explain=yes", "explain=", "explain=1", "explain=true&explain=false", "explain=TRUE"]
)
def test_another_value_of_explain_is_refused(door: Door, query: str) -> None:
    """true or false, once."""
    answer = door.ask(body={"text": SPAM}, query=query)
    assert (answer.status, answer.json) == (400, {"error": '"explain" in the query must be true or false, once.'})


def test_a_batch_gives_each_text_its_own_result(door: Door) -> None:
    """In order; what cannot be judged has an error in its place, and the others are as if asked alone."""
    texts = [SPAM, "", HAM, None, 5, ["a"], SPAM]
    results = door.ask(path="/classify/batch", body={"texts": texts}).json["results"]
    assert [result.get("error") for result in results] == [
        None, "No text provided.", None, '"text" must be a string, not null.', '"text" must be a string, not a number.',
        '"text" must be a string, not an array.', None,
    ]  # fmt: skip
    assert results[0] == results[6] == door.ask(body={"text": SPAM}).json
    assert results[2] == door.ask(body={"text": HAM}).json


@pytest.mark.parametrize("count", [0, 1, 1000])
def test_a_batch_takes_up_to_1000_texts(door: Door, count: int) -> None:
    """Also none."""
    answer = door.ask(path="/classify/batch", body={"texts": [HAM] * count})
    assert (answer.status, len(answer.json["results"])) == (200, count)


# --- what else there is


def test_health_says_what_decides(door: Door, model: Model) -> None:
    """Alive, the version, where it comes from, and nothing wrong."""
    answer = door.ask("GET", "/health")
    assert answer.status == 200
    assert list(answer.json)[:4] == ["status", "model", "source", "degraded"]
    assert (answer.json["status"], answer.json["model"], answer.json["degraded"]) == ("ok", model.version, False)
    assert answer.json["source"] in ("bundled", "file")
    assert answer.headers["cache-control"] == "no-store"


def test_the_model_card_names_cutoffs_and_figures(door: Door, model: Model) -> None:
    """What `despam inspect` shows, for programs."""
    answer = door.ask("GET", "/model").json
    assert answer["model"] == model.version
    assert answer["sha256"].startswith(model.version)
    assert (answer["cutoff"], answer["unsure_low"], answer["unsure_high"]) == (
        model.cutoff,
        model.unsure_low,
        model.unsure_high,
    )
    assert answer["card"] == model.card


@pytest.mark.parametrize("path", ["/model", "/openapi.json", "/", "/main.js", "/style.css"])
def test_what_is_known_already_is_not_sent_again(door: Door, path: str) -> None:
    """ETag and If-None-Match: 304 without a body, with the CORS headers; another tag gets it all."""
    first = door.ask("GET", path)
    tag = first.headers["etag"]
    assert first.status == 200
    assert first.headers["cache-control"] == "no-cache"
    for known in (tag, f'"x", W/{tag}', "*"):
        again = door.ask("GET", path, headers={"If-None-Match": known})
        assert (again.status, again.body) == (304, b"")
        assert again.headers["etag"] == tag
        assert again.headers["access-control-allow-origin"] == "*"
    assert door.ask("GET", path, headers={"If-None-Match": '"other"'}).body == first.body


def test_etags_are_compared_weakly() -> None:
    """RFC 9110, 13.1.2."""
    assert matches('W/"a"', '"a"')
    assert matches(' "b" , "a"', '"a"')
    assert not matches('"ab"', '"a"')


def test_the_page_has_its_policy(door: Door) -> None:
    """No inline script, no frame, no other host, no guessing of types."""
    answer = door.ask("GET", "/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    for rule in (
        "default-src 'none'",
        "script-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ):
        assert rule in policy
    assert "unsafe" not in policy
    assert b'id="userInput"' in answer.body


NO_PATHS = [
    "/../api.py",
    "/..%2f..%2fapi.py",
    "/page/../../api.py",
    "/%2e%2e/%2e%2e/etc/passwd",
    "//etc/passwd",
    "/main.js/",
    "/.",
    "/..",
    "/\\..\\api.py",
    "/main.js%00",
    "/classify/",
    "/CLASSIFY",
    "/nowhere",
]


@pytest.mark.parametrize("path", NO_PATHS)
def test_a_path_that_is_none_is_404(door: Door, path: str) -> None:
    """No path leads to another file."""
    answer = door.ask("GET", path)
    assert answer.status == 404
    assert answer.json == {"error": "There is nothing at this path; GET /openapi.json lists what there is."}
    assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
def test_a_wrong_method_is_405_with_allow(door: Door, path: str, method: str) -> None:
    """And says which one is right."""
    answer = door.ask(method, path)
    assert (answer.status, answer.headers["allow"]) == (405, "POST, OPTIONS")
    if method != "HEAD":
        assert answer.json == {"error": "This path takes POST, OPTIONS."}


@pytest.mark.parametrize("path", GETS)
def test_reading_paths_take_no_post(door: Door, path: str) -> None:
    """405, Allow with GET and HEAD."""
    answer = door.ask("POST", path, {"text": SPAM})
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")


@pytest.mark.parametrize("path", GETS)
def test_head_is_get_without_the_body(door: Door, kind: str, path: str) -> None:
    """Status and headers the same, the body left out."""
    get, head = door.ask("GET", path), door.ask("HEAD", path)
    assert (head.status, head.body) == (200, b"")
    same = {name for name in get.headers if name not in ("x-request-id", "date", "content-length")}
    assert {name: head.headers[name] for name in same} == {name: get.headers[name] for name in same}
    if kind in ("brain", "http"):
        assert head.headers["content-length"] == get.headers["content-length"] == str(len(get.body))


# --- ids, and what must not come back


def test_a_request_id_is_echoed(door: Door) -> None:
    """So that a client finds its request in the log."""
    answer = door.ask(body={"text": SPAM}, headers={"X-Request-Id": "Root=1-5e66d96f:a/b+c_d.e"})
    assert answer.headers["x-request-id"] == "Root=1-5e66d96f:a/b+c_d.e"


@pytest.mark.parametrize("given", ["a b", 'x"y', "a;b", "<script>", "x" * 129, "\u00e9", "a\tb"])
def test_a_request_id_of_other_characters_is_replaced(door: Door, given: str) -> None:
    """Nothing of it comes back, in no header and no line of the log."""
    answer = door.ask(body={"text": SPAM}, headers={"X-Request-Id": given})
    assert answer.status == 200
    assert given not in answer.headers["x-request-id"]
    assert answer.headers["x-request-id"].strip()


@pytest.mark.parametrize("kind", ["brain", "lambda v1", "lambda v2", "function url"])
@pytest.mark.parametrize("header", ["X-Request-Id", "Origin", "If-None-Match", "Content-Type", "X-Api-Key"])
def test_line_ends_in_a_header_split_no_answer(kind: str, doors: Opener, header: str) -> None:
    """Header injection: real HTTP cannot carry these, an event can."""
    for settings in ({}, {"origins": ORIGINS}):
        answer = doors(kind, **settings).ask(body={"text": SPAM}, headers={header: "a\r\nSet-Cookie: canary=1"})
        assert "canary" not in str(answer.headers)
        assert all("\r" not in value and "\n" not in value for value in answer.headers.values())


def test_each_answer_has_an_id_of_its_own(door: Door, kind: str) -> None:
    """Made here when the client sends none; Lambda's own id on Lambda."""
    ids = [door.ask("GET", "/health").headers["x-request-id"] for _ in range(3)]
    assert len(set(ids)) == (3 if kind in ("brain", "http") else 1)


class Broken:
    """A model that fails with the text in its message."""

    version = "000000000000"

    def current(self) -> Broken:
        return self

    def status(self) -> dict[str, object]:
        raise RuntimeError("canary")

    def classify(self, text: str) -> None:
        raise RuntimeError(f"cannot judge {text}")


@pytest.mark.parametrize(("method", "path"), [("POST", "/classify"), ("GET", "/health"), ("GET", "/model")])
def test_a_bug_is_a_500_that_shows_nothing(method: str, path: str) -> None:
    """The answer has an id; the log gets type and place, never the message."""
    response = Api(Broken()).handle(Request(method, path, {"x-request-id": "abc"}, b'{"text": "canary"}'))  # type: ignore[arg-type]
    assert response.status == 500
    assert json.loads(response.body) == {
        "error": "Something went wrong here; the log says what, under the id in X-Request-Id."
    }
    assert dict(response.headers)["Access-Control-Allow-Origin"] == "*"
    assert response.request_id == "abc"
    assert "Error in " in response.failure
    assert "canary" not in response.failure


@pytest.mark.parametrize("path", ["/nowhere", "*"])
def test_no_method_is_allowed_twice(doors: Opener, path: str) -> None:
    """Where nothing is known of a path, and where all of the server is meant."""
    headers = doors("brain").ask("OPTIONS", path).headers
    assert headers["allow"] == headers["access-control-allow-methods"] == "GET, HEAD, POST, OPTIONS"


@pytest.mark.parametrize(("texts", "status"), [(16, 200), (17, 413)])
def test_the_answer_to_a_batch_has_a_limit(monkeypatch: pytest.MonkeyPatch, texts: int, status: int) -> None:
    """16 MiB of verdicts with clues; the work ends there."""
    monkeypatch.setattr("despam.service.api.write_verdict", lambda *_: "a" * 1024 * 1024)
    answer = BrainDoor(Settings()).ask(path="/classify/batch", body={"texts": [SPAM] * texts}, query="explain=true")
    assert answer.status == status
    if status == 413:
        assert answer.json["error"].startswith("The answer would be larger than 16 MiB; ask for fewer texts")
