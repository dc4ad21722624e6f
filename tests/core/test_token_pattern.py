"""A token pattern that may run is fast on every text; one that may be slow is refused before it is compiled."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from despam.core.token_pattern import Refused, compiled, refusal

RUN = [
    r"(?u)\b\w\w+\b", r"\b\w+\b", r"\w{1,}", r"\S+", r"[^\s]+", r".", r".+", r"[a-zA-Z]+", r"(?a)\b\w\w+\b",
    r"(\w)\w*(?:'s)?", r"\w+|[^\w\s]", r"\b\w+(?:'\w+)?\b", r"\b\w+\b|!|\?", r"\b[a-zA-Z][a-zA-Z0-9]*\b",
    r"\b[a-zA-Z]{3,}\b", r"\b\w+(?:[-']\w+)*\b", r"\b[^\d\W]+\b", r"(?i)\b[a-z]+\b", r"https?://\S+|\w+",
    r"\b\w{3,20}\b", r"\b(\w+)\b", r"(?<![0-9])\w+", r"\b[a-z]+\b|\b\d+\b", r"[a-z]+(?:-[a-z]+)*", r"\w+?",
    r"(?u)\b[\w-]+\b", r"(?u)\b\w[\w'-]*\w\b", r"(?u)\b\w*[a-zA-Z]\w*\b", r"\b([\w.]{2,})\b", r"\b[\w-]*\b",
]  # fmt: skip
REFUSED = {
    r"(a+)+$": "behind a repeat without limit",
    r"^(a+)+$": "behind a repeat without limit",
    r"([a-zA-Z]+)*!": "behind a repeat without limit",
    r"(a|aa)+$": "behind a repeat without limit",
    r"(a|a)*b": "behind a repeat without limit",
    r"(\w+\s?)+$": "behind a repeat without limit",
    r"(.*)*x": "can be empty",
    r"(?:(?:a*)*)*": "can be empty",
    r"\b(?:a|a)+\b": "behind a repeat without limit",
    # no repeat inside a repeat, and still quadratic or worse over a long text
    r"\w+x": "behind a repeat without limit",
    r"\S+@\S+": "behind a repeat without limit",
    r"\s*\w+": "behind a repeat without limit",
    r"[a-z]{3,}\b": "behind a repeat without limit",
    r"a*a*a*a*b": "behind a repeat without limit",
    r".*?.*?=": "behind a repeat without limit",
    r"\b\w*\d\w*\d\w*\b": "behind a repeat without limit",
    r"\b[a-z-]+\b": "behind a repeat without limit",
    r"\b\w[\w-]*\d\b": "behind a repeat without limit",
    r"\b-[\w-]+\b": "behind a repeat without limit",
    r"\b[\w-]+[\w.]+\b": "behind a repeat without limit",
    r"\b[\w-]+?x\b": "behind a repeat without limit",
    r"\b\w*[a-z]\d*\b": "behind a repeat without limit",
    r"\w+(?!b)": "behind a repeat without limit",
    r"(?=(a+)+b)a": "behind a repeat without limit",
    r"\w{1,100000}!": "behind a repeat without limit",
    # limits that multiply
    r"(?:a?){64}a{64}": "more than 128 steps",
    r"(?:(?:a{0,9}){0,9}){0,9}b": "more than 128 steps",
    r"a{100000}b": "more than 128 steps",
    r"(?:a|a|a|a)(?:a|a|a|a)(?:a|a|a|a)(?:a|a|a|a)b": "more than 128 steps",
    # what is slow to compile, or not known to be fast
    r"(?i)[\x00-\U0010ffff]+": "ignores the case of too many letters",
    r"(a)\1+b": "a reference to a group",
    r"(?i:a)+": "flags of a group",
    r"(?>a+)b": "that can take for ever",
    "a" * 1001: "longer than 1,000 letters",
}
TRY_ALL = """
import re, sys
size = 100_000
texts = ["a" * size, "a" * size + "!", "1" * size, " " * size, "a-" * size, "a1" * size + "\\u00e9", "." * size,
         "aB" * size + "-", "a'" * size, "1," * size, "http://" * (size // 7), "a b " * size, "\\n" * size,
         "-" * size, "a" + "-" * size, "a-" * size + "-" * size, "a--" * size + "1", "1_" * size + "." * size]
for pattern in sys.argv[1:]:
    for text in texts:
        assert len(re.compile(pattern).findall(text)) <= len(text)
print("all")
"""


@pytest.mark.parametrize("pattern", RUN)
def test_what_people_write_may_run(pattern: str) -> None:
    """The patterns of tutorials and of the questions that people ask about them."""
    assert refusal(pattern) == ""


def test_what_may_run_is_fast_on_texts_made_to_be_slow() -> None:
    """In a process that can be ended: a pattern at work cannot. Quadratic time would take hours."""
    done = subprocess.run(
        [sys.executable, "-c", TRY_ALL, *RUN], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout == "all\n"


@pytest.mark.parametrize("pattern", list(REFUSED))
def test_what_may_be_slow_is_refused_with_the_reason(pattern: str) -> None:
    """Repeats that overlap, repeats that can fail behind, limits that multiply."""
    assert REFUSED[pattern] in refusal(pattern)


@pytest.mark.parametrize("pattern", ["(", "[a", "*a", "a{2,1}"])
def test_what_is_no_pattern_is_for_the_caller_to_say(pattern: str) -> None:
    """As `re.compile` does."""
    with pytest.raises(re.error):
        refusal(pattern)


def test_what_python_may_read_otherwise_one_day_is_compiled_without_a_word() -> None:
    """A warning of Python's is for whoever wrote the pattern; here warnings are errors."""
    assert compiled(r"[[a]\w").findall("ab [c") == ["ab", "[c"]


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        (r"(\w+\s?)+$", "holds a repeat|behind a repeat"),
        ("(", r"is no regular expression \(missing \)"),
        (r"(?a)(?u)\w+", "is no regular expression"),
        (r"(a)(b)", "has more than one group"),
    ],
)
def test_a_pattern_that_may_not_run_is_refused_with_the_reason(pattern: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        compiled(pattern)
