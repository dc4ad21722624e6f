"""The model card in its dialog: what the model says of itself, and nothing guessed where it says nothing."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser
Visit = Callable[..., Page]


def test_the_model_card_shows_the_measured_figures(visit: Visit, server: str) -> None:
    page = visit()
    model = page.request.get(f"{server}/model").json()
    page.get_by_role("link", name="Model card").click()
    card = page.get_by_role("dialog", name="Model card")
    expect(card).to_contain_text(model["model"])
    measured = model["card"]["figures"]["out_of_fold"]
    whole = card.get_by_role("table", name="Measured on messages held out")
    expect(whole.get_by_role("row", name=re.compile(r"^Accuracy \d"))).to_contain_text(
        f"{measured['accuracy'] * 100:.2f} %"
    )
    expect(whole.get_by_role("row", name="Spam caught when 1 % of ham is lost")).to_contain_text(
        f"{measured['recall_at_fpr']['0.01'] * 100:.2f} %"
    )
    for source in model["card"]["sources"]:
        expect(card).to_contain_text(source["name"])
    page.keyboard.press("Escape")
    expect(card).to_be_hidden()
    expect(page.get_by_role("link", name="Model card")).to_be_focused()


def test_the_model_card_says_what_training_took(visit: Visit) -> None:
    page = visit()
    training = {"seconds": 61.5, "cpu_seconds": "many", "watt_hours": 0.28, "energy": "estimated: CPU seconds"}
    answer = {"model": "0123456789ab", "cutoff": 0.5, "card": {"training": training}}
    page.route("**/model", lambda route: route.fulfill(json=answer))
    page.get_by_role("link", name="Model card").click()
    expect(page.get_by_role("dialog")).to_contain_text("61.5 s, 0.28 Wh (estimated: CPU seconds)")


def test_a_card_with_nothing_in_it_still_opens(visit: Visit) -> None:
    page = visit()
    page.route("**/model", lambda route: route.fulfill(json={"model": "0123456789ab", "cutoff": 0.5, "card": {}}))
    page.get_by_role("link", name="Model card").click()
    expect(page.get_by_role("dialog")).to_contain_text("0123456789ab")
