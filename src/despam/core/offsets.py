"""Spans of the repaired text -> where they stand in the text as given, and what of a long text is not read.

Knows the edits that repair.py keeps: `(start, end, replacement)` of each step, in order and without overlap. Does not
know why a step made them. Loaded for clues and for texts that are too long, never for a score.

Invariant: every span of the repaired text leads to one that holds something, or stood around something, of the text as
given; letters that stood spaced out keep their own places. `source_span` gives what `Offsets` gives.
"""

from __future__ import annotations

from despam.core.repair import HEAD, TAIL, cut_repaired, cut_scored, cut_source, edited

TYPE_CHECKING = False
if TYPE_CHECKING:
    from despam.core.repair import Edit, Step

CUTS: tuple[Step, ...] = (cut_source, cut_repaired, cut_scored)


class Offsets:
    """Leads spans of the repaired text back to the text as given."""

    def __init__(self, length: int, trace: list[list[Edit]]) -> None:
        """Follow every character of a text of `length` through the edits."""
        starts = list(range(length))
        ends = list(range(1, length + 1))
        for edits in trace:
            starts, ends = follow(starts, ends, edits)
        self.starts = starts
        self.ends = ends

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Give the span of the text as given that became [start, end) of the repaired text."""
        return min(self.starts[start:end]), max(self.ends[start:end])


def follow(starts: list[int], ends: list[int], edits: list[Edit]) -> tuple[list[int], list[int]]:
    """Carry the source span of each character through one step."""
    new_starts: list[int] = []
    new_ends: list[int] = []
    last = 0
    for start, end, replacement in edits:
        new_starts += starts[last:start]
        new_ends += ends[last:start]
        size = len(replacement)
        if size > 1 and 2 * size - 1 == end - start:
            # spaced-out letters keep their own places
            new_starts += starts[start:end:2]
            new_ends += ends[start:end:2]
        else:
            new_starts += [starts[start]] * size
            new_ends += [ends[end - 1]] * size
        last = end
    return new_starts + starts[last:], new_ends + ends[last:]


def find_unread(text: str) -> list[tuple[int, int]]:
    """Give the spans of the text as given that are left out because it is too long; what lies around them is scored."""
    if len(text) <= HEAD + TAIL:
        return []
    trace: list[list[Edit]] = []
    spans: list[tuple[int, int]] = []
    for step, edits, _ in edited(text, set()):
        if step in CUTS and edits[-1][2] == "\n":
            spans.append(cut_span(trace, *edits[-1][:2]))
        trace.append(edits)
    # a later cut is wider than an earlier one, unless what the earlier one left was mostly markup
    return [one for one in spans if not any(other != one and holds(other, one) for other in spans)]


def cut_span(trace: list[list[Edit]], start: int, end: int) -> tuple[int, int]:
    """Give what a cut leaves out; a character that became several, of which some are read, is read."""
    first, last = source_span(trace, start, end)
    before = source_span(trace, start - 1, start)[1] if start else first
    return max(first, before), min(last, source_span(trace, end, end + 1)[0])


def source_span(trace: list[list[Edit]], start: int, end: int) -> tuple[int, int]:
    """Give what Offsets gives for one span, without lists as long as the text."""
    last = end - 1
    for edits in reversed(trace):
        start, last = source_place(edits, start)[0], source_place(edits, last)[1] - 1
    return start, last + 1


def source_place(edits: list[Edit], at: int) -> tuple[int, int]:
    """Give start and end, before the edits, of what stands at a place after them."""
    shift = 0
    for start, end, replacement in edits:
        place, size = at - start - shift, len(replacement)
        if place < 0:
            break
        if place < size:
            spaced = size > 1 and 2 * size - 1 == end - start  # letters spaced out keep their own places
            return (start + 2 * place, start + 2 * place + 1) if spaced else (start, end)
        shift += size - (end - start)
    return at - shift, at - shift + 1


def holds(outer: tuple[int, int], inner: tuple[int, int]) -> bool:
    """Say whether one span lies within another."""
    return outer[0] <= inner[0] and inner[1] <= outer[1]
