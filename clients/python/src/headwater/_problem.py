"""What a server says about a refusal."""

from __future__ import annotations

import json
from dataclasses import dataclass

# Most characters that are kept of a text that is no problem document.
MOST_TEXT = 500


@dataclass(frozen=True, slots=True)
class Problem:
    """The content of an error answer: a problem document (RFC 9457), or the beginning of whatever text came.

    Attributes:
        type: A name that stays the same from version to version, for example `urn:headwater:problem:forbidden`.
        title: The kind of problem in words.
        detail: What is wrong with this request. Of an answer that is no problem document, the beginning of its text.
        field: Which part of the request is at fault.
        reason: Why whoever asked is refused, as a word for machines.
    """

    type: str | None = None
    title: str | None = None
    detail: str | None = None
    field: str | None = None
    reason: str | None = None

    def __str__(self) -> str:
        return self.detail or self.title or "the answer says nothing more"


MEMBERS = ("type", "title", "detail", "field", "reason")


def read_problem(content_type: str | None, body: bytes) -> Problem:
    """Reads the body of an error answer; no bytes raise an exception."""
    if is_type(content_type, "application/problem+json"):
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            document = None
        if isinstance(document, dict):
            members = {name: document[name] for name in MEMBERS if isinstance(document.get(name), str)}
            return Problem(**members)
    text = body.decode(errors="replace").strip()[:MOST_TEXT]
    return Problem(detail=text or None)


def is_type(content_type: str | None, essence: str) -> bool:
    """Whether a media type, which may have parameters, is this one."""
    return content_type is not None and content_type.partition(";")[0].strip().lower() == essence
