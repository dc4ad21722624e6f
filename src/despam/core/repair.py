"""Raw text -> the text as a reader sees it, and what had to be repaired.

Knows how senders hide words (markup, entities, zero-width and bidi characters, full-width letters, look-alikes from
another alphabet, letters spaced out) and undoes it. Does not know what is spam: a repair is reported, never judged
here.

A step is a function from text to edits `(start, end, replacement)`, in order and without overlap. `repair` applies
the steps; asked with a `trace` it keeps the edits, by which offsets.py leads any span of the repaired text back to the
text as given. Invariant: the work is bounded by WINDOW, whatever the length of the text, and honest Russian, Greek or
Chinese stays itself.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Edit = tuple[int, int, str]
    Step = Callable[[str, set[str]], list[Edit]]

HEAD, TAIL = 3000, 300  # what is scored: the TREC winners read no more, and it bounds the work (accuracy.md)
BLOCKS_SKIPPED = 4_000  # comments and styles that do not count: no mail has more, and a text made of them costs no more
WINDOW = 8  # times as much markup is read before repair, so that tags do not use up what is scored

# kind of repair -> the words for people; the order is part of the feature version
REPAIRS = {
    "html": "contained HTML markup",
    "hidden": "contained text that a reader would not see",
    "entities": "contained HTML entities",
    "zero-width": "contained invisible characters inside words",
    "bidi": "contained characters that reverse the reading direction",
    "full-width": "contained full-width or decorated letters",
    "look-alikes": "contained letters of another alphabet inside words",
    "spaced-out": "contained words with their letters spaced out",
}

# what can stand in plain ASCII and still needs a step
SUSPECT = re.compile(r"[<&\x00-\x08\x0e-\x1f\x7f]")

BLOCKS = frozenset((
    "address", "article", "blockquote", "br", "center", "dd", "div", "dl", "dt", "footer", "form", "h1", "h2", "h3",
    "h4", "h5", "h6", "header", "hr", "li", "main", "ol", "option", "p", "pre", "section", "table", "tbody", "td",
    "tfoot", "th", "thead", "title", "tr", "ul",
))  # fmt: skip
UNSEEN = frozenset(("script", "style", "noscript", "template", "object"))
TAG = re.compile(
    r"<!--(?:(?!<!--).)*?-->|<(/?)([A-Za-z][A-Za-z0-9]{0,15})\b([^<>]*)>|<[!?/][^<>]*>",
    re.DOTALL,
)
HIDING = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![.\d]*[1-9])|\bhidden\b", re.IGNORECASE
)
# blanks stand in one place only: two repeats beside each other share a long run of them in quadratically many ways
LINK = re.compile(r"""(?:href|src)\s*=\s*(?:["']\s*)?(https?://[^\s"'<>/?#]{1,100})""", re.IGNORECASE)
ALT = re.compile(r"""\balt\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)

ENTITY = re.compile(r"&(?:#(\d{1,7})(?!\d)|#[xX]([0-9a-fA-F]{1,6})(?![0-9a-fA-F])|([A-Za-z][A-Za-z0-9]{1,31}));?")
ENTITIES = {
    "amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'", "nbsp": " ", "copy": "\xa9", "reg": "\xae",
    "pound": "\xa3", "euro": "\u20ac", "cent": "\xa2", "yen": "\xa5", "hellip": "\u2026", "mdash": "\u2014",
    "ndash": "\u2013", "lsquo": "\u2018", "rsquo": "\u2019", "ldquo": "\u201c", "rdquo": "\u201d", "bull": "\u2022",
    "middot": "\xb7", "trade": "\u2122",
}  # fmt: skip

CONTROLS = "\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f"
ZERO_WIDTH = (
    "\xad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200d\u2060-\u2064\u2800\u3164\ufeff\ufe00-\ufe0f"
    "\uffa0\U000e0000-\U000e01ef"
)
BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f"
UNSEEN_CHARACTER = re.compile(f"[{CONTROLS}{ZERO_WIDTH}{BIDI}]+|[\ud800-\udfff]")
# scripts that write with joiners (Arabic and the Indic ones) use them honestly
JOINING = re.compile("[\u0600-\u08ff\u0900-\u0dff\u1000-\u109f\u1780-\u17ff\u1800-\u18af\ufb50-\ufdff\ufe70-\ufefc]")
OVERRIDE = re.compile("[\u202d\u202e]")

NOT_ASCII = re.compile("[^\x00-\x7f]+")
# letters and digits in disguise; full-width punctuation alone is honest in Chinese and Japanese
DECORATED = re.compile(
    "[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\u2460-\u24ff\u2776-\u2793\u2100-\u214f"
    "\U0001d400-\U0001d7ff\U0001f100-\U0001f189]"
)
# No, TM, SM, degrees, ohm, kelvin, angstrom, info
HONEST = frozenset("\u2116\u2122\u2120\u2103\u2109\u2126\u212a\u212b\u2139")

LETTER = "A-Za-z\xc0-\u024f\u0370-\u052f"
SPACED = re.compile(f"(?<![\\w'])[{LETTER}]([ .\\-*_~|])[{LETTER}](?:\\1[{LETTER}]){{2,}}(?![\\w'])")


def repair(text: str, trace: list[list[Edit]] | None = None) -> tuple[str, tuple[str, ...]]:
    """Give the text as a reader sees it, cut to what is scored, and the kinds of repair in the order of REPAIRS.

    With a `trace` list the edits of each step are appended to it, for offsets.py.
    """
    if (
        trace is None
        and len(text) <= HEAD + TAIL
        and text.isascii()
        and not SUSPECT.search(text)
        and not SPACED.search(text)
    ):
        return text, ()
    kinds: set[str] = set()
    changes = list(edited(text, kinds))
    if trace is not None:
        trace.extend(edits for _, edits, _ in changes)
    return changes[-1][2] if changes else text, tuple(kind for kind in REPAIRS if kind in kinds)


def edited(text: str, kinds: set[str]) -> Iterator[tuple[Step, list[Edit], str]]:
    """Apply the steps; give each that changed something, its edits, and the text after it."""
    for step in STEPS:
        edits = step(text, kinds)
        if edits:
            text = apply(text, edits)
            yield step, edits, text


def apply(text: str, edits: list[Edit]) -> str:
    """Put the replacements in."""
    parts = []
    last = 0
    for start, end, replacement in edits:
        parts.append(text[last:start])
        parts.append(replacement)
        last = end
    parts.append(text[last:])
    return "".join(parts)


def cut(text: str, times: int) -> list[Edit]:
    """Leave out the middle of what is longer than `times` the scored length."""
    head, tail = HEAD * times, TAIL * times
    return [(head, len(text) - tail, "\n")] if len(text) > head + tail else []


def cut_source(text: str, kinds: set[str]) -> list[Edit]:
    """Bound the work, comments and styles not counted: long ones must not push the message out of the window."""
    if len(text) <= (HEAD + TAIL) * WINDOW:
        return []
    edits: list[Edit] = []
    head, tail = HEAD * WINDOW, len(text) - TAIL * WINDOW
    seen = at = 0
    for start, end in unseen_blocks(text, tail) if "<" in text else ():
        if seen + start - at >= head or len(edits) == BLOCKS_SKIPPED:
            break
        seen += start - at
        at = end
        edits.append((start, end, " "))
        kinds.add("html")
    stop = at + head - seen
    if stop < tail:
        edits.append((stop, tail, "\n"))
    return edits


def unseen_blocks(text: str, limit: int) -> Iterator[tuple[int, int]]:
    """Find comments, styles and scripts that start and end before `limit`, in one pass of plain searches."""
    ends = {"<!--": "-->", "<style": "</style>", "<STYLE": "</STYLE>", "<script": "</script>"}
    opening = re.compile("|".join(ends))
    at = 0
    while ends and (found := opening.search(text, at, limit)):
        closing = ends[found[0]]
        end = text.find(closing, found.start(), limit)
        if end < 0:
            del ends[found[0]]  # never closed: none that starts later is closed either
            opening = re.compile("|".join(ends))
            continue
        at = end + len(closing)
        yield found.start(), at


def strip_html(text: str, kinds: set[str]) -> list[Edit]:
    """Turn markup into what it shows: blocks part words, inline tags join them, link hosts and alt texts stay."""
    edits: list[Edit] = []
    if "<" not in text:
        return edits
    hidden = ""  # the tag whose content a reader does not see
    hidden_start = 0
    for tag in TAG.finditer(text):
        name = (tag[2] or "").lower()
        if hidden:
            if tag[1] and name == hidden:
                while edits and edits[-1][0] >= hidden_start:  # from the end: a filter of all is quadratic
                    edits.pop()
                edits.append((hidden_start, tag.end(), " "))
                hidden = ""
                continue
        elif name and not tag[1] and is_unseen(name, tag[3]):
            hidden, hidden_start = name, tag.start()
            if name not in UNSEEN:
                kinds.add("hidden")
        if not name and tag[0].startswith("<!--") and tag[0].strip("<!->").strip():
            kinds.add("hidden" if splits_word(text, tag.start(), tag.end()) else "html")
        edits.append((tag.start(), tag.end(), shown(name, tag[1], tag[3])))
    if edits:
        kinds.add("html")
    return edits


def is_unseen(name: str, attributes: str) -> bool:
    """Say whether a reader does not see what stands inside the tag."""
    return name in UNSEEN or (("style" in attributes or "hidden" in attributes) and bool(HIDING.search(attributes)))


def splits_word(text: str, start: int, end: int) -> bool:
    """Say whether the span stands inside a word."""
    return text[start - 1 : start].isalnum() and text[end : end + 1].isalnum()


def shown(name: str, closing: str | None, attributes: str | None) -> str:
    """What a reader sees of one tag."""
    if name in BLOCKS:
        return "\n"
    if closing or not attributes or name not in ("a", "img", "area", "iframe", "form"):
        return ""
    words = [found[1] for found in [LINK.search(attributes)] if found and name != "img"]
    alt = ALT.search(attributes) if name == "img" else None
    if alt:
        words.append(alt[1] or alt[2] or alt[3] or "")
    return f" {' '.join(words)} " if words else ""


def replace_entities(text: str, kinds: set[str]) -> list[Edit]:
    """Decode HTML entities once, as a browser does."""
    edits: list[Edit] = []
    if "&" not in text:
        return edits
    for found in ENTITY.finditer(text):
        decoded = entity(found)
        if decoded:
            edits.append((found.start(), found.end(), decoded))
            # a number for a plain letter is a disguise; "&amp;" is how web pages write
            if decoded.isalnum() and decoded.isascii():
                kinds.add("entities")
    return edits


def entity(found: re.Match[str]) -> str:
    """Decode one entity; an unknown one gives the empty string and stays as it is."""
    if found[3] is None:
        code = int(found[1]) if found[1] else int(found[2], 16)
        return chr(code) if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd"
    return named_entity(found[3])


def named_entity(name: str) -> str:
    """Give what a name stands for, or the empty string."""
    if name in ENTITIES:
        return ENTITIES[name]
    from html.entities import html5  # 2,231 names: loaded only for a rare one

    return html5.get(name + ";", "")


def cut_repaired(text: str, kinds: set[str]) -> list[Edit]:
    """Bound the work of the steps that look at single characters."""
    return cut(text, 2)


def drop_unseen(text: str, kinds: set[str]) -> list[Edit]:
    """Drop zero-width, bidi, variation and control characters; only those that hide something are reported."""
    edits: list[Edit] = []
    for found in UNSEEN_CHARACTER.finditer(text):
        start, end = found.span()
        if "\ud800" <= found[0] <= "\udfff":
            edits.append((start, end, "\ufffd"))
            continue
        edits.append((start, end, ""))
        before, after = text[start - 1 : start], text[end : end + 1]
        if OVERRIDE.search(found[0]):
            kinds.add("bidi")
        elif before.isalpha() and after.isalpha() and not JOINING.match(before):
            kinds.add("zero-width")
    return edits


def make_compatible(text: str, kinds: set[str]) -> list[Edit]:
    """Apply NFKC where it changes something, cluster by cluster, so that offsets stay exact."""
    from unicodedata import combining, is_normalized

    edits: list[Edit] = []
    known: dict[str, tuple[str, bool]] = {}  # one character may expand to eighteen, and stand thousands of times
    for run in NOT_ASCII.finditer(text):
        start = max(run.start() - 1, 0)  # a combining mark may belong to the ASCII letter before
        span = text[start : run.end()]
        if is_normalized("NFKC", span):  # not by normalizing: marks out of order are sorted in quadratic time
            continue
        at = 0
        while at < len(span):
            end = at + 1
            while end < len(span) and end - at < 16 and combining(span[end]):
                end += 1
            cluster = span[at:end]
            if cluster not in known:
                known[cluster] = compatible(cluster)
            plain, reported = known[cluster]
            if plain != cluster:
                edits.append((start + at, start + end, plain))
                if reported:
                    kinds.add("full-width")
            at = end
    return edits


def compatible(cluster: str) -> tuple[str, bool]:
    """Give a character with its marks as NFKC writes it, and whether that undoes a disguise."""
    from unicodedata import normalize

    plain = normalize("NFKC", cluster)
    return plain, plain != cluster and bool(DECORATED.match(cluster)) and cluster not in HONEST


def fold_look_alikes(text: str, kinds: set[str]) -> list[Edit]:
    """Bring words that mix alphabets back to one."""
    from despam.core import look_alikes  # tables that plain ASCII never needs

    edits: list[Edit] = []
    if not look_alikes.SEAM.search(text):
        return edits
    for found in look_alikes.MIXED.finditer(text):
        table = look_alikes.choose_table(found[0])
        changed = [(at, at + 1, table[letter]) for at, letter in enumerate(found[0], found.start()) if letter in table]
        if changed:
            edits += changed
            kinds.add("look-alikes")
    return edits


def join_spaced(text: str, kinds: set[str]) -> list[Edit]:
    """Join four or more single letters with the same sign between them."""
    edits: list[Edit] = []
    for found in SPACED.finditer(text):
        kinds.add("spaced-out")
        edits.append((found.start(), found.end(), found[0][::2]))
    return edits


def cut_scored(text: str, kinds: set[str]) -> list[Edit]:
    """Cut to what is scored."""
    return cut(text, 1)


def only_beyond_ascii(step: Step) -> Step:
    """Skip a step that plain ASCII cannot need."""

    def guarded(text: str, kinds: set[str]) -> list[Edit]:
        return [] if text.isascii() else step(text, kinds)

    return guarded


STEPS: tuple[Step, ...] = (
    cut_source,
    strip_html,
    replace_entities,
    cut_repaired,
    drop_unseen,
    only_beyond_ascii(make_compatible),
    only_beyond_ascii(fold_look_alikes),
    join_spaced,
    cut_scored,
)


# how repair sees one character beyond ASCII, told to the kernel: nothing to do; look yourself; never seen by a reader;
# written otherwise; a letter of an alphabet that words may mix with Latin; a letter in disguise; a mark, which belongs
# to the character before; written as more than three
PLAIN, ASK, DROPPED, EXPANDED, FOREIGN, DISGUISED, COMBINING, LONG = range(8)


def look_of(character: str) -> tuple[int, str]:
    """Say how the steps treat a character that stands by itself, and what it is expanded to (at most three)."""
    from unicodedata import combining

    from despam.core import look_alikes

    if UNSEEN_CHARACTER.match(character):
        return DROPPED, ""
    is_foreign = look_alikes.FOREIGN_LETTER.match(character)
    if look_alikes.SMALL_CAPITAL.match(character) or (is_foreign and not character.isalnum()):
        return ASK, ""
    if combining(character):
        return COMBINING, ""
    plain, reported = compatible(character)
    if plain == character:
        return (FOREIGN if is_foreign else PLAIN), ""
    return (LONG, "") if len(plain) > 3 else (DISGUISED if reported else EXPANDED, plain)
