"""Files that are not what the page hoped for: one sentence, an error in its row, or a question, never a loss."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from .conftest import HAM, SPAM
from .test_files import cells, choose, json_lines, rows_of

pytestmark = pytest.mark.browser
Visit = Callable[..., Page]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.txt", "", "empty.txt is empty."),
        ("blank.csv", "\n \n", "blank.csv is empty."),
        ("c.png", b"\x89PNG\0\0\0", "c.png is no text file. Choose .txt or .eml for one message; .csv"),
        ("broken.jsonl", '\n{"text": \n', "broken.jsonl, line 2 is no JSON."),
        ("list.jsonl", "[1]\n7\n", "list.jsonl, line 1 is no object."),
        ("bare.jsonl", "{}\n{}\n", "bare.jsonl has no fields."),
        ("blank.mbox", "\n\n", "blank.mbox is empty."),
        ("quote.csv", 'text\nhello\n"open\nfoo\n', "quote.csv, line 3: a double quote opened here is never closed."),
        ("heading.csv", "label,text\n", "heading.csv holds a heading and no messages."),
        ("broken.jsonl.gz", b"\x1f\x8b\x08\0not gzip at all", "broken.jsonl.gz could not be read"),
    ],
)
def test_a_file_that_makes_no_sense_gets_one_sentence(
    visit: Visit, name: str, content: str | bytes, words: str
) -> None:
    page = visit()
    page.locator("#userInput").fill("kept")
    choose(page, name, content)
    expect(page.get_by_role("alert")).to_contain_text(words)
    expect(page.locator("#userInput")).to_have_value("kept")


def test_a_line_that_is_no_row_is_an_error_in_its_place(visit: Visit, tmp_path: Path) -> None:
    page = visit()
    rows = rows_of(2)
    choose(page, "many.jsonl", f'{json_lines(rows[:1])}\n{{"text": \n[1]\n{json_lines(rows[1:])}')
    expect(page.locator("#batchStatus")).to_contain_text(
        "2 messages: 1 spam, 1 ham, 0 of them unsure. 2 messages could"
    )
    assert cells(page, 1) == ["1", "2", "3", "4"]
    errors = [
        "many.jsonl, line 3 is no JSON. One object a line is expected.", "many.jsonl, line 4 is no object."
    ]  # fmt: skip
    assert cells(page, 2) == ["spam", *errors, "ham"]
    assert cells(page, 4)[1] == '{"text":'
    with page.expect_download() as waited:
        page.get_by_role("button", name="Download JSON Lines").click()
    waited.value.save_as(tmp_path / "out.jsonl")
    found = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    assert found[1:3] == [{"error": error} for error in errors]


ODD = f'from,to,words,label\na,b,"{SPAM}",spam\nc,d,"{HAM}",ham\n'


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("odd.csv", ODD),
        ("odd.jsonl", json_lines(list(csv.DictReader(io.StringIO(ODD))))),
    ],
)
def test_a_column_with_no_usual_name_can_be_chosen(visit: Visit, name: str, content: str) -> None:
    page = visit()
    choose(page, name, content)
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("Which column holds the messages?")
    expect(alert).to_contain_text(f"{name} has no column named text, message or body. It has: from, to, words, label.")
    column = page.get_by_label("Column")
    expect(column).to_have_value("words")  # the longest texts are in it
    column.select_option("from")
    column.select_option("words")
    page.get_by_role("button", name="Use column").click()
    expect(page.locator("#batchStatus")).to_contain_text("2 messages: 1 spam, 1 ham, 0 of them unsure. The file’s own")
    expect(alert).to_be_hidden()
    assert cells(page, 4)[0].startswith("WINNER!!")


def test_the_column_chosen_is_the_one_that_is_read(visit: Visit) -> None:
    page = visit()
    choose(page, "odd.csv", f'from,words\n"{SPAM}",{"long " * 40}\n')
    page.get_by_label("Column").select_option("from")
    page.get_by_role("button", name="Use column").press("Enter")
    expect(page.locator("#userInput")).to_have_value(SPAM)
    expect(page.locator("#result")).to_have_text("Prediction: SPAM")


def test_a_packed_file_may_not_unpack_without_end(visit: Visit) -> None:
    page = visit()
    choose(page, "bomb.txt.gz", gzip.compress(b"\x20" * (51 << 20), 1))
    expect(page.get_by_role("alert")).to_contain_text("unpacks to more than 50 MB")


def test_a_message_that_cannot_be_classified_is_named_in_its_row(visit: Visit) -> None:
    page = visit()
    too_long = "\u0001" * 200_000  # six bytes each in JSON
    choose(
        page, "many.jsonl", json_lines([{"text": HAM}, {"text": ""}, {"text": 7}, {"text": SPAM}, {"text": too_long}])
    )
    expect(page.locator("#batchStatus")).to_contain_text("3 messages could not be classified.")
    assert cells(page, 2)[4] == "Too long: over 1 MB."
    assert cells(page, 2)[0] == "ham"
    assert cells(page, 2)[3] == "spam"
    assert cells(page, 2)[1]
