"""Whether a token pattern from a stranger's file may run: only where its time grows with the text and no faster.

Knows Python's parsed regular expressions. Refuses to know models and texts. `re` has neither a step limit nor a
time limit, and no pattern that is once running can be stopped, so what may be slow is refused before it is compiled.
Loaded for other patterns than scikit-learn's own.

Attempts at all places together must cost steps as the text is long, for `findall` makes one at each. Three shapes do:

    1. nothing can fail behind a repeat without limit: the attempt that went far is a token, and the next starts behind
    2. \\b in front, word characters alone, one repeat without limit: there is one attempt a word; a \\w* at the end,
       which goes to the end of the word, cannot fail and does not count
    3. \\b[\\w-]+\\b, with word characters in front of the repeat and one \\w behind: the first attempt in a run of such
       characters takes it to its last word, and behind that only so many fail as the pattern has characters

Invariant: what it does not know it refuses.
"""

from __future__ import annotations

import re
import warnings
from re import _parser as parser  # type: ignore[attr-defined]  # private, and there in every Python since 3.11
from typing import Any, NamedTuple

LETTERS_LIMIT = 1000  # of a pattern
STEPS_LIMIT = 128  # of one attempt, a repeat without limit counted once
REPEAT_LIMIT = 128  # a repeat that may go on further is one without limit
FOLDED_LIMIT = 1 << 16  # characters in the ranges of a pattern that ignores case: compiling looks at each
ANCHORS = ("AT_BEGINNING", "AT_BEGINNING_STRING", "AT_BOUNDARY", "AT_NON_BOUNDARY", "AT_END", "AT_END_STRING")
CHARACTERS = ("LITERAL", "NOT_LITERAL", "ANY", "IN")
UNKNOWN = {"GROUPREF": "a reference to a group", "SUBPATTERN": "flags of a group"}
WORD = [("CATEGORY", "CATEGORY_WORD")]

Items = list[tuple[str, Any]]  # parsed, its operations as names


class Refused(Exception):
    """Why a pattern is refused."""


class Place(NamedTuple):
    """What is known of a place in the text that an attempt has reached."""

    committed: bool = False  # behind a repeat without limit
    after_word: bool = False  # behind a word character
    word_end: bool = False  # between a word character and none

    def merge(self, other: Place) -> Place:
        """Know of two places what is true of either."""
        return Place(
            self.committed or other.committed, self.after_word and other.after_word, self.word_end and other.word_end
        )


def compiled(pattern: str) -> re.Pattern[str]:
    """Compile a pattern that may run. Raises Refused: its message goes on after the pattern."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Python may read otherwise one day is for whoever wrote the pattern
        try:
            if why := refusal(pattern):
                raise Refused(why)
            made = re.compile(pattern)
        # flags that exclude each other are a ValueError
        except (re.error, RecursionError, OverflowError, ValueError) as error:
            raise Refused(f"is no regular expression ({error})") from None
    if made.groups > 1:
        raise Refused("has more than one group, which scikit-learn refuses too")
    return made


def refusal(pattern: str) -> str:
    """Say why a pattern may not run, or give the empty string. Raises what `re` raises for one that is broken."""
    if len(pattern) > LETTERS_LIMIT:
        return f"is longer than {LETTERS_LIMIT:,} letters"
    try:
        parsed = parser.parse(pattern)
        items = unwrap(named(parsed))
        ways = items[0][1] if len(items) == 1 and items[0][0] == "BRANCH" else [items]
        if parsed.state.flags & parser.SRE_FLAG_IGNORECASE and folded(items) > FOLDED_LIMIT:
            raise Refused("ignores the case of too many letters")
        if cost(items)[1] > STEPS_LIMIT:
            raise Refused(f"may need more than {STEPS_LIMIT} steps at one place")
        for way in ways:
            if not in_words_alone(way) and not in_a_run(way):
                follow(way, Place())
    except Refused as why:
        return str(why)
    return ""


def named(parsed: Any) -> Items:
    """Take the parsed pattern apart into names and plain lists."""
    items: Items = []
    for code, value in parsed:
        name = str(code)
        if name == "IN":
            items.append((name, [(str(kind), str(one) if str(kind) == "CATEGORY" else one) for kind, one in value]))
        elif name in ("MAX_REPEAT", "MIN_REPEAT"):
            items.append((name, (value[0], value[1], named(value[2]))))
        elif name == "SUBPATTERN" and not value[1] and not value[2]:
            items += [("GROUP", named(value[3]))]
        elif name == "BRANCH":
            items.append((name, [named(way) for way in value[1]]))
        elif name in ("ASSERT", "ASSERT_NOT"):
            items.append(("LOOK", named(value[1])))
        elif name in CHARACTERS or (name == "AT" and str(value) in ANCHORS):
            items.append((name, str(value) if name == "AT" else value))
        else:
            raise Refused(f"holds {UNKNOWN.get(name, 'something')} that can take for ever")
    return items


def unwrap(items: Items) -> Items:
    """Take off the groups around a whole pattern."""
    while len(items) == 1 and items[0][0] == "GROUP":
        items = items[0][1]
    return items


def bodies(name: str, value: Any) -> list[Items]:
    """Give what stands inside an item."""
    if name in ("MAX_REPEAT", "MIN_REPEAT"):
        return [value[2]]
    return value if name == "BRANCH" else [value] if name in ("GROUP", "LOOK") else []


def folded(items: Items) -> int:
    """Count the characters in all ranges."""
    count = 0
    for name, value in items:
        if name == "IN":
            count += sum(one[1] - one[0] for kind, one in value if kind == "RANGE")
        count += sum(map(folded, bodies(name, value)))
    return count


def endless(items: Items) -> bool:
    """Say whether a repeat without limit is in it."""
    return any(
        (name in ("MAX_REPEAT", "MIN_REPEAT") and value[1] > REPEAT_LIMIT) or any(map(endless, bodies(name, value)))
        for name, value in items
    )


def cost(items: Items) -> tuple[int, int]:
    """Give the ways in which it can match at a place, and the steps to try them all; repeats without limit once."""
    ways, steps = 1, 0
    for name, value in reversed(items):
        inner = [cost(body) for body in bodies(name, value)] or [(1, 1)]
        own_ways, own_steps = sum(one[0] for one in inner), sum(one[1] for one in inner)
        if name in ("MAX_REPEAT", "MIN_REPEAT"):
            own_ways, own_steps = repeated(value[0], value[1], own_ways, own_steps)
        ways *= own_ways
        steps = own_steps + own_ways * steps
        if steps > STEPS_LIMIT:
            return 1, STEPS_LIMIT + 1  # enough is known, and numbers stay small
    return ways, steps


def repeated(least: int, most: int, ways: int, steps: int) -> tuple[int, int]:
    """Give ways and steps of a repeat."""
    if most > REPEAT_LIMIT:
        most = least  # further than that it goes once and for all
    if most > REPEAT_LIMIT:
        return 1, STEPS_LIMIT + 1
    every = [min(ways**times, STEPS_LIMIT + 1) for times in range(most + 1)]
    return max(1, sum(every[least:])), 1 + steps * sum(every[:most])


def in_words_alone(items: Items) -> bool:
    """Say whether it is of the second shape."""
    return items[:1] == [("AT", "AT_BOUNDARY")] and count_endless(without_rest_of_word(items)) <= 1


def without_rest_of_word(items: Items) -> Items:
    """Leave a greedy \\w* out that ends the pattern behind a word character: neither it nor the \\b behind it fails."""
    kept = items[:-1] if items[-1] == ("AT", "AT_BOUNDARY") else items
    if len(kept) < 2 or kept[-1] != ("MAX_REPEAT", (0, parser.MAXREPEAT, [("IN", WORD)])) or not of_words(*kept[-2]):
        return items
    return kept[:-1]


def in_a_run(items: Items) -> bool:
    """Say whether it is of the third shape."""
    if len(items) < 3 or items[0] != ("AT", "AT_BOUNDARY") or items[-1] != items[0]:
        return False
    inner = unwrap(items[1:-1])
    if len(inner) > 1 and inner[-1] == ("IN", WORD):
        inner = inner[:-1]  # any narrower class might fail at every word of the run
    *front, (name, value) = inner
    if name != "MAX_REPEAT" or value[1] <= REPEAT_LIMIT or len(value[2]) != 1 or value[2][0][0] != "IN":
        return False
    members = value[2][0][1]
    return members[0][0] != "NEGATE" and WORD[0] in members and all(of_words(*one) for one in front)


def count_endless(items: Items) -> int:
    """Count the repeats without limit on the longest way; 2 for anything that one attempt a word does not bound."""
    count = 0
    for name, value in items:
        inner = max((count_endless(body) for body in bodies(name, value)), default=0)
        if name in ("MAX_REPEAT", "MIN_REPEAT"):
            inner = 2 if inner and value[1] > 1 else inner
            if value[1] > REPEAT_LIMIT:
                inner = 2 if inner or not single(value[2]) else 1
        elif name == "LOOK" or (name in CHARACTERS and not of_words(name, value)):
            inner = 2
        count += inner
    return count


def single(items: Items) -> bool:
    """Say whether it is one character."""
    return len(items) == 1 and items[0][0] in CHARACTERS


def of_words(name: str, value: Any) -> bool:
    """Say whether an item matches word characters alone, whatever the flags."""
    if name == "LITERAL":
        return is_word(value, value)
    if name != "IN":
        return False
    if value[0][0] == "NEGATE":
        return ("CATEGORY", "CATEGORY_NOT_WORD") in value
    return all(
        is_word(*one)
        if kind == "RANGE"
        else is_word(one, one)
        if kind == "LITERAL"
        else one in ("CATEGORY_WORD", "CATEGORY_DIGIT")
        for kind, one in value
    )


def is_word(first: int, last: int) -> bool:
    """Say whether a range holds letters, digits and _ of ASCII alone."""
    return last < 128 and all(chr(code).isalnum() or chr(code) == "_" for code in range(first, last + 1))


def follow(items: Items, place: Place) -> Place:
    """Walk through the first shape. Raises Refused where something can fail behind a repeat without limit."""
    for name, value in items:
        if name in ("MAX_REPEAT", "MIN_REPEAT"):
            place = follow_repeat(*value, greedy=name == "MAX_REPEAT", place=place)
        elif name == "GROUP":
            place = follow(value, place)
        elif not (name == "AT" and value == "AT_BOUNDARY" and place.word_end):
            place = follow_risk(name, value, place)
    return place


def follow_risk(name: str, value: Any, place: Place) -> Place:
    """Walk through what can fail."""
    if place.committed or (name == "LOOK" and endless(value)):
        raise Refused("has something behind a repeat without limit, which can take for ever")
    if name == "BRANCH":
        first, *others = [follow(way, place) for way in value]
        for other in others:
            first = first.merge(other)
        return first
    return Place(after_word=of_words(name, value)) if name in CHARACTERS else place


def follow_repeat(least: int, most: int, body: Items, *, greedy: bool, place: Place) -> Place:
    """Walk through a repeat: as often as it must match it can fail, beyond that it cannot."""
    if most > REPEAT_LIMIT and body == [("IN", WORD)]:
        if least:
            follow(body, place)
        after_word = least > 0 or place.after_word
        return Place(True, after_word, greedy and after_word)
    for _ in range(min(least, 2)):  # the second time it follows itself
        place = follow(body, place)
    if most > least:
        place = place.merge(follow(body, Place()))
    if most > REPEAT_LIMIT:
        if not single(body) and can_be_empty(body):
            raise Refused("repeats without limit what can be empty, which can take for ever")
        place = place._replace(committed=True)
    return place


def can_be_empty(items: Items) -> bool:
    """Say whether it may match no character."""
    for name, value in items:
        if name in CHARACTERS:
            return False
        if name == "GROUP" and not can_be_empty(value):
            return False
        if name == "BRANCH" and not any(map(can_be_empty, value)):
            return False
        if name in ("MAX_REPEAT", "MIN_REPEAT") and value[0] and not can_be_empty(value[2]):
            return False
    return True
