"""One running stream: the iterator, the heartbeats and the client's leaving, each a task, and what ends them.

There is no queue. The iterator is asked for the next item when the server has taken the last one, so a slow reader
slows it down, and what a stream holds is one item and what the server has not written yet.
"""

import asyncio
import contextlib
import json
import logging
import random
from collections.abc import AsyncIterable, Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from headwater import _shutdown
from headwater._decoder import Event
from headwater._encode import block, encode
from headwater._items import PREFIX
from headwater._pickle import Picklable

# The id of the end of a stream. A client that comes back with it has had all.
END_ID = "headwater.end"

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class SendTimeoutError(Picklable, TimeoutError):
    """A reader took nothing for so long that it was given up."""

    def __init__(self, seconds: float):
        super().__init__(f"the reader of an event stream took nothing for {seconds:g} s and was given up")


@dataclass(frozen=True)
class Settings:
    """What a stream is like. Times are in seconds where nothing else is said."""

    status: int
    headers: list[tuple[bytes, bytes]]
    heartbeat: float
    retry_ms: int | None
    send_timeout: float
    topic: str
    relay: bool


class Stream:
    """A stream to one client."""

    def __init__(self, events: AsyncIterable[Any], settings: Settings, receive: Receive, send: Send):
        self._events = events
        self._settings = settings
        self._receive = receive
        self._send = send
        self._loop = asyncio.get_running_loop()
        # Held while the server takes a piece: heartbeats come from another task.
        self._writing = asyncio.Lock()
        # When the piece that is being taken was given to the server, or the last one was taken.
        self._since = self._loop.time()
        # Set when the server stops.
        self._closing = asyncio.Event()

    async def run(self) -> None:
        """Streams until the iterator ends, the client leaves or the server stops.

        Raises:
            SendTimeoutError: The client took nothing.
            asyncio.CancelledError: The server cancelled the request; the iterator has been cancelled before.
            Exception: What the iterator raised, after the stream was ended properly.
        """
        _shutdown.register(self._closing)
        try:
            with contextlib.suppress(_ClientLeft):
                await self._run()
        finally:
            _shutdown.forget(self._closing)

    async def _run(self) -> None:
        settings = self._settings
        await self._give({"type": "http.response.start", "status": settings.status, "headers": settings.headers})
        retry = b":\n\n" if settings.retry_ms is None else b"retry: %d\n\n" % settings.retry_ms
        await self._write(retry)
        pump, gone, beat, closing = tasks = [
            asyncio.create_task(part) for part in (self._pump(), self._gone(), self._beat(), self._wait_for_closing())
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            over = {task for task in tasks if task.done()}
        except asyncio.CancelledError:
            # So a server ends what it has waited for long enough; most let a response finish its last words.
            await _cancel(tasks)
            with contextlib.suppress(SendTimeoutError, _ClientLeft):
                await self._end("closing", _closing(), LONGEST_FAREWELL)
            raise
        finally:
            await _cancel(tasks)
        if gone in over:
            return
        if beat in over:
            beat.result()
        if pump in over and not pump.cancelled() and isinstance(pump.exception(), _ClientLeft):
            return
        if closing in over and pump not in over:
            await self._end("closing", _closing())
            return
        failed = pump.cancelled() or pump.exception() is not None
        await self._end("end", {"reason": "error" if failed else "done", "topic": settings.topic})
        pump.result()

    async def _pump(self) -> None:
        """Writes every item of the iterator, and closes it whatever happens."""
        events = self._events.__aiter__()
        breather = self._loop.time() + LONGEST_BURST
        try:
            async for item in events:
                if not self._settings.relay:
                    _refuse_control(item)
                await self._write(encode(item))
                if self._since >= breather:
                    # An iterator that never waits would leave no time for anybody else.
                    await asyncio.sleep(0)
                    breather = self._loop.time() + LONGEST_BURST
        finally:
            close = getattr(events, "aclose", None)
            if close is not None:
                await close()

    async def _gone(self) -> None:
        """Returns when the client has left."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _beat(self) -> None:
        """Breaks the silence, and raises when the client takes nothing."""
        limit = self._settings.send_timeout
        while True:
            if self._writing.locked():
                due = self._since + limit
                if self._loop.time() >= due:
                    raise SendTimeoutError(limit)
            else:
                due = self._since + self._settings.heartbeat
                if self._loop.time() >= due:
                    await self._within_limit(self._write(b":\n\n"))
                    continue
            await asyncio.sleep(min(due - self._loop.time(), limit))

    async def _wait_for_closing(self) -> None:
        await self._closing.wait()

    async def _end(self, event: str, data: dict[str, Any], limit: float | None = None) -> None:
        """The last event, and the end of the body."""
        text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
        # After a closing event clients go on from where they were.
        body = block(text, PREFIX + event, END_ID if event == "end" else None)
        await self._within_limit(self._give({"type": "http.response.body", "body": body, "more_body": False}), limit)

    async def _write(self, body: bytes) -> None:
        async with self._writing:
            self._since = self._loop.time()
            await self._give({"type": "http.response.body", "body": body, "more_body": True})
            self._since = self._loop.time()

    async def _give(self, message: MutableMapping[str, Any]) -> None:
        try:
            await self._send(message)
        except OSError as error:
            # As servers of ASGI 2.4 tell it. An OSError of the iterator is another matter.
            raise _ClientLeft from error

    async def _within_limit(self, sending: Awaitable[None], limit: float | None = None) -> None:
        limit = self._settings.send_timeout if limit is None else min(limit, self._settings.send_timeout)
        try:
            await asyncio.wait_for(sending, limit)
        except asyncio.TimeoutError:
            raise SendTimeoutError(limit) from None


class _ClientLeft(Exception):
    """The server says that there is nobody to send to."""


def _refuse_control(item: Any) -> None:
    """Clients believe what is said in the name of the stream, such as that it has ended.

    Raises:
        ValueError: It is a control event.
    """
    # FastAPI's events call it `event`.
    name = "type" if isinstance(item, Event) else "event" if hasattr(item, "raw_data") else ""
    kind: Any = getattr(item, name, None)
    if isinstance(kind, str) and kind.startswith(PREFIX):
        raise ValueError(f"the type {kind!r} is one of the stream's own; choose another, or set `relay`")


def _closing() -> dict[str, Any]:
    return {"reason": "drain", "reconnect_ms": random.randrange(500, 1500)}


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    """Cancels what still runs, and waits until its clean-up is done."""
    running = [task for task in tasks if not task.done()]
    for task in running:
        task.cancel()
    if not running:
        return
    _, left = await asyncio.wait(running, timeout=LONGEST_CLEAN_UP)
    for task in left:
        log.error("the iterator of an event stream went on for %d s after it was cancelled: %r", LONGEST_CLEAN_UP, task)


log = logging.getLogger("headwater")

# Seconds that an iterator may yield without waiting before other tasks get their turn.
LONGEST_BURST = 0.005
# Seconds for the `finally` blocks of an iterator.
LONGEST_CLEAN_UP = 10
# Seconds for the last event of a stream that the server cancels.
LONGEST_FAREWELL = 1
