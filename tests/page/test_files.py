"""Files: one message is classified, many become a table that sorts, filters, turns pages and can be taken home."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import FilePayload, Page, Route, expect

from .conftest import HAM, SPAM, verdict

pytestmark = pytest.mark.browser
Visit = Callable[..., Page]

MAIL = f"""From: A <a@example.org>
To: b@example.org
Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary="cut"

--cut
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

{HAM[:40]}=
{HAM[40:]} =E2=82=AC

--cut
Content-Type: text/html

<p>never shown</p>
--cut--
"""


def payload(name: str, content: str | bytes) -> FilePayload:
    """Describe a file to choose."""
    return {"name": name, "mimeType": "", "buffer": content.encode() if isinstance(content, str) else content}


def choose(page: Page, name: str, content: str | bytes) -> None:
    """Choose a file as a visitor does."""
    page.get_by_label("Choose a file").set_input_files(payload(name, content))


def rows_of(count: int) -> list[dict[str, str]]:
    """Labelled messages, a third of them spam."""
    return [
        {"label": "spam" if n % 3 == 0 else "ham", "text": f"{SPAM if n % 3 == 0 else HAM} {n}"} for n in range(count)
    ]


def json_lines(rows: list[dict[str, Any]]) -> str:
    """Write JSON Lines."""
    return "".join(json.dumps(row) + "\n" for row in rows)


def cells(page: Page, column: int) -> list[str]:
    """Read a column of the table as shown."""
    return page.get_by_role("table").locator(f"tbody td:nth-child({column})").all_inner_texts()


def test_a_text_file_is_one_message(visit: Visit) -> None:
    page = visit()
    choose(page, "message.txt", SPAM)
    expect(page.locator("#result")).to_have_text("Prediction: SPAM")
    expect(page.locator("#userInput")).to_have_value(SPAM)


def test_a_mail_is_read_as_a_person_would_see_it(visit: Visit) -> None:
    page = visit()
    choose(page, "message.eml", MAIL.replace("\n", "\r\n"))
    expect(page.locator("#result")).to_have_text("Prediction: HAM")
    expect(page.locator("#userInput")).to_have_value(f"Grüße\n{HAM} €")


def test_a_file_chosen_while_a_verdict_is_awaited_takes_its_place(visit: Visit) -> None:
    page = visit()
    held: list[Route] = []
    page.route("**/classify?**", lambda route: held.append(route))
    page.locator("#userInput").fill(SPAM)
    page.get_by_role("button", name="Analyze").click()
    expect(page.locator("#form")).to_have_attribute("aria-busy", "true")
    choose(page, "many.jsonl", json_lines(rows_of(3)))
    expect(page.get_by_role("table")).to_be_visible()
    expect(page.locator("#form")).to_have_attribute("aria-busy", "false")
    expect(page.locator("#result")).to_be_empty()


def test_the_tutorials_own_file_becomes_a_table(visit: Visit, data_folder: Path) -> None:
    page = visit()
    page.get_by_label("Choose a file").set_input_files(str(data_folder / "mail_data.csv"))
    expect(page.locator("#batchStatus")).to_contain_text("The file’s own labels agree on", timeout=60_000)


def test_a_table_of_one_message_is_one_message(visit: Visit) -> None:
    page = visit()
    choose(page, "one.csv", f'label,text\nspam,"{SPAM}"\n')
    expect(page.locator("#result")).to_have_text("Prediction: SPAM")
    expect(page.get_by_role("table")).to_have_count(0)


def test_a_file_can_be_dropped_anywhere(visit: Visit) -> None:
    page = visit()
    data = page.evaluate_handle(
        "text => { const data = new DataTransfer(); data.items.add(new File([text], 'message.txt')); return data; }",
        SPAM,
    )
    page.locator("h1").dispatch_event("dragover", {"dataTransfer": data})
    page.locator("h1").dispatch_event("drop", {"dataTransfer": data})
    expect(page.locator("#result")).to_have_text("Prediction: SPAM")


@pytest.mark.parametrize("packed", [False, True])
def test_json_lines_become_a_table(visit: Visit, packed: bool) -> None:
    page = visit()
    content = json_lines(rows_of(30)).encode()
    choose(page, "many.jsonl.gz" if packed else "many.jsonl", gzip.compress(content) if packed else content)
    expect(page.locator("#batchStatus")).to_have_text(
        "30 messages: 10 spam, 20 ham, 0 of them unsure. The file’s own labels agree on 30 of 30 (100 %)."
    )
    assert cells(page, 2)[:4] == ["spam", "ham", "ham", "spam"]
    expect(page.locator("#answeredBy")).to_contain_text("Answered by model")


def test_csv_with_quotes_line_breaks_semicolons_and_a_byte_order_mark(visit: Visit) -> None:
    page = visit()
    text = '\ufeffCategory;Message\r\nham;"Hello; ""you""\r\nagain"\r\nham;plain\r\n'
    choose(page, "many.csv", text)
    expect(page.locator("#batchStatus")).to_contain_text("2 messages:")
    assert cells(page, 4) == ['Hello; "you" again', "plain"]


def test_a_file_in_windows_1252_keeps_its_letters(visit: Visit) -> None:
    page = visit()
    choose(page, "old.txt", "Grüße – gratis €".encode("cp1252"))
    expect(page.locator("#userInput")).to_have_value("Grüße – gratis €")


def test_the_table_sorts_by_each_column(visit: Visit) -> None:
    page = visit()
    choose(page, "many.jsonl", json_lines(rows_of(12)))
    table = page.get_by_role("table")
    by_spam = table.get_by_role("columnheader", name="Spam")
    by_spam.get_by_role("button").click()
    expect(by_spam).to_have_attribute("aria-sort", "descending")
    assert cells(page, 2) == ["spam"] * 4 + ["ham"] * 8
    expect(by_spam.get_by_role("button")).to_be_focused()
    by_spam.get_by_role("button").press("Enter")
    expect(by_spam).to_have_attribute("aria-sort", "ascending")
    assert cells(page, 2) == ["ham"] * 8 + ["spam"] * 4
    table.get_by_role("columnheader", name="Message").get_by_role("button").click()
    assert cells(page, 4) == sorted(cells(page, 4))
    table.get_by_role("columnheader", name="No.").get_by_role("button").click()
    assert cells(page, 1) == [str(n) for n in range(1, 13)]


def test_the_table_filters_and_turns_pages(visit: Visit) -> None:
    page = visit()
    choose(page, "many.jsonl", json_lines(rows_of(60)))
    expect(page.get_by_text("1 to 25 of 60")).to_be_visible()
    page.get_by_role("button", name="Next").click()
    assert cells(page, 1)[0] == "26"
    page.get_by_role("group", name="Show").get_by_role("button", name="Spam", exact=True).click()
    expect(page.get_by_text("1 to 20 of 20")).to_be_visible()
    assert set(cells(page, 2)) == {"spam"}


def test_what_the_file_labels_otherwise_can_be_looked_at(visit: Visit) -> None:
    page = visit()
    rows = rows_of(9)
    rows[1]["label"] = "spam"
    choose(page, "many.jsonl", json_lines(rows))
    expect(page.locator("#batchStatus")).to_contain_text("agree on 8 of 9 (89 %)")
    page.get_by_role("button", name="Other than the file’s label").click()
    assert cells(page, 1) == ["2"]


def test_a_row_opens_with_its_clues(visit: Visit) -> None:
    page = visit()
    choose(page, "many.jsonl", json_lines(rows_of(6)))
    page.get_by_role("table").get_by_role("row").nth(1).get_by_role("button").click()
    expect(page.locator("#result")).to_have_text("Prediction: SPAM")
    expect(page.locator("#userInput")).to_have_value(f"{SPAM} 0")
    assert page.locator("#marked mark").count()
    expect(page.get_by_role("table")).to_be_visible()


def test_results_come_home_as_json_lines_with_the_files_own_fields(visit: Visit, tmp_path: Path) -> None:
    page = visit()
    rows = [{**row, "id": n} for n, row in enumerate(rows_of(30))]
    choose(page, "many.jsonl", json_lines(rows))
    with page.expect_download() as waited:
        page.get_by_role("button", name="Download JSON Lines").click()
    assert waited.value.suggested_filename == "many.verdicts.jsonl"
    waited.value.save_as(tmp_path / "out.jsonl")
    found = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    assert [row["id"] for row in found] == list(range(30))
    assert [row["text"] for row in found] == [row["text"] for row in rows]
    assert {row["classification"] for row in found} == {"SPAM", "HAM"}
    assert set(found[0]) == {"label", "text", "id", "classification", "spam_probability", "score", "unsure"}


def test_results_come_home_as_csv_that_no_spreadsheet_runs(visit: Visit, tmp_path: Path) -> None:
    page = visit()
    choose(page, "many.csv", 'text\n"=HYPERLINK(""http://x.example"",""y"")"\n"two\nlines, and ""quotes"""\n-1 plain\n')
    with page.expect_download() as waited:
        page.get_by_role("button", name="Download CSV").click()
    waited.value.save_as(tmp_path / "out.csv")
    found = list(csv.DictReader(io.StringIO((tmp_path / "out.csv").read_bytes().decode("utf-8-sig"), newline="")))
    assert [row["text"] for row in found] == [
        '\'=HYPERLINK("http://x.example","y")',
        'two\nlines, and "quotes"',
        "'-1 plain",
    ]
    assert {row["classification"] for row in found} <= {"SPAM", "HAM"}
    assert all(0 <= float(row["spam_probability"]) <= 1 for row in found)


def test_portions_fit_the_servers_limits_and_show_progress(visit: Visit) -> None:
    page = visit()
    sizes: list[tuple[int, int]] = []
    shown: list[int] = []

    def watch(route: Route) -> None:
        body = route.request.post_data_buffer or b""
        sizes.append((len(json.loads(body)["texts"]), len(body)))
        shown.append(int(page.get_by_role("progressbar").get_attribute("value") or 0))
        route.continue_()

    page.route("**/classify/batch", watch)
    rows = [{"text": f"{n} " + "\u0001\U0001f600 word " * (4000 if n > 590 else 3)} for n in range(600)]
    choose(page, "many.jsonl", json_lines(rows))
    expect(page.locator("#batchStatus")).to_contain_text("600 messages:", timeout=30_000)
    assert sum(count for count, _ in sizes) == 600
    assert max(count for count, _ in sizes) <= 1000
    assert max(size for _, size in sizes) <= 1 << 20
    assert shown == sorted(shown)
    assert shown[0] == 0
    assert shown[-1] > 0


def test_a_batch_that_fails_half_way_goes_on_with_the_rest(visit: Visit) -> None:
    page = visit()
    asked: list[int] = []

    def fulfil(route: Route) -> None:
        texts = json.loads(route.request.post_data or "{}")["texts"]
        asked.append(len(texts))
        if len(asked) == 2:
            route.fulfill(status=500, json={"error": "Said by the test."})
        else:
            route.fulfill(json={"results": [verdict(text) for text in texts]})

    page.route("**/classify/batch", fulfil)
    choose(page, "many.jsonl", json_lines(rows_of(500)))
    expect(page.get_by_role("alert")).to_contain_text("The server had a problem of its own.")
    expect(page.locator("#batchStatus")).to_contain_text("300 not asked yet.")
    page.get_by_role("button", name="Go on").click()
    expect(page.locator("#batchStatus")).to_contain_text("500 messages: 500 spam")
    assert asked == [200, 200, 200, 100]
    expect(page.get_by_role("alert")).to_be_hidden()


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_waited_for(visit: Visit, status: int) -> None:
    page = visit()
    answers = iter([status, status])

    def fulfil(route: Route) -> None:
        texts = json.loads(route.request.post_data or "{}")["texts"]
        if next(answers, None):
            route.fulfill(status=status, json={"error": "slow down"}, headers={"Retry-After": "1"})
        else:
            route.fulfill(json={"results": [verdict(text) for text in texts]})

    page.route("**/classify/batch", fulfil)
    choose(page, "many.jsonl", json_lines(rows_of(3)))
    expect(page.locator("#batchStatus")).to_contain_text("3 messages: 3 spam")


def test_a_batch_can_be_stopped_and_gone_on_with(visit: Visit) -> None:
    page = visit()
    held: list[Route] = []
    page.route("**/classify/batch", lambda route: held.append(route))
    choose(page, "many.jsonl", json_lines(rows_of(4)))
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#batchStatus")).to_contain_text("4 not asked yet.")
    page.unroute_all()
    page.get_by_role("button", name="Go on").click()
    expect(page.locator("#batchStatus")).to_contain_text("4 messages: 2 spam, 2 ham")


@pytest.mark.slow
def test_the_sms_collection_is_classified_whole(visit: Visit, data_folder: Path) -> None:
    page = visit()
    page.get_by_label("Choose a file").set_input_files(str(data_folder / "sms_spam_collection.jsonl.gz"))
    status = page.locator("#batchStatus")
    expect(status).to_contain_text("5,574 messages:", timeout=60_000)
    agreed = re.search(r"agree on ([\d,]+) of 5,574", status.inner_text())
    assert agreed and int(agreed[1].replace(",", "")) > 5400
