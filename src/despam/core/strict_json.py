"""JSON as a model file holds it: a key stands once in its object.

Knows Python's own C scanner, `_json`. The package `json` around it loads `re`, `enum` and `collections`, which is half
of a first verdict (5 of 11 ms); where that scanner is not to be had, or has found a mistake, the package does the same.
Raises ValueError for whatever is no JSON, RecursionError for what is nested too deep.
"""

from __future__ import annotations

try:
    from _json import make_scanner
except ImportError:  # another Python than CPython
    make_scanner = None  # type: ignore[assignment,misc]  # the name is looked at below

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

BLANKS = " \t\n\r"


class KeyTwice(ValueError):
    """A key that stands twice in one object: two readers could see different values."""

    def __init__(self, key: str) -> None:
        super().__init__(f"the key {key[:40]!r} stands twice in one object")


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of its pairs. Raises KeyTwice."""
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    raise KeyTwice(next(key for key, _ in pairs if found.pop(key, found) is found))  # the first that is gone already


class Settings:
    """What the scanner asks for; the same as of `json.JSONDecoder(object_pairs_hook=unique)`."""

    strict = True
    object_hook = None
    object_pairs_hook = staticmethod(unique)
    parse_float = float
    parse_int = int
    parse_constant = float  # NaN and the infinities: whoever wants a number checks its range


def parse(text: str) -> Any:
    """Parse a whole text."""
    if make_scanner is None:
        import json

        return json.loads(text, object_pairs_hook=unique)
    start = len(text) - len(text.lstrip(BLANKS))
    try:
        value, end = make_scanner(Settings)(text, start)  # type: ignore[arg-type]  # the stub names itself for its context
    except StopIteration as error:
        raise ValueError(f"nothing that JSON knows at character {error.value}") from None
    except SystemError:  # the scanner takes its exception from the package, and finds it not loaded
        import json

        return json.loads(text, object_pairs_hook=unique)
    if text[end:].strip(BLANKS):
        raise ValueError(f"something stands behind the end, at character {end}")
    return value
