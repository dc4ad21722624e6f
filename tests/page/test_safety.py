"""What the page must never do, and what it may cost: hostile text, the policy, bytes on the wire, elements drawn."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from despam.service import pages

from .conftest import HAM, SPAM, analyze, verdict
from .test_files import choose, json_lines

pytestmark = pytest.mark.browser
Visit = Callable[..., Page]

HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "</div></textarea><iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<svg onload=alert(1)><style>*{display:none}</style>",
    "[x](javascript:alert(1)) ${alert(1)} {{7*7}}",
    "\u202eevil\u202c \u2066x\u2069 \ufeff\u0000\u0007",
]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_visitors_html_is_text_everywhere(visit: Visit, hostile: str) -> None:
    page = visit()
    page.on("dialog", lambda dialog: pytest.fail(f"a dialog opened: {dialog.message}"))
    elements = "e => e.querySelectorAll('img, iframe, script, svg:not(.icon), a').length"
    text = f"{hostile} {SPAM}"
    analyze(page, text)
    assert page.locator("#verdict").evaluate(elements) == 0
    shown = page.locator("#marked").evaluate("e => e.textContent")
    assert shown == text
    choose(page, "many.jsonl", json_lines([{"text": text}, {"text": hostile}]))
    expect(page.get_by_role("table")).to_be_visible()
    assert page.locator("#batch").evaluate(elements) == 0


@pytest.mark.parametrize("hostile", HOSTILE[:4])
def test_a_hostile_servers_answer_is_text_everywhere(visit: Visit, hostile: str) -> None:
    page = visit()
    page.on("dialog", lambda dialog: pytest.fail(f"a dialog opened: {dialog.message}"))
    clues = [
        {"text": hostile, "start": 0, "end": 2, "contribution": 1},
        {"text": hostile, "start": None, "end": None, "contribution": -1},
    ]
    answer = verdict(hostile, clues=clues, repaired=[hostile], model=hostile, unsure=True, unsure_reason=hostile)
    page.route("**/classify**", lambda route: route.fulfill(json=answer))
    card = {
        "name": hostile,
        "sources": [{"name": hostile}],
        "limits": [hostile],
        "languages": [hostile],
        "figures": {hostile: {"f1": 1}},
    }
    page.route("**/model", lambda route: route.fulfill(json={"model": hostile, "cutoff": 0.5, "card": card}))
    analyze(page, "anything")
    page.get_by_role("link", name="Model card").click()
    expect(page.get_by_role("dialog")).to_contain_text(hostile[:10])
    assert page.locator("main, dialog").evaluate_all(
        "all => all.map(e => e.querySelectorAll('img, iframe, script, svg:not(.icon)').length)"
    ) == [0, 0]


@pytest.mark.parametrize("clue", [(-5, 3), (2, 1), (0, 10**9), (5, 6), (1.5, 2), ("0", "4")])
def test_offsets_that_lie_lose_no_text(visit: Visit, clue: tuple[object, object]) -> None:
    page = visit()
    clues = [{"text": "x", "start": clue[0], "end": clue[1], "contribution": 1.0}]
    page.route("**/classify**", lambda route: route.fulfill(json=verdict("free", clues=clues)))
    analyze(page, "free")
    assert page.locator("#marked").evaluate("e => e.textContent") == "free"


def test_the_policy_is_strict_and_holds(browser: Browser, server: str) -> None:
    page = browser.new_page()
    answer = page.goto(f"{server}/")
    assert answer
    policy = answer.headers["content-security-policy"]
    assert policy == pages.POLICY
    for word in (
        "default-src 'none'",
        "script-src 'self'",
        "connect-src 'self'",
        "frame-ancestors 'none'",
        "trusted-types",
    ):
        assert word in policy
    assert "unsafe" not in policy
    attempts = [
        "document.body.innerHTML = '<b>x</b>'",
        "document.body.setAttribute('onclick', 'x()')",
        "document.head.appendChild(document.createElement('script')).src = 'x.js'",
        "await fetch('http://localhost:9/')",
        "await fetch('data:text/plain,x')",
    ]
    for attempt in attempts:
        refused = page.evaluate(
            f"async () => {{ try {{ {attempt}; return 'done'; }} catch (error) {{ return error.name; }} }}"
        )
        assert refused == "TypeError", attempt
    page.close()


FORBIDDEN = (
    r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|new Function",
    r"Storage\b|indexedDB|cookie",
    r"https?://",
    r"\son[a-z]+=\"",
    r"style=\"",
)


def test_no_file_makes_html_of_a_string_keeps_anything_or_names_a_host() -> None:
    found = []
    for path, (content, _, _) in pages.FILES.items():
        text = re.sub(r'xmlns="http://www\.w3\.org/2000/svg"|"http://www\.w3\.org/2000/svg"', "", content.decode())
        text = re.sub(r"https?://[\w.-]+\.example/", "", text)  # inside example messages
        for pattern in FORBIDDEN:
            found += [(path, match) for match in re.findall(pattern, text)]
    assert not found


def test_each_script_opens_with_what_it_knows_and_stays_short() -> None:
    for path, (content, _, _) in pages.FILES.items():
        if path.endswith((".js", ".css")):
            assert content.startswith(b"/* "), path
            assert content.count(b"\n") < 400, path


def test_all_files_weigh_at_most_60_kb_over_the_wire(visit: Visit) -> None:
    page = visit()
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    names: dict[str, str] = {}
    weights: dict[str, int] = {}

    def weigh(event: dict[str, Any]) -> None:
        if name := names.get(event["requestId"]):  # none: of the visit before the reload, still under way
            weights[name] = int(event["encodedDataLength"])

    session.on("Network.requestWillBeSent", lambda event: names.update({event["requestId"]: event["request"]["url"]}))
    session.on("Network.loadingFinished", weigh)
    page.reload(wait_until="networkidle")
    weights.pop(page.url + "model")  # no file of the page's: as long as the model has to say of itself
    assert len(weights) == len(pages.PACKED) - 1
    assert 10_000 < sum(weights.values()) <= 60_000, weights


def test_the_browser_asks_again_and_gets_304(visit: Visit) -> None:
    page = visit()
    statuses = []
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.on("Network.responseReceivedExtraInfo", lambda event: statuses.append(event["statusCode"]))
    page.reload(wait_until="networkidle")
    assert statuses.count(304) >= len(pages.FILES) - 4


def test_the_first_verdict_waits_for_one_answer_only(visit: Visit) -> None:
    page = visit()
    asked: list[str] = []
    page.route("**/classify/batch", lambda route: asked.append(route.request.url))  # what if? is never answered
    page.route("**/model", lambda route: asked.append(route.request.url))
    analyze(page, SPAM)
    expect(page.locator("#marked mark").first).to_be_visible()
    expect(page.locator("#form")).to_have_attribute("aria-busy", "false")
    assert any(url.endswith("/classify/batch") for url in asked)


def test_a_hundred_thousand_characters_stay_smooth(visit: Visit) -> None:
    page = visit(permissions=["clipboard-read", "clipboard-write"])
    # in lines, as mail is: one paragraph of this length with emoji is slow in a bare textarea already
    text = f"{SPAM}\n" + ("lorem ipsum 😀 dolor sit amet, consectetur adipiscing elit\n" * 1700) + HAM
    assert len(text) > 95_000
    page.evaluate("text => navigator.clipboard.writeText(text)", text)
    page.locator("#userInput").focus()
    page.keyboard.press("Control+V")
    expect(page.locator("#userInput")).to_have_value(text)
    page.get_by_role("button", name="Analyze").click()
    expect(page.locator("#result")).to_contain_text("Prediction: ")
    shown = page.locator("#marked").evaluate("e => e.textContent")
    for summary in page.locator("#marked summary").all_inner_texts():
        shown = shown.replace(summary, "", 1)
    assert shown == text
    expect(page.locator("#marked summary").filter(has_text="characters not read")).to_have_count(1)
    nodes = page.locator("#verdict").evaluate("e => e.querySelectorAll('*').length")
    assert nodes < 2500
    expect(page.locator("#whatIf")).not_to_be_empty()
    expect(page.locator("#bar .zone")).to_be_visible()  # the last that comes by itself
    page.locator("#userInput").press("End")
    page.locator("#details").evaluate(
        "e => { window.drawn = 0; new MutationObserver(list => { drawn += list.length; })"
        ".observe(e, { childList: true, subtree: true, attributes: true, characterData: true }); }"
    )
    page.keyboard.type("more words")
    expect(page.locator("#userInput")).to_have_value(f"{text}more words")
    assert page.evaluate("() => drawn") == 0  # typing draws nothing of this anew


def test_a_lone_surrogate_keeps_the_offsets(visit: Visit) -> None:
    page = visit()
    page.locator("#userInput").evaluate(
        "(e, text) => { e.value = JSON.parse(text); }", json.dumps(f"\ud83d x \ude00 {SPAM}")
    )
    page.get_by_role("button", name="Analyze").click()
    expect(page.locator("#result")).to_have_text("Prediction: SPAM")
    assert page.locator("#marked").evaluate("e => e.textContent") == f"\ufffd x \ufffd {SPAM}"
    marks = page.locator("#marked mark").all_text_contents()
    assert all(mark.strip() and mark in SPAM for mark in marks)


def test_the_repository_names_the_pages_files_in_one_place() -> None:
    folder = Path(pages.FOLDER)
    named = {path.name for path in folder.iterdir() if path.suffix in pages.TYPES}
    assert {path[1:] for path in pages.FILES if path != "/"} == named
    html = pages.FILES["/"][0].decode()
    used = set(re.findall(r'(?:href|src)="([a-zA-Z]+\.(?:js|css|svg))"', html))
    assert used == named - {"index.html"}
