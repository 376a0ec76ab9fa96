"""From what an application yields to the bytes of the stream."""

import dataclasses
import json
import sys
from collections.abc import Callable
from typing import Any

from headwater._decoder import Event


def encode(item: Any) -> bytes:
    """One block of an event stream.

    - An `Event` goes as it is.
    - A `str` is the data of an event of the type `message`.
    - A `fastapi.sse.ServerSentEvent` says what FastAPI has it say.
    - Anything else is an event whose data is its JSON: dicts, lists, dataclasses, Pydantic models.

    Raises:
        ValueError: A type, an id or a topic has a line break or NUL in it, which would forge other fields; or it is no
            text, as half of a surrogate pair is in it.
        TypeError, ValueError: There is no JSON of it, or it is bytes.
    """
    if isinstance(item, Event):
        return block(item.data, None if item.type == "message" else item.type, item.id or None, item.topic)
    if _is_of_fastapi(item):
        return _of_fastapi(item)
    return block(*content(item))


def content(item: Any) -> tuple[str, str | None]:
    """The data and the type of an item, as `encode` takes it; `None` stands for the type `message`.

    Raises:
        TypeError, ValueError: There is no JSON of it, or it is an event without data, which nobody would ever see.
    """
    if isinstance(item, Event):
        return item.data, None if item.type == "message" else item.type
    if isinstance(item, str):
        return item, None
    if _is_of_fastapi(item):
        data = _data_of_fastapi(item)
        if data is None:
            raise TypeError("an event without data dispatches nothing; give it data, which may be empty")
        return data, item.event
    if isinstance(item, (bytes, bytearray, memoryview)):
        raise TypeError(f"an event is text, and this is of the type {type(item).__name__}; decode it first")
    return to_json(item), None


def block(data: str | None, type: str | None = None, id: str | None = None, topic: str | None = None) -> bytes:
    """A block of these fields; without data it dispatches nothing, and moves the cursor to its id.

    Raises:
        ValueError: As `encode`.
    """
    lines = ""
    if id is not None:
        lines = f"id: {_in_one_line('id', id)}\n"
    if type is not None:
        lines += f"event: {_in_one_line('type', type)}\n"
    if topic is not None:
        lines += f"topic: {_in_one_line('topic', topic)}\n"
    if data is not None:
        lines += _lines("data: ", data)
    return utf8(lines + "\n")


def utf8(text: str) -> bytes:
    """The bytes of a text.

    Raises:
        ValueError: Half of a surrogate pair is in it.
    """
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        lone = text[error.start]
        raise ValueError(f"{lone!r} is half of a surrogate pair, and no text; take it out of the event") from None


def comment(text: str) -> bytes:
    """Lines that every client ignores."""
    return _lines(": ", text).encode("utf-8", "replace")


def _lines(start: str, text: str) -> str:
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\n" in text:
        text = text.replace("\n", f"\n{start}")
    return f"{start}{text}\n"


def _in_one_line(field: str, text: str) -> str:
    if "\n" in text or "\r" in text or "\0" in text:
        raise ValueError(f"the {field} {text!r} of an event has a line break or NUL in it; take it out")
    return text


def _is_of_fastapi(item: Any) -> bool:
    fastapi = sys.modules.get("fastapi.sse")
    return fastapi is not None and isinstance(item, fastapi.ServerSentEvent)


def _data_of_fastapi(item: Any) -> str | None:
    data: str | None = item.raw_data
    if data is None and item.data is not None:
        data = to_json(item.data)
    return data


def _of_fastapi(item: Any) -> bytes:
    data = _data_of_fastapi(item)
    head = b"" if item.comment is None else comment(item.comment)
    if item.retry is not None:
        head += b"retry: %d\n" % item.retry
    return head + block(data, item.event, item.id)


def _with_the_standard_library(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    raise TypeError(f"there is no JSON of {type(value).__name__}; yield an Event, a dict, a dataclass or a model")


def _choose() -> Callable[[Any], str]:
    # Where Pydantic is, its serializer knows models, dataclasses, times and more.
    try:
        from pydantic_core import to_json
    except ImportError:
        return _with_the_standard_library

    def with_pydantic(value: Any) -> str:
        text = to_json(value).decode()
        # It writes what is no JSON as these words, which may as well be in a string.
        if "NaN" in text or "Infinity" in text:
            json.loads(text, parse_constant=_no_number)
        return text

    return with_pydantic


def _no_number(word: str) -> None:
    raise ValueError(f"there is no JSON of {word}; leave it out, or write null")


to_json = _choose()
"""Compact JSON of any value.

Raises:
    TypeError, ValueError: There is none.
"""
