"""Bytes and the charset that somebody named for them -> text.

Knows the codecs of Python that are charsets of text, what senders write for them, and which superset they mean. Does
not know mail or where the bytes came from. Invariant: any bytes and any name give a text, in time linear in the bytes
(codecs that are slow or do something else than decode are not among them); nothing is raised.
"""

from __future__ import annotations

from codecs import charmap_decode
from encodings import normalize_encoding
from encodings.aliases import aliases

NAME_LIMIT = 40  # letters in the name of a charset
BROKEN_LIMIT = 1 << 16  # bytes of UTF-16 that is none: "replace" takes 0.4 us for each two of them

# Python's codecs that are charsets of text, without slow ones (punycode, idna) and those that do something else
CODEC_NAMES = (
    "ascii big5 big5hkscs cp1125 cp437 cp720 cp737 cp775 cp869 cp874 cp932 cp949 cp950 euc_jis_2004 euc_jisx0213 euc_jp"
    " euc_kr gb18030 gb2312 gbk hz iso2022_jp iso2022_jp_1 iso2022_jp_2 iso2022_jp_2004 iso2022_jp_3"
    " iso2022_jp_ext iso2022_kr johab koi8_r koi8_u kz1048 latin_1 mac_arabic mac_croatian mac_cyrillic mac_farsi"
    " mac_greek mac_iceland mac_latin2 mac_roman mac_romanian mac_turkish ptcp154 shift_jis shift_jis_2004"
    " shift_jisx0213 tis_620 utf_16 utf_16_be utf_16_le utf_32 utf_32_be utf_32_le utf_7 utf_8 utf_8_sig"
)
CODECS = frozenset(CODEC_NAMES.split()).union(
    [f"cp{number}" for number in (850, 852, *range(855, 859), *range(860, 867), *range(1250, 1259))],
    [f"iso8859_{number}" for number in range(1, 17) if number != 12],
)
# what senders write -> the superset that decodes what they mean, as browsers do
SUPERSETS = {
    "": "utf_8", "ascii": "utf_8", "latin_1": "cp1252", "iso8859_1": "cp1252", "iso8859_9": "cp1254",
    "iso_8859_8_i": "iso8859_8", "windows_874": "cp874", "tis_620": "cp874", "gb2312": "gb18030", "gbk": "gb18030",
    "x_gbk": "gb18030", "big5": "big5hkscs", "euc_kr": "cp949", "shift_jis": "cp932", "x_sjis": "cp932",
}  # fmt: skip
# those whose broken text is still read by them, not as Windows-1252
SEVERAL_BYTES = frozenset(
    ("gb18030", "big5hkscs", "cp932", "cp949", "euc_jp", "iso2022_jp", "utf_16", "utf_16_le", "utf_16_be")
)
# with a character for the five bytes that it leaves out: "replace" stops at each of them, 0.3 us a time
WINDOWS_1252 = bytes(range(256)).decode("cp1252", "replace")


def codec(charset: str) -> str:
    """Give the codec that reads a charset as senders write it, or the empty string for none."""
    name = python_name(charset)
    name = SUPERSETS.get(name, name)
    return name if name in CODECS else ""


def own_codec(charset: str) -> str:
    """Give the codec of the charset itself, to undo a decoding: a superset gives other bytes back."""
    name = python_name(charset)
    return name if name in CODECS else ""


def python_name(charset: str) -> str:
    """Give the name that Python's own look-up ends at; of one that is too long none."""
    if len(charset) > NAME_LIMIT:
        return "unknown"
    name = normalize_encoding(charset.strip("'\" \t").lower().split("*")[0])
    return aliases.get(name) or aliases.get(name.replace(".", "_"), name)


def decode_text(raw: bytes, charset: bytes | str) -> str:
    """Decode by the charset named, else as UTF-8, else as near as can be."""
    name = codec(charset if isinstance(charset, str) else charset.decode("latin-1"))
    for attempt in (name, "utf_8") if name else ("utf_8",):
        try:
            return raw.decode(attempt)
        except ValueError:  # not in it
            pass
    several = name in SEVERAL_BYTES
    if not several and (name != "utf_8" or mostly_latin(raw)):
        return charmap_decode(raw, "strict", WINDOWS_1252)[0]
    broken = raw[:BROKEN_LIMIT] if name.startswith("utf_16") else raw
    return broken.decode(name if several else "utf-8", "replace")


def mostly_latin(raw: bytes) -> bool:
    """Say whether bytes that are not all UTF-8 are rather Windows-1252: more of them break UTF-8 than fit it."""
    sample = raw[:20_000]
    broken = sample.decode("utf-8", "replace").count("\ufffd")
    return broken * 2 > len(sample) - len(sample.translate(None, bytes(range(128, 256))))
