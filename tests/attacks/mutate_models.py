"""Changes honest model files at random and opens them: each must be refused by a ModelError, or answer.

The same count gives the same mutations. Prints one JSON object: how many were refused and by which exception, how many
answered, how much memory grew. Ends with a traceback and the seed of the mutation when anything else happens.

    python -m tests.attacks.mutate_models 100000 [MODEL...]
"""

from __future__ import annotations

import json
import math
import random
import re
import resource
import sys
from collections import Counter
from pathlib import Path

from despam.core.model import Model
from despam.errors import ModelError

from .make_models import HONEST

TEXTS = [
    "WIN a free iPhone now! http://x.example",
    "see you at 7",
    "",
    "\u041f\u0440\u0438\u0432\u0435\u0442 <b>w\u0456n</b>",
]
NUMBERS = [
    *(b"0", b"-1", b"1", b"1023", b"0.5", b"1e6", b"NaN", b"1e999", b"-1e999", b"1e-999", b"4294967296"),
    *(b"18446744073709551615", b"9" * 400, b"true", b"null", b'""', b"[]", b"{}", b"[[0]]"),
]


def mutate(data: bytes, chance: random.Random) -> bytes:
    """Return the file with one to four things changed, most of them in the header."""
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        header_end = min(8 + int.from_bytes(data[:8], "little"), len(data)) if len(data) > 8 else len(data)
        at = (
            chance.randrange(header_end)
            if data and header_end and chance.random() < 0.8
            else chance.randrange(len(data) + 1)
        )
        data = chance.choice(WAYS)(data, at, chance, header_end)
    return data


def flip(data: bytes, at: int, chance: random.Random, _end: int) -> bytes:
    """Flip one bit."""
    return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :] if at < len(data) else data


def overwrite(data: bytes, at: int, chance: random.Random, _end: int) -> bytes:
    """Overwrite up to eight bytes with noise."""
    noise = chance.randbytes(chance.randint(1, 8))
    return data[:at] + noise + data[at + len(noise) :]


def cut(data: bytes, at: int, _chance: random.Random, _end: int) -> bytes:
    """Cut the file short."""
    return data[:at]


def drop(data: bytes, at: int, chance: random.Random, _end: int) -> bytes:
    """Leave some bytes out."""
    return data[:at] + data[at + chance.randint(1, 64) :]


def repeat(data: bytes, at: int, chance: random.Random, _end: int) -> bytes:
    """Say something twice."""
    size = chance.randint(1, 64)
    return data[: at + size] + data[at : at + size] + data[at + size :]


def renumber(data: bytes, at: int, chance: random.Random, end: int) -> bytes:
    """Replace a number of the header, keeping the header's length true, so that the change is reached."""
    found = list(re.finditer(rb"-?\d+(?:\.\d+)?(?:e-?\d+)?", data[8:end]))
    if not found:
        return data
    match = chance.choice(found)
    header = data[8 : 8 + match.start()] + chance.choice(NUMBERS) + data[8 + match.end() : end]
    return len(header).to_bytes(8, "little") + header + data[end:]


def relength(data: bytes, _at: int, chance: random.Random, _end: int) -> bytes:
    """Lie about the header's length."""
    return chance.choice((0, 1, 2**32, 2**63, len(data), chance.randrange(2**24))).to_bytes(8, "little") + data[8:]


WAYS = [flip, flip, overwrite, cut, drop, repeat, renumber, renumber, renumber, renumber, relength]


def answer(model: Model) -> None:
    """Use a model that opened: every answer is finite, and the clues add up."""
    for text in TEXTS:
        verdict = model.classify(text)
        assert verdict.classification in ("SPAM", "HAM")
        assert 0 <= verdict.spam_probability <= 1
        assert math.isfinite(verdict.score)
        total = math.fsum(clue.contribution for clue in verdict.clues) + verdict.bias
        size = math.fsum(abs(clue.contribution) for clue in verdict.clues) + abs(verdict.bias)
        assert abs(total - verdict.score) <= 1e-9 * max(1.0, size)
    assert isinstance(model.card, dict)
    assert len(model.version) == 12


def main(count: int, paths: list[str]) -> None:
    """Open `count` mutations in turn of the files, and say what came of them."""
    honest = [HONEST, *(Path(path).read_bytes() for path in paths)]
    for data in honest:
        answer(Model.from_bytes(data))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcomes: Counter[str] = Counter()
    for seed in range(count):
        chance = random.Random(seed)
        # the last file may be a large one: one turn in eight
        data = mutate(honest[-1] if seed % 8 == 7 else honest[seed % max(1, len(honest) - 1)], chance)
        try:
            model = Model.from_bytes(data)
        except ModelError as error:
            outcomes[type(error).__name__] += 1
            continue
        except BaseException:
            sys.stderr.write(f"mutation {seed} was not refused in words\n")
            raise
        try:
            answer(model)
        except ModelError as error:  # what lies deep in a table is refused where it is met
            outcomes[type(error).__name__] += 1
            continue
        except BaseException:
            sys.stderr.write(f"mutation {seed} opened and did not answer\n")
            raise
        outcomes["answered"] += 1
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
    answered = outcomes.pop("answered", 0)
    result = {
        "mutations": count,
        "answered": answered,
        "refused": outcomes.total(),
        "by": dict(outcomes),
        "grown_mb": grown,
    }
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
