"""The bytes of a request's body -> the text or texts in it, or a refusal that says what to change.

Knows the ways a body can be wrong: too large, of another type, compressed, in another encoding, no JSON, nested too
deep, ambiguous, of another shape. Knows nothing of routes, doors or models. A refusal never repeats what the body
holds.

Invariant: whatever the bytes, the outcome is a value or a `RequestRefused` whose sentence is the same at every
door.
"""

from __future__ import annotations

import json

from despam.errors import RequestRefused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

LIMIT_BYTES = 1024 * 1024
LIMIT_TEXTS = 1000
LIMIT_EXPLAINED = 100  # clues cost a hundred times the verdict, and forty times its bytes
TOO_LARGE = "The body is larger than 1 MiB (1,048,576 bytes); send less at a time."
NO_TEXT = "No text provided."
NO_TEXTS = "No texts provided."

KINDS = {
    dict: "an object",
    list: "an array",
    str: "a string",
    bool: "true or false",
    int: "a number",
    float: "a number",
}
UTF8 = frozenset(("utf-8", "utf8", "us-ascii", ""))
SUBTYPE = frozenset("abcdefghijklmnopqrstuvwxyz0123456789!#$&^_.+-")


def refuse_constant(_name: str) -> NoReturn:
    """Refuse NaN and the infinities, which Python's JSON reader lets pass."""
    raise RequestRefused(400, "The body is no JSON: NaN and Infinity are no JSON numbers.")


def refuse_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Refuse an object that gives a text twice: two readers could judge two different messages."""
    found = dict(pairs)
    if len(found) < len(pairs):
        for name in ("text", "texts"):
            if sum(key == name for key, _ in pairs) > 1:
                raise RequestRefused(400, f'"{name}" is given more than once.')
    return found


DECODER = json.JSONDecoder(parse_constant=refuse_constant)
DECODER_CAREFUL = json.JSONDecoder(parse_constant=refuse_constant, object_pairs_hook=refuse_repeats)


def check_headers(content_type: str, content_encoding: str) -> None:
    """Refuse a body that says it is no JSON in UTF-8; one that says nothing is taken for JSON."""
    if content_encoding and content_encoding.strip().lower() != "identity":
        raise RequestRefused(415, "A compressed body is not read; send it without Content-Encoding.")
    if content_type in ("application/json", ""):
        return
    kind, _, parameters = content_type.lower().partition(";")
    if not is_json(kind.strip()):
        raise RequestRefused(415, "The body must be JSON; send it with Content-Type: application/json.")
    if parameters and not is_utf8(parameters):
        raise RequestRefused(415, "The body must be in UTF-8; leave the charset out of Content-Type.")


def is_json(kind: str) -> bool:
    """Say whether a media type is JSON, or a format made of it."""
    place, _, name = kind.partition("/")
    structured = len(name) > len("+json") and name.endswith("+json") and SUBTYPE.issuperset(name)
    return place == "application" and (name == "json" or structured)


def is_utf8(parameters: str) -> bool:
    """Say whether every charset among the parameters of a media type is UTF-8; others are none of our business."""
    if '"' in parameters:
        # no regular expression: one that goes back and forth takes seconds for a header of 8 KB made for it
        parts = parameters.replace("\\\\", "").replace('\\"', "").split('"')
        parts[1::2] = [part.replace(";", "") for part in parts[1::2]]
        parameters = "".join(parts)
    pairs = [one.partition("=") for one in parameters.split(";") if "charset" in one]
    return all(value.strip() in UTF8 for name, _, value in pairs if name.strip() == "charset")


def decode_utf8(body: bytes) -> str:
    """Read the bytes as UTF-8; a byte order mark is skipped."""
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        if body[:2] == b"\x1f\x8b":
            message = "The body is compressed (gzip); send it as plain JSON."
        elif body[:2] in (b"\xff\xfe", b"\xfe\xff"):
            message = "The body is in UTF-16 or UTF-32; send it in UTF-8."
        else:
            message = f"The body is not valid UTF-8 (byte {error.start + 1})."
        raise RequestRefused(400, message) from None
    if "\0" in text[:4]:
        raise RequestRefused(400, "The body is in UTF-16 or UTF-32; send it in UTF-8.")
    return text[1:] if text[:1] == "\ufeff" else text


def decode(decoder: json.JSONDecoder, text: str) -> object:
    """Decode one JSON value; without the search for blanks around it where there are none, half the time of an SMS."""
    if text[:1] == "{":
        found, end = decoder.raw_decode(text)
        if end == len(text) or not text[end:].strip(" \t\n\r"):
            return found
    return decoder.decode(text)


def read_object(body: bytes, what_if_empty: str) -> dict[str, object]:
    """Read the body as one JSON object."""
    if not body:
        raise RequestRefused(400, what_if_empty)
    text = decode_utf8(body)
    # a repeated key can only hide where its name stands twice or is escaped
    decoder = DECODER_CAREFUL if "\\u" in text or text.count('"text') > 1 else DECODER
    try:
        found = decode(decoder, text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise RequestRefused(400, f"The body is no JSON ({place}).") from None
    except RecursionError:
        raise RequestRefused(400, "The body is nested too deeply.") from None
    except ValueError:
        # the one ValueError left is int() refusing to read more digits than sys.get_int_max_str_digits()
        raise RequestRefused(400, "A number in the body has too many digits.") from None
    if type(found) is not dict:
        raise RequestRefused(400, f'The body must be an object like {{"text": "..."}}, not {name_kind(found)}.')
    return found


def name_kind(value: object) -> str:
    """Name a JSON value's kind in words."""
    return "null" if value is None else KINDS[type(value)]


def check_text(text: object) -> str:
    """Take a text that can be judged."""
    if type(text) is not str:
        raise RequestRefused(400, f'"text" must be a string, not {name_kind(text)}.')
    if not text:
        raise RequestRefused(400, NO_TEXT)
    return text


def read_text(body: bytes) -> str:
    """Read the body of /classify."""
    found = read_object(body, NO_TEXT)
    if "text" not in found:
        raise RequestRefused(400, NO_TEXT)
    return check_text(found["text"])


def read_texts(body: bytes, explain: bool = False) -> list[object]:
    """Read the body of /classify/batch; what is wrong with one element is said in its place, later."""
    found = read_object(body, NO_TEXTS)
    if "texts" not in found:
        raise RequestRefused(400, NO_TEXTS)
    texts = found["texts"]
    if type(texts) is not list:
        raise RequestRefused(400, f'"texts" must be an array of strings, not {name_kind(texts)}.')
    if len(texts) > LIMIT_TEXTS:
        raise RequestRefused(400, f"At most {LIMIT_TEXTS:,} texts at a time; this body has {len(texts):,}.")
    if explain and len(texts) > LIMIT_EXPLAINED:
        raise RequestRefused(
            400, f"At most {LIMIT_EXPLAINED} texts at a time with explain; this body has {len(texts):,}."
        )
    return texts
