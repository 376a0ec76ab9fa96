"""Publishing to a hub, on asyncio."""

from __future__ import annotations

import asyncio
import json
import logging
import time
import uuid
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from headwater._checks import check_count, check_texts, check_type
from headwater._encode import content, utf8
from headwater._hooks import Interrupted
from headwater._publishing.errors import PublishError, closed, too_large
from headwater._publishing.piped import Piped
from headwater._publishing.queue import Final, Job, Queue
from headwater._publishing.transport import Options, Transport, topic_path

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

Told = asyncio.Future[list[str]]


class Publisher:
    """Publishes to one hub: in the order of the calls, and each event once, however often a request has to be made.

        async with Publisher("http://127.0.0.1:7070") as publisher:
            await publisher.publish("orders/42", {"total": 12}, type="order.paid")

    One request is under way at a time; what is published meanwhile shares the next one. If that is refused, each call
    has a request of its own, so only who is at fault fails. Leaving the block waits until everything is stored.

    An event is an `Event` (its data and type count; the hub gives ids), a `str` (the data), a
    `fastapi.sse.ServerSentEvent`, or anything that has a JSON: dicts, dataclasses, Pydantic models.

    What passes by itself (no connection, 408, 425, 429, 5xx) is tried again with the waiting times of a subscription. A
    publisher belongs to one event loop; there is no harm in making it before the loop runs.

    Args:
        url: Of the hub.
        max_queue: How many bytes may be on their way before `publish` and `enqueue` wait.
        max_body: How many bytes the hub takes in one request (its `limits.body`). What is larger fails at once with
            the reason `too-large`.
        **options: `token` (bearer token to start with), `refresh` (gets another one when the hub has refused it, and
            may be asynchronous; when it raises, it is asked again after the usual wait), `headers`, `retry`, `on_retry`
            (told of every attempt that has failed in passing, before the wait for the next one), `within` (for how long
            a request is tried, in seconds; 300, half of the time for which a hub knows an idempotency key),
            `connect_timeout` (how long a request and its answer may take, in seconds; 30), `client` (an
            `httpx.AsyncClient` with proxies or certificates of your own, which stays yours).

    Raises:
        TypeError: An option is not known, or of another type.
        ValueError: The address or a header cannot be sent, or a number is too small.
    """

    def __init__(self, url: str, *, max_queue: int = 16 << 20, max_body: int = 16 << 20, **options: Unpack[Options]):
        check_count("max_queue", max_queue)
        check_count("max_body", max_body)
        self._transport = Transport(url, WITHIN, **options)
        self._max_body = max_body
        self._queue: Queue[Told] = Queue(max_queue, BATCH_EVENTS, BATCH_BYTES)
        # Jobs enter one after the other, in the order of the calls; each waits for room.
        self._door = asyncio.Lock()
        self._freed = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._under_way: set[Told] = set()
        self._streams: set[asyncio.Task[list[str]]] = set()
        self._closed = False

    async def publish(
        self,
        topic: str,
        event: Any,
        *,
        type: str | None = None,
        key: str | None = None,
        idempotency_key: str | None = None,
    ) -> str:
        """Publishes an event, and returns its id once it is stored, as it is also when the wait is cancelled.

        Args:
            topic: Where to.
            event: What.
            type: Its type, where the event itself has none; `message` when neither says.
            key: Stored with the event; see the hub's classes for what it is good for.
            idempotency_key: What tells a repeat from another event; a random one when it is not given.

        Raises:
            PublishError: It is not stored, and is not going to be.
            TypeError, ValueError: There is no JSON of it.
        """
        return await (await self.enqueue(topic, event, type=type, key=key, idempotency_key=idempotency_key))

    async def enqueue(
        self,
        topic: str,
        event: Any,
        *,
        type: str | None = None,
        key: str | None = None,
        idempotency_key: str | None = None,
    ) -> asyncio.Future[str]:
        """As `publish`, but waits only while the queue is full: so one task keeps many events on their way.

        Returns:
            What gives the id once the event is stored, or raises `PublishError`. A failure that nobody asks for is
            logged by asyncio.
        """
        told = await self._put([written(topic, event, type, key, idempotency_key)])
        stored: asyncio.Future[str] = told.get_loop().create_future()
        told.add_done_callback(lambda told: _pass_on(told, stored))
        return stored

    async def publish_many(self, events: Iterable[tuple[str, Any]]) -> list[str]:
        """Publishes 1 to 10,000 events as one: all or none.

        Args:
            events: Topics and events.

        Returns:
            Their ids.

        Raises:
            PublishError: None is stored.
            TypeError, ValueError: There is no JSON of one.
        """
        objects = [written(*pair(each)) for each in events]
        return await (await self._put(objects, alone=True)) if objects else []

    async def finish(self, topic: str, reason: Final = "done") -> str:
        """Ends a topic, after what was published before: its readers are told, and nothing follows on it.

        Returns:
            The id of the end.

        Raises:
            PublishError: It is not ended.
        """
        check_texts(topic=topic, reason=reason)
        [event_id] = await (await self._put([], end=(topic, reason, uuid.uuid4().hex)))
        return event_id

    async def publish_stream(
        self,
        topic: str,
        events: AsyncIterable[Any],
        *,
        final: bool = False,
        type: str | None = None,
        key: str | None = None,
        idempotency_key: str | None = None,
    ) -> list[str]:
        """Publishes the events of an asynchronous iterator as they come, such as the answer of a language model.

        It is one long request whose events are stored, and can be read, one by one. When the connection breaks
        everything is sent again, of which the hub takes what it does not have, as long as it is not more than 1 MiB;
        in silence a comment every 15 seconds keeps the connection alive. The iterator is asked for more only as fast
        as the hub takes it, and is closed however this ends.

        When the task is cancelled, the iterator is cancelled where it waits, what it has given is stored, and the
        cancellation goes on. A hub that does not answer within 2 seconds then is not waited for.

        Args:
            topic: Where to.
            events: What.
            final: Ends the topic with it: with `done`, with `error` when the iterator raises or the hub refuses an
                event, with `cancelled` when the task is cancelled.
            type: The type of events that have none of their own.
            key: Stored with each event.
            idempotency_key: What the keys of the events begin with; a random one when it is not given.

        Returns:
            The ids of the events; of very many the newest.

        Raises:
            PublishError: The events were not stored, or not all of them.
            TypeError: It is no asynchronous iterator.
            Exception: What the iterator raised, when what came before is stored.
        """
        if not isinstance(events, AsyncIterable):
            found = events.__class__.__name__
            raise TypeError(f"the events are of the type {found}; give an asynchronous iterator, or use publish_many")
        self._transport.enter()
        check_names(topic, type, key, idempotency_key)
        idempotency_key = key_of(idempotency_key)
        path = topic_path(topic, event=type, key=key, idempotency_key=idempotency_key)
        piped = Piped(events, most_kept=STREAM_KEPT, largest=self._max_body, quiet=QUIET)

        request = asyncio.create_task(self._pipe(topic, path, piped))
        self._streams.add(request)
        try:
            ids = await asyncio.shield(request)
            if final:
                await self._finish(topic, "error" if piped.failed else "done", idempotency_key)
        except asyncio.CancelledError:
            if self._closed:
                raise closed() from None
            # Ended in order: the rest of the request would arrive after the end of the topic.
            piped.stop()
            until = time.monotonic() + LONGEST_FAREWELL
            if await _is_over(request, until) and final:
                await _is_over(asyncio.ensure_future(self._finish(topic, "cancelled", idempotency_key)), until)
            raise
        except Interrupted as interrupted:
            raise interrupted.error from None
        except PublishError as error:
            if final and error.reason not in ("unreachable", "timeout", "closed"):
                end = asyncio.ensure_future(self._finish(topic, "error", idempotency_key))
                await _is_over(end, time.monotonic() + LONGEST_FAREWELL)
            raise
        finally:
            self._streams.discard(request)
            request.cancel()
            await piped.release()
        if piped.failed is not None:
            raise piped.failed
        return ids

    async def flush(self) -> None:
        """Waits until everything that was published before, streams apart, is stored, or has failed for good."""
        async with self._door:
            under_way = set(self._under_way)
        if under_way:
            await asyncio.wait(under_way)

    async def aclose(self) -> None:
        """Ends it at once: what is not known to be stored fails with the reason `closed`. To wait for it, `flush`."""
        self._closed = True
        self._freed.set()
        tasks = [*self._streams, *([self._worker] if self._worker else [])]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for told in self._under_way:
            _tell(told, closed())
        await self._transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        try:
            if error is None:
                await self.flush()
        finally:
            await self.aclose()

    async def _put(
        self, objects: list[bytes], *, alone: bool = False, end: tuple[str, Final, str] | None = None
    ) -> Told:
        self._transport.enter()
        told: Told = asyncio.get_running_loop().create_future()
        job = Job(told, objects, alone, end)
        # The hub answers before it has read that much, and closes, so that its answer is often lost.
        if job.size + 2 > self._max_body:
            raise too_large(job.size, self._max_body)
        async with self._door:
            while not self._closed and not self._queue.has_room(job.size):
                self._freed.clear()
                await self._freed.wait()
            if self._closed:
                raise closed()
            self._queue.put(job)
            self._under_way.add(told)
            told.add_done_callback(self._under_way.discard)
            if self._worker is None:
                self._worker = asyncio.create_task(self._work())
                self._worker.add_done_callback(self._worked)
        return told

    async def _work(self) -> None:
        """One request after the other, so that events are stored in the order of the calls."""
        # Calls of the same moment go together.
        await asyncio.sleep(0)
        while jobs := self._queue.next():
            await self._send(jobs)
            self._queue.over(jobs)
            self._freed.set()
        self._worker = None

    def _worked(self, worker: asyncio.Task[None]) -> None:
        """Tells what is lost when the event loop ends before its work is done."""
        if worker.cancelled() and not self._closed and self._under_way:
            logging.getLogger("headwater").error(
                "the event loop ends while %d calls wait for their events to be stored; "
                "leave `async with Publisher(…)` before, or await its flush()",
                len(self._under_way),
            )

    async def _send(self, jobs: list[Job[Told]]) -> None:
        try:
            ids = await self._store(jobs)
        except Exception as error:
            # A refusal is of the whole request: who is not at fault is not to pay for it.
            if len(jobs) > 1 and isinstance(error, PublishError) and error.is_of_one:
                for job in jobs:
                    await self._send([job])
                return
            for job in jobs:
                _tell(job.told, error.error if isinstance(error, Interrupted) else error)
        else:
            for job in jobs:
                count = 1 if job.end else len(job.events)
                _tell(job.told, ids[:count])
                del ids[:count]

    async def _store(self, jobs: list[Job[Told]]) -> list[str]:
        if jobs[0].end is not None:
            return [await self._finish(*jobs[0].end)]
        body = b"[" + b",".join(event for job in jobs for event in job.events) + b"]"
        [ids] = await self._transport.post("/v1/events", lambda: body, "application/json", "ids")
        sent = sum(len(job.events) for job in jobs)
        if len(ids) != sent:
            raise self._transport.no_hub(f"it gave {len(ids)} ids for {sent} events")
        return list(ids)

    async def _pipe(self, topic: str, path: str, piped: Piped) -> list[str]:
        """Publishes a stream to its end, in as many requests as it takes."""
        while True:
            attempts = 0
            whole = True

            def body() -> bytes | AsyncIterator[bytes]:
                nonlocal attempts, whole
                if not piped.complete:
                    message = f"the connection broke while a stream was published to {topic}, too late to send it again"
                    raise PublishError("not-replayable", message)
                attempts += 1
                if attempts == 1:
                    return piped.body()
                # A refusal of a request that still goes on is often lost with its connection. So what there is so far
                # is sent by itself first, which is answered as it deserves.
                whole = piped.is_over
                return piped.kept()

            [ids] = await self._transport.post(path, body, "text/event-stream", "ids")
            if whole:
                return list(ids)

    async def _finish(self, topic: str, reason: Final, idempotency_key: str) -> str:
        path = topic_path(topic, final=reason, idempotency_key=idempotency_key)
        [event_id] = await self._transport.post(path, lambda: b"", "text/plain", "id")
        assert isinstance(event_id, str)
        return event_id


def pair(of_many: tuple[str, Any]) -> tuple[str, Any]:
    """A topic and an event.

    Raises:
        TypeError: It is something else, such as a string of two letters.
    """
    if not isinstance(of_many, (tuple, list)) or len(of_many) != 2 or not isinstance(of_many[0], str):
        raise TypeError(f"{of_many!r} is no pair of a topic and an event")
    return of_many


def written(
    topic: str, event: Any, type: str | None = None, key: str | None = None, idempotency_key: str | None = None
) -> bytes:
    """An event as a member of a batch.

    Raises:
        TypeError, ValueError: There is no JSON of it.
    """
    check_names(topic, type, key, idempotency_key)
    data, own_type = content(event)
    members = {
        "topic": topic,
        "data": data,
        "event": own_type or type,
        "key": key,
        "idempotency_key": key_of(idempotency_key),
    }
    given = {name: value for name, value in members.items() if value is not None}
    return utf8(json.dumps(given, ensure_ascii=False, separators=(",", ":")))


def check_names(topic: str, type: str | None, key: str | None, idempotency_key: str | None) -> None:
    """Looks at what an event has beside its data.

    Raises:
        TypeError: One of them is no text.
    """
    check_texts(topic=topic)
    for name, value in (("type", type), ("key", key), ("idempotency_key", idempotency_key)):
        check_type(name, value, str)


def key_of(given: str | None) -> str:
    """An idempotency key.

    Raises:
        ValueError: It is empty, with which a repeat would be stored again.
    """
    if given == "":
        raise ValueError("the idempotency key is empty; give it a text, or leave it out")
    return uuid.uuid4().hex if given is None else given


async def _is_over(request: asyncio.Future[Any], until: float) -> bool:
    """Waits for a request, but not for ever; whatever comes of it, somebody else has to be told something else."""
    await asyncio.wait({request}, timeout=max(0.0, until - time.monotonic()))
    if not request.done():
        request.cancel()
        return False
    if not request.cancelled():
        request.exception()
    return True


def _tell(told: Told, outcome: list[str] | BaseException) -> None:
    # Nobody may be waiting any more.
    if told.done():
        return
    if isinstance(outcome, BaseException):
        told.set_exception(outcome)
    else:
        told.set_result(outcome)


def _pass_on(told: Told, stored: asyncio.Future[str]) -> None:
    # Asked for also when nobody waits any more, as asyncio would log it.
    error = told.exception()
    if stored.done():
        return
    if error is not None:
        stored.set_exception(error)
    else:
        stored.set_result(told.result()[0])


# Seconds for which a request is tried: half of the time for which a hub knows an idempotency key.
WITHIN = 300.0

# How many events, and how many bytes of them, share a request.
BATCH_EVENTS = 1_000
BATCH_BYTES = 1 << 20

# How much of a stream is kept to be sent again, in bytes.
STREAM_KEPT = 1 << 20

# Seconds of silence after which a comment is sent.
QUIET = 15.0

# Seconds for the last words of a stream that is cancelled.
LONGEST_FAREWELL = 2.0
