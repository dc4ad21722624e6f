"""The clues: marked in the visitor's own text, said on hover and focus, listed by side."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from .conftest import HAM, SPAM, analyze, answering

pytestmark = pytest.mark.browser
Visit = Callable[..., Page]


def test_marked_text_is_exactly_the_visitors_text(visit: Visit) -> None:
    page = visit()
    text = f"{SPAM}\n\n  two  blanks and a tab\there 😀😀 {HAM}"
    analyze(page, text)
    assert page.locator("#marked").evaluate("e => e.textContent") == text
    assert page.locator("#marked mark").count() > 3


def test_marks_stand_right_after_emoji_and_in_repaired_text(visit: Visit, server: str) -> None:
    page = visit()
    text = "😀👩‍👩‍👧 𝟙 Yоu wоn a frее prize, claim your prize 🎉 free cash now 🏆 call 09061701461"
    analyze(page, text)
    answer = page.request.post(f"{server}/classify?explain=true", data={"text": text}).json()
    spans = {text[clue["start"] : clue["end"]] for clue in answer["clues"] if clue["start"] is not None}
    marks = page.locator("#marked mark").all_text_contents()
    assert marks
    assert set(marks) <= spans
    assert page.locator("#marked").evaluate("e => e.textContent") == text


def test_marks_tell_side_and_strength(visit: Visit) -> None:
    page = visit()
    clues = [
        {"text": "strong", "start": 0, "end": 6, "contribution": 2.0},
        {"text": "weak", "start": 7, "end": 11, "contribution": 0.3},
        {"text": "good", "start": 12, "end": 16, "contribution": -1.0},
        {"text": "none", "start": 17, "end": 21, "contribution": 0.001},
    ]
    answering(page, clues=clues)
    analyze(page, "strong weak good none")
    marks = page.locator("#marked mark")
    expect(marks).to_have_text(["strong", "weak", "good"])
    styles = marks.evaluate_all(
        "all => all.map(e => getComputedStyle(e)).map(style =>"
        " [style.textDecorationStyle, parseFloat(style.backgroundColor.split(/[ ,/]+/).at(-1))])"
    )
    assert [style for style, _ in styles] == ["solid", "solid", "dotted"]
    assert styles[0][1] > styles[1][1]


def test_a_clue_says_its_contribution_on_hover_and_hides_it_again(visit: Visit) -> None:
    page = visit()
    answering(page, clues=[{"text": "free", "start": 0, "end": 4, "contribution": 1.25}])
    analyze(page, "free lunch")
    page.locator("#marked mark").hover()
    expect(page.get_by_role("tooltip")).to_have_text("+1.25 spam free")
    mark, tip = page.locator("#marked mark").bounding_box(), page.get_by_role("tooltip").bounding_box()
    assert mark and tip
    page.mouse.move(mark["x"] + 5, tip["y"] + tip["height"] / 2, steps=10)  # the tip can be hovered itself
    expect(page.get_by_role("tooltip")).to_be_visible()
    page.locator("h1").hover()
    expect(page.get_by_role("tooltip")).to_be_hidden()


def test_a_clue_says_its_contribution_on_focus_and_arrows_go_on(visit: Visit) -> None:
    page = visit()
    clues = [
        {"text": "free", "start": 0, "end": 4, "contribution": 1.25},
        {"text": "lunch", "start": 5, "end": 10, "contribution": -1.5},
    ]
    answering(page, clues=clues)
    analyze(page, "free lunch")
    page.locator("#marked mark").first.focus()
    tip = page.get_by_role("tooltip")
    expect(tip).to_have_text("+1.25 spam free")
    page.keyboard.press("ArrowRight")
    expect(page.locator("mark:focus")).to_have_text("lunch")
    expect(tip).to_have_text("−1.50 ham lunch")
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()
    page.keyboard.press("Home")
    expect(page.locator("mark:focus")).to_have_text("free")
    expect(tip).to_be_visible()


def test_overlapping_clues_are_all_named(visit: Visit) -> None:
    page = visit()
    clues = [
        {"text": "free prize", "start": 0, "end": 10, "contribution": 1.0},
        {"text": "prize", "start": 5, "end": 10, "contribution": 0.5},
    ]
    answering(page, clues=clues)
    analyze(page, "free prize")
    page.locator("#marked mark", has_text="prize").hover()
    expect(page.get_by_role("tooltip")).to_have_text("+1.00 spam free prize+0.50 spam prize")


def test_clues_are_listed_by_side_with_those_about_the_whole_message(visit: Visit) -> None:
    page = visit()
    clues = [
        {"text": "Free", "start": 0, "end": 4, "contribution": 1.0},
        {"text": "free", "start": 5, "end": 9, "contribution": 0.5},
        {"text": "no link", "start": None, "end": None, "contribution": -0.75},
    ]
    answering(page, clues=clues, score=0.25, bias=-0.5)
    analyze(page, "Free free")
    expect(page.locator("#details .toSpam li")).to_have_text(["Free ×2+1.50"])
    expect(page.locator("#details .toHam li")).to_have_text(["no link (whole message)−0.75"])
    expect(page.get_by_text("3 clues +0.75, starting point −0.50: score +0.25.")).to_be_visible()


def test_more_clues_come_when_asked_for(visit: Visit) -> None:
    page = visit()
    clues = [{"text": f"w{n}", "start": None, "end": None, "contribution": 2 - n / 20} for n in range(20)]
    answering(page, clues=clues)
    analyze(page, "anything")
    items = page.locator("#details .toSpam li")
    expect(items).to_have_count(8)
    page.get_by_role("button", name="Show 12 more").click()
    expect(items).to_have_count(20)
