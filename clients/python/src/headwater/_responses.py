"""Events of a response that the caller has opened: no reconnecting, no waiting, no questions about its status."""

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from itertools import chain
from typing import Any, Protocol, cast

from headwater._checks import check_count
from headwater._decoder import Decoder, Event, Oversized
from headwater._pickle import Picklable

DEFAULT_MAX_EVENT = 1 << 20


class EventTooLargeError(Picklable, ValueError):
    """An event was larger than `max_event`, and is lost."""

    def __init__(self, max_event: int):
        super().__init__(f"an event of the stream is larger than {max_event} bytes; raise max_event to read it")
        self.max_event = max_event


class HasIterBytes(Protocol):
    """`httpx.Response`, and what wraps one."""

    def iter_bytes(self) -> Iterator[bytes]: ...


class HasIterContent(Protocol):
    """`requests.Response`."""

    def iter_content(self, chunk_size: int | None = ..., decode_unicode: bool = ...) -> Iterator[Any]: ...


class HasAiterBytes(Protocol):
    """`httpx.Response`, and what wraps one."""

    def aiter_bytes(self) -> AsyncIterator[bytes]: ...


class HasIterAny(Protocol):
    """The body of an `aiohttp.ClientResponse`."""

    def iter_any(self) -> AsyncIterable[bytes]: ...


class HasContent(Protocol):
    """`aiohttp.ClientResponse`."""

    @property
    def content(self) -> HasIterAny: ...


SyncSource = HasIterBytes | HasIterContent | Iterable[bytes]
AsyncSource = HasAiterBytes | HasContent | AsyncIterable[bytes]


def iter_events(response: SyncSource, *, max_event: int = DEFAULT_MAX_EVENT) -> Iterator[Event]:
    """The events of an open response, each as soon as it is complete.

    Args:
        response: An `httpx.Response` or `requests.Response` that was opened for streaming, or any iterable of bytes.
            It stays the caller's, who closes it, and whose matter its status and type are: in a refusal or a page
            there is no event, and none comes.
        max_event: The largest event in bytes.

    Raises:
        EventTooLargeError: An event was larger.
        TypeError: The response is of no known kind.
        Exception: Whatever the HTTP client raises when the connection breaks.
    """
    check_count("max_event", max_event)
    decoder = Decoder(max_event=max_event)
    # Not a generator, which would be resumed for every event.
    return chain.from_iterable(_complete(decoder, piece, max_event) for piece in _pieces(response))


async def aiter_events(response: AsyncSource, *, max_event: int = DEFAULT_MAX_EVENT) -> AsyncIterator[Event]:
    """As `iter_events`, for the asynchronous clients: an `httpx.Response`, an `aiohttp.ClientResponse`, or any
    asynchronous iterable of bytes.

    Args:
        response: The response, opened for streaming. It stays the caller's, who closes it, and whose matter its status
            and type are: in a refusal or a page there is no event, and none comes.
        max_event: The largest event in bytes.

    Raises:
        EventTooLargeError: An event was larger.
        TypeError: The response is of no known kind.
        Exception: Whatever the HTTP client raises when the connection breaks.
    """
    check_count("max_event", max_event)
    decoder = Decoder(max_event=max_event)
    pieces = _async_pieces(response)
    try:
        async for piece in pieces:
            for event in _complete(decoder, piece, max_event):
                yield event
    finally:
        # A generator that is left half way is closed here, and not whenever the collector comes by.
        close = getattr(pieces, "aclose", None)
        if close is not None:
            await close()


def _complete(decoder: Decoder, piece: bytes, max_event: int) -> Iterable[Event]:
    """The events that a piece completes."""
    events = decoder.push(piece)
    # A list without a hole is handed on as it is, without a question for every event.
    return _until_too_large(events, max_event) if decoder.oversized else cast("list[Event]", events)


def _until_too_large(events: list[Event | Oversized], max_event: int) -> Iterator[Event]:
    for event in events:
        if isinstance(event, Oversized):
            break
        yield event
    # It may still be coming: then there is nothing in its place yet.
    raise EventTooLargeError(max_event)


def _pieces(response: Any) -> Iterable[bytes]:
    if hasattr(response, "iter_bytes"):
        pieces: Iterable[bytes] = response.iter_bytes()
    elif hasattr(response, "iter_content"):
        # Its iterator fills whole pieces before it hands them out, so the events are read from below it.
        read = getattr(getattr(response, "raw", None), "read1", None)
        pieces = response.iter_content(chunk_size=1) if read is None else _read_on(read)
    elif isinstance(response, Iterable) and not isinstance(response, bytes | str):
        pieces = response
    else:
        raise TypeError(f"cannot read events from {type(response).__name__}: give a response or an iterable of bytes")
    return pieces


def _read_on(read: Callable[..., bytes]) -> Iterator[bytes]:
    """Reads what has come, until nothing more does."""
    while piece := read(PIECE, decode_content=True):
        yield piece


def _async_pieces(response: Any) -> AsyncIterable[bytes]:
    if hasattr(response, "aiter_bytes"):
        pieces: AsyncIterable[bytes] = response.aiter_bytes()
    elif hasattr(getattr(response, "content", None), "iter_any"):
        pieces = response.content.iter_any()
    elif isinstance(response, AsyncIterable):
        pieces = response
    else:
        raise TypeError(
            f"cannot read events from {type(response).__name__}: give a response or an asynchronous iterable of bytes"
        )
    return pieces


# The most that is read at a time, in bytes.
PIECE = 1 << 16
