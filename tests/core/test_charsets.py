"""Charsets as senders write them, and bytes that are not in them."""

from __future__ import annotations

import pytest

from despam.core import charsets, mail


@pytest.mark.parametrize("raw", [b"\x81\x8d\x8f\x90\x9d", bytes(range(128, 256)), b"caf\xe9 \x80 \x81"])
def test_bytes_without_a_letter_in_windows_1252_are_replaced(raw: bytes) -> None:
    """As Python's own codec replaces them."""
    assert charsets.decode_text(raw, "cp1252") == raw.decode("cp1252", "replace")


def test_broken_utf_16_is_read_at_its_beginning() -> None:
    """What is no character becomes the sign for one; what is all right is read in full, however long."""
    broken = "prize ".encode("utf-16-le") + b"\x00\xd8" * 200_000
    assert charsets.decode_text(broken, "utf-16le").startswith("prize \ufffd")
    assert len(charsets.decode_text(broken, "utf-16le")) == charsets.BROKEN_LIMIT // 2
    assert charsets.decode_text(("win" * 300_000).encode("utf-16-le"), "utf-16le") == "win" * 300_000


@pytest.mark.parametrize(
    "charset", ["-punycode", "puny_code-", "idna", "unicode-escape", "_rot13", "charmap", "oem", "hex"]
)
def test_a_codec_that_is_no_charset_is_an_unknown_one(charset: str) -> None:
    """However its name is written: Python looks codecs up without punctuation."""
    assert charsets.codec(charset) == ""
    assert mail.read(f"Content-Type: text/plain; charset={charset}\n\ncaf".encode() + b"\xe9") == "café"


@pytest.mark.parametrize(
    "charset", ["UTF-8", "utf8", "ISO_8859-1", "cp-1251", "Windows-1251", "Big5", "EUC-KR", "MacRoman"]
)
def test_a_charset_is_known_by_its_other_names(charset: str) -> None:
    """As Python's own look-up knows them."""
    assert bool(charsets.codec(charset)) == (charset != "cp-1251")
