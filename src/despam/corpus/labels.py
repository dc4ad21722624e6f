"""What the labels of one file mean.

Knows the usual words and --spam-label, and nothing of files or rows. Where --spam-label names words, a file that has
one of them is read by them (every other label is ham), a file without by the usual words. What could be meant either
way is refused: a usual spam word beside a named one, 0 and 1 in a column that is named after ham, missing labels.

Invariant: no label is guessed at, and what was taken for ham on the word of --spam-label alone is listed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from despam.corpus.columns import HAM_WORDS, SPAM_WORDS, SWITCHES

MISSING_WORDS = frozenset({"", "nan", "null", "n/a", "na", "<na>", "?", "unknown"})  # as pandas and people write them
SPAM_COLUMNS = frozenset({"spam", "isspam", "spamham"})  # 1 and true can only mean spam there
HAM_COLUMN = re.compile(r"\b(?:is|not|non)?ham\b|\b(?:is)?legit(?:imate)?\b|\b(?:is)?no[nt]?\s*(?:a\s+)?spam\b")
WHOLE_NUMBER = re.compile(r"-?\d+\.0+")


class Labels:
    """What the labels of one file mean, and which were seen."""

    def __init__(self, spam_labels: Sequence[str] = ()) -> None:
        self.spam_labels = {folded(word) for word in spam_labels}
        self.named = False  # this file has a label that --spam-label names
        self.usual = ""  # a usual word for spam that this file has and --spam-label does not name
        self.column: str | None = None  # where the labels stand, once that is known
        self.seen: dict[str, int] = {}
        self.found: dict[str, str] = {}  # word -> meaning, the fast path

    def meaning(self, value: Any) -> str | None:
        """Say "spam" or "ham", or None for a label nobody can know."""
        word = label_word(value)
        self.seen[word] = self.seen.get(word, 0) + 1
        known = self.found.get(word)
        if known is None:
            known = self.look_up(folded(word))
            if known:
                self.found[word] = known
        return known or None

    def look_up(self, word: str) -> str:
        """Turn a word into its meaning, "" for none."""
        if word in self.spam_labels:
            self.read_by_name()
            return "spam" if not self.usual else ""
        if self.named:
            return "" if word in MISSING_WORDS or word in SPAM_WORDS - SWITCHES else "ham"
        if word in SWITCHES and names_ham(self.column or ""):
            return ""
        if word in SPAM_WORDS or word in HAM_WORDS:
            self.usual = self.usual or (word if word in SPAM_WORDS else "")
            return "spam" if word in SPAM_WORDS else "ham"
        return "ham" if self.spam_labels and word not in MISSING_WORDS and not self.usual else ""

    def foresee(self, value: Any) -> bool:
        """Take note of a label that comes later; say whether --spam-label names it, so that the file is read by it."""
        word = folded(label_word(value))
        if word in self.spam_labels:
            self.named, self.usual = True, ""
        elif word in SPAM_WORDS:
            self.usual = self.usual or word
        return self.named

    def read_by_name(self) -> None:
        """Read this file by --spam-label from here on; without a usual word for spam, all before was ham either way."""
        if not self.named:
            self.named = True
            self.found.clear()

    def complaint(self, value: Any) -> str:
        """Say why a label means nothing here, and what to do."""
        word = folded(label_word(value))
        shown = f"unknown label {str(value)[:40]!r}" if word else "an empty label"
        there = f"the labels are {self.listed()}"
        if not word or (self.spam_labels and word in MISSING_WORDS):
            return f"{shown}; {there}; give the row a label, or leave it out"
        if word in self.spam_labels or (self.named and word in SPAM_WORDS):
            named = word if word in self.spam_labels else " or ".join(sorted(self.spam_labels))
            usual = self.usual if word in self.spam_labels else word
            doubt = f"has {named!r}, which --spam-label names, and {usual!r}, which usually means spam"
            return f"{doubt}; {there}; write both as one word, or another word for what is ham"
        if word in SWITCHES and names_ham(self.column or ""):
            return f"the column {self.column!r} says what is ham; {there}; say which means spam with --spam-label"
        return f"{shown}; {there}; say which means spam with --spam-label"

    def question(self) -> str:
        """Ask what to do where the labels say yes or no and their column does not say to what, "" elsewhere."""
        words = {folded(word) for word in self.seen}
        column = re.sub(r"[^a-z]", "", (self.column or "").lower())
        if self.named or not words & SWITCHES or column in SPAM_COLUMNS:
            return ""
        for spam, ham, kind in (
            ("1", "0", "numbers"),
            ("true", "false", "true and false"),
            ("yes", "no", "yes and no"),
        ):
            if words & {spam, ham}:
                doubt = f"if {ham} is spam{', as in some tutorials' if ham == '0' else ''}, give --spam-label {ham}"
                return f"labels are {kind}, {spam} is read as spam; {doubt}."
        return ""

    def report(self) -> str:
        """Say what was read as ham for no other reason than --spam-label, "" where nothing was."""
        if not self.spam_labels or not self.seen:
            return ""
        if self.named:
            ham = {word: count for word, count in self.seen.items() if folded(word) not in self.spam_labels}
            return f"read as ham: {listed(ham) or 'none'}."
        names = " or ".join(map(repr, sorted(self.spam_labels)))
        ham = {word: count for word, count in self.seen.items() if self.found.get(word) == "ham"}
        return f"no label is {names}; read by the usual words, as ham: {listed(ham) or 'none'}."

    def never_spam(self) -> bool:
        """Say whether the label that --spam-label names did not occur."""
        return bool(self.spam_labels) and not any(folded(word) in self.spam_labels for word in self.seen)

    def listed(self) -> str:
        """List the labels seen, most frequent first."""
        return listed(self.seen)


def names_ham(column: str) -> bool:
    """Say whether a column's name says what is no spam: is_ham, not spam, legitimate."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", column)
    words = re.sub(r"[^a-z]+", " ", words.lower())
    return bool(HAM_COLUMN.search(words)) and not re.search(r"\bspam (?:or )?ham\b|\bham (?:or )?spam\b", words)


def listed(counts: dict[str, int]) -> str:
    """List labels, most frequent first."""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    shown = ", ".join(f"{word[:40]!r} ({count:,})" for word, count in ranked[:8])
    return shown + (f" and {len(ranked) - 8:,} more" if len(ranked) > 8 else "")


def folded(word: str) -> str:
    """Fold a label for comparing: without case and blanks, 1.0 as 1."""
    word = word.strip().lower()
    return word.partition(".")[0] if WHOLE_NUMBER.fullmatch(word) else word


def label_word(value: Any) -> str:
    """Write a label cell as a word: JSON's true is "true", 1.0 is "1"."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()
