"""Mail in the page: the same text as the core reads, letter for letter, whatever the charset and the encoding."""

from __future__ import annotations

import base64
import binascii
import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from despam.core import mail
from despam.corpus.mails import messages_of
from despam.corpus.opening import Source

from .conftest import HAM, SPAM, call
from .test_files import cells, choose

pytestmark = pytest.mark.browser
Visit = Callable[..., Page]

LONG = b"The plain text, long enough to be no stub of anything, says hello to you and all of yours.\n"
MAILS = {
    "plain": b"Subject: Hi\n\nbody\n",
    "no headers": b"just a text without headers\n\nand: more of it",
    "no subject": b"From: a@b.example\r\n\r\nbody\r\n",
    "encoded subject": b"Subject: =?iso-8859-1?Q?Gr=FC=DFe?= =?utf-8?B?4oKs?=\n\nbody",
    "a character in two words": b"Subject: =?utf-8?Q?=D0?=\n =?UTF-8?Q?=9F_x?= y\n\nbody",
    "bare bytes in the subject": "Subject: Grüße\n\nbody".encode("cp1252"),
    "folded subject": b"Subject: one\n two\nFrom: a@b.example\n\nbody",
    "two subjects": b"Subject: one\nSubject: two\n\nbody",
    "base64": b"Subject: s\nContent-Type: text/plain; charset=utf-8\n"
              b"Content-Transfer-Encoding: base64\n\nR3LDvMOfZQ==\n",
    "base64 with a footer": b"Content-Transfer-Encoding: base64\n\nR3LDvMOfZQ==\n-- \nThe list of us\n",
    "a blank before a soft line end": b"Content-Transfer-Encoding: quoted-printable\n\none =\ntwo=3D =\nthree =zz ==",
    "nested": b'Subject: s\nContent-Type: multipart/mixed; boundary="o"\n\nnobody\'s\n'
              b"--o\nContent-Type: multipart/alternative; boundary=i\n\n--i\nContent-Type: text/plain\n\n" + LONG +
              b"--i\nContent-Type: text/html\n\n<p>html</p>\n--i--\n--o\nContent-Type: image/png\n\nxxx\n--o--\nbehind",
    "a stub": b'Content-Type: multipart/alternative; boundary="i"\n\n--i\n\nThis is HTML.\n'
              b"--i\nContent-Type: text/html\n\n<p>what is really said here</p>\n--i--\n",
    "boundaries that begin alike": b"Content-Type: multipart/mixed; boundary=a\n\n--a\n\none\n--ab\ntwo\n--a--\n",
    "no line behind the headers": b"Content-Type: multipart/mixed; boundary=a\n--a\n\none\n--a\n\ntwo\n--a--\n",
    "a boundary that never comes": b"Content-Type: multipart/mixed; boundary=a\n\nwhat there is",
    "text attached": b"Content-Type: multipart/mixed; boundary=a\n\n--a\n\none\n--a\n"
                     b"Content-Disposition: attachment\nContent-Type: text/html\n\n<b>two</b>\n--a--\n",
    "forwarded": b"Subject: fwd\nContent-Type: message/rfc822\n\nSubject: inner\n\nbody",
    "a head in the body": b"Subject: fwd\n\nFrom: Ann <a@b.example>\nDate: 1 May 2020\nSubject: inner\nbody",
    "a From line": b"From a@b.example Mon Jan  1 00:00:00 2020\nSubject: s\n\nbody",
    "a mark in front": b"\xef\xbb\xbfSubject: s\n\nbody",
    "nothing": b"\n\n",
}  # fmt: skip


def read(page: Page, source: bytes) -> str:
    """Let the page read a mail."""
    return str(call(page, "mail", "readMail", source.decode("latin-1")))


@pytest.mark.parametrize("name", list(MAILS))
def test_a_mail_reads_as_the_core_reads_it(page: Page, name: str) -> None:
    assert read(page, MAILS[name]) == mail.read(MAILS[name])


TEXTS = {
    "utf-8": "Grüße, привет, こんにちは €", "koi8-r": "Привет, вы выиграли приз", "KOI8_R": "Привет",
    "windows-1251": "Выиграли приз", "cp1251": "Приз", "shift_jis": "当選おめでとう、イード", "cp932": "当選①",
    "euc-jp": "当選おめでとう", "iso-2022-jp": "当選おめでとう", "gb2312": "恭喜您中奖了", "gbk": "恭喜您中獎了",
    "big5": "恭喜您中獎了", "euc-kr": "당첨을 축하합니다", "ks_c_5601-1987": "당첨을",
    "iso-8859-1": "Grüße", "latin-1": "Grüße", "ISO_8859-2": "Żółć",
    "iso-8859-9": "Teşekkürler ğ", "windows-1252": "“Grüße” – €", "utf-16": "Grüße", "utf-16be": "Grüße",
}  # fmt: skip
# named wrongly or not at all: the bytes are another charset's
WRONG = {
    "": "Grüße привет", "us-ascii": "Grüße привет", "no-such": "Grüße", "x-user-defined": "Grüße €",
    "iso-8859-1": "a\u0090b", "utf-8": "naïve façade",
}  # fmt: skip
CASES = [(charset, text.encode(charset)) for charset, text in TEXTS.items()]
CASES += [(charset, text.encode(kind, "replace")) for charset, text in WRONG.items() for kind in ("utf-8", "cp1252")]


@pytest.mark.parametrize("encoding", ["8bit", "quoted-printable", "base64"])
def test_each_charset_is_decoded_as_the_core_decodes_it(page: Page, encoding: str) -> None:
    encoders = {"8bit": bytes, "quoted-printable": binascii.b2a_qp, "base64": base64.encodebytes}
    for charset, raw in CASES:
        if b"\0" in raw and encoding == "8bit":
            continue  # line ends of one byte
        kind = f'text/plain; charset="{charset}"' if charset else "text/plain"
        head = f"Subject: s\nContent-Type: {kind}\nContent-Transfer-Encoding: {encoding}\n\n"
        source = head.encode() + encoders[encoding](raw)
        assert read(page, source) == mail.read(source), (charset, raw)


def test_shift_jis_in_quoted_printable_is_decoded_whole(page: Page) -> None:
    """The second byte of a character may be a plain letter."""
    head = b"Content-Type: text/plain; charset=shift_jis\nContent-Transfer-Encoding: quoted-printable\n\n"
    assert read(page, head + b"=83A=83C=83h") == "アイド"


@pytest.mark.parametrize(
    "source",
    ["", "\n\n", "Content-Type: multipart/mixed\n\n--x",
     'Content-Type: multipart/mixed; boundary="("\n\n--(\n\na\n--(--', "Content-Transfer-Encoding: base64\n\n!!!",
     "Content-Type: text/plain; charset=no-such\n\nx", "Subject: =?x?B?!?=\n\ny"],
)  # fmt: skip
def test_a_broken_mail_is_still_read(page: Page, source: str) -> None:
    assert read(page, source.encode()) == mail.read(source)


def test_parts_nested_without_end_are_still_read(page: Page) -> None:
    source = "".join(f'Content-Type: multipart/mixed; boundary="b{n}"\n\n--b{n}\n' for n in range(1000)) + "\nbottom"
    assert "bottom" in read(page, source.encode())


@pytest.mark.parametrize("packed", [False, True])
def test_a_chosen_mail_is_read_as_bytes(visit: Visit, packed: bool) -> None:
    page = visit()
    source = "Subject: s\nContent-Type: text/plain; charset=koi8-r\n\nПривет, вы выиграли приз".encode("koi8-r")
    name, content = ("a.eml.gz", gzip.compress(source)) if packed else ("a.eml", source)
    choose(page, name, content)
    expect(page.locator("#userInput")).to_have_value("s\nПривет, вы выиграли приз")


def mbox(*texts: str) -> bytes:
    """Write a mailbox in koi8-r."""
    head = "From a@b.example Mon Jan  1 00:00:00 2020\nSubject: s\nContent-Type: text/plain; charset=koi8-r\n\n"
    return "".join(f"{head}{text}\n\n" for text in texts).encode("koi8-r")


def test_a_mailbox_becomes_a_table(visit: Visit) -> None:
    page = visit()
    choose(page, "many.mbox", mbox(SPAM, "Привет\nFrom here\n\n>From there", HAM).replace(b"\n", b"\r\n"))
    expect(page.locator("#batchStatus")).to_contain_text("3 messages: 1 spam, 2 ham")
    assert cells(page, 4)[1] == "s Привет From here From there"


def test_a_mailbox_of_one_message_is_one_message(visit: Visit) -> None:
    page = visit()
    choose(page, "one.mbox", mbox("Привет"))
    expect(page.locator("#userInput")).to_have_value("s\nПривет")


def test_a_mailbox_is_cut_as_the_command_line_cuts_it(page: Page, tmp_path: Path) -> None:
    content = b"\n\n" + mbox("one", "two\nFrom a line\n\nFrom a message\nthree", ">>From\n\n>>From x") + b"\nFrom \n"
    path = tmp_path / "many.mbox"
    path.write_bytes(content)
    with Source(path) as source:
        wanted = [mail.read(data) for data in messages_of(source)]
    found = call(page, "mail", "splitMbox", content.decode("latin-1"))
    assert [read(page, data.encode("latin-1")) for data in found] == wanted
    assert len(wanted) > 3


def test_a_mail_without_a_text_says_so(visit: Visit) -> None:
    page = visit()
    choose(page, "photo.eml", b"From: a@b.example\nContent-Type: image/png\n\nxxx")
    expect(page.get_by_role("alert")).to_contain_text("photo.eml has no subject and no text.")
