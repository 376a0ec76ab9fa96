"""Event streams from Starlette and FastAPI.

    @app.get("/answers/{number}")
    async def answer(number: int) -> EventStreamResponse:
        return EventStreamResponse(lambda last_event_id: tokens(number, after=last_event_id))

The response is an ASGI application of its own on asyncio; it runs under Uvicorn, Hypercorn and Gunicorn.
"""

import inspect
import random
from collections.abc import AsyncIterable, Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.background import BackgroundTask
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from headwater._checks import check_seconds
from headwater._problem import is_type
from headwater._producer import END_ID, SendTimeoutError, Settings, Stream
from headwater._shutdown import end_streams

__all__ = ["EventStreamResponse", "SendTimeoutError", "end_streams", "last_event_id", "to_hub"]

Resume = Callable[[str | None], AsyncIterable[Any] | Awaitable[AsyncIterable[Any] | None] | None]


class EventStreamResponse(Response):
    """A response that streams what an asynchronous iterator yields.

    The head and a first block leave at once. When the client leaves, the iterator is cancelled and its `finally` blocks
    run. When it ends, the stream ends with the event `headwater.end` and the reason `done`; when it raises, with the
    reason `error`, and the exception goes on to the server. When the server stops, the stream ends with
    `headwater.closing`, and clients come back to another process.

    The end has the id `headwater.end`. A client that comes back with it, as browsers do after every end, is answered
    204, at which it stops; neither the function nor the iterator is called then.

    An item is an `Event`, a `str` (the data), a `fastapi.sse.ServerSentEvent`, or anything that has a JSON. A type that
    begins with `headwater.` is refused, as clients would take it for the stream's own; see `relay`.

    Args:
        events: The iterator; or a function that is given the id to go on after, `None` at the start, and returns the
            iterator. If it returns `None`, everything has been read: the answer is 204, at which clients stop.
            The function may be asynchronous.
        heartbeat: Seconds of silence after which a comment is sent.
        retry: Seconds that a browser waits before it reconnects, plus or minus half of it by chance, so that not all
            come at once; `None` leaves it to the browser.
        send_timeout: Seconds that a reader may take nothing before it is given up.
        topic: What the last event says has ended; the path of the request when it is not given.
        status_code: Another status than 200, at which browsers do not take it for a stream.
        headers: Further header fields; a field that is set here is not overwritten, but for `Headwater-Heartbeat`.
            `Content-Type` is `text/event-stream` and cannot be another: clients would not take it for a stream.
        relay: Whether types that begin with `headwater.` are passed on: for the events of a hub, read with
            `aiter_events`.
        background: What runs after the stream.

    Raises:
        ValueError: A time is not positive, or has no end; or `headers` have another `Content-Type`.
        TypeError: A time is no number. While answering, before the head: what is given or returned is no asynchronous
            iterator.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        events: AsyncIterable[Any] | Resume,
        *,
        heartbeat: float = 15.0,
        retry: float | None = 3.0,
        send_timeout: float = 30.0,
        topic: str | None = None,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        relay: bool = False,
        background: BackgroundTask | None = None,
    ):
        for name, seconds in (("heartbeat", heartbeat), ("retry", retry), ("send_timeout", send_timeout)):
            if seconds is not None or name != "retry":
                check_seconds(name, seconds, endless=False)
        for name, value in (headers or {}).items():
            if name.lower() == "content-type" and not is_type(value, self.media_type):
                raise ValueError(f"the Content-Type is {value}, and that of an event stream is {self.media_type}")
        self.events = events
        self.heartbeat = heartbeat
        self.retry = retry
        self.send_timeout = send_timeout
        self.topic = topic
        self.relay = relay
        self.status_code = status_code
        self.background = background
        self.init_headers(headers)
        for name, value in HEADERS.items():
            self.headers.setdefault(name, value)
        # The standard has no other character set, and some proxies compare the whole value.
        self.headers["content-type"] = self.media_type
        self.headers["headwater-heartbeat"] = str(max(1, round(heartbeat)))
        del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        events = await self._begin(requested_id(HTTPConnection(scope)))
        if events is None:
            await Response(status_code=204, headers={"cache-control": "no-store"})(scope, receive, send)
        elif scope["method"] == "HEAD":
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await send({"type": "http.response.body", "body": b""})
        else:
            settings = Settings(
                status=self.status_code,
                headers=self.raw_headers,
                heartbeat=self.heartbeat,
                retry_ms=None if self.retry is None else round(self.retry * random.uniform(500, 1500)),
                send_timeout=self.send_timeout,
                topic=scope["path"].lstrip("/") if self.topic is None else self.topic,
                relay=self.relay,
            )
            await Stream(events, settings, receive, send).run()
        if self.background is not None:
            await self.background()

    async def _begin(self, cursor: str | None) -> AsyncIterable[Any] | None:
        """The iterator; `None` when the client has had everything.

        Raises:
            TypeError: There is something else.
        """
        events: Any = self.events
        if cursor == END_ID:
            # A generator that has not begun ends without a warning, but what it was made with is let go at once.
            close = getattr(events, "aclose", None)
            if close is not None:
                await close()
            return None
        is_function = not isinstance(events, AsyncIterable) and callable(events)
        if is_function:
            call: Any = self.events
            events = call(cursor)
            if inspect.isawaitable(events):
                events = await events
            if events is None:
                return None
        if not isinstance(events, AsyncIterable):
            whose = "the function of an event stream returned" if is_function else "an event stream was given"
            raise TypeError(
                f"{whose} {type(events).__name__}, which is no asynchronous iterator; write `async def` and `yield`"
            )
        return events


def last_event_id(connection: HTTPConnection) -> str | None:
    """The id that a client wants to go on after: of the header `Last-Event-ID`, else of the query parameter
    `last_event_id` (also `lastEventId`, `lastEventID`); `None` when there is none or it is empty, or when it is that
    of the end of a stream, which `EventStreamResponse` answers by itself.

    Args:
        connection: The request. So this can be a dependency of FastAPI as it is.
    """
    cursor = requested_id(connection)
    return None if cursor == END_ID else cursor


def requested_id(connection: HTTPConnection) -> str | None:
    """As `last_event_id`, also when it is that of an end."""
    for name, value in connection.scope["headers"]:
        if name.lower() == b"last-event-id":
            # The standard sends an id as UTF-8, whatever else is in it; header fields as text would be Latin-1.
            return str(value, "utf-8", "replace") or None
    query: dict[str, str] = dict(
        parse_qsl(connection.scope.get("query_string", b"").decode("ascii", "replace"), errors="replace")
    )
    for name in ("last_event_id", "lastEventId", "lastEventID"):
        if query.get(name):
            return query[name]
    return None


def to_hub(connection: HTTPConnection, address: str) -> Response:
    """Sends a client to the hub: what asks for an event stream, as `EventSource` does, is redirected (307), and
    anything else is told the address as `{"url": ...}`, to subscribe there by itself.

    A client that comes back after a broken connection comes with its last event id, which goes into the address.

    Args:
        connection: The request.
        address: What `Handover.address` gave. It is for this client only, so neither answer is kept anywhere.
    """
    cursor = last_event_id(connection)
    if cursor is not None:
        address += f"&{urlencode({'last_event_id': cursor}, errors='replace')}"
    headers = {"cache-control": "no-store", "referrer-policy": "no-referrer", "vary": "Accept"}
    if "text/event-stream" in connection.headers.get("accept", ""):
        return RedirectResponse(address, 307, headers)
    return JSONResponse({"url": address}, headers=headers)


HEADERS = {
    "cache-control": "no-store, no-transform",
    "x-accel-buffering": "no",
    "x-content-type-options": "nosniff",
}
