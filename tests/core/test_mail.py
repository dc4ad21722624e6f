"""A mail's source becomes what its reader sees, whatever is wrong with it, in bounded time."""

from __future__ import annotations

import base64
import email.message
import email.policy
import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from despam.core import mail

MIB = 1 << 20


def multipart(kind: str, *parts: str, boundary: str = "b") -> str:
    lines = "".join(f"--{boundary}\n{part}\n" for part in parts)
    return f'Content-Type: multipart/{kind}; boundary="{boundary}"\n\npreamble\n{lines}--{boundary}--\nepilogue\n'


def test_subject_and_body_without_headers() -> None:
    source = b"Received: from x\r\nFrom: a@b\r\nSubject: Win\r\n now\r\nDate: today\r\n\r\nFree prize\r\nfor you\r\n"
    assert mail.read(source) == "Win now\nFree prize\nfor you"


@pytest.mark.parametrize(
    ("header", "subject"),
    [
        ("=?utf-8?B?R3LDvMOfZQ==?=", "Grüße"),
        ("=?iso-8859-1?q?Gr=FC=DFe_von_mir?=", "Grüße von mir"),
        ("=?utf-8?q?a?= =?utf-8?q?b?= c", "ab c"),
        ("=?utf-8?b?w7w=?=\n =?utf-8?b?w58=?=", "üß"),
        ("=?utf-8?B?w?= broken", "w broken"),
        ("=?nonsense?q?caf=C3=A9?=", "café"),
        ("=?koi8-r?B?8NLJ18XU?=", "Привет"),
        ("plain =?", "plain =?"),
        ("caf\xe9", "café"),
    ],
)
def test_encoded_words_are_decoded(header: str, subject: str) -> None:
    assert mail.read(f"Subject: {header}\n\n".encode("utf-8" if header != "caf\xe9" else "latin-1")) == subject


def test_encoded_words_that_share_a_character_are_joined_first() -> None:
    assert mail.read("Subject: =?utf-8?b?w?= =?utf-8?b?w7w=?=\n\n").endswith("ü")


@pytest.mark.parametrize(
    ("headers", "body", "text"),
    [
        ("Content-Transfer-Encoding: base64", base64.b64encode("Grüße".encode()), "Grüße"),
        ("Content-Transfer-Encoding: BASE64", b"R3LDvMOf\nZQ=", "Grüße"),
        ("Content-Transfer-Encoding: base64", b"R3LDvMOfZQ!!", "Grüße"),
        ("Content-Transfer-Encoding: base64", b"***", "***"),
        ("Content-Transfer-Encoding: base64", b"YWI=\n\n-- \nlist footer here\n", "ab\n-- \nlist footer here"),
        ("Content-Transfer-Encoding: base64", b"YWI=\nYWI=\n", "abab"),
        ("Content-Transfer-Encoding: quoted-printable", b"Gr=C3=BC=C3=9F=\ne =ZZ", "Grüße =ZZ"),
        ("Content-Transfer-Encoding: none-such", b"as it is", "as it is"),
        ("Content-Type: text/plain; charset=iso-8859-1", b"caf\xe9 \x80", "café €"),
        ('Content-Type: text/plain; charset="KOI8-R"', "привет".encode("koi8-r"), "привет"),
        ("Content-Type: text/plain; charset=gb2312", "你好".encode("gb18030"), "你好"),
        ("Content-Type: text/plain; charset=us-ascii", "Grüße".encode(), "Grüße"),
        ("Content-Type: text/plain; charset=utf-8", b"caf\xe9 d'\xe9t\xe9", "café d'été"),
        ("Content-Type: text/plain; charset=no-such", b"caf\xe9", "café"),
        ("Content-Type: text/plain; charset=punycode", b"caf\xe9", "café"),
        ("Content-Type: text/plain; charset=rot13", b"abc", "abc"),
        ("Content-Type: nonsense", b"text", "text"),
        ("Content-Type: text/html", b"<p>Hi &amp; bye</p>", "<p>Hi &amp; bye</p>"),
    ],
)
def test_encodings_and_charsets_right_wrong_and_broken(headers: str, body: bytes, text: str) -> None:
    assert mail.read(b"MIME-Version: 1.0\n" + headers.encode() + b"\n\n" + body) == text


def test_a_charset_is_found_however_far_behind_it_stands() -> None:
    """Padding in front of it is what a sender who hides would add."""
    header = f"Content-Type: text/plain; x={'n' * 40_000}; charset=koi8-r\n\n".encode()
    assert mail.read(header + "привет".encode("koi8-r")) == "привет"


def test_a_text_behind_too_many_parts_is_read_as_it_stands() -> None:
    """Neither the parts before it nor its own place hide it; lines of structure are no text."""
    part = "--b\nContent-Type: text/plain\n\n"
    source = 'Content-Type: multipart/mixed; boundary="b"\n\n' + part * (mail.OPEN_LIMIT + 10) + "win a prize\n--b--\n"
    assert mail.read(source) == "win a prize"


PLAIN = (
    "Content-Type: text/plain\n\nWe meet at nine on Tuesday at the usual place; bring the papers and the keys, please."
)
HTML = (
    "Content-Type: text/html\n\n<p>We meet at <b>nine</b> on Tuesday at the usual place; bring the papers, please.</p>"
)


def test_of_two_versions_the_plain_one_is_taken() -> None:
    assert mail.read(multipart("alternative", PLAIN, HTML)).startswith("We meet at nine")
    assert "<p>" not in mail.read(multipart("alternative", PLAIN, HTML))


@pytest.mark.parametrize(
    "stub", ["", "hi", "Your mail reader cannot show this HTML message. Please view it in a browser of your choice."]
)
def test_a_stub_gives_way_to_the_html_beside_it(stub: str) -> None:
    long = HTML + "<p>" + "And many more words than the stub has. " * 5
    assert mail.read(multipart("alternative", f"Content-Type: text/plain\n\n{stub}", long)).startswith("<p>We meet")


def test_html_alone_is_taken_as_it_is() -> None:
    assert mail.read(multipart("alternative", HTML)).startswith("<p>We meet")


def test_parts_that_a_reader_sees_one_after_the_other_are_all_there() -> None:
    inner = multipart("alternative", PLAIN, HTML, boundary="in")
    text = mail.read(multipart("mixed", inner, "Content-Type: text/plain\n\nlist footer"))
    assert text.startswith("We meet at nine")
    assert text.endswith("list footer")
    assert "preamble" not in text
    assert "epilogue" not in text


def test_attachments_are_left_out_unless_they_are_text() -> None:
    picture = "Content-Type: image/png\nContent-Transfer-Encoding: base64\n\niVBORw0KGgo="
    letter = "Content-Type: text/plain\nContent-Disposition: attachment; filename=a.txt\n\nattached words"
    assert mail.read(multipart("mixed", PLAIN, picture, letter)).splitlines()[-1] == "attached words"
    assert mail.read("Subject: photo\n" + multipart("mixed", picture)) == "photo"


def test_an_attached_message_is_read_with_its_subject() -> None:
    inner = "Content-Type: message/rfc822\n\nSubject: inner\nFrom: x\n\nforwarded words"
    assert mail.read("Subject: outer\n" + multipart("mixed", PLAIN, inner)).splitlines()[-2:] == [
        "inner",
        "forwarded words",
    ]


def test_address_lines_at_the_head_of_a_body_are_dropped_and_the_subjects_words_kept() -> None:
    assert (
        mail.read("Subject: a\n\nFrom: x@y\nTo: z\nDate: today\nSubject: b\n\nwords\nFrom: here on")
        == "a\nb\n\nwords\nFrom: here on"
    )
    assert mail.drop_head("Subject: christmas pictures\n") == "christmas pictures"
    assert mail.drop_head("From here on: words") == "From here on: words"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (b"", ""),
        (b"\n\n", ""),
        (b"just words, no headers", "just words, no headers"),
        (b"From x@y Mon\nSubject: a\n\nb", "a\nb"),
        (b"From ", ""),
        (b"Subject: only", "only"),
        (b"\xef\xbb\xbfSubject: a\n\nb", "a\nb"),
        (b"Subject: a\rX: y\r\rb", "a\nb"),
        (b"Content-Type: multipart/mixed; boundary=never\n\nwords without it", "words without it"),
        (b"Content-Type: multipart/mixed\n\nwords", "words"),
        (b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\nopen end", "open end"),
        ("Subject: ü\n\nß", "ü\nß"),
        ("Subject: \ud800\n\nx", "í €\nx"),
        ("Subject: caf\udce9\n\nx", "café\nx"),
    ],
)
def test_odd_sources_have_an_answer(source: bytes | str, text: str) -> None:
    assert mail.read(source) == text


def test_only_a_source_that_is_none_is_refused() -> None:
    with pytest.raises(TypeError, match="not int"):
        mail.read(5)  # type: ignore[arg-type]


def test_a_message_made_by_pythons_own_library_comes_back() -> None:
    message = email.message.EmailMessage(policy=email.policy.SMTP)
    message["Subject"] = "Größe und Maß " * 8
    message.set_content("Ein langer Text mit Umlauten: äöü. " * 20)
    message.add_alternative("<p>Ein langer Text</p>", subtype="html")
    message.add_attachment(b"\x00\x01", maintype="application", subtype="octet-stream", filename="a.bin")
    subject, _, body = mail.read(bytes(message)).partition("\n")
    assert subject == ("Größe und Maß " * 8).strip()
    assert body.replace("\n", "") == "Ein langer Text mit Umlauten: äöü. " * 20


MIXED_B = 'Content-Type: multipart/mixed; boundary="b"\n\n'
PRIZE = "Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\nV2luIGEgcHJpemUgbm93\n"


def hidden(parameters: str, mark: str = "--abcd", before: str = "") -> str:
    """A mail whose one text is read only if its boundary is found."""
    return f"Subject: hi\n{before}Content-Type: multipart/mixed; {parameters}\n\n{mark}\n{PRIZE}{mark}--\n"


HIDDEN = {
    "many parts": MIXED_B + "--b\n\n.\n" * 200 + f"--b\n{PRIZE}--b--\n",
    "more parts than are opened": MIXED_B + "--b\n\n.\n" * 1_001 + "--b\n\nWin a prize now\n--b--\n",
    "lines of dashes": MIXED_B + "--x\n" * 20_001 + f"--b\n{PRIZE}--b--\n",
    "lines of dashes in a picture": MIXED_B
    + "--b\nContent-Type: image/png\n\n"
    + "--x\n" * 40_002
    + f"--b\n{PRIZE}--b--\n",
    "blanks behind a boundary": hidden("boundary=abcd", "--abcd" + " " * 5_000).replace(" --\n", "\n--abcd--\n"),
    "a header of dashes": hidden("boundary=abcd", before="--x: y\n"),
    "a parameter that ends in boundary": hidden("x-boundary=zz; boundary=abcd"),
    "a boundary in a quoted string": hidden('type="boundary=zz"; boundary=abcd'),
    "a boundary in pieces": hidden('boundary*1="cd"; boundary*0="ab"'),
    "a boundary that is encoded": hidden("boundary*=us-ascii''ab%63d"),
    "a boundary in encoded pieces": hidden("boundary*0*=us-ascii'en'ab; boundary*1*=%63d"),
    "a plain boundary behind one in pieces": hidden("boundary*0=zz; boundary=abcd"),
    "quotes that belong to a boundary": hidden("boundary='abcd'", "--'abcd'"),
    "an escaped letter in a boundary": hidden('boundary="ab\\\\cd"', "--ab\\cd"),
    "blanks in a boundary": hidden("boundary=ab cd", "--ab cd"),
    "a boundary whose quotation mark never ends": hidden('boundary="abcd'),
    "a boundary without a semicolon before it": hidden("charset=utf-8 boundary=abcd"),
    "a boundary that looks like a header": hidden("boundary=a:b", "--a:b"),
    "a boundary of 5,000 letters": hidden(f"boundary={'b' * 5_000}", "--" + "b" * 5_000),
    "40 KB of other headers": "X-Junk: " + "a b c d\n " * 5_000 + "z\n" + hidden("boundary=abcd"),
    "a message in a message, twenty deep": "Content-Type: message/rfc822\n\n" * 20 + PRIZE,
    "a message of another name": "Content-Type: message/global\n\n" + PRIZE,
    "a digest": hidden("boundary=abcd").replace("mixed", "digest").replace("--abcd\nContent", "--abcd\n\nContent"),
    "an address line that is none": "Subject: hi\n\nTo: all of you, who will win a prize now http://evil.example\n",
    "a date that is none": "Subject: hi\n\nDate: you win a prize now\n",
    "address lines again and again": "Subject: hi\n\n" + "From: a win\n" * 3 + "From: a prize now\n",
    "a subject in front of the subject": "Subject: win a prize now\nSubject: hi\n\nhello\n",
    "a subject behind the subject": "Subject: hi\nSubject: win a prize now\n\nhello\n",
    "two subjects at the head of a body": "\nSubject: win a prize now\nSubject: hi\nhello\n",
}


@pytest.mark.parametrize("how", HIDDEN)
def test_what_a_reader_sees_is_read(how: str) -> None:
    """Limits, odd boundaries and headers hide no text; Python's email package finds all but the last resort."""
    assert "prize now" in mail.read(HIDDEN[how].encode()).lower()


def test_a_text_part_that_looks_like_a_marker_is_itself() -> None:
    """A NUL and a number were once the place of a group of alternatives."""
    inner = multipart("alternative", PLAIN, HTML, boundary="in")
    for number in range(60, 140):
        text = mail.read(multipart("mixed", inner, f"Content-Type: text/plain\n\n\0{number}"))
        assert text.count("We meet at nine") == 1
        assert text.endswith(f"\0{number}")


def test_names_of_charsets_fill_no_memory() -> None:
    """Python remembers each name that it is asked for, for ever."""
    import encodings

    before = len(encodings._cache)  # type: ignore[attr-defined]
    words = " ".join(f"=?x{number}?q?a?=" for number in range(500))
    parts = multipart("mixed", *(f"Content-Type: text/plain; charset=y{number}\n\na" for number in range(500)))
    assert mail.read(f"Subject: {words}\n{parts}").count("a") > 900
    assert len(encodings._cache) <= before + 1  # type: ignore[attr-defined]


def nested(depth: int) -> bytes:
    opened = "".join(f'Content-Type: multipart/mixed; boundary="b{n}"\n\n--b{n}\n' for n in range(depth))
    return f"Subject: deep\n{opened}Content-Type: text/plain\n\nbottom\n".encode()


def test_mime_nested_1000_and_10000_deep_is_read_to_the_bottom() -> None:
    for depth in (1_000, 10_000):
        assert mail.read(nested(depth)) == "deep\nbottom"


MIXED = b"Content-Type: multipart/mixed; boundary=a\n\n"
SLOW = {
    "nested": nested(20_000),
    "dashes": MIXED + b"--\n" * (MIB // 3),
    "boundaries": MIXED + b"--a\n" * (MIB // 4),
    "parts without an empty line": MIXED + b"--a\nx:y\n" * (MIB // 8),
    "messages in messages": b"Content-Type: message/rfc822\n\n" * (MIB // 30),
    "many messages in messages": MIXED + (b"--a\n" + b"Content-Type: message/rfc822\n\n" * 100) * 340,
    "headers": b"subject:\n" * (MIB // 9),
    "folded header": b"Subject: " + b"\n " * (MIB // 2),
    "encoded words": b"Subject: " + b"=?utf-8?b?YQ==?= " * (MIB // 18),
    "open encoded words": b"Subject: " + b"=?a?b?" * (MIB // 6),
    "parameters": MIXED + (b"--a\nContent-Type: multipart/mixed; " + b"boundary  " * 400 + b"\n\n") * 250,
    "broken base64": b"Content-Transfer-Encoding: base64\n\n" + b"Q=\n" * (MIB // 3),
    "quoted-printable": b"Content-Transfer-Encoding: quoted-printable\n\n" + b"=" * MIB,
    "open tags": multipart("alternative", "\nx", "Content-Type: text/html\n\n" + "<style" * (MIB // 6)).encode(),
    "head lines": b"\n" + b"From: a\n" * (MIB // 8),
    "blank head": b"\n" + b"From:\t\t\t\t\n \n" * (MIB // 12),
    "lines of dashes": MIXED + b"--x\n" * (MIB // 4),
    "lines of dashes in pictures": MIXED + (b"--a\nContent-Type: image/png\n\n" + b"--x\n" * 20_001) * 12,
    "headers of dashes": MIXED + (b"--a\nx:y\n" + b"--x:\n" * 90) * (MIB // 460),
    "boundaries like headers": b"Content-Type: multipart/mixed; boundary=a:b\n\n" + b"--a:b\nx:y\n" * (MIB // 10),
    "blanks behind a boundary": MIXED + b"--a" + b" " * MIB,
    "escaped quotation marks": b"Content-Type: text/plain;" + b'charset=\\"' * (MIB // 10),
    "quotation marks in a parameter": b"Content-Type: text/plain;" + b'"' * MIB,
    "a boundary in pieces": MIXED[:29] + b";boundary*1*=%41" * (MIB // 16),
    "an encoded boundary": MIXED[:29] + b";boundary*=" + b"%41" * (MIB // 3),
    "blanks in a charset": b"Content-Type: text/plain; charset=" + b" a" * (MIB // 2),
    "subjects": b"Subject: =?utf-8?b?YQ==?=\n" * (MIB // 26),
    "a digest": MIXED.replace(b"mixed", b"digest") + b"--a\n\nSubject: a\n\n" * (MIB // 20),
    "messages with subjects": b"Content-Type: message/rfc822\nSubject: =?utf-8?q?a?=\n\n" * (MIB // 50),
    "a punycode in disguise": b"Content-Type: text/plain; charset=-punycode\n\n" + b"b9" * (MIB // 2),
    "addresses": b"\nTo: " + b"a" * (MIB // 2) + b" a@b" * (MIB // 8),
    "random": random.Random(1).randbytes(MIB),
    **{
        f"{charset} of {fill!r}": b"Content-Type: text/plain; charset=" + charset + b"\n\n" + fill * (MIB // len(fill))
        for charset in (b"utf-7", b"iso-2022-jp", b"hz", b"punycode", b"idna", b"unicode_escape", b"gb18030", b"x\0y")
        for fill in (b"\xff", b"+A", b"\x1b$B", b"~{")
    },
}


@pytest.mark.parametrize("what", SLOW)
def test_a_mebibyte_made_to_be_slow_is_read_in_bounded_time(what: str) -> None:
    started = time.process_time()
    text = mail.read(SLOW[what])
    # measured: under 0.08 s each; the bound leaves room for a busy machine and none for anything quadratic
    assert time.process_time() - started < 1.0
    assert len(text) <= MIB + 1


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400), st.integers(0, 2**32))
def test_any_bytes_have_an_answer(noise: bytes, seed: int) -> None:
    chance = random.Random(seed)
    base = (
        "Subject: =?utf-8?b?w7w=?=\n" + multipart("mixed", multipart("alternative", PLAIN, HTML, boundary="i"), PLAIN)
    ).encode()
    at = chance.randrange(len(base))
    for source in (noise, base[:at] + noise + base[at:], base[:at] + noise):
        assert isinstance(mail.read(source), str)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200))
def test_any_text_has_an_answer(source: str) -> None:
    assert isinstance(mail.read(source), str)
