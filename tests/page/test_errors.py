"""What goes wrong is said in the page, in words, with what to do; the text stays, and trying again works."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from .conftest import HAM, answer_with, hosting, opening, serving, verdict

pytestmark = pytest.mark.browser
Visit = Callable[..., Page]


def ask(page: Page, text: str = HAM) -> None:
    """Type a text and press the button."""
    page.locator("#userInput").fill(text)
    page.get_by_role("button", name="Analyze").click()


def check_retry(page: Page) -> None:
    """The text is still there; with the fault gone, one click gives the verdict."""
    expect(page.locator("#userInput")).to_have_value(HAM)
    expect(page.locator("#result")).to_be_empty()
    page.unroute_all()
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("#result")).to_have_text("Prediction: HAM")
    expect(page.get_by_role("alert")).to_be_hidden()


@pytest.mark.parametrize(
    ("status", "title", "advice"),
    [
        (429, "Too many requests at the moment.", "Wait a few seconds"),
        (500, "The server had a problem of its own.", "its log says why"),
        (502, "The server had a problem of its own.", "Try again in a moment"),
        (413, "This message is too large for the server.", "Shorten it"),
        (400, "The server could not use this message.", "Change the message"),
        (404, "There is no despam service at this address.", "Check the address"),
    ],
)
def test_each_status_has_its_words_and_a_retry(visit: Visit, status: int, title: str, advice: str) -> None:
    page = visit()
    answer_with(page, status)
    ask(page)
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text(title)
    expect(alert).to_contain_text(advice)
    expect(alert).to_contain_text("The server said: Said by the test.")
    check_retry(page)


def test_a_gateways_own_refusal_asks_for_a_key_in_its_words(visit: Visit) -> None:
    page = visit()
    answer_with(page, 403, '{"message": "Forbidden"}')
    ask(page)
    expect(page.get_by_role("alert")).to_contain_text("The server said: Forbidden")
    expect(page.get_by_label("API key")).to_be_visible()


def test_a_status_without_json_has_its_words_too(visit: Visit) -> None:
    page = visit()
    answer_with(page, 503, "<h1>Service unavailable</h1>")
    ask(page)
    expect(page.get_by_role("alert")).to_contain_text("The server had a problem of its own.")
    expect(page.get_by_role("alert")).not_to_contain_text("unavailable")
    check_retry(page)


@pytest.mark.parametrize("body", ["<html>a captive portal</html>", "[]", "null", '{"classification": "EGGS"}'])
def test_an_answer_that_is_not_despams_is_refused(visit: Visit, body: str) -> None:
    page = visit()
    answer_with(page, 200, body)
    ask(page)
    expect(page.get_by_role("alert")).to_contain_text("The answer did not come from despam.")
    check_retry(page)


def test_a_server_gone_since_the_page_was_opened(browser: Browser) -> None:
    running = serving()
    address = running.__enter__()
    try:
        with opening(browser, address) as visit:
            page = visit()
            running.__exit__(None, None, None)
            ask(page)
            alert = page.get_by_role("alert")
            expect(alert).to_contain_text("The server does not answer.")
            expect(alert).to_contain_text(address.removeprefix("http://"))
            expect(page.locator("#userInput")).to_have_value(HAM)
            port = int(address.rsplit(":", 1)[1])
            with serving("--port", str(port)):
                page.get_by_role("button", name="Try again").click()
                expect(page.locator("#result")).to_have_text("Prediction: HAM")
    finally:
        running.__exit__(None, None, None)


def test_being_offline(visit: Visit) -> None:
    page = visit()
    page.context.set_offline(True)
    ask(page)
    expect(page.get_by_role("alert")).to_contain_text("You are offline.")
    page.context.set_offline(False)
    check_retry(page)


def test_a_server_that_hangs_is_given_up(visit: Visit) -> None:
    page = visit()
    page.evaluate(
        "() => { AbortSignal.timeout = () => {"
        " const late = new AbortController(); setTimeout(() => late.abort(), 100); return late.signal; }; }"
    )
    page.route("**/classify**", lambda route: None)
    ask(page)
    expect(page.get_by_role("alert")).to_contain_text("The server takes too long.")
    check_retry(page)


def test_a_text_over_one_mebibyte_is_told_before_it_travels(visit: Visit) -> None:
    page = visit()
    asked = []
    page.on("request", lambda request: asked.append(request.url) if "classify" in request.url else None)
    page.locator("#userInput").evaluate("e => { e.value = 'spam words in a line\\n'.repeat(53000); }")
    page.get_by_role("button", name="Analyze").click()
    expect(page.get_by_role("alert")).to_contain_text("This message is too large for the server.")
    assert not asked


def test_a_key_is_asked_for_used_and_kept_in_memory_only(browser: Browser) -> None:
    with serving(DESPAM_API_KEY="open sesame") as address, opening(browser, address) as visit:
        page = visit()
        ask(page)
        alert = page.get_by_role("alert")
        expect(alert).to_contain_text("This server asks for a key.")
        field = page.get_by_label("API key")
        field.fill("wrong")
        page.get_by_role("button", name="Use key").click()
        expect(alert).to_contain_text("This server asks for a key.")
        field.fill("open sesame")
        field.press("Enter")
        expect(page.locator("#result")).to_have_text("Prediction: HAM")
        expect(alert).to_be_hidden()
        expect(page.locator("#userInput")).to_have_value(HAM)
        assert "sesame" not in page.content()
        page.get_by_role("link", name="Model card").click()
        expect(page.get_by_role("dialog")).to_contain_text("Measured on messages held out")
        page.reload()
        ask(page)
        expect(alert).to_contain_text("This server asks for a key.")


def test_a_refused_origin_is_told_from_a_server_that_is_gone(browser: Browser, tmp_path: Path) -> None:
    from click.testing import CliRunner

    from despam.cli.page import command

    with serving(DESPAM_ORIGINS="https://somewhere.example") as address:
        done = CliRunner().invoke(command, ["--api", address, "-o", str(tmp_path)])
        assert done.exit_code == 0, done.output
        with hosting(tmp_path) as site, opening(browser, site) as visit:
            page = visit(hosts=(address,))
            ask(page)
            alert = page.get_by_role("alert")
            expect(alert).to_contain_text("The server does not accept requests from this page.")
            expect(alert).to_contain_text(f"{site}, in DESPAM_ORIGINS")
            expect(page.locator("#userInput")).to_have_value(HAM)


def test_the_model_card_says_its_errors_in_its_own_place(visit: Visit) -> None:
    page = visit()
    answer_with(page, 500, path="**/model")
    page.get_by_role("link", name="Model card").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("The server had a problem of its own.")


def test_a_key_can_be_given_in_the_model_card(browser: Browser) -> None:
    with serving(DESPAM_API_KEY="open sesame") as address, opening(browser, address) as visit:
        page = visit()
        page.get_by_role("link", name="Model card").click()
        page.get_by_label("API key").fill("open sesame")
        page.get_by_role("button", name="Use key").click()
        expect(page.get_by_role("dialog")).to_contain_text("Measured on messages held out")


def test_trying_again_leaves_the_focus_where_one_can_go_on(visit: Visit) -> None:
    page = visit()
    answer_with(page, 500)
    ask(page)
    page.get_by_role("button", name="Try again").focus()
    page.unroute_all()
    page.keyboard.press("Enter")
    expect(page.locator("#result")).to_have_text("Prediction: HAM")
    expect(page.get_by_role("button", name="Analyze")).to_be_focused()


def test_a_failed_second_question_leaves_the_verdict_alone(visit: Visit) -> None:
    page = visit()
    clue = {"text": "prize", "start": 2, "end": 7, "contribution": 2.0}
    page.route("**/classify?**", lambda route: route.fulfill(json=verdict("a prize here", clues=[clue])))
    answer_with(page, 429, path="**/classify/batch")
    with page.expect_response(lambda response: response.status == 429):
        ask(page, "a prize here")
    expect(page.locator("#result")).to_have_text("Prediction: SPAM")
    expect(page.get_by_role("alert")).to_be_hidden()
