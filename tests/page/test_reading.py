"""The page's own small readers, module by module, in the browser that runs them: offsets, CSV, numbers."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import Page

from despam.corpus.columns import LABEL_NAMES, TEXT_NAMES

from .conftest import call

pytestmark = pytest.mark.browser


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


def test_columns_have_the_usual_names_of_the_command_line(page: Page) -> None:
    names = page.evaluate("async () => { const m = await import('./files.js'); return [m.TEXT_NAMES, m.LABEL_NAMES]; }")
    assert names == [list(TEXT_NAMES), list(LABEL_NAMES)]
