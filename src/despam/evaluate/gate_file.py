"""gate.toml: what a model must hold before it may replace another one.

    [[data]]
    name = "sms"
    files = ["sms.jsonl.gz"]                    # relative to gate.toml
    left_out = true                             # the model must not have been trained on these messages
    at_least = { recall = 0.9 }                 # figures of the new model
    at_most = { false_positive_rate = 0.005 }
    max_drop = { auc = 0.002, "recall_at_0.01" = 0.03 }  # how much lower than the live one's, of what is better high
    max_rise = { false_positive_rate = 0.001 }  # how much higher, of what is better low

    [[attacks]]
    files = ["sms.jsonl.gz"]
    names = ["leet", "zero-width"]              # all, if not said
    at_least = { kept = 0.9 }                   # share of the clean recall kept
    at_most = { ham_lost = 0.02 }
    max_drop = { kept = 0.02 }

    [must_stay]
    ham = ["must-stay-ham.txt"]                 # one message a line, or any DATA
    spam = ["must-stay-spam.txt"]

Knows this form and refuses everything else: an unknown key, a bound that can never hold or always holds, a gate
that asks nothing. Refuses to know models. Every rule remembers its line, so that a failure can point to it.
"""

from __future__ import annotations

import math
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from despam.errors import EvaluationError
from despam.evaluate.attacks import ATTACKS
from despam.evaluate.metrics import LOWER_IS_BETTER

RATES = (
    "accuracy", "precision", "recall", "f1", "auc", "pr_auc", "recall_at_0.001", "recall_at_0.005", "recall_at_0.01",
    "false_positive_rate", "ece", "brier",
)  # fmt: skip
FIGURES = (*RATES, "mcc", "log_loss")
UNDER_ATTACK = ("kept", "recall", "ham_lost")
BOUNDS = ("at_least", "at_most", "max_drop", "max_rise")
KEYS = {
    "data": ("name", "files", "left_out", "mail", *BOUNDS),
    "attacks": ("name", "files", "names", "mail", *BOUNDS),
    "must_stay": ("ham", "spam"),
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One bound on one figure."""

    bound: str  # one of BOUNDS
    figure: str
    limit: float
    line: int  # in gate.toml


@dataclass(slots=True)
class Section:
    """Rules about one set of data."""

    kind: str  # "data" or "attacks"
    name: str
    files: list[Path]
    line: int
    mail: bool = False
    left_out: bool = False
    names: list[str] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)


@dataclass(slots=True)
class Gate:
    """A whole gate."""

    path: Path
    sections: list[Section]
    must_stay_ham: list[Path]
    must_stay_spam: list[Path]


def read_gate(path: Path | str) -> Gate:
    """Read and check a gate. Raises EvaluationError, one sentence with file and line."""
    path = Path(path)
    try:
        source = path.read_text(encoding="utf-8")
        table = tomllib.loads(source)
    except OSError as error:
        raise EvaluationError(
            f"{path}: the gate cannot be read ({error.strerror}); give the path of a gate.toml"
        ) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise EvaluationError(f"{path}: the gate is no TOML ({error}); see docs/accuracy.md for its form") from None
    reader = _Reader(path, source.splitlines())
    reader.check_keys(table, tuple(KEYS), "the gate", 1)
    sections = [
        reader.section(kind, number, entry)
        for kind in ("data", "attacks")
        for number, entry in enumerate(reader.list_of_tables(table, kind))
    ]
    stay = table.get("must_stay", {})
    line = reader.line_of(r"\[must_stay\]")
    if not isinstance(stay, dict):
        raise reader.error(line, "must_stay is a table: [must_stay] with ham and spam")
    reader.check_keys(stay, KEYS["must_stay"], "[must_stay]", line)
    gate = Gate(path, sections, reader.files(stay, "ham", line), reader.files(stay, "spam", line))
    if (
        not any(section.rules or section.left_out for section in sections)
        and not gate.must_stay_ham + gate.must_stay_spam
    ):
        raise reader.error(1, "the gate asks nothing, every model would pass; add [[data]], [[attacks]] or [must_stay]")
    return gate


class _Reader:
    """Turns tables into rules, and says where a fault stands."""

    def __init__(self, path: Path, lines: list[str]) -> None:
        self.path = path
        self.lines = lines

    def error(self, line: int, sentence: str) -> EvaluationError:
        return EvaluationError(f"{self.path}, line {line}: {sentence}")

    def line_of(self, pattern: str, after: int = 0, nth: int = 0) -> int:
        """Find the line, from line `after` on, of the nth match; the line asked from when there is none."""
        found = [n for n, text in enumerate(self.lines, 1) if n >= after and re.match(rf"\s*{pattern}", text)]
        return found[nth] if nth < len(found) else max(1, after)

    def check_keys(self, table: dict[str, Any], known: tuple[str, ...], where: str, after: int) -> None:
        for key in table:
            if key not in known:
                line = self.line_of(rf"\[*\s*\"?{re.escape(key)}\b", after)
                raise self.error(line, f"{where} has an unknown key {key!r}; it may have {', '.join(known)}")

    def list_of_tables(self, table: dict[str, Any], kind: str) -> list[dict[str, Any]]:
        entries = table.get(kind, [])
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise self.error(self.line_of(rf"\[*{kind}"), f"write [[{kind}]] with two brackets: there may be several")
        return entries

    def section(self, kind: str, number: int, entry: dict[str, Any]) -> Section:
        line = self.line_of(rf"\[\[\s*{kind}\s*\]\]", nth=number)
        self.check_keys(entry, KEYS[kind], f"[[{kind}]]", line)
        files = self.files(entry, "files", line)
        if not files:
            raise self.error(line, f"[[{kind}]] names no files; add files = [...]")
        made = Section(kind, str(entry.get("name", files[0].name)), files, line)
        for flag in ("mail", "left_out"):
            if not isinstance(entry.get(flag, False), bool):
                raise self.error(self.line_of(flag, line), f"{flag} is true or false")
            setattr(made, flag, entry.get(flag, False))
        made.names = self.attack_names(entry, line)
        for bound in BOUNDS:
            made.rules.extend(self.rules(kind, bound, entry.get(bound, {}), line))
        self.check_holds(made)
        return made

    def files(self, table: dict[str, Any], key: str, line: int) -> list[Path]:
        names = table.get(key, [])
        names = [names] if isinstance(names, str) else names
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise self.error(self.line_of(key, line), f"{key} is a list of file names")
        return [self.path.parent / name for name in names]

    def attack_names(self, entry: dict[str, Any], line: int) -> list[str]:
        names = entry.get("names", [])
        place = self.line_of("names", line)
        if not isinstance(names, list):
            raise self.error(place, "names is a list of attacks")
        for name in names:
            if name not in ATTACKS:
                raise self.error(place, f"there is no attack {name!r}; there are {', '.join(ATTACKS)}")
        return names

    def rules(self, kind: str, bound: str, table: Any, after: int) -> list[Rule]:
        line = self.line_of(bound, after)
        if not isinstance(table, dict):
            raise self.error(line, f"{bound} is a table such as {{ recall = 0.9 }}")
        known = FIGURES if kind == "data" else UNDER_ATTACK
        for key, rest in table.items():
            if isinstance(rest, dict) and f"{key}.{next(iter(rest), '')}" in known:
                name = f"{key}.{next(iter(rest))}"
                raise self.error(line, f'{name} has a point, which TOML takes for a table: put it in quotes, "{name}"')
        self.check_keys(dict.fromkeys(table), known, bound, line)
        return [self.rule(kind, bound, figure, limit, line) for figure, limit in table.items()]

    def rule(self, kind: str, bound: str, figure: str, limit: Any, line: int) -> Rule:
        if isinstance(limit, bool) or not isinstance(limit, (int, float)) or not math.isfinite(limit):
            raise self.error(line, f"{bound} {figure} is {limit!r}, no number")
        self.check_side(bound, figure, line)
        share = kind == "attacks" or figure in RATES
        top = 1.5 if figure == "kept" else 1.0 if share or figure == "mcc" else math.inf
        floor = -1.0 if figure == "mcc" else 0.0
        never = (
            (bound == "at_least" and limit > top)
            or (bound == "at_most" and limit < floor)
            or (bound in ("max_drop", "max_rise") and limit <= -(top - floor))
        )
        if never:
            raise self.error(
                line, f"{bound} {figure} = {limit:g} can never hold: {figure} lies between {floor:g} and {top:g}"
            )
        always = (
            (bound == "at_least" and limit <= floor)
            or (bound == "at_most" and limit >= top)
            or (bound in ("max_drop", "max_rise") and limit >= top - floor)
        )
        if always:
            told = f"{figure} lies between {floor:g} and {top:g}; it guards nothing, give a real one or drop it"
            raise self.error(line, f"{bound} {figure} = {limit:g} always holds: {told}")
        return Rule(bound, figure, float(limit), line)

    def check_side(self, bound: str, figure: str, line: int) -> None:
        """Refuse a difference on the side where the new model is the better one."""
        lower = figure in LOWER_IS_BETTER
        if (bound == "max_drop" and lower) or (bound == "max_rise" and not lower):
            other, side = ("max_rise", "lower") if lower else ("max_drop", "higher")
            told = f"{figure} is better the {side} it is, so {bound} of it stops better models, not worse ones"
            raise self.error(line, f"{told}; did you mean {other}?")

    def check_holds(self, section: Section) -> None:
        """Refuse a floor above the ceiling of the same figure."""
        floors = {rule.figure: rule for rule in section.rules if rule.bound == "at_least"}
        for rule in section.rules:
            floor = floors.get(rule.figure)
            if rule.bound == "at_most" and floor and floor.limit > rule.limit:
                told = f"{rule.figure} at least {floor.limit:g} and at most {rule.limit:g}"
                raise self.error(rule.line, f"{told} can never hold both; change one of them")
