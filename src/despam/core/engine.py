"""Which engine runs, and the version of the features that it must have been built for.

Knows the names that every part agrees on and whether the kernel is there. Does not know features or weights: with the
kernel a plain text is scored without repair.py, shapes.py or features.py ever being imported (4 ms of a first verdict).
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

VERSION = 2  # of the features: raise it whenever what is counted changes (features.py, shapes.py, repair.py)
INTERFACE = 6  # of the kernel: a stale build of it is refused
GROUPS = ("grams", "across", "words", "pairs", "shapes", "case")


def choose() -> tuple[str, Any]:
    """Take the kernel where it is built for these very features; else say so once and go on in Python."""
    if os.environ.get("DESPAM_PURE"):
        return "python", None
    try:
        from despam.core import _native
    except ImportError:
        return "python", None
    if (_native.FEATURE_VERSION, getattr(_native, "INTERFACE", 1)) != (VERSION, INTERFACE):
        import sys

        sys.stderr.write(
            "despam: the kernel is an old build, made for other features; going on in Python. "
            "Install despam again to rebuild it.\n"
        )
        return "python", None
    _native.ask(*ANSWERS)
    return "native", _native


def describe_characters(characters: str) -> bytes:
    """Tell the kernel what characters are; the tables are loaded when it first asks."""
    from despam.core import features

    return features.describe_characters(characters)


def named_entity(name: str) -> str:
    """Tell the kernel what an entity of no common name stands for."""
    from despam.core import repair

    return repair.named_entity(name)


def compose(cluster: str) -> str:
    """Tell the kernel what a letter with marks is written as, `!` before it where that is reported."""
    from despam.core import repair

    plain, reported = repair.compatible(cluster)
    return f"{'!' if reported else '='}{plain}"


def cyrillic_letters() -> str:
    """Tell the kernel which Cyrillic letter each of ASCII passes for, NUL for none."""
    from despam.core import look_alikes

    return "".join(look_alikes.CYRILLIC_FOR.get(chr(code), "\0") for code in range(128))


ANSWERS = (describe_characters, named_entity, compose, cyrillic_letters)  # to what the kernel asks
NAME, native = choose()
