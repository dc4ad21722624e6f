"""What a message looks like, apart from its words: lengths, capitals, links, numbers, money, punctuation, scripts,
repairs.

Shapes hold on sources nobody has seen (without them recall at 1 % on unseen sources falls from .628 to .553,
accuracy.md), so they are coarse: counts and shares fall into the steps of the tables below. Knows nothing of
weights.

A shape is kind * 256 + step, or the bytes `T` and a top-level domain. All is read off a *skeleton*: the text with every
character beyond ASCII replaced by one byte for its class, so that Python and C walk the same bytes.
"""

from __future__ import annotations

import re
from bisect import bisect_right

from despam.core.repair import REPAIRS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    Shape: TypeAlias = int | bytes

# classes of characters beyond ASCII; repair has taken the control characters out of the text
EMOJI, POUND, EURO, CURRENCY, PUNCTUATION, IDEOGRAPH, CYRILLIC, CYRILLIC_CAPITAL, OTHER = range(1, 10)
OTHER = 0x0E  # 9 to 13 are white space

LENGTHS = (1, 5, 10, 20, 30, 40, 60, 80, 100, 120, 140, 160, 200, 250, 300, 400, 600, 1000, 1500, 2000, 3000)
WORDS = (1, 2, 3, 4, 5, 7, 10, 13, 16, 20, 25, 30, 40, 60, 100, 200, 400)
PER_MILLE = (1, 10, 20, 30, 50, 80, 120, 200, 300, 500, 700, 900)
COUNTS = (1, 2, 3, 4, 6, 10, 20)
TENTHS = (20, 25, 30, 33, 36, 39, 42, 45, 48, 51, 55, 60, 70, 90)  # of a letter: mean word length

KINDS = (
    "length in characters", "number of words", "share of capitals", "share of digits", "share of punctuation",
    "words in capitals", "share of words in capitals", "mean word length", "links", "short link host",
    "digit in a link host", "dash in a link host", "deep link host", "link with a path", "mail addresses",
    "telephone numbers", "amounts of money", "numbers", "digits of a number", "exclamation marks", "question marks",
    "run of ! or ?", "@handles", "emoji", "punctuation", "a character four times", "main script", "mixed scripts",
    "repaired", "first word", "lines", "ends with", "sentence starts", "link without http", "currency signs",
    "letters and digits in one word",
)  # fmt: skip
(
    LENGTH, WORD_COUNT, CAPITALS, DIGITS, PUNCTUATED, SHOUTED, SHOUTED_SHARE, WORD_LENGTH, LINKS, SHORT_HOST,
    DIGIT_HOST, DASHED_HOST, DEEP_HOST, LINK_PATH, MAILS, PHONES, MONEY, NUMBERS, NUMBER_DIGITS, EXCLAMATIONS,
    QUESTIONS, MARK_RUNS, HANDLES, EMOJIS, MARKS, REPEATED, SCRIPT, MIXED, REPAIRED, FIRST_WORD, LINES, ENDING,
    STARTS, BARE_LINK, CURRENCIES, LEET,
) = range(len(KINDS))  # fmt: skip

# a bare "name.tld" is a link only with one of these, so that "ok.then" is not
TOP_LEVELS = frozenset(
    b"com net org info biz ru su cn uk in co me ly io xyz top site online club shop store live app link"
    b" click tv de fr it es nl br pl ua gl cc us eu to ws id tk ml ga cf gq vip pro win bid loan work tr vn"
    b" my sg au ca tech space website fun icu".split()
)
MARK_BYTES = b"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
MARK_STEP = {byte: step for step, byte in enumerate(MARK_BYTES)}
CHUNK = re.compile(rb"(?<!\S)[^\s0-9.@$:\x02-\x04]*[0-9.@$:\x02-\x04]\S*")
MARK_RUN = re.compile(rb"[!?][!?]+")
RUN_OF_FOUR = re.compile(rb"([!-~])\1\1\1")
HOST_END = re.compile(rb"[^A-Za-z0-9.\-]")
DIGIT_RUN = re.compile(rb"[0-9]+")
MONEY_PLACE = re.compile(rb"[$\x02-\x04][0-9]|[0-9][$\x02-\x04]")
SCRIPTS = ("none", "latin", "cyrillic", "ideographs", "other")


def is_ideograph(code: int) -> bool:
    """Say whether a code point is one word by itself."""
    return 0x3400 <= code <= 0x9FFF or 0xF900 <= code <= 0xFAFF or 0x20000 <= code <= 0x3FFFF


class Classes(dict[int, str]):
    """The skeleton's byte for each character beyond ASCII, learnt when met."""

    def __missing__(self, code: int) -> str:
        value = chr(code) if code < 128 else chr(classify(code))
        if len(self) > 20_000:
            self.clear()
        self[code] = value
        return value


def classify(code: int) -> int:
    """Give the class of one code point beyond ASCII."""
    from unicodedata import category

    character = chr(code)
    if character.isspace():
        return 0x20
    kind = category(character)
    if kind == "Nd":
        return 0x30
    if kind == "Sc":
        return {"\xa3": POUND, "\u20ac": EURO}.get(character, CURRENCY)
    if kind[0] not in "LM":
        return EMOJI if kind in ("So", "Sk") and code >= 0x2190 else PUNCTUATION
    if is_ideograph(code):
        return IDEOGRAPH
    if 0x400 <= code < 0x530:
        return CYRILLIC_CAPITAL if kind == "Lu" else CYRILLIC
    if code < 0x250 or 0x1E00 <= code < 0x1F00:
        return 0x41 if kind == "Lu" else 0x61
    return OTHER


CLASSES = Classes()


def skeleton(text: str) -> bytes:
    """Replace every character beyond ASCII by its class: one byte a character."""
    if text.isascii():
        return text.encode()
    return text.translate(CLASSES).encode()


def step(table: tuple[int, ...], value: int) -> int:
    """Give the number of steps that `value` has reached."""
    return bisect_right(table, value)


def shape_bytes(shape: Shape) -> bytes:
    """Give the two bytes that are hashed, or `T` and the top-level domain."""
    return shape.to_bytes(2, "big") if isinstance(shape, int) else shape


def shapes(text: str, words: list[str], written: list[str], repaired: tuple[str, ...]) -> set[Shape]:
    """Give the shapes of a repaired text whose words are `words`, as written `written`."""
    bones = skeleton(text)
    found: set[Shape] = set()
    found.update(word_shapes(words, written))
    found.update(character_shapes(bones))
    found.update(chunk_shapes(bones))
    found.update(repair_shapes(repaired))
    return found


def repair_shapes(repaired: tuple[str, ...]) -> list[int]:
    """Shapes of what had to be repaired."""
    kinds = tuple(REPAIRS)
    return [REPAIRED << 8 | kinds.index(kind) for kind in repaired]


def word_shapes(words: list[str], written: list[str]) -> list[int]:
    """Shapes of the words: how many, how long, how many in capitals, how the first is written."""
    count = len(words)
    shouted = sum([word.isupper() for word in written if len(word) > 1])
    found = [WORD_COUNT << 8 | bisect_right(WORDS, count), SHOUTED << 8 | bisect_right(COUNTS, shouted)]
    if not count:
        return found
    line = "".join(words)
    found += [
        SHOUTED_SHARE << 8 | bisect_right(PER_MILLE, 1000 * shouted // count),
        WORD_LENGTH << 8 | bisect_right(TENTHS, 10 * len(line) // count),
    ]
    first = written[0]
    if first.isdigit():
        found.append(FIRST_WORD << 8)
    elif first.isupper():
        found.append(FIRST_WORD << 8 | (2 if len(first) > 1 else 1))
    else:
        found.append(FIRST_WORD << 8 | (3 if first[0].isupper() else 4))
    # a letter and a zero in one word: "fr0ee", "b00"
    if "0" in line and any("0" in word and not word.isdigit() for word in words):
        found.append(LEET << 8 | 1)
    return found


def character_shapes(bones: bytes) -> list[int]:
    """Shapes of the characters: shares, marks, runs, scripts, lines, how it ends."""
    length = len(bones)
    found = [LENGTH << 8 | bisect_right(LENGTHS, length)]
    marks = bones.translate(None, KEEP_MARKS)
    letters = bones.translate(None, KEEP_LETTERS)
    if length:
        digits = len(bones.translate(None, KEEP_DIGITS))
        punctuation = len(marks) + bones.count(PUNCTUATION)
        found.append(DIGITS << 8 | bisect_right(PER_MILLE, 1000 * digits // length))
        found.append(PUNCTUATED << 8 | bisect_right(PER_MILLE, 1000 * punctuation // length))
    found += letter_shapes(letters)
    found += [MARKS << 8 | MARK_STEP[mark] for mark in set(marks)]
    emoji, signs = bones.count(EMOJI), sum(map(bones.count, SIGNS))
    counts = (EXCLAMATIONS, marks.count(b"!")), (QUESTIONS, marks.count(b"?")), (EMOJIS, emoji), (CURRENCIES, signs)
    found += [kind << 8 | bisect_right(COUNTS, count) for kind, count in counts]
    found.append(LINES << 8 | bisect_right(COUNTS, bones.count(b"\n")))
    if MARK_RUN.search(bones):
        found.append(MARK_RUNS << 8 | 1)
    if RUN_OF_FOUR.search(bones):
        found.append(REPEATED << 8 | 1)
    ending = bones.rstrip()[-1:]
    if ending:
        last = MARK_STEP[ending[0]] + 3 if ending[0] in MARK_STEP else 1 if ending.isdigit() else 0
        found.append(ENDING << 8 | last)
    return found


def letter_shapes(letters: bytes) -> list[int]:
    """Shapes of the letters' classes: share of capitals, main script, whether scripts are mixed."""
    others = letters.translate(None, LATIN_BYTES)
    latin = len(letters) - len(others)
    cyrillic = capitals = ideographs = other = 0
    if others:
        capitals = others.count(CYRILLIC_CAPITAL)
        cyrillic = others.count(CYRILLIC) + capitals
        ideographs, other = others.count(IDEOGRAPH), others.count(OTHER)
    counts = (latin, cyrillic, ideographs, other)
    most = max(counts)
    found = [SCRIPT << 8 | (counts.index(most) + 1 if most else 0)]
    if latin + cyrillic:
        capitals += len(letters.translate(None, KEEP_CAPITALS))
        found.append(CAPITALS << 8 | bisect_right(PER_MILLE, 1000 * capitals // (latin + cyrillic)))
    if others and sum(1 for count in counts if 10 * count > sum(counts)) > 1:
        found.append(MIXED << 8 | 1)
    return found


def keep(characters: bytes) -> bytes:
    """Give what bytes.translate deletes so that only these characters stay."""
    return bytes(set(range(256)) - set(characters))


CAPITAL_BYTES, DIGIT_BYTES = bytes(range(0x41, 0x5B)), bytes(range(0x30, 0x3A))
LATIN_BYTES = CAPITAL_BYTES + bytes(range(0x61, 0x7B))
SIGNS = (0x24, POUND, EURO, CURRENCY)
KEEP_MARKS, KEEP_CAPITALS, KEEP_DIGITS = keep(MARK_BYTES), keep(CAPITAL_BYTES), keep(DIGIT_BYTES)
KEEP_LETTERS = keep(LATIN_BYTES + bytes((CYRILLIC, CYRILLIC_CAPITAL, IDEOGRAPH, OTHER)))
NO_CHUNKS = [kind << 8 for kind in (LINKS, MAILS, PHONES, MONEY, NUMBERS, HANDLES)]


def chunk_shapes(bones: bytes) -> list[Shape]:
    """Shapes of what stands between blanks and is no plain word: links, addresses, numbers, money, handles."""
    found: list[Shape] = []
    links = mails = phones = money = numbers = handles = 0
    for chunk in CHUNK.findall(bones):
        link = find_host(chunk) if b"." in chunk or b":" in chunk else None
        if link:
            links += 1
            found += link_shapes(*link)
            continue
        at = chunk.find(b"@")
        if at >= 0:
            if at and b"." in chunk[at:]:
                mails += 1
                continue
            handles += at == 0
        runs = DIGIT_RUN.findall(chunk)
        if not runs:
            continue
        numbers += 1
        sizes = list(map(len, runs))
        found += [NUMBER_DIGITS << 8 | min(size, 15) for size in sizes]
        phones += sum(sizes) >= 7
        money += MONEY_PLACE.search(chunk) is not None
    counts = zip(NO_CHUNKS, (links, mails, phones, money, numbers, handles), strict=True)
    found += [kind | bisect_right(COUNTS, count) for kind, count in counts]
    return found


def link_shapes(host: bytes, rest: bytes, scheme: bool) -> list[Shape]:
    """Shapes of one link: its host, and what follows it."""
    found = host_shapes(host)
    if len(rest) > 1:
        found.append(LINK_PATH << 8 | bisect_right(COUNTS, len(rest) // 8))
    if not scheme:
        found.append(BARE_LINK << 8 | 1)
    return found


def find_host(chunk: bytes) -> tuple[bytes, bytes, bool] | None:
    """Give (host in lower case, what follows it, whether a scheme stood there), or None where the chunk is no link."""
    at = chunk.find(b"://")
    scheme = at >= 0
    rest = chunk[at + 3 :] if scheme else chunk.lstrip(b"([{<\"'*_-")
    end = HOST_END.search(rest)
    host = rest[: end.start()] if end else rest
    after = rest[len(host) :]
    host = host.rstrip(b".-").lower()
    dot = host.rfind(b".")
    if dot < 1 and not scheme:
        return None
    if (
        not scheme
        and not host.startswith(b"www.")
        and (after[:1] == b"@" or host[dot + 1 :] not in TOP_LEVELS or dot < 2)
    ):
        return None
    return (host, after, scheme) if host else None


def host_shapes(host: bytes) -> list[Shape]:
    """Shapes of one link's host."""
    found: list[Shape] = []
    dot = host.rfind(b".")
    if dot >= 0:
        found.append(b"T" + host[dot + 1 :][:12])
    if len(host) <= 8:
        found.append(SHORT_HOST << 8 | 1)
    if DIGIT_RUN.search(host):
        found.append(DIGIT_HOST << 8 | 1)
    if b"-" in host:
        found.append(DASHED_HOST << 8 | 1)
    if host.count(b".") >= 3:
        found.append(DEEP_HOST << 8 | 1)
    return found


def describe(shape: Shape) -> str:
    """Say a shape in words, for explanations."""
    if isinstance(shape, bytes):
        return f"link to .{shape[1:].decode('ascii', 'replace')}"
    kind, value = divmod(shape, 256)
    name = KINDS[kind]
    tables = {LENGTH: LENGTHS, WORD_COUNT: WORDS, CAPITALS: PER_MILLE, DIGITS: PER_MILLE, PUNCTUATED: PER_MILLE,
              SHOUTED_SHARE: PER_MILLE, WORD_LENGTH: TENTHS}  # fmt: skip
    if kind == REPAIRED:
        return REPAIRS[tuple(REPAIRS)[value]]
    if kind == MARKS:
        return f"contains {chr(MARK_BYTES[value])}"
    if kind == SCRIPT:
        return f"main script: {SCRIPTS[value]}"
    if kind == FIRST_WORD:
        return "first word: " + ("a number", "one capital", "in capitals", "capitalised", "without capitals")[value]
    if kind == ENDING:
        return (
            "ends with "
            + ("a letter", "a digit", "")[min(value, 2)]
            + (chr(MARK_BYTES[value - 3]) if value > 2 else "")
        )
    if kind == NUMBER_DIGITS:
        return f"a number of {value} digits"
    if kind in (SHORT_HOST, DIGIT_HOST, DASHED_HOST, DEEP_HOST, MARK_RUNS, REPEATED, MIXED, BARE_LINK, LEET):
        return name
    return span(name, tables.get(kind, COUNTS), value, kind)


def span(name: str, table: tuple[int, ...], value: int, kind: int) -> str:
    """Say the range of a step."""
    unit = {PER_MILLE: 10, TENTHS: 10}.get(table, 1)
    sign = " %" if table is PER_MILLE else ""
    if kind == LINK_PATH:
        return name
    low = table[value - 1] if value else 0
    if value == len(table):
        return f"{name}: {low / unit:g}{sign} or more"
    high = table[value] / unit if unit > 1 else table[value] - 1
    return f"{name}: {low / unit:g}{sign}" if low == high else f"{name}: {low / unit:g} to {high:g}{sign}"
