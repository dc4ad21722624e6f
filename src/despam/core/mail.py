"""The source of a mail -> subject and body as one text.

Knows RFC 822 headers, MIME parts, transfer encodings, charsets and encoded words, as far as a reader sees them: the
decoded subject, then the text. Of two versions of one text the plain one is taken, unless it is a stub; HTML stays
HTML, for `core.repair` to read. Attachments are left out unless they are text. Headers are left out: they give a
corpus away.

Written as one pass over the lines that begin with "--", with a stack of boundaries, instead of Python's email
package: that takes 23 ms to import, recurses with the nesting of parts, and is slow on bodies made to be. Here depth
costs nothing.

Invariant: any bytes give a text, in time linear in their length; nothing is raised but TypeError for what is no
source.
"""

from __future__ import annotations

import binascii
import re
from codecs import charmap_decode

SOURCE_LIMIT = 1 << 20  # bytes that are looked at; the scorer reads 3,300 characters of what comes out
HEADER_LIMIT = 1 << 15  # bytes of one header block; the rest of a longer one is passed over
LINE_LIMIT = 20_000  # lines that begin with "--" and are compared with the boundaries
OPEN_LIMIT = 1000  # parts of any kind that are opened, at 10 us each; what is behind is read as it stands
PART_LIMIT = 200  # text parts that are decoded
VALUE_LIMIT = 1 << 10  # bytes of a content type that are looked through for a parameter
NESTED_LIMIT = 10  # messages attached to attached messages
BROKEN_LIMIT = 1 << 16  # bytes of UTF-16 that is none: "replace" takes 0.4 us for each two of them
STUB_LETTERS = 60  # a plain part with fewer letters beside a longer HTML part is a stub

DASHES = re.compile(rb"^--([^\n]{1,300})$", re.MULTILINE)
FIRST_HEADER = re.compile(rb"[!-9;-~]{1,76}[ \t]*:")
HEADER = re.compile(
    rb"^(subject|content-type|content-transfer-encoding|content-disposition)[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)",
    re.I | re.M,
)
# of a value in lower case: `re` looks for plain letters ten times as fast as for letters of either case
PARAMETER = re.compile(rb"""(boundary|charset)(?:\*0?\*?)?\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s;"]+))""")
STRUCTURE = re.compile(rb"^(?:--|[Cc]ontent-|[ \t]+boundary=)[^\n]*\n*", re.M)
ENCODED_WORD = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?]*)\?=")
BETWEEN_WORDS = re.compile(r"(=\?[^?\s]{1,60}\?[bBqQ]\?[^?]*\?=)\s+(?==\?)")
HEAD_LINE = re.compile(  # possessive: a body of ">" alone is not gone through again from each of them
    r"[ \t>]*+(from|to|cc|bcc|date|sent|reply-to|subject)[ \t]*:[ \t]*([^\n]*)(?:\n|\Z)", re.IGNORECASE
)
MARKUP = re.compile(r"<(?:style|script)\b[^<]*|<[^<>]*>", re.IGNORECASE)
LETTERS = re.compile(r"[\W_]+")
SAYS_HTML = re.compile(r"\bhtml\b|mime|mail (?:client|reader|program)|view (?:this|it|the)|browser", re.IGNORECASE)
NOT_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"))

# what senders write -> the superset that decodes what they mean, as browsers do
CHARSETS = {
    "": "utf-8", "ascii": "utf-8", "us-ascii": "utf-8", "utf8": "utf-8",
    "latin1": "cp1252", "latin-1": "cp1252", "iso-8859-1": "cp1252", "iso8859-1": "cp1252",
    "iso-8859-8-i": "iso8859-8", "iso-8859-9": "cp1254", "windows-874": "cp874", "tis-620": "cp874",
    "gb2312": "gb18030", "gbk": "gb18030", "x-gbk": "gb18030", "big5": "big5hkscs", "euc-kr": "cp949",
    "ks_c_5601-1987": "cp949", "shift_jis": "cp932", "shift-jis": "cp932", "x-sjis": "cp932",
}  # fmt: skip
# with a character for the five bytes that it leaves out: "replace" stops at each of them, 0.3 us a time
WINDOWS_1252 = bytes(range(256)).decode("cp1252", "replace")
# Python's codecs that are no charsets of mail: slow (punycode is quadratic), or they do something else
NO_CHARSETS = frozenset(
    ("punycode", "idna", "undefined", "unicode_escape", "raw_unicode_escape", "unicode-escape", "mbcs", "oem")
)


def read(source: bytes | bytearray | memoryview | str) -> str:
    """Read a mail's source: the decoded subject, a line end, the text."""
    if isinstance(source, str):
        source = to_bytes(source[:SOURCE_LIMIT])
    elif not isinstance(source, (bytes, bytearray, memoryview)):
        raise TypeError(f"a mail's source is bytes or str, not {type(source).__name__}")
    data = (
        bytes(source[:SOURCE_LIMIT])
        .replace(b"\r\n", b"\n")
        .replace(b"\r", b"\n")
        .removeprefix(b"\xef\xbb\xbf")
        .lstrip(b"\n")
    )
    if data.startswith((b"From ", b">From ")):  # the line that mbox files put in front
        data = data[data.find(b"\n") + 1 :] if b"\n" in data else b""
    head, body = header_block(data, 0)
    subject = decode_header(head.get(b"subject", b""))
    text = drop_head("\n".join(texts(data, head, body)))
    return f"{subject}\n{text}" if subject and text else subject or text


def to_bytes(source: str) -> bytes:
    """Give back the bytes of a source that somebody decoded."""
    try:
        return source.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return source.encode("utf-8", "surrogatepass")


def drop_head(text: str) -> str:
    """Drop From, To and Date lines at the head of a body, and the word Subject, keeping the subject's words."""
    at = len(text) - len(text.lstrip())
    subject = ""
    while found := HEAD_LINE.match(text, at):
        if found[1].lower() == "subject":
            subject = found[2]
        at = found.end()
    if not subject and not at:
        return text
    rest = text[at:]
    return f"{subject}\n{rest}" if subject and rest else subject or rest


def header_block(data: bytes, start: int) -> tuple[dict[bytes, bytes], int]:
    """Read the headers that matter, and find where the body begins; without headers all is body."""
    if data.startswith(b"\n", start):
        return {}, start + 1
    if not FIRST_HEADER.match(data, start):
        return {}, start
    # a line of dashes ends headers too: looking no further keeps thousands of parts without an empty line linear
    dashes = data.find(b"\n--", start)
    blank = data.find(b"\n\n", start, dashes + 1 if dashes >= 0 else len(data))
    end = blank if blank >= 0 else dashes if dashes >= 0 else len(data)
    found: dict[bytes, bytes] = {}
    for header in HEADER.finditer(data, start, min(end, start + HEADER_LIMIT)):
        found.setdefault(header[1].lower(), header[2].replace(b"\n", b" ").strip())
    return found, min(end + (2 if blank >= 0 else 1), len(data))


def texts(data: bytes, head: dict[bytes, bytes], body: int) -> list[str]:
    """Collect the texts a reader sees, in order."""
    leaves = collect(data, head, body)
    shown: list[str] = []
    groups: dict[int, tuple[list[str], list[str]]] = {}
    for group, kind, text in leaves:
        if not group:
            shown.append(text)
            continue
        if group not in groups:
            groups[group] = ([], [])
            shown.append(f"\0{group}")  # its place among the others
        groups[group][kind == b"text/html"].append(text)
    chosen = {f"\0{group}": choose("\n".join(plain), "\n".join(html)) for group, (plain, html) in groups.items()}
    return [chosen.get(text, text) for text in shown]


def choose(plain: str, html: str) -> str:
    """Choose between two versions of one text: the plain one, unless it only says that there is another."""
    if not html.strip():
        return plain
    letters = len(LETTERS.sub("", plain[:2000]))
    if letters >= STUB_LETTERS and not (letters < 400 and SAYS_HTML.search(plain)):
        return plain
    return html if len(LETTERS.sub("", MARKUP.sub(" ", html[:100_000]))) > letters else plain


def collect(data: bytes, head: dict[bytes, bytes], body: int) -> list[tuple[int, bytes, str]]:
    """Walk the parts once: (group of alternatives or 0, type, text) of each that is text."""
    leaves: list[tuple[int, bytes, str]] = []
    stack: list[tuple[bytes, int]] = []  # boundaries that are open, with their group
    depth: dict[bytes, int] = {}
    state = open_part(data, head, body, stack, depth, 0, leaves)
    opened = 0
    for count, line in enumerate(DASHES.finditer(data, body)):
        if count >= LINE_LIMIT or len(leaves) >= PART_LIMIT:
            break
        mark = line[1].rstrip()
        last = mark not in depth and mark.endswith(b"--") and mark[:-2] in depth
        level = depth.get(mark[:-2] if last else mark)
        if level is None:
            continue
        opened += 1
        close_part(data, state, line.start(), leaves)
        if opened > OPEN_LIMIT:
            leaves.append((0, b"text/plain", decode_text(STRUCTURE.sub(b"", data[line.start() :]), b"").strip("\n")))
            return leaves
        for boundary, _ in stack[level + (not last) :]:
            depth.pop(boundary, None)
        del stack[level + (not last) :]
        if last:
            state = None
            continue
        headers, begin = header_block(data, min(line.end() + 1, len(data)))
        state = open_part(data, headers, begin, stack, depth, stack[-1][1], leaves)
    close_part(data, state, len(data), leaves)
    if stack and not opened:  # a boundary that never comes: what is there is the text
        leaves.append((0, b"text/plain", decode_text(data[body:], b"")))
    return leaves


Part = tuple[int, int, bytes, dict[bytes, bytes]]


def open_part(
    data: bytes,
    head: dict[bytes, bytes],
    body: int,
    stack: list[tuple[bytes, int]],
    depth: dict[bytes, int],
    group: int,
    leaves: list[tuple[int, bytes, str]],
) -> Part | None:
    """Begin a part: push a container's boundary, or give the leaf to be closed later; None when it holds no text."""
    for _ in range(NESTED_LIMIT):
        kind = head.get(b"content-type", b"text/plain").split(b";", 1)[0].strip().lower()
        if kind != b"message/rfc822":
            break
        head, body = header_block(data, body)
        if subject := decode_header(head.get(b"subject", b"")):
            leaves.append((0, b"text/plain", subject))
    if kind.startswith(b"multipart/"):
        boundary = parameter(head, b"boundary").rstrip()
        if boundary and boundary not in depth:
            depth[boundary] = len(stack)
            stack.append((boundary, body if kind == b"multipart/alternative" else group))
            return None
        kind = b"text/plain"
    if b"/" not in kind:
        kind = b"text/plain"
    return (
        (body, group, kind, head)
        if kind.startswith(b"text/") and kind not in (b"text/css", b"text/javascript")
        else None
    )


def close_part(data: bytes, part: Part | None, end: int, leaves: list[tuple[int, bytes, str]]) -> None:
    """Decode a leaf that ends here."""
    if part is None or len(leaves) >= PART_LIMIT:
        return
    start, group, kind, head = part
    raw = decode_transfer(data[start:end], head.get(b"content-transfer-encoding", b"").split(b";")[0].strip().lower())
    text = decode_text(raw, parameter(head, b"charset")).replace("\r\n", "\n").strip("\n")
    if text:
        attached = head.get(b"content-disposition", b"").lower().startswith(b"attachment")
        leaves.append((0 if attached else group, kind, text))


def parameter(head: dict[bytes, bytes], name: bytes) -> bytes:
    """Give a parameter of the content type, quotes off."""
    value = head.get(b"content-type", b"")[:VALUE_LIMIT]
    for found in PARAMETER.finditer(value.lower()):
        if found[1] == name:
            return value[slice(*found.span(found.lastindex or 0))]
    return b""


def decode_transfer(raw: bytes, encoding: bytes) -> bytes:
    """Undo base64 or quoted-printable, as far as it goes."""
    if encoding == b"base64":
        head, _, tail = raw.partition(b"=")
        tail = tail.lstrip(b"=\n\t ")
        if b" " in tail.rstrip():  # a mailing list's footer, put behind what was encoded
            return decode_base64(head) + b"\n" + tail
        pieces = raw.split(b"=", PART_LIMIT)  # padding ends a piece; some senders put pieces one behind the other
        return b"".join(map(decode_base64, pieces)) or raw
    if encoding == b"quoted-printable":
        return binascii.a2b_qp(raw)
    return raw


def decode_base64(raw: bytes) -> bytes:
    """Decode the letters of base64 among whatever else there is."""
    letters = raw.translate(None, NOT_BASE64)
    return binascii.a2b_base64(letters[:-1] if len(letters) % 4 == 1 else letters + b"=" * (-len(letters) % 4))


def decode_text(raw: bytes, charset: bytes | str) -> str:
    """Decode by the charset named, else as UTF-8, else as near as can be."""
    named = (charset if isinstance(charset, str) else charset.decode("latin-1")).strip("'\" \t").lower().split("*")[0]
    name = CHARSETS.get(named, named)
    if len(name) > 40 or name in NO_CHARSETS or not name.isascii():
        name = "utf-8"
    for attempt in (name, "utf-8"):
        try:
            return raw.decode(attempt)
        except (LookupError, ValueError):  # no such charset; not in it; a NUL in its name
            pass
    several = name in (
        "gb18030",
        "big5hkscs",
        "cp932",
        "cp949",
        "euc-jp",
        "iso-2022-jp",
        "utf-16",
        "utf-16le",
        "utf-16be",
    )
    if not several and (name != "utf-8" or mostly_latin(raw)):
        return charmap_decode(raw, "strict", WINDOWS_1252)[0]
    broken = raw[:BROKEN_LIMIT] if name.startswith("utf-16") else raw
    return broken.decode(name if several else "utf-8", "replace")


def mostly_latin(raw: bytes) -> bool:
    """Say whether bytes that are not all UTF-8 are rather Windows-1252: more of them break UTF-8 than fit it."""
    sample = raw[:20_000]
    broken = sample.decode("utf-8", "replace").count("\ufffd")
    return broken * 2 > len(sample) - len(sample.translate(None, bytes(range(128, 256))))


def decode_header(raw: bytes) -> str:
    """Decode a header's value: encoded words, bare 8-bit bytes, folded lines."""
    text = decode_text(raw[:8192], b"")
    if "=?" not in text:
        return " ".join(text.split())
    joined = BETWEEN_WORDS.sub(r"\1", text)
    out: list[str] = []
    at = 0
    held, charset = b"", ""
    for word in ENCODED_WORD.finditer(joined):
        if word.start() > at or word[1].lower() != charset:  # neighbours in one charset may share a character
            out.append(decode_text(held, charset))
            out.append(joined[at : word.start()])
            held, charset = b"", word[1].lower()
        held += decode_word(word[2], word[3])
        at = word.end()
    out.append(decode_text(held, charset))
    out.append(joined[at:])
    return " ".join("".join(out).split())


def decode_word(how: str, word: str) -> bytes:
    """Undo the encoding of one encoded word."""
    raw = word.encode("utf-8", "surrogatepass")
    return decode_transfer(raw, b"base64") if how in "bB" else binascii.a2b_qp(raw, header=True)
