"""One message in, one verdict out: what the page shows of it, by ids and roles."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

from despam.core.repair import REPAIRS

from .conftest import HAM, SPAM, analyze, answering, verdict

pytestmark = pytest.mark.browser
Visit = Callable[..., Page]


def test_spam_is_said_in_a_word_an_icon_and_red(visit: Visit) -> None:
    page = visit()
    analyze(page, SPAM)
    result = page.locator("#result")
    expect(result).to_have_text("Prediction: SPAM")
    expect(result.locator("svg")).to_be_visible()
    red, green, _ = (int(part) for part in re.findall(r"\d+", result.evaluate("e => getComputedStyle(e).color"))[:3])
    assert red > green


def test_ham_is_said_in_a_word_an_icon_and_green(visit: Visit) -> None:
    page = visit()
    analyze(page, HAM)
    result = page.locator("#result")
    expect(result).to_have_text("Prediction: HAM")
    expect(result.locator("svg")).to_be_visible()
    red, green, _ = (int(part) for part in re.findall(r"\d+", result.evaluate("e => getComputedStyle(e).color"))[:3])
    assert green > red


@pytest.mark.parametrize("keys", ["Control+Enter", "Meta+Enter"])
def test_keys_analyze_as_the_button_does(visit: Visit, keys: str) -> None:
    page = visit()
    page.locator("#userInput").fill(HAM)
    page.locator("#userInput").press(keys)
    expect(page.locator("#result")).to_have_text("Prediction: HAM")


def test_enter_alone_makes_a_new_line(visit: Visit) -> None:
    page = visit()
    page.locator("#userInput").fill("one")
    page.locator("#userInput").press("Enter")
    expect(page.locator("#userInput")).to_have_value("one\n")
    expect(page.locator("#result")).to_be_empty()


def test_the_page_says_the_same_as_the_api(visit: Visit, server: str) -> None:
    page = visit()
    analyze(page, SPAM)
    answer = page.request.post(f"{server}/classify", data={"text": SPAM}).json()
    expect(page.locator("#result")).to_have_text(f"Prediction: {answer['classification']}")
    expect(page.locator("#answeredBy")).to_contain_text(answer["model"])
    said = page.get_by_role("img", name="Probability of spam").get_attribute("aria-label") or ""
    shown = float(re.findall(r"[\d.]+", said)[0])
    assert abs(shown / 100 - answer["spam_probability"]) < 0.006
    expect(page.get_by_text(re.compile(r"score [+−]"))).to_contain_text(f"{abs(answer['score']):.2f}")


def test_the_bar_marks_probability_and_cutoff(visit: Visit) -> None:
    page = visit()
    answering(page, spam_probability=0.25, cutoff=0.75, classification="HAM")
    analyze(page, HAM)
    bar = page.locator("#bar").bounding_box()
    fill = page.locator("#bar .fill").bounding_box()
    cutoff = page.locator("#bar .cutoff").bounding_box()
    assert bar and fill and cutoff
    assert abs(fill["width"] / bar["width"] - 0.25) < 0.01
    assert abs((cutoff["x"] + cutoff["width"] / 2 - bar["x"]) / bar["width"] - 0.75) < 0.01
    expect(page.get_by_role("img", name="Probability of spam 25 %, cutoff 75 %")).to_be_visible()


def test_unsure_is_said_with_its_reason(visit: Visit) -> None:
    page = visit()
    answering(page, unsure=True, unsure_reason="too few known words", spam_probability=0.55)
    analyze(page, HAM)
    expect(page.locator("#summary")).to_contain_text("unsure 55 % likely to be spam. Too few known words.")
    expect(page.locator("#result")).to_have_text("Prediction: SPAM")


def test_too_little_evidence_shows_no_probability(visit: Visit) -> None:
    page = visit()
    analyze(page, "ok")
    expect(page.locator("#summary")).to_contain_text("Too little is known of this message")
    assert "%" not in page.inner_text("#summary")
    assert page.locator("#bar .fill").count() == 0
    assert "unknown" in (page.locator("#bar").get_attribute("aria-label") or "")


def test_what_was_not_read_is_folded_and_told(visit: Visit) -> None:
    page = visit()
    text = f"{SPAM} {'and so on, ' * 500} {HAM}"
    analyze(page, text)
    expect(page.locator("#unread")).to_contain_text(f"{len(text) - 3300:,} characters")
    expect(page.locator("#marked summary").filter(has_text="not read")).to_have_count(1)


def test_a_verdict_fades_while_another_text_is_judged(visit: Visit) -> None:
    page = visit()
    analyze(page, SPAM)
    held: list[Route] = []
    page.route("**/classify?*", lambda route: held.append(route))
    page.locator("#userInput").fill(HAM)
    page.locator("#analyze").click()
    expect(page.locator("#waiting")).to_have_text("Analyzing …")
    expect(page.locator("#verdict")).to_have_class(re.compile("waiting"))
    held[0].continue_()
    expect(page.locator("#result")).to_contain_text("HAM")
    expect(page.locator("#waiting")).to_be_empty()
    expect(page.locator("#verdict")).not_to_have_class(re.compile("waiting"))


def test_a_verdict_beside_another_text_says_so_and_pales(visit: Visit) -> None:
    page = visit()
    analyze(page, SPAM)
    before = page.locator("#before")
    details = page.locator("#details")
    expect(before).to_be_empty()
    page.locator("#userInput").press("End")
    page.keyboard.type("!")
    expect(before).to_have_text("This verdict is for the message before your changes.")
    expect(before).to_have_role("status")
    assert float(details.evaluate("e => getComputedStyle(e).opacity")) < 1
    page.keyboard.press("Backspace")  # the text that was judged
    expect(before).to_be_empty()
    assert details.evaluate("e => getComputedStyle(e).opacity") == "1"
    analyze(page, HAM)
    expect(before).to_be_empty()
    assert details.evaluate("e => getComputedStyle(e).opacity") == "1"


def test_a_verdict_that_comes_after_the_text_changed_says_so(visit: Visit) -> None:
    page = visit()
    held: list[Route] = []
    page.route("**/classify?*", lambda route: held.append(route))
    page.locator("#userInput").fill(SPAM)
    page.locator("#analyze").click()
    page.locator("#userInput").press("End")
    page.keyboard.type("!")
    expect(page.locator("#before")).to_be_empty()  # there is no verdict yet
    held[0].continue_()
    expect(page.locator("#result")).to_contain_text("SPAM")
    expect(page.locator("#before")).not_to_be_empty()
    page.locator("#userInput").fill("")
    page.locator("#analyze").click()
    expect(page.locator("#before")).to_be_empty()  # nor any more


def test_the_models_unsure_zone_is_drawn_to_scale(visit: Visit, server: str) -> None:
    page = visit()
    model = page.request.get(f"{server}/model").json()
    analyze(page, HAM)
    assert model["unsure_high"] > model["unsure_low"], "the bundled model has no unsure zone"
    zone = page.locator("#bar .zone")
    expect(zone).to_be_visible()
    bar, box = page.locator("#bar").bounding_box(), zone.bounding_box()
    assert bar and box
    assert abs((box["x"] - bar["x"]) / bar["width"] - model["unsure_low"]) < 0.01
    assert abs(box["width"] / bar["width"] - (model["unsure_high"] - model["unsure_low"])) < 0.01


def answer_what_if(page: Page, first: str, then: Callable[[str], str], *clues: str) -> None:
    """Let the API answer a text with clues, and then every shortened text as `then` says."""

    def fulfil(route: Route) -> None:
        sent = json.loads(route.request.post_data or "{}")
        if "texts" in sent:
            route.fulfill(json={"results": [verdict(text, then(text), 0.2) for text in sent["texts"]]})
            return
        text = sent["text"]
        weight = 2.0 if first == "SPAM" else -2.0
        places = [(clue, text.index(clue)) for clue in clues]
        found = [
            {"text": c, "start": at, "end": at + len(c), "contribution": weight / (n + 1)}
            for n, (c, at) in enumerate(places)
        ]
        route.fulfill(json=verdict(text, first, clues=found))

    page.route("**/classify**", fulfil)


@pytest.mark.parametrize(
    ("first", "then", "words"),
    [
        ("SPAM", "HAM", "Without “prize” it would have passed (20 %)."),
        ("SPAM", "SPAM", "Even without its strongest clue, “prize”, it would be spam (20 %)."),
        ("HAM", "HAM", "Even without its strongest clue, “prize”, it would pass (20 %)."),
        ("HAM", "SPAM", "Without “prize” it would have been taken for spam (20 %)."),
    ],
)
def test_what_the_strongest_clue_decided_is_said_for_every_outcome(
    visit: Visit, first: str, then: str, words: str
) -> None:
    page = visit()
    answer_what_if(page, first, lambda _: then, "prize")
    analyze(page, "😀 prize here")
    expect(page.locator("#whatIf")).to_have_text(words)


def test_as_many_clues_are_taken_out_as_it_needs_to_turn_the_verdict(visit: Visit) -> None:
    page = visit()
    answer_what_if(page, "SPAM", lambda text: "SPAM" if "now" in text else "HAM", "free", "prize", "now", "call")
    analyze(page, "😀 free prize, call now 😀")
    expect(page.locator("#whatIf")).to_have_text("Without “free”, “prize” and “now” it would have passed (20 %).")


def test_what_the_page_says_of_the_strongest_clue_is_what_the_api_says(visit: Visit, server: str) -> None:
    page = visit()
    text = "You won a free prize"
    analyze(page, text)
    expect(page.locator("#whatIf")).not_to_be_empty()
    said = page.locator("#whatIf").inner_text()
    quoted = re.findall("“(.*?)”", said)
    assert quoted
    rest = text
    for clue in quoted:
        rest = re.sub(rf"(^| ){clue}( |$)", lambda found: found[1] or found[2], rest, flags=re.IGNORECASE)
    answer = page.request.post(f"{server}/classify", data={"text": rest}).json()
    assert ("passed" in said) == (answer["classification"] == "HAM")


def test_what_was_repaired_is_said_in_words(visit: Visit) -> None:
    page = visit()
    analyze(page, "Yоu wоn a fr\u200bee p r i z e. Clаim your cash now, <b>reply</b> YES")
    repaired = page.locator("#repaired li")
    expect(repaired.filter(has_text="letters of another alphabet inside words")).to_be_visible()
    expect(repaired.filter(has_text="invisible characters inside words")).to_be_visible()
    expect(repaired.filter(has_text="HTML")).to_be_visible()


def test_every_kind_of_repair_has_words(visit: Visit) -> None:
    page = visit()
    said = page.evaluate(
        "async kinds => { const m = await import('./words.js'); return kinds.map(m.repairInWords); }", list(REPAIRS)
    )
    assert not [words for words in said if words.startswith("needed repair")]
    assert len(set(said)) == len(REPAIRS)


def test_each_example_gets_its_verdict_with_one_click(visit: Visit) -> None:
    page = visit()
    examples = page.get_by_role("group", name="Examples").get_by_role("button")
    expect(examples).to_have_count(4)
    said = set()
    for example in examples.all():
        # not /classify/batch: there the page asks what the verdict of the example before would be without its clues
        with page.expect_response(lambda response: urlsplit(response.url).path == "/classify") as waited:
            example.click()
        expect(page.locator("#result")).to_have_text(f"Prediction: {waited.value.json()['classification']}")
        assert page.locator("#userInput").input_value()
        said.add(page.locator("#result").inner_text())
    assert said == {"Prediction: SPAM", "Prediction: HAM"}


def test_the_latest_question_wins(visit: Visit) -> None:
    page = visit()
    held: list[Route] = []

    def fulfil(route: Route) -> None:
        text = json.loads(route.request.post_data or "{}")["text"]
        if text == "slow":
            held.append(route)
        else:
            route.fulfill(json=verdict(text, "HAM", 0.1))

    page.route("**/classify**", fulfil)
    page.locator("#userInput").fill("slow")
    page.get_by_role("button", name="Analyze").click()
    analyze(page, "quick")
    for route in held:
        route.abort()
    expect(page.locator("#result")).to_have_text("Prediction: HAM")
    expect(page.locator("#problem")).to_be_hidden()


def test_a_new_empty_question_takes_the_old_verdict_away(visit: Visit) -> None:
    page = visit()
    analyze(page, SPAM)
    page.locator("#userInput").fill("  \n ")
    page.get_by_role("button", name="Analyze").click()
    expect(page.get_by_role("alert")).to_contain_text("There is no message yet.")
    expect(page.locator("#result")).to_be_empty()
    expect(page.locator("#userInput")).to_be_focused()
