"""How a verdict looks on a terminal: the word, the reasons, the clues drawn in the text.

Knows rich and nothing of models beyond a Verdict. Colours only on a terminal; without them a clue is written with its
sign and number, so that nothing is said by colour alone. A message is hostile: control characters, bidi overrides and
lone surrogates are shown as signs, one for one, and never reach the terminal.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from despam.core.model import Clue, Verdict

DRAWN = 4000  # characters of a text that are drawn; the scorer reads 3,300
REASONS = 4  # clues named beside the verdict
ROWS = 20  # clues in the table
# what a terminal would obey or could not write, but for line ends and tabs
UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff\U000e0000-\U000e0fff]"
)


def make_console() -> Console:
    """Open stdout for drawing; what its charset cannot write is escaped rather than an error."""
    from rich.console import Console

    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    return Console(highlight=False, soft_wrap=True)


def coloured(console: Console) -> bool:
    """Say whether colours reach a person."""
    return console.is_terminal and not console.no_color and console.color_system is not None


def safe(text: str) -> str:
    """Show what a terminal must not be given as signs, one for one, so that offsets still fit."""
    return UNSAFE.sub(lambda found: sign(found[0]), text)


def sign(character: str) -> str:
    """Give the picture of a control character, a box for what has none."""
    code = ord(character)
    return (
        chr(0x2400 + code)
        if code < 32
        else "\u2421"
        if code == 127
        else "\ufffd"
        if 0xD800 <= code < 0xE000
        else "\u25a1"
    )


def show_verdict(console: Console, verdict: Verdict) -> None:
    """Print the verdict, its probability, and the strongest reasons."""
    from rich.text import Text

    spam = verdict.classification == "SPAM"
    line = Text().append(verdict.classification, "bold white on red" if spam else "bold white on dark_green")
    line.append(f"  probability of spam {percent(verdict.spam_probability)}, cutoff {percent(verdict.cutoff)}")
    if verdict.unsure:
        line.append("  unsure", "bold yellow")
        line.append(f": {verdict.unsure_reason}")
    console.print(line)
    if named := reasons(verdict):
        console.print(Text("because of ").append(named))
    if verdict.repaired:
        console.print(Text("it ") + Text(", ".join(repairs(verdict.repaired))))


def percent(probability: float) -> str:
    """Write a probability; nothing is ever certain."""
    return "<0.1%" if probability < 0.0005 else ">99.9%" if probability >= 0.9995 else f"{probability:.1%}"


def repairs(kinds: tuple[str, ...]) -> list[str]:
    """Say what was repaired in the words for people."""
    from despam.core.repair import REPAIRS

    return [REPAIRS.get(kind, kind) for kind in kinds]


def reasons(verdict: Verdict) -> str:
    """Name the strongest clues, with their contributions."""
    return ", ".join(f"{quoted(clue)} {clue.contribution:+.2f}" for clue in verdict.clues[:REASONS])


def quoted(clue: Clue, length: int = 40) -> str:
    """Write a clue: in quotes when it stands in the text, as it is when it is about the whole message."""
    words = " ".join(safe(clue.text).split())
    words = words if len(words) <= length else words[: length - 1] + "\u2026"
    return words if clue.start is None else f"\u201c{words}\u201d"


def show_explanation(console: Console, verdict: Verdict) -> None:
    """Print the text with its clues drawn in, and the table of contributions."""
    console.print()
    console.print(draw(verdict, colours=coloured(console)))
    console.print()
    console.print(clue_table(verdict, colours=coloured(console)))
    if left_out := sum(end - start for start, end in verdict.unread):
        console.print(f"{left_out:,} characters in the middle were not read: of a long text the two ends are scored.")


def draw(verdict: Verdict, *, colours: bool) -> Text:
    """Draw the clues into the text: red for spam, green and underlined for ham; or as signs and numbers."""
    from rich.text import Text

    text = verdict.text
    placed = sorted((clue for clue in verdict.clues if clue.start is not None), key=lambda clue: (clue.start, clue.end))
    strongest = max((abs(clue.contribution) for clue in placed), default=0.0) or 1.0
    drawn = Text()
    at = 0
    for clue in placed:
        start, end = clue.start or 0, clue.end or 0
        if start < at or end > DRAWN:
            continue
        drawn.append(safe(text[at:start]))
        piece = safe(text[start:end])
        share = abs(clue.contribution) / strongest
        if colours:
            drawn.append(piece, style(clue.contribution, share))
        else:
            drawn.append(f"[{clue.contribution:+.2f} {piece}]" if share >= 0.2 else piece)
        at = end
    drawn.append(safe(text[at:DRAWN]) if at < DRAWN else "")
    if len(text) > DRAWN:
        drawn.append(f"\n\u2026 {len(text) - DRAWN:,} more characters")
    return drawn


def style(contribution: float, share: float) -> str:
    """Choose a style by side and strength; ham is underlined, for eyes that do not tell red from green."""
    if share < 0.08:
        return ""
    side = "red" if contribution > 0 else "green"
    line = "" if contribution > 0 else "underline "
    return f"{line}bold white on {side}" if share > 0.6 else f"{line}bold {side}" if share > 0.25 else f"{line}{side}"


def clue_table(verdict: Verdict, *, colours: bool) -> Any:
    """Lay out the strongest clues, what the others add up to, the bias and the score: the sum is exact."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold" if colours else "")
    table.add_column("contribution", justify="right")
    table.add_column("clue")
    for clue in verdict.clues[:ROWS]:
        side = ("red" if clue.contribution > 0 else "green") if colours else ""
        table.add_row(Text(f"{clue.contribution:+.4f}", side), Text(quoted(clue, 60)))
    rest = verdict.clues[ROWS:]
    if rest:
        table.add_row(f"{sum(clue.contribution for clue in rest):+.4f}", f"{len(rest):,} weaker clues together")
    table.add_row(f"{verdict.bias:+.4f}", "bias: what a text without any clue scores")
    table.add_row(Text(f"{verdict.score:+.4f}", "bold" if colours else ""), "score, their sum")
    return table
