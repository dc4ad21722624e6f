"""Letters that look like letters of another alphabet.

Knows which Cyrillic, Greek, Armenian, Cherokee, Lisu, phonetic and small-capital letters pass for Latin ones, and
which Latin ones pass for Cyrillic. Loaded only for text beyond ASCII. A word is folded only where it mixes alphabets,
so that honest Russian and Greek stay themselves; decided by the letters that only one of the two alphabets has.
Turkish needs its dotless i: it is folded beside a foreign letter only, and makes no word a mixed one.
"""

from __future__ import annotations

import re

# alphabet -> its letters, and the Latin ones they pass for, place for place
ALPHABETS = {
    "Cyrillic": (
        "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u04bb\u0501\u051b\u051d\u0475\u043a"
        "\u0442\u043c\u043d\u0432\u0433\u0437\u0431\u044c\u0461\u04bd\u04ab\u04cf\u0454"
        "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425\u0406\u0408\u0405\u04ae"
        "\u042c\u0474\u050c\u051a\u051c\u0500\u04ba\u04c0",
        "aeopcyxijshdqwvktmhbr3bbwecleABEKMHOPCTYXIJSYbVGQWDHI",
    ),
    "Greek": (
        "\u03b1\u03bf\u03c1\u03c5\u03bd\u03b9\u03ba\u03c7\u03b5\u03c4\u03b7\u03c9\u03bc\u03b2\u03b3\u03f2\u03f3"
        "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03dc\u037f\u03f9",
        "aopuvikxetnwubycjABEZHIKMNOPTYXFJC",
    ),
    "Armenian": (
        "\u0570\u0578\u057d\u0585\u0581\u0561\u0563\u0566\u056a\u056c\u0575\u054d\u054f\u0555\u053c",
        "hnuogwqqdljUSOL",
    ),
    "Cherokee": (
        "\u13a0\u13a1\u13a2\u13a9\u13aa\u13ab\u13ac\u13b3\u13b7\u13bb\u13bd\u13c0\u13c2\u13c3\u13cf\u13d2\u13d4\u13d9"
        "\u13da\u13de\u13df\u13e2\u13e6\u13f4",
        "DRTYAJEWMHYGhZbRWVSLCPKB",
    ),
    "Lisu": (
        "\ua4d0\ua4d1\ua4d3\ua4d4\ua4d6\ua4d7\ua4d9\ua4da\ua4dc\ua4dd\ua4df\ua4e0\ua4e1\ua4e2\ua4e3\ua4e6\ua4e7"
        "\ua4ea\ua4eb\ua4ec\ua4ee\ua4f0\ua4f2\ua4f3\ua4f4",
        "BPDTGKJCZFMNLSRVHWXYAEIOU",
    ),
    "phonetic": ("\u0251\u0261\u0269\u0184\u0185\u0290\uab47\uab75", "agiBbzri"),
    "small capitals": (
        "\u1d00\u0299\u1d04\u1d05\u1d07\u0262\u029c\u026a\u1d0a\u1d0b\u029f\u1d0d\u0274\u1d0f\u1d18\u0280\ua731"
        "\u1d1b\u1d1c\u1d20\u1d21\u028f\u1d22",
        "abcdeghijklmnoprstuvwyz",
    ),
    "dotless": ("\u0131\u0237", "ij"),
}
LATIN_FOR = {
    letter: latin for letters, latins in ALPHABETS.values() for letter, latin in zip(letters, latins, strict=True)
}
CYRILLIC_FOR = dict(
    zip(
        "aeopcyxkmtuABEKMHOPCTYX",
        "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u043a\u043c\u0442\u0438"
        "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425",
        strict=True,
    )
)
SMALL_CAPITALS = "\u0262\u0274\u026a\u0280\u028f\u0299\u029c\u029f\u1d00-\u1d22\ua731"
# capital letters of Cherokee only: its small ones are of no use to a disguise
FOREIGN = (
    "\u0184\u0185\u0251\u0261\u0269\u0290\u0370-\u03ff\u0400-\u052f\u0531-\u0587\u13a0-\u13f5\ua4d0-\ua4fd"
    f"\uab47\uab75{SMALL_CAPITALS}"
)
# what every mixed word holds, found without going through each word: where it is not, none is mixed
SEAM = re.compile(f"[A-Za-z]\\d*[{FOREIGN}]|[{FOREIGN}]\\d*[A-Za-z]|[{SMALL_CAPITALS}]{{3}}")
MIXED = re.compile(f"(?<!\\w)\\w*?(?:[A-Za-z]\\d*[{FOREIGN}]|[{FOREIGN}]\\d*[A-Za-z])\\w*|[{SMALL_CAPITALS}]{{3,}}")
CYRILLIC = re.compile("[\u0400-\u052f]")
FOREIGN_LETTER = re.compile(f"[{FOREIGN}]")
SMALL_CAPITAL = re.compile(f"[{SMALL_CAPITALS}]")


def choose_table(word: str) -> dict[str, str]:
    """Say towards which alphabet a mixed word is folded: Latin, or Cyrillic where letters that only it has are more."""
    only_cyrillic = sum(1 for letter in word if letter not in LATIN_FOR and CYRILLIC.match(letter))
    only_latin = sum(1 for letter in word if letter.isascii() and letter.isalpha() and letter not in CYRILLIC_FOR)
    return CYRILLIC_FOR if only_cyrillic > only_latin else LATIN_FOR
