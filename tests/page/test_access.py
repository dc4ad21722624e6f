"""The page for everybody: axe-core in each state, keyboard alone, screen reader, right to left, no motion."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from .conftest import HAM, SPAM, analyze, answer_with, verdict
from .test_files import choose, json_lines, rows_of

pytestmark = pytest.mark.browser
Visit = Callable[..., Page]

CLUES = [
    {"text": "free", "start": 0, "end": 4, "contribution": 1.0},
    {"text": "lunch", "start": 5, "end": 10, "contribution": -0.5},
    {"text": "home", "start": 11, "end": 15, "contribution": -0.1},
    {"text": "no link", "start": None, "end": None, "contribution": -0.2},
]


def show_empty(page: Page) -> None:
    expect(page.get_by_role("group", name="Examples").get_by_role("button")).to_have_count(4)


def show_spam(page: Page) -> None:
    analyze(page, SPAM)
    expect(page.locator("#whatIf")).not_to_be_empty()


def show_ham(page: Page) -> None:
    analyze(page, HAM)


def show_unsure(page: Page) -> None:
    fields = {
        "unsure": True,
        "unsure_reason": "close to the cutoff",
        "clues": CLUES,
        "repaired": ["html", "look-alikes"],
    }
    page.route("**/classify**", lambda route: route.fulfill(json=verdict("free lunch home", **fields)))
    analyze(page, "free lunch home")


def show_before(page: Page) -> None:
    show_unsure(page)
    page.locator("#userInput").press("End")
    page.keyboard.type(" more")
    expect(page.locator("#before")).not_to_be_empty()


def show_column(page: Page) -> None:
    choose(page, "odd.csv", f"from,{'a column with a long name ' * 9}\na,b\nc,d\n")
    expect(page.get_by_label("Column")).to_be_visible()


def show_tip(page: Page) -> None:
    show_unsure(page)
    page.locator("#marked mark").first.focus()
    expect(page.get_by_role("tooltip")).to_be_visible()


def show_fold(page: Page) -> None:
    analyze(page, f"{SPAM} {'.' * 9000} {HAM}")
    expect(page.locator("#marked details").first).to_be_visible()
    expect(page.locator("#unread")).to_contain_text("did not count")


def show_problem(page: Page) -> None:
    answer_with(page, 500)
    page.locator("#userInput").fill(HAM)
    page.get_by_role("button", name="Analyze").click()
    expect(page.get_by_role("alert")).to_be_visible()


def show_key(page: Page) -> None:
    answer_with(page, 401)
    page.locator("#userInput").fill(HAM)
    page.get_by_role("button", name="Analyze").click()
    expect(page.get_by_label("API key")).to_be_visible()


def show_table(page: Page) -> None:
    choose(page, "many.jsonl", json_lines([*rows_of(40), {"text": ""}]))
    expect(page.get_by_role("table")).to_be_visible()


def show_working(page: Page) -> None:
    page.route("**/classify/batch", lambda route: None)
    choose(page, "many.jsonl", json_lines(rows_of(40)))
    expect(page.get_by_role("button", name="Stop")).to_be_visible()


def show_card(page: Page) -> None:
    page.get_by_role("link", name="Model card").click()
    expect(page.get_by_role("dialog").get_by_role("table", name="Measured on messages held out")).to_be_visible()


STATES = {
    show.__name__: show
    for show in (
        show_empty, show_spam, show_ham, show_unsure, show_before, show_tip, show_fold, show_problem, show_key,
        show_column, show_table, show_working, show_card,
    )
}  # fmt: skip


@pytest.mark.parametrize(("scheme", "width"), [("light", 1000), ("dark", 360)])
@pytest.mark.parametrize("state", list(STATES))
def test_axe_finds_no_violation(visit: Visit, state: str, scheme: str, width: int) -> None:
    page = visit(color_scheme=scheme, viewport={"width": width, "height": 800}, reduced_motion="reduce")
    STATES[state](page)
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()


@pytest.mark.parametrize("state", list(STATES))
def test_a_phone_never_scrolls_sideways(visit: Visit, state: str) -> None:
    page = visit(viewport={"width": 320, "height": 640})
    STATES[state](page)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 320


def test_a_phone_shows_whole_messages_in_its_table(visit: Visit) -> None:
    page = visit(viewport={"width": 360, "height": 640})
    rows = [*rows_of(6), {"text": f"https://shop.example/{'x' * 90}"}, {"text": ""}]
    choose(page, "many.jsonl", f"{json_lines(rows)}oops\n")
    table = page.get_by_role("region", name="Table of messages")
    expect(table).to_be_visible()
    assert table.evaluate("e => e.scrollWidth - e.clientWidth") <= 0


def test_a_table_that_goes_on_beyond_the_edge_has_a_shade_there(visit: Visit) -> None:
    page = visit(viewport={"width": 360, "height": 640})
    show_card(page)
    table = page.locator("#cardBody .scroll").first
    assert table.evaluate("e => e.scrollWidth - e.clientWidth") > 0
    style = "getComputedStyle(e).backgroundImage.split('gradient').length - 1, getComputedStyle(e).backgroundAttachment"
    # two covers that move with the table, over two shades that stay at the edges
    assert table.evaluate(f"e => [{style}]") == [4, "local, local, scroll, scroll"]


def test_on_a_phone_the_verdict_comes_into_view_whole(visit: Visit) -> None:
    page = visit(viewport={"width": 360, "height": 640})
    analyze(page, SPAM)
    for part in ("#result", "#summary", "#bar", "#whatIf"):
        expect(page.locator(part)).to_be_in_viewport(ratio=1)


def test_the_keyboard_alone_is_enough(visit: Visit) -> None:
    page = visit()
    seen = []
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the message")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#userInput")).to_be_focused()
    page.keyboard.type(SPAM)
    for _ in range(2):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("() => document.activeElement.id"))
    assert seen == ["file", "analyze"]
    page.keyboard.press("Enter")
    expect(page.locator("#result")).to_have_text("Prediction: SPAM")
    for _ in range(5):  # four examples, then the marked text: one stop for all its clues
        page.keyboard.press("Tab")
    expect(page.locator("mark:focus")).to_have_count(1)
    expect(page.get_by_role("tooltip")).to_be_visible()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#userInput")).not_to_have_value(SPAM)


def test_every_focusable_thing_shows_its_focus(visit: Visit) -> None:
    page = visit()
    show_table(page)
    for _ in range(25):
        page.keyboard.press("Tab")
        style = page.evaluate(
            "() => { const e = document.activeElement; const at = e.id === 'file' ? e.nextElementSibling : e;"
            " return e === document.body ? 'solid' : getComputedStyle(at).outlineStyle; }"
        )
        assert style == "solid"


def test_a_screen_reader_hears_verdicts_and_errors(visit: Visit) -> None:
    page = visit()
    live = page.get_by_role("status").filter(has=page.locator("#result"))
    expect(live).to_have_count(1)  # there from the start, so that its first words are heard too
    expect(live).to_be_empty()
    analyze(page, SPAM)
    expect(live).to_contain_text("likely to be spam")
    answer_with(page, 500)
    page.get_by_role("button", name="Analyze").click()
    expect(page.get_by_role("alert")).to_contain_text("Try again in a moment")


def test_progress_is_announced_in_tenths(visit: Visit) -> None:
    page = visit()
    show_working(page)
    expect(page.get_by_role("progressbar", name="Messages classified")).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="0 of 40 messages")).to_have_count(1)


def test_reduced_motion_stills_everything(visit: Visit) -> None:
    page = visit(reduced_motion="reduce")
    page.route("**/classify**", lambda route: None)
    page.locator("#userInput").fill(HAM)
    page.get_by_role("button", name="Analyze").click()
    expect(page.locator("#form")).to_have_attribute("aria-busy", "true")
    moving = page.evaluate("() => document.getAnimations().length")
    assert moving == 0


def test_right_to_left_text_runs_right_to_left(visit: Visit) -> None:
    page = visit()
    text = "مبروك! لقد ربحت جائزة مجانية، اتصل الآن http://example.com"
    analyze(page, text)
    assert page.locator("#userInput").evaluate("e => getComputedStyle(e).unicodeBidi") == "plaintext"
    assert page.locator("#marked").evaluate("e => e.matches(':dir(rtl)')")
    assert page.locator("#marked").evaluate("e => e.textContent") == text
    assert page.locator("html").evaluate("e => e.matches(':dir(ltr)')")


def test_text_twice_as_large_still_fits(visit: Visit) -> None:
    page = visit(viewport={"width": 640, "height": 800})
    page.locator("html").evaluate("e => { e.style.fontSize = '200%'; }")
    show_unsure(page)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 640


def test_forced_colours_keep_bar_and_marks(visit: Visit) -> None:
    page = visit(forced_colors="active")
    show_unsure(page)
    bar, fill = (
        page.locator(f"#bar{part}").evaluate("e => getComputedStyle(e).backgroundColor") for part in ("", " .fill")
    )
    assert bar != fill
    ink, paper, line = (
        page.locator("mark").first.evaluate(f"e => getComputedStyle(e).{name}")
        for name in ("color", "backgroundColor", "textDecorationLine")
    )
    assert ink != paper
    assert line == "underline"
