"""The HTTP contract as OpenAPI 3.1, for `GET /openapi.json`.

Knows every path, parameter, status and field, with an example for each answer; tests send every example, and
schemathesis tries to show that the document lies. Loaded when somebody asks for it, so that no first answer pays
for it.

Invariant: what the brain refuses is described as refused, and what it answers fits the schema written here.
"""

from __future__ import annotations

import json
from hashlib import sha256

from despam.service.body import LIMIT_EXPLAINED, LIMIT_TEXTS, NO_TEXT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Schema = dict[str, Any]

SPAM = "WIN a free iPhone now"
HAM = "Are we still on for lunch at one?"
VERSION = "^[0-9a-f]{12}$"

NUMBER: Schema = {"type": "number"}
SHARE: Schema = {"type": "number", "minimum": 0, "maximum": 1}
TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
MODEL: Schema = {
    "type": "string",
    "pattern": VERSION,
    "description": "Version: first 12 hex digits of the file's SHA-256.",
}
OFFSET: Schema = {"type": ["integer", "null"], "minimum": 0}

CLUE: Schema = {
    "type": "object",
    "description": "A span of the text with its contribution to the score; null offsets mean all of it.",
    "properties": {
        "text": TEXT,
        "start": {**OFFSET, "description": "In Unicode code points of the text as given."},
        "end": OFFSET,
        "contribution": {**NUMBER, "description": "Log-odds; above 0 speaks for spam."},
    },
    "required": ["text", "start", "end", "contribution"],
}
VERDICT: Schema = {
    "type": "object",
    "properties": {
        "status": {"const": "success"},
        "classification": {"enum": ["SPAM", "HAM"]},
        "input_text": {**TEXT, "description": "The text as given; a lone surrogate is shown as U+FFFD."},
        "spam_probability": {**SHARE, "description": "Calibrated."},
        "score": {**NUMBER, "description": "Log-odds: the bias and the contributions of all clues."},
        "cutoff": {**SHARE, "description": "The probability from which on a message is spam."},
        "unsure": {**FLAG, "description": "Between the two unsure cutoffs, or too little evidence."},
        "unsure_reason": {**TEXT, "description": "Only with unsure."},
        "model": MODEL,
        "repaired": {"type": "array", "items": TEXT, "description": "Kinds of disguise that were undone."},
        "clues": {"type": "array", "items": {"$ref": "#/components/schemas/Clue"}, "description": "If explained."},
        "bias": {**NUMBER, "description": "If explained: the score of a text without clues."},
        "unread": {
            "type": "array",
            "items": {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2},
            "description": "If explained: start and end of what is left out of a text that is too long.",
        },
    },
    "required": [
        "status", "classification", "input_text", "spam_probability", "score", "cutoff", "unsure", "model", "repaired",
    ],
}  # fmt: skip
ERROR: Schema = {
    "type": "object",
    "properties": {"error": {**TEXT, "minLength": 1, "description": "What is wrong, in words."}},
    "required": ["error"],
}
BATCH: Schema = {
    "type": "object",
    "properties": {
        "results": {
            "type": "array",
            "maxItems": LIMIT_TEXTS,
            "description": "One for each text, in the same order.",
            "items": {"anyOf": [{"$ref": "#/components/schemas/Verdict"}, {"$ref": "#/components/schemas/Error"}]},
        }
    },
    "required": ["results"],
}
HEALTH: Schema = {
    "type": "object",
    "properties": {
        "status": {"const": "ok"},
        "model": MODEL,
        "source": {"enum": ["registry", "file", "bundled"]},
        "degraded": {
            **FLAG,
            "description": "True when the service runs on less than it was asked to; reason says why.",
        },
        "reason": {
            "type": "string",
            "description": "Why it is degraded, or that nothing has been promoted in the registry yet.",
        },
        "checked_seconds_ago": {"type": ["number", "null"], "description": "With a registry: since the last look."},
        "refresh_seconds": {"type": "number", "description": "With a registry: the time between two looks."},
    },
    "required": ["status", "model", "source", "degraded"],
}
CARD: Schema = {
    "type": "object",
    "properties": {
        "model": MODEL,
        "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        "size_bytes": {"type": "integer", "minimum": 1},
        "recipe": {"enum": ["default", "tfidf"]},
        "cutoff": SHARE,
        "unsure_low": SHARE,
        "unsure_high": SHARE,
        "bias": NUMBER,
        "card": {
            "type": "object",
            "description": "What it was trained on, its measured figures, limits and languages.",
        },
    },
    "required": ["model", "sha256", "size_bytes", "recipe", "cutoff", "unsure_low", "unsure_high", "bias", "card"],
}

EXPLAIN: Schema = {
    "name": "explain",
    "in": "query",
    "description": "Whether the answer says why: clues and bias.",
    "schema": {"type": "string", "enum": ["true", "false"], "default": "false"},
}
REQUEST_ID: Schema = {
    "name": "X-Request-Id",
    "in": "header",
    "description": "Up to 128 of A-Z a-z 0-9 - _ . : = + / come back with the answer and stand in the log; else the "
    "service makes an id.",
    "schema": TEXT,
}
ANSWER_HEADERS: Schema = {
    "Access-Control-Allow-Origin": {"required": True, "schema": TEXT},
    "X-Request-Id": {"required": True, "schema": TEXT},
}
REFUSED = {
    400: "The body is no JSON object in UTF-8 with what is asked for, or a parameter is wrong; says which.",
    401: "An API key is needed in X-Api-Key, and this one is missing or wrong.",
    408: "The body did not arrive in time.",
    413: "The body is larger than 1 MiB, or the answer would be larger than 16 MiB (on AWS Lambda 6 MB).",
    415: "The body is sent as something other than JSON in UTF-8, or compressed.",
    503: "Too much is being sent at once, or the server is stopping; Retry-After says when to try again.",
    500: "Something went wrong here; never shows internals.",
}


def reference(name: str) -> Schema:
    """Point to a schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def answer(description: str, name: str, **headers: Schema) -> Schema:
    """Describe an answer in JSON."""
    content = {"application/json": {"schema": reference(name)}}
    return {"description": description, "headers": {**ANSWER_HEADERS, **headers}, "content": content}


def refusals(*statuses: int) -> Schema:
    """Describe the refusals of an operation."""
    return {str(status): answer(REFUSED[status], "Error") for status in statuses}


def judge(operation: str, summary: str, ask: Schema, examples: Schema, answers: str, keyed: bool) -> Schema:
    """Describe a POST operation."""
    statuses = (400, 401, 408, 413, 415, 500, 503) if keyed else (400, 408, 413, 415, 500, 503)
    return {
        "post": {
            "operationId": operation,
            "summary": summary,
            "parameters": [EXPLAIN, REQUEST_ID],
            "requestBody": {"required": True, "content": {"application/json": {"schema": ask, "examples": examples}}},
            "responses": {"200": answer("The verdict.", answers), **refusals(*statuses)},
            **({"security": [{"key": []}]} if keyed else {}),
        }
    }


def look(operation: str, summary: str, name: str, keyed: bool = False, tagged: bool = False) -> Schema:
    """Describe a GET operation."""
    tag = {"ETag": {"required": True, "schema": TEXT}} if tagged else {}
    responses = {"200": answer(summary, name, **tag), **refusals(*((401, 500) if keyed else (500,)))}
    parameters = [REQUEST_ID]
    if tagged:
        responses["304"] = {"description": "As the client has it already.", "headers": {**ANSWER_HEADERS, **tag}}
        parameters = [{"name": "If-None-Match", "in": "header", "schema": TEXT}, REQUEST_ID]
    security: Schema = {"security": [{"key": []}]} if keyed else {}
    return {
        "get": {
            "operationId": operation,
            "summary": summary,
            "parameters": parameters,
            "responses": responses,
            **security,
        }
    }


def describe(keyed: bool) -> Schema:
    """Write the document, for a service with or without a key."""
    text = {"type": "object", "properties": {"text": {**TEXT, "minLength": 1}}, "required": ["text"]}
    texts = {
        "type": "object",
        "properties": {
            "texts": {
                "type": "array",
                "maxItems": LIMIT_TEXTS,
                "description": "Strings; anything else gets an error in its place. "
                f"With explain at most {LIMIT_EXPLAINED}.",
            }
        },
        "required": ["texts"],
    }
    one = {"spam": {"value": {"text": SPAM}}, "ham": {"value": {"text": HAM}}}
    many = {"two": {"value": {"texts": [SPAM, HAM]}}, "with an error": {"value": {"texts": [HAM, "", 5]}}}
    schemas = {"Verdict": VERDICT, "Clue": CLUE, "Error": {**ERROR, "examples": [{"error": NO_TEXT}]}}
    schemas |= {"Batch": BATCH, "Health": HEALTH, "Card": CARD, "Document": {"type": "object"}}
    components: Schema = {"schemas": schemas}
    if keyed:
        components["securitySchemes"] = {"key": {"type": "apiKey", "in": "header", "name": "X-Api-Key"}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "despam",
            "version": "1",
            "description": "Says whether a message is spam, how sure it is, and why. Pages can read errors too.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "."}],
        "paths": {
            "/classify": judge("classify", "Judge one text", text, one, "Verdict", keyed),
            "/predict": judge("predict", "Judge one text (the same as /classify)", text, one, "Verdict", keyed),
            "/classify/batch": judge(
                "classifyBatch", "Judge up to 1,000 texts with one model", texts, many, "Batch", keyed
            ),
            "/health": look("health", "That the service answers, and which model decides", "Health"),
            "/model": look(
                "model", "The card, figures and cutoffs of the model that decides", "Card", keyed, tagged=True
            ),
            "/openapi.json": look("openapi", "This document", "Document", tagged=True),
        },
        "components": components,
    }


MADE: dict[bool, tuple[bytes, str]] = {}


def document(keyed: bool) -> tuple[bytes, str]:
    """Give the document as JSON, and its ETag."""
    if keyed not in MADE:
        body = json.dumps(describe(keyed)).encode()
        MADE[keyed] = (body, f'"{sha256(body).hexdigest()[:16]}"')
    return MADE[keyed]
