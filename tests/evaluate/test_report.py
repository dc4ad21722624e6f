"""The report is one safe file, and its slider tells the truth in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from despam.evaluate import figures, report
from despam.evaluate.measure import measure
from despam.evaluate.resistance import pool, resist

HOSTILE = "</script><img src=x onerror=alert(1)> casino <!-- & \u2028 $style"


@pytest.fixture
def measured(word_model: Any, rows: Any) -> Any:
    """Ninety messages; one of them tries to break out of the page."""
    spam = [f"win a prize {i}" for i in range(20)] + [f"free {i}" for i in range(15)] + [HOSTILE] * 3
    ham = (
        [f"lunch with table {i}" for i in range(40)]
        + [f"win at chess {i}" for i in range(8)]
        + [f"casino free night {HOSTILE}"]
    )
    return measure(word_model, rows(spam, ham, "a<b>&c"))


def result_of(model: Any, rows: Any) -> dict[str, Any]:
    return {
        "model": model.version,
        "how": "the model as it is",
        "cutoff": model.cutoff,
        "unsure_between": [model.unsure_low, model.unsure_high],
        "trained_on": {"known": True, "messages": 9, "share": 0.1, "found": 6, "looked_up": 60},
        **figures.full(rows),
    }


def make(model: Any, rows: Any, **more: Any) -> str:
    return report.page(model, rows, result_of(model, rows), **more)


def test_sources_measured_by_models_of_their_own_are_headed_by_their_mean(word_model: Any, rows: Any) -> None:
    """The mean over sources and the worst come first; no curve of scores that are not of one model."""
    one = measure(word_model, rows(["win", "prize"], ["lunch", "tea"], "one"))
    other = measure(word_model, rows(["win", "hi"], ["lunch", "casino"], "<other>"))
    data = [*one, *other]
    apart = figures.full(data, apart=True)
    result = {**result_of(word_model, data), **apart, "cutoff": None, "unsure_between": None}
    content = report.page(word_model, data, result)
    told = (
        "On a source left out it catches 75.0\u00a0% of the spam and loses 25.0\u00a0% of the real messages on average"
    )
    assert f"<h1>{told}</h1>" in content
    assert "At worst it catches 50.0\u00a0% (&lt;other&gt;). At worst it loses 50.0\u00a0% (&lt;other&gt;). " in content
    assert "<caption>Over sources, each counted once</caption>" in content
    assert "No curve is drawn: each source was scored by a model of its own" in content
    assert report.drawing(data, result)["roc"] == []


def test_models_trained_anew_have_no_one_cutoff(word_model: Any, measured: Any) -> None:
    """After cross-validation nothing in the page is said of the cutoff of a model that was not measured."""
    result = result_of(word_model, measured) | {
        "cutoff": None,
        "unsure_between": None,
        "how": "5-fold cross-validation",
    }
    attacks = pool([resist(word_model, measured, ["leet"])] * 3)
    content = report.page(word_model, measured, result, attacks=attacks)
    assert "Each fold&#x27;s own cutoff" in content
    assert "toModel" not in content.split("<script")[0]
    assert "Each of 3 models trained anew" in content
    assert "The clues are those of the model given" in content
    drawn = report.drawing(measured, result)
    assert (drawn["cutoff_logit"], drawn["unsure"]) == (None, None)


def test_the_left_end_of_the_slider_flags_no_message_below_it(word_model_class: Any, rows: Any) -> None:
    """Probabilities under .00005 are drawn at the end, and not counted as flagged there."""
    model = word_model_class({"win": 30.0, "lunch": -30.0})
    found = measure(model, rows(["win", "tea"], ["lunch", "lunch now", "cake"]))
    curve = report.drawing(found, result_of(model, found))["curve"]
    assert (curve["ham"][0], curve["spam"][0]) == (1, 2)
    assert (curve["ham"][-1], curve["spam"][-1]) == (0, 1)


def test_no_message_is_in_the_file_unless_asked_for(word_model: Any, measured: Any) -> None:
    """Extracts only with --show-text."""
    hidden, shown = make(word_model, measured), make(word_model, measured, show_text=True)
    assert "casino free night" not in hidden
    assert "onerror" not in hidden
    assert "casino free night" in shown


def test_texts_from_data_are_escaped(word_model: Any, measured: Any) -> None:
    """A message cannot end the script nor open an element; $ is no placeholder."""
    shown = make(word_model, measured, show_text=True)
    assert "<img" not in shown
    assert "&lt;img src=x onerror" in shown
    assert "a&lt;b&gt;&amp;c" in shown
    assert shown.count("</script>") == 2
    assert shown.count("<script") == 2


def test_the_file_asks_nobody_for_anything(word_model: Any, measured: Any) -> None:
    """No address, and a policy that would forbid one."""
    content = make(word_model, measured, attacks=resist(word_model, measured, ["leet"]))
    assert "default-src 'none'" in content
    assert set(re.findall(r"https?://[^\s\"']+", content)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"\b(src|href|srcset|action)\s*=", content)


def test_the_first_words_say_that_the_model_has_seen_the_messages(word_model: Any, measured: Any) -> None:
    """Before any figure is read."""
    content = make(word_model, measured)
    note = content.index("About 10 % of these messages were in the model&#x27;s training data")
    assert note < content.index("<h1>")


@pytest.fixture
def browser_page(chromium: str, tmp_path: Path, word_model: Any, measured: Any) -> Iterator[Any]:
    """The report, open in Chromium; whatever it logs or asks for is kept."""
    from playwright.sync_api import sync_playwright

    path = tmp_path / "report.html"
    found = resist(word_model, measured, ["leet", "upper-case"])
    path.write_text(make(word_model, measured, show_text=True, attacks=found), encoding="utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        page = browser.new_page()
        page.complaints = []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("request", lambda request: page.complaints.append(request.url))
        page.goto(path.as_uri())
        page.complaints.remove(path.as_uri())
        yield page
        browser.close()


@pytest.mark.browser
def test_the_slider_shows_what_each_cutoff_costs(browser_page: Any, measured: Any) -> None:
    """Counts in the page equal counts in the data, at the model's cutoff and after moving."""
    page = browser_page
    assert page.inner_text("#at") == "0.500"
    lost = sum(row.flagged for row in measured if not row.spam)
    assert page.inner_text("#lostRange").startswith(f"{lost} of 49 here")
    page.locator("#cutoff").focus()
    page.keyboard.press("Home")
    assert page.inner_text("#lostRange").startswith("49 of 49 here")
    assert page.inner_text("#caught") == "100.0\u00a0%"
    page.keyboard.press("End")
    assert page.inner_text("#caughtRange").startswith("0 of 38 here")
    page.get_by_role("button", name="No ham lost here").click()
    cutoff = float(page.inner_text("#at"))
    assert page.inner_text("#lostRange").startswith("0 of 49 here")
    caught = sum(row.probability >= cutoff - 0.0005 for row in measured if row.spam)
    assert page.inner_text("#caughtRange").startswith(f"{caught} of 38 here")
    page.get_by_role("button", name="The model's cutoff").click()
    assert page.inner_text("#at") == "0.500"
    assert page.complaints == []


@pytest.mark.browser
def test_the_slider_speaks_in_messages_a_day(browser_page: Any, measured: Any) -> None:
    """A volume and a share typed in become counts; nonsense is said in words."""
    page = browser_page
    page.fill("#volume", "1000")
    page.fill("#share", "10")
    rate = sum(row.flagged for row in measured if not row.spam) / 49
    assert f"{round(900 * rate)} real messages lost a day" in page.inner_text("#daily")
    page.fill("#volume", "-3")
    assert page.inner_text("#daily").startswith("type a number of messages above 0")
    page.fill("#volume", "")
    assert page.inner_text("#daily").startswith("type a number of messages above 0")


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_report_is_accessible_in_both_themes_and_fits_a_telephone(browser_page: Any, scheme: str) -> None:
    """axe finds nothing serious; nothing runs over the side."""
    from axe_playwright_python.sync_playwright import Axe

    page = browser_page
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    # axe is put in through the debugger, which the page's policy does not bind
    found = Axe().run(page).response["violations"]
    assert [(v["id"], [n["target"] for n in v["nodes"]]) for v in found if v["impact"] in ("serious", "critical")] == []


@pytest.mark.browser
def test_the_printed_report_holds_the_pictures_and_no_controls(browser_page: Any) -> None:
    """Print to PDF works; slider and buttons are left out."""
    page = browser_page
    page.emulate_media(media="print")
    assert not page.locator("#cutoff").is_visible()
    assert not page.get_by_role("button").first.is_visible()
    assert page.locator("#roc path").count() == 1
    assert len(page.pdf(format="A4")) > 20_000
