"""Take the pictures of the page that README and docs show: `python -m tests.page.screenshots`.

Runs the same server and browser as the tests, so a picture never shows what the page cannot do. Not a test: nothing
runs it but a person who changed the page. Writes to docs/images, in few colours: a page this calm does not mind.
"""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from .conftest import FLAGS, serving

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "images"
MESSAGES = [
    ("spam", "WINNER!! You have been chosen for a 1000 cash prize. Call 09061701461 to claim"),
    ("ham", "Are you home yet? I left the keys with the neighbours"),
    ("ham", "The invoice for May is attached, please pay within 14 days. Best wishes, Tom"),
    ("spam", "FREE ringtone! Reply YES to 80086, 4.50 a week, STOP to end"),
    ("ham", "Lunch tomorrow at one? Anna is coming too"),
    ("spam", "Your order 4711 has shipped. Track it at https://shop.example/track/4711"),
    ("ham", "Running ten minutes late, sorry"),
]


def example(page: Page, name: str) -> None:
    """Show an example's verdict whole."""
    page.get_by_role("button", name=name).click()
    expect(page.locator("#whatIf")).not_to_be_empty()
    expect(page.locator("#bar .zone")).to_be_visible()


def take(page: Page, name: str, height: int | None = None) -> None:
    """Write a picture of the page, or of its upper part."""
    page.mouse.move(0, 0)
    width = page.viewport_size["width"] if page.viewport_size else 0
    clip = {"x": 0, "y": 0, "width": width, "height": height} if height else None
    taken = page.screenshot(full_page=True, clip=clip, animations="disabled")  # type: ignore[arg-type]
    Image.open(io.BytesIO(taken)).convert("RGB").quantize(160, dither=Image.Dither.NONE).save(
        FOLDER / f"{name}.png", optimize=True
    )


def pictures(browser: Browser, address: str) -> None:
    """Take every picture."""
    for name, scheme, which in (("page", "light", "A prize"), ("page-dark", "dark", "In disguise")):
        page = browser.new_page(color_scheme=scheme, viewport={"width": 860, "height": 900})  # type: ignore[arg-type]
        page.goto(address)
        example(page, which)
        take(page, name, 1400)
    page = browser.new_page(color_scheme="light", viewport={"width": 860, "height": 900})
    page.goto(address)
    rows = "".join(json.dumps({"label": label, "text": text}) + "\n" for label, text in MESSAGES)
    page.get_by_label("Choose a file").set_input_files(
        {"name": "messages.jsonl", "mimeType": "", "buffer": rows.encode()}
    )
    expect(page.get_by_role("table")).to_be_visible()
    take(page, "page-table")
    phone = browser.new_page(color_scheme="dark", viewport={"width": 375, "height": 800}, device_scale_factor=1.5)
    phone.goto(address)
    example(phone, "Hard to say")
    take(phone, "page-phone", 1100)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    with serving() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        pictures(browser, address)
        browser.close()
