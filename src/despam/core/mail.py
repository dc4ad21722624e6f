"""The source of a mail -> subject and body as one text.

Knows RFC 822 headers, MIME parts, transfer encodings and encoded words, as far as a reader sees them: the decoded
subject, then the text. What bytes in a charset say is charsets.py's. Of two versions of one text the plain one is
taken, unless it is a stub; HTML stays HTML, for `core.repair` to read. Attachments are left out unless they are text.
Headers are left out: they give a corpus away.

Written as one pass over the lines that begin with "--", with a stack of boundaries, instead of Python's email
package: that takes 23 ms to import, recurses with the nesting of parts, and is slow on bodies made to be. Here depth
costs nothing.

Invariant: any bytes give a text, in time linear in their length; nothing is raised but TypeError for what is no
source. A limit never hides what is behind it: the rest is read as it stands.
"""

from __future__ import annotations

import binascii
import re
from itertools import islice

from despam.core.charsets import decode_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE_LIMIT = 1 << 20  # bytes that are looked at; the scorer reads 3,300 characters of what comes out
SUBJECT_LIMIT = 1 << 15  # bytes of all subjects of one message, and of one header that is decoded
SUBJECTS_LIMIT = 1000  # of one message
LINE_LIMIT, LEAPS = 2_000, 3  # lines of dashes compared one by one; then a leap to a boundary, so many times
LEAP_LIMIT = 16  # open boundaries that a leap looks for
DASHED_LIMIT = 20  # header lines that begin with dashes
STRUCTURE_LIMIT = 50_000  # lines of boundaries and headers that are taken out of what is read as it stands
PARAMETERS_LIMIT = 10_000  # of one content type that are looked at, quoted strings among them
OPEN_LIMIT = 1000  # parts and attached messages that are opened, at 10 us each
PIECES_LIMIT = 200  # pieces of base64 one behind the other in one part
HEAD_WORDS, NAME_WORDS = 2, 3  # in a line that is dropped at the head of a body: without an address, and for each
STUB_LETTERS = 60  # a plain part with fewer letters beside a longer HTML part is a stub

DASHES = re.compile(rb"^--([^\n]+)$", re.MULTILINE)
HEADER_END = re.compile(rb"\n(?:\n|--)")
DASHED_HEADER = re.compile(rb"--[!-9;-~]{0,74}[ \t]*:")
FIRST_HEADER = re.compile(rb"[!-9;-~]{1,76}[ \t]*:")
HEADER = re.compile(
    rb"^(subject|content-type|content-transfer-encoding|content-disposition)[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)",
    re.I | re.M,
)
# in lower case: name less its first letter, `*`, number, `*`, value; or quoted strings, to be skipped. One set stands
# in front, for then `re` looks for it ten times as fast
PARAMETER = re.compile(
    rb"""["bc](?:((?<=b)oundary(?<![^\s;]boundary)|(?<=c)harset(?<![^\s;]charset))(\*?)(\d{0,3})(\*?)\s*=\s*"""
    rb"""(?:"((?:[^"\\]|\\.)*+)"|"?([^\s;"]+(?:[ \t]+(?![^\s;=]+\s*=)[^\s;"]+)*+))"""
    rb"""|(?<=")(?:[^"\\]|\\.)*+(?:"(?:[^"bc]|b(?!oundary)|c(?!harset))*+"(?:[^"\\]|\\.)*+)*+"?)""",
    re.DOTALL,
)
ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
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

MESSAGES = (b"message/rfc822", b"message/global")


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
    head, body = header_block(data, 0, {})
    subject = subjects(head)
    text = drop_head("\n".join(texts(data, head, body)))
    return f"{subject}\n{text}" if subject and text else subject or text


def to_bytes(source: str) -> bytes:
    """Give back the bytes of a source that somebody decoded."""
    try:
        return source.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return source.encode("utf-8", "surrogatepass")


def drop_head(text: str) -> str:
    """Drop From, To and Date lines at the head of a body, one of each, and the word Subject, keeping its words."""
    at = len(text) - len(text.lstrip())
    subject = ""
    seen: set[str] = set()
    while found := HEAD_LINE.match(text, at):
        name = found[1].lower()
        if name in seen or not (name == "subject" or is_dull(name, found[2])):
            break
        if name == "subject":
            subject = found[2]
        seen.add(name)
        at = found.end()
    if not subject and not at:
        return text
    rest = text[at:]
    return f"{subject}\n{rest}" if subject and rest else subject or rest


def is_dull(name: str, value: str) -> bool:
    """Say whether a value is addresses or a date and next to nothing besides, so that no message hides in it."""
    words = value.split()
    known = sum("@" in word if name not in ("date", "sent") else any(map(str.isdigit, word)) for word in words)
    return "://" not in value and len(words) - known <= max(HEAD_WORDS, NAME_WORDS * known)


def header_block(data: bytes, start: int, known: dict[bytes, int]) -> tuple[dict[bytes, bytes], int]:
    """Read the headers that matter, and find where the body begins; without headers all is body."""
    if data.startswith(b"\n", start):
        return {}, start + 1
    if not FIRST_HEADER.match(data, start):
        return {}, start
    end, body = header_end(data, start, known)
    found: dict[bytes, bytes] = {}
    every: list[bytes] = []
    for name, value in HEADER.findall(data, start, end):
        kind = name.lower()
        if kind == b"subject":
            every.append(value)
        elif kind not in found:
            found[kind] = value.replace(b"\n", b" ").strip()
    if every:
        found[b"subject"] = b"\n".join([value.replace(b"\n", b" ") for value in every[:SUBJECTS_LIMIT]])
    return found, body


def header_end(data: bytes, start: int, known: dict[bytes, int]) -> tuple[int, int]:
    """Give where headers end and the body begins: at an empty line, a known boundary, or dashes that are no header.

    Looking no further keeps thousands of parts without an empty line linear.
    """
    at = start
    for _ in range(DASHED_LIMIT):
        found = HEADER_END.search(data, at)  # the first of both: each by itself may be far away
        if not found:
            return len(data), len(data)
        if found[0] == b"\n\n":
            return found.span()
        at = found.start() + 1
        line = DASHES.match(data, at)
        if not line or not DASHED_HEADER.match(data, at) or parts(line, known):
            break
    return at - 1, at


def parts(line: re.Match[bytes], known: dict[bytes, int]) -> bytes:
    """Give the boundary among the known ones that a line is, whether it is the last or not; none: nothing."""
    mark = line[1].rstrip()
    return mark if mark in known else mark[:-2] if mark.endswith(b"--") and mark[:-2] in known else b""


def subjects(head: dict[bytes, bytes]) -> str:
    """Decode every subject of a message: which of them a reader is shown is the reader's choice."""
    raw = head.get(b"subject", b"")[:SUBJECT_LIMIT]
    return "\n".join(filter(None, map(decode_header, raw.split(b"\n"))))


def texts(data: bytes, head: dict[bytes, bytes], body: int) -> list[str]:
    """Collect the texts a reader sees, in order."""
    shown: list[tuple[int, str]] = []  # a text, or the place of a group among them
    groups: dict[int, tuple[list[str], list[str]]] = {}
    for group, kind, text in Walk(data).collect(head, body):
        if not group:
            shown.append((0, text))
            continue
        if group not in groups:
            groups[group] = ([], [])
            shown.append((group, ""))
        groups[group][kind == b"text/html"].append(text)
    return [choose(*map("\n".join, groups[group])) if group else text for group, text in shown]


def choose(plain: str, html: str) -> str:
    """Choose between two versions of one text: the plain one, unless it only says that there is another."""
    if not html.strip():
        return plain
    letters = len(LETTERS.sub("", plain[:2000]))
    if letters >= STUB_LETTERS and not (letters < 400 and SAYS_HTML.search(plain)):
        return plain
    return html if len(LETTERS.sub("", MARKUP.sub(" ", html[:100_000]))) > letters else plain


class Walk:
    """One pass over the parts of a mail: the boundaries that are open, the part that is, the leaves found."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.leaves: list[tuple[int, bytes, str]] = []  # group of alternatives or 0, type, text
        self.stack: list[tuple[bytes, int, bytes]] = []  # boundaries that are open, group and type of parts inside
        self.depth: dict[bytes, int] = {}
        self.part: tuple[int, int, bytes, dict[bytes, bytes]] | None = None  # start, group, type, headers
        self.opened = 0
        self.rest = len(data)  # where a limit was met: what is behind is read as it stands

    def collect(self, head: dict[bytes, bytes], body: int) -> list[tuple[int, bytes, str]]:
        """Give (group of alternatives or 0, type, text) of each part that is text."""
        self.open(head, body, 0, b"text/plain")
        met = False
        for line in self.lines(body):
            boundary = parts(line, self.depth)
            if not boundary:
                continue
            last = line[1].rstrip() != boundary
            if self.opened >= OPEN_LIMIT:
                self.rest = line.start()
                break
            met = True
            self.opened += 1
            self.close(line.start())
            self.leave(self.depth[boundary] + (not last))
            if not last:
                headers, begin = header_block(self.data, min(line.end() + 1, len(self.data)), self.depth)
                self.open(headers, begin, *self.stack[-1][1:])
        self.close(self.rest)
        if self.stack and not met:  # a boundary that never comes: what is there is the text
            self.rest = body
        if self.rest < len(self.data):
            plain = decode_text(
                STRUCTURE.sub(b"", self.data[self.rest :], STRUCTURE_LIMIT) if met else self.data[self.rest :], b""
            )
            self.leaves.append((0, b"text/plain", plain.strip("\n") if met else plain))
        return self.leaves

    def lines(self, at: int) -> Iterator[re.Match[bytes]]:
        """Give the lines that may be boundaries; of more than LINE_LIMIT in a row leap to the next that is one."""
        for _ in range(LEAPS):
            count = 0
            for line in islice(DASHES.finditer(self.data, at), LINE_LIMIT):
                count += 1
                at = line.end()
                yield line
            if count < LINE_LIMIT:
                return
            marks = [boundary for boundary, _, _ in self.stack[:LEAP_LIMIT]]
            places = [self.data.find(b"\n--" + boundary, at) for boundary in marks]
            at = min([place for place in places if place >= 0], default=len(self.data))
        self.rest = at

    def leave(self, level: int) -> None:
        """Forget the boundaries inside of a level."""
        for boundary, _, _ in self.stack[level:]:
            self.depth.pop(boundary, None)
        del self.stack[level:]

    def open(self, head: dict[bytes, bytes], body: int, group: int, usual: bytes) -> None:
        """Begin a part: push a container's boundary, or keep the leaf to be closed later where it is text."""
        self.part = None
        kind = content_type(head, usual)
        while kind in MESSAGES:
            if self.opened >= OPEN_LIMIT:
                kind = b"text/plain"
                break
            self.opened += 1
            head, body = header_block(self.data, body, self.depth)
            if subject := subjects(head):
                self.leaves.append((0, b"text/plain", subject))
            kind = content_type(head, b"text/plain")
        if kind.startswith(b"multipart/"):
            boundary = parameter(head, b"boundary").rstrip()
            if boundary and boundary not in self.depth:
                self.depth[boundary] = len(self.stack)
                inside = MESSAGES[0] if kind == b"multipart/digest" else b"text/plain"
                self.stack.append((boundary, body if kind == b"multipart/alternative" else group, inside))
                return
            kind = b"text/plain"
        if kind.startswith(b"text/") and kind not in (b"text/css", b"text/javascript"):
            self.part = (body, group, kind, head)

    def close(self, end: int) -> None:
        """Decode the leaf that ends here."""
        if self.part is None:
            return
        start, group, kind, head = self.part
        self.part = None
        encoding = head.get(b"content-transfer-encoding", b"").split(b";")[0].strip().lower()
        raw = decode_transfer(self.data[start:end], encoding)
        text = decode_text(raw, parameter(head, b"charset")).replace("\r\n", "\n").strip("\n")
        if text:
            attached = head.get(b"content-disposition", b"").lower().startswith(b"attachment")
            self.leaves.append((0 if attached else group, kind, text))


def content_type(head: dict[bytes, bytes], usual: bytes) -> bytes:
    """Give the type of a part; what is no type is plain text."""
    kind = head.get(b"content-type", usual).split(b";", 1)[0].strip().lower()
    return kind if b"/" in kind else b"text/plain"


def parameter(head: dict[bytes, bytes], name: bytes) -> bytes:
    """Give a parameter of the content type, quotes off; one in pieces (RFC 2231) is put together."""
    value = head.get(b"content-type", b"")
    lowered = value.lower()
    if name not in lowered:  # most have no charset, and looking for its name alone is a hundred times as fast
        return b""
    pieces: dict[int, bytes] = {}
    encoded = False
    for found in islice(PARAMETER.finditer(lowered), PARAMETERS_LIMIT):
        number = int(found[3] or 0)
        if found[1] != name[1:] or (found[2] and number in pieces):
            continue
        piece = value[slice(*found.span(found.lastindex or 0))]
        piece = ESCAPED.sub(rb"\1", piece) if found[5] is not None else piece
        if not found[2]:
            return piece
        if found[4] or not found[3]:
            encoded = True  # with another sign it is quoted-printable, which C decodes
            piece = binascii.a2b_qp(piece.replace(b"=", b"=3D").replace(b"%", b"="))
        pieces[number] = piece
    joined = b"".join([pieces[number] for number in sorted(pieces)])
    return joined.split(b"'", 2)[-1] if encoded and joined.count(b"'") > 1 else joined


def decode_transfer(raw: bytes, encoding: bytes) -> bytes:
    """Undo base64 or quoted-printable, as far as it goes."""
    if encoding == b"base64":
        head, _, tail = raw.partition(b"=")
        tail = tail.lstrip(b"=\n\t ")
        if b" " in tail.rstrip():  # a mailing list's footer, put behind what was encoded
            return decode_base64(head) + b"\n" + tail
        pieces = raw.split(b"=", PIECES_LIMIT)  # padding ends a piece; some senders put pieces one behind the other
        return b"".join(map(decode_base64, pieces)) or raw
    if encoding == b"quoted-printable":
        return binascii.a2b_qp(raw)
    return raw


def decode_base64(raw: bytes) -> bytes:
    """Decode the letters of base64 among whatever else there is."""
    letters = raw.translate(None, NOT_BASE64)
    return binascii.a2b_base64(letters[:-1] if len(letters) % 4 == 1 else letters + b"=" * (-len(letters) % 4))


def decode_header(raw: bytes) -> str:
    """Decode a header's value: encoded words, bare 8-bit bytes, folded lines."""
    text = decode_text(raw[:SUBJECT_LIMIT], b"")
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
