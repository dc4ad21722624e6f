"""The page's own small readers, module by module, in the browser that runs them: offsets, CSV, mail, numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import Page

from despam.core import mail

pytestmark = pytest.mark.browser
Visit = Callable[..., Page]


def call(page: Page, module: str, function: str, *arguments: object) -> Any:
    """Call an exported function of a module."""
    script = "async ([module, name, args]) => (await import(module))[name](...args)"
    return page.evaluate(script, [f"./{module}.js", function, list(arguments)])


@pytest.fixture(scope="module")
def page(browser: Any, server: str) -> Any:
    """One page for all, because nothing here changes it."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(server + "/")
    yield page
    context.close()


TEXT = st.text(st.sampled_from("ab \n\t😀👩\u200d\u0301éה中"), max_size=30)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TEXT, st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), st.floats(-2, 2)), max_size=8))
def test_pieces_joined_are_the_text_and_spans_are_pythons(
    page: Page, text: str, spans: list[tuple[int, int, float]]
) -> None:
    clues = [
        {"text": text[start:end], "start": start, "end": end, "contribution": weight}
        for start, end, weight in spans
        if start < end <= len(text)
    ]
    pieces = call(page, "text", "cut", text, clues)
    assert "".join(piece["text"] for piece in pieces) == text
    for clue in clues:
        covered = "".join(piece["text"] for piece in pieces if clue in piece["clues"])
        assert covered == clue["text"] or clues.count(clue) > 1 or sum(c["text"] == clue["text"] for c in clues) > 1
    total = sum(piece["weight"] for piece in pieces)
    assert abs(total - sum(clue["contribution"] for clue in clues)) < 1e-9


@pytest.mark.parametrize(
    ("text", "spans", "rest"),
    [
        ("a free prize", [[2, 6]], "a prize"),
        ("free prize", [[0, 4]], " prize"),
        ("a free", [[2, 6]], "a "),
        ("😀 free 😀 free", [[2, 6], [9, 13]], "😀 😀 "),
        ("abcdef", [[1, 4], [2, 5]], "aef"),
        ("free", [[0, 4]], ""),
    ],
)
def test_a_clue_is_taken_out_of_the_text(page: Page, text: str, spans: list[list[int]], rest: str) -> None:
    assert call(page, "text", "without", text, spans) == rest


CELL = st.text(st.sampled_from('ab,;"\n 😀'), max_size=6)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(CELL, CELL), min_size=1, max_size=4))
def test_csv_is_read_as_python_writes_it(page: Page, rows: list[tuple[str, str]]) -> None:
    import csv
    import io

    written = io.StringIO()
    csv.writer(written).writerows([("label", "text"), *rows])
    found = call(page, "files", "parseCsv", written.getvalue())
    assert found == [["label", "text"], *(list(row) for row in rows)]


@pytest.mark.parametrize(
    ("probability", "words"),
    [
        (0, "0 %"),
        (0.00004, "under 0.1 %"),
        (0.004, "0.4 %"),
        (0.5, "50 %"),
        (0.9949, "99.5 %"),
        (0.99999, "over 99.9 %"),
        (1, "100 %"),
    ],
)
def test_probabilities_are_said_without_false_certainty(page: Page, probability: float, words: str) -> None:
    assert call(page, "dom", "percent", probability) == words.replace(" %", "\u00a0%")


MAILS = {
    "plain": b"Subject: Hi\n\nbody\n",
    "no headers": b"just a text without headers",
    "encoded subject": b"Subject: =?iso-8859-1?Q?Gr=FC=DFe?= =?utf-8?B?4oKs?=\n\nbody",
    "folded subject": b"Subject: one\n two\nFrom: a@b.example\n\nbody",
    "base64": b"Subject: s\nContent-Type: text/plain; charset=utf-8\n"
              b"Content-Transfer-Encoding: base64\n\nR3LDvMOfZQ==\n",
    "nested": b'Subject: s\nContent-Type: multipart/mixed; boundary="o"\n\n'
              b"--o\nContent-Type: multipart/alternative; boundary=i\n\n--i\nContent-Type: text/plain\n\n"
              b"The plain text, long enough to be no stub of anything, says hello to you and all of yours.\n"
              b"--i\nContent-Type: text/html\n\n<p>html</p>\n--i--\n--o\nContent-Type: image/png\n\nxxx\n--o--\n",
}  # fmt: skip


@pytest.mark.parametrize("name", list(MAILS))
def test_a_mail_reads_as_the_core_reads_it(page: Page, name: str) -> None:
    found = call(page, "mail", "readMail", MAILS[name].decode())
    assert found.split() == mail.read(MAILS[name]).split()


@pytest.mark.parametrize(
    "source",
    ["", "\n\n", "Content-Type: multipart/mixed\n\n--x",
     'Content-Type: multipart/mixed; boundary="("\n\n--(\n\na\n--(--', "Content-Transfer-Encoding: base64\n\n!!!",
     "Content-Type: text/plain; charset=no-such\n\nx", "Subject: =?x?B?!?=\n\ny"],
)  # fmt: skip
def test_a_broken_mail_is_still_read(page: Page, source: str) -> None:
    assert isinstance(call(page, "mail", "readMail", source), str)


def test_parts_nested_without_end_are_still_read(page: Page) -> None:
    source = "".join(f'Content-Type: multipart/mixed; boundary="b{n}"\n\n--b{n}\n' for n in range(1000)) + "\nbottom"
    assert isinstance(call(page, "mail", "readMail", source), str)
