"""May this model replace that one?

Knows a gate (`gate_file`), two models, and how rules are decided. Refuses to know registries: `despam promote --gate`
calls `check` and obeys. A figure that the data cannot give is an error, not a pass: a gate that cannot see must not
open.

Without an old model (the first promotion) the rules about differences are left out and said to be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from despam import corpus
from despam.errors import DataError, EvaluationError
from despam.evaluate import figures
from despam.evaluate.gate_file import Gate, Rule, Section, read_gate
from despam.evaluate.intervals import upper_bound
from despam.evaluate.measure import (
    LOOKED_UP,
    Labelled,
    Measured,
    RowLike,
    classify,
    measure,
    overlap,
    overlap_sentence,
    require_both,
)
from despam.evaluate.resistance import resist

if TYPE_CHECKING:
    from despam.core.model import Model

Say = Callable[[str], None]
LEFT_OUT_SHARE = 0.01  # greetings and one-word answers are in every collection
SLACK = 1e-9  # 0.95 - 0.94 is not 0.01 in binary


@dataclass(frozen=True, slots=True)
class GateLine:
    """One rule, decided."""

    passed: bool
    sentence: str
    place: str  # gate.toml and its line, or the line of a must-stay file


@dataclass(frozen=True, slots=True)
class GateResult:
    """The whole answer; `lines` are in the order of the gate, `notes` say what the model was trained on."""

    lines: list[GateLine]
    notes: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """True when every rule holds."""
        return all(line.passed for line in self.lines)

    @property
    def failures(self) -> list[GateLine]:
        """The rules that do not hold."""
        return [line for line in self.lines if not line.passed]


def check(new: Model, old: Model | None, gate_path: Path | str, say: Say | None = None) -> GateResult:
    """Decide every rule of a gate. Raises EvaluationError when one cannot be decided."""
    gate = read_gate(gate_path)
    lines: list[GateLine] = []
    notes: list[str] = []
    for section in gate.sections:
        if say:
            say(section.name)
        rows = read_rows(section)
        if section.kind == "attacks":
            lines.extend(attack_lines(gate, section, new, old, rows))
            continue
        after = measure(new, rows)
        if not section.left_out:
            notes.append(f"{section.name}: {overlap_sentence(overlap(new, after))}")
            if say:
                say(notes[-1])
        lines.extend(data_lines(gate, section, new, old, rows, after))
    for label, paths in (("ham", gate.must_stay_ham), ("spam", gate.must_stay_spam)):
        lines.extend(must_stay(new, path, label) for path in paths)
    return GateResult(lines, notes)


def read_rows(section: Section) -> list[RowLike]:
    """Read a section's messages."""
    rows: list[RowLike] = list(corpus.read(section.files, mail=section.mail))
    require_both(rows, section.name)
    return rows


def data_lines(
    gate: Gate, section: Section, new: Model, old: Model | None, rows: list[RowLike], after: list[Measured]
) -> list[GateLine]:
    """Decide the rules about figures; `after` is what the new model says of the rows."""
    lines = [left_out(gate, section, new, after)] if section.left_out else []
    differences = any(rule.bound in ("max_drop", "max_rise") for rule in section.rules)
    before = flat(measure(old, rows)) if old is not None and differences else None
    now = flat(after)
    return [*lines, *(rule_line(gate, section.name, rule, now, before) for rule in section.rules)]


def flat(rows: list[Measured]) -> dict[str, Any]:
    """Give the figures by the names that a gate uses."""
    found = figures.compute(rows)
    found.update({f"recall_at_{rate}": value for rate, value in found["recall_at_fpr"].items()})
    return found


def attack_lines(gate: Gate, section: Section, new: Model, old: Model | None, rows: list[RowLike]) -> list[GateLine]:
    """Decide the rules about attacks, each for every attack."""
    now = resist(new, measure(new, rows), section.names)["attacks"]
    differences = any(rule.bound in ("max_drop", "max_rise") for rule in section.rules)
    before = resist(old, measure(old, rows), section.names)["attacks"] if old is not None and differences else None
    return [
        rule_line(gate, f"{section.name}, {name}", rule, now[name], before and before[name])
        for name in now
        for rule in section.rules
    ]


def rule_line(gate: Gate, where: str, rule: Rule, now: dict[str, Any], before: dict[str, Any] | None) -> GateLine:
    """Decide one rule on one set of figures."""
    place = f"{gate.path}, line {rule.line}"
    value = now[rule.figure]
    name = f"{where}: {rule.figure}"
    if value is None:
        raise EvaluationError(
            f"{place}: {name} cannot be measured on these data ({why_not(rule.figure, now)}); name other data or drop "
            "the rule"
        )
    if rule.bound == "at_least":
        return GateLine(value >= rule.limit - SLACK, f"{name} is {value:.4f}, at least {rule.limit:g} is asked", place)
    if rule.bound == "at_most":
        return GateLine(value <= rule.limit + SLACK, f"{name} is {value:.4f}, at most {rule.limit:g} is allowed", place)
    if before is None:
        return GateLine(True, f"{name} is {value:.4f}; there is no model to compare with", place)
    if before[rule.figure] is None:
        raise EvaluationError(
            f"{place}: {name} of the live model cannot be measured on these data ({why_not(rule.figure, before)}), so "
            f"no {rule.bound} of it can be told; write at_least or at_most in its place, or name other data"
        )
    change = value - before[rule.figure]
    worse = -change if rule.bound == "max_drop" else change
    verb = "fall" if rule.bound == "max_drop" else "rise"
    told = f"{name} went from {before[rule.figure]:.4f} to {value:.4f}, it may {verb} by {rule.limit:g}"
    return GateLine(worse <= rule.limit + SLACK, told, place)


def why_not(figure: str, found: dict[str, Any]) -> str:
    """Say why the data do not give a figure."""
    reasons: dict[str, str] = found.get("recall_at_fpr_reasons", {})
    if told := reasons.get(figure.removeprefix("recall_at_")):
        return told
    if figure == "kept":
        return "the model catches none of the spam before it is disguised"
    counts = found.get("confusion", {})
    flagged = counts.get("true_positives", 0) + counts.get("false_positives", 0)
    if figure in ("precision", "mcc") and not flagged:
        return "the model takes no message for spam"
    if figure == "mcc" and flagged == found["messages"]:
        return "the model takes every message for spam"
    return "one class is missing"


def left_out(gate: Gate, section: Section, new: Model, rows: list[Measured]) -> GateLine:
    """Hold that a source left out was left out."""
    place = f"{gate.path}, line {section.line}"
    shared = overlap(new, rows)
    looked_up, found = shared["looked_up"], shared["found"]
    if not shared["told"]:
        told = "the model's file does not carry the hashes of its training messages; drop left_out, or train it again"
        raise EvaluationError(f"{place}: whether {section.name} was left out cannot be known: {told}")
    too_many = found > LEFT_OUT_SHARE * looked_up
    if looked_up < LOOKED_UP and not too_many:
        raise EvaluationError(
            f"{place}: whether {section.name} was left out cannot be told: {looked_up:,} messages were looked up (the "
            f"file remembers a sample), too few to tell, as {LOOKED_UP} are needed; name more or drop left_out"
        )
    most = upper_bound(found, looked_up)
    told = (
        f"{section.name}: {found:,} of {looked_up:,} messages looked up were in the training data (of all at most "
        f"{most:.1%}, 95 % sure); of a source left out none is, and {LEFT_OUT_SHARE:.0%} may be by chance"
    )
    return GateLine(not too_many, told, place)


def must_stay(new: Model, path: Path, label: str) -> GateLine:
    """Hold that every message of a list keeps its verdict; name the first that does not."""
    rows = read_list(path, label)
    wanted = label.upper()
    turned = [row for row in rows if classify(new, row).classification != wanted]
    if not turned:
        return GateLine(True, f"{path.name}: all {len(rows):,} messages are {label}", str(path))
    places = ", ".join(str(row.line) for row in turned[:10])
    more = " and more" if len(turned) > 10 else ""
    count = "1 message that must stay" if len(turned) == 1 else f"{len(turned):,} messages that must stay"
    told = f"{path.name}: {count} {label} got the other verdict, line {places}{more}"
    return GateLine(False, told, f"{path}, line {turned[0].line}")


def read_list(path: Path, label: str) -> list[RowLike]:
    """Read one message a line from a .txt file, or any DATA; a label in the data is not looked at."""
    if path.suffix != ".txt":
        rows: list[RowLike] = list(corpus.read([path], labelled=False))
    else:
        try:
            lines = path.read_text(encoding="utf-8").split("\n")
        except OSError as error:
            told = f"the list cannot be read ({error.strerror}); correct the gate's must_stay"
            raise DataError(told, str(path)) from None
        except UnicodeDecodeError:
            raise DataError("the list is no UTF-8; save it as UTF-8", str(path)) from None
        rows = [Labelled(text, label, path.name, line) for line, text in enumerate(lines, 1) if text.strip()]
    if not rows:
        raise DataError("the list holds no message, so it guards nothing; add some or drop it from the gate", str(path))
    return rows
