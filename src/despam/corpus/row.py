"""One message as it stood in somebody's data.

A row knows its text, its label, where it came from (source, line) and the other fields it had. It knows nothing of
files: the readers make it, everything else uses it. Rows cross process borders in `classify --batch`, so they are
plain slots.

Invariant: a row that could not be read has `error`, one sentence, and an empty text; all others have `error == ""`.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol


class Message(Protocol):
    """What learning and measuring read of a labelled message, whoever made it."""

    @property
    def text(self) -> str: ...
    @property
    def label(self) -> str | None: ...
    @property
    def source(self) -> str: ...


class Plan(NamedTuple):
    """What the caller asked for; the same for every file of one call."""

    text_column: str | None = None
    label_column: str | None = None
    mail: bool = False
    decode_mail: bool = True


class Row:
    """One message; `raw_label` is the cell as it stood, `label` what it means."""

    __slots__ = (
        "charset",
        "error",
        "fields",
        "label",
        "line",
        "mail",
        "raw",
        "raw_label",
        "source",
        "text",
        "text_name",
    )

    def __init__(
        self,
        text: str = "",
        label: str | None = None,
        source: str = "",
        line: int = 0,
        fields: dict[str, Any] | None = None,
        mail: bool = False,
        *,
        raw_label: Any = None,
        error: str = "",
        charset: str = "utf-8",
        text_name: str = "text",
        raw: str | None = None,
    ) -> None:
        self.text = text
        self.label = label
        self.source = source  # stem of the file
        self.line = line  # 1-based; the row's or message's number where a file has no lines
        self.fields = {} if fields is None else fields  # everything but the text, in the file's order
        self.mail = mail  # the text was, or with decode_mail=False still is, the source of a mail
        self.raw_label = raw_label
        self.error = error
        self.charset = charset  # "windows-1252" where the bytes were no UTF-8
        self.text_name = text_name  # what the file calls the text
        self.raw = text if raw is None else raw  # the text as it stood, for --keep-text

    def __repr__(self) -> str:
        """Show place and label, and no text: messages are private."""
        return f"Row({self.source}:{self.line}, {self.label})"
