"""Publishing to a hub, and handing readers over to it, from threads: the work is done on an event loop of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from headwater._publishing import handover, publisher
from headwater._publishing.background import Background, Handed
from headwater._publishing.handover import Ticket
from headwater._publishing.queue import Final
from headwater._publishing.transport import Options

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

R = TypeVar("R")


class Publisher:
    """A publisher for code without an event loop: `def` handlers, scripts, workers of a task queue.

        with sync.Publisher("http://127.0.0.1:7070") as publisher:
            publisher.publish("orders/42", {"total": 12}, type="order.paid")

    It is for any number of threads, whose events share requests. It works in a thread of its own, which begins with
    the first use; so it can be made before a server forks its workers. Leaving the block waits until everything is
    stored. The end of a program that has not closed it waits, too, but for 5 seconds at most.

    Args, errors, and what an event may be: as of `headwater.Publisher`. `refresh` and `on_retry` are called in
    that thread.
    """

    def __init__(self, url: str, *, max_queue: int = 16 << 20, max_body: int = 16 << 20, **options: Unpack[Options]):
        # What is wrong with them is to be told here.
        def make() -> publisher.Publisher:
            return publisher.Publisher(url, max_queue=max_queue, max_body=max_body, **options)

        make()
        self._background = Background(make, _store_and_close)

    def publish(
        self,
        topic: str,
        event: Any,
        *,
        type: str | None = None,
        key: str | None = None,
        idempotency_key: str | None = None,
    ) -> str:
        """As `headwater.Publisher.publish`."""
        inner = self._background.get()
        return self._background.run(inner.publish(topic, event, type=type, key=key, idempotency_key=idempotency_key))

    def enqueue(
        self,
        topic: str,
        event: Any,
        *,
        type: str | None = None,
        key: str | None = None,
        idempotency_key: str | None = None,
    ) -> Future[str]:
        """As `publish`, but waits only while the queue is full.

        Returns:
            What gives the id once the event is stored, or raises `PublishError`.
        """
        inner = self._background.get()
        queued = self._background.run(inner.enqueue(topic, event, type=type, key=key, idempotency_key=idempotency_key))
        return self._background.start(_result(queued))

    def publish_many(self, events: Iterable[tuple[str, Any]]) -> list[str]:
        """As `headwater.Publisher.publish_many`."""
        listed = list(events)
        return self._background.run(self._background.get().publish_many(listed))

    def finish(self, topic: str, reason: Final = "done") -> str:
        """As `headwater.Publisher.finish`."""
        return self._background.run(self._background.get().finish(topic, reason))

    def publish_stream(
        self,
        topic: str,
        events: Iterable[Any],
        *,
        final: bool = False,
        type: str | None = None,
        key: str | None = None,
        idempotency_key: str | None = None,
    ) -> list[str]:
        """As `headwater.Publisher.publish_stream`, for an iterator, which runs in the calling thread.

        Whatever it raises, `KeyboardInterrupt` among them, is raised here when what came before is stored; with
        `final` the topic then ends with `error`.

        Raises:
            TypeError: It is no iterator of events, but one event.
        """
        if isinstance(events, (str, bytes, Mapping)) or not isinstance(events, Iterable):
            found = events.__class__.__name__
            raise TypeError(f"the events are of the type {found}; give an iterator of events, or use publish")
        inner, handed = self._background.get(), Handed()
        streaming = self._background.start(
            inner.publish_stream(topic, handed, final=final, type=type, key=key, idempotency_key=idempotency_key)
        )
        try:
            for event in events:
                if not self._background.run(handed.give(event)):
                    break
        except BaseException as error:
            self._background.run(handed.end(repr(error)))
            streaming.exception()
            raise
        finally:
            if isinstance(events, Generator):
                events.close()
        self._background.run(handed.end())
        return streaming.result()

    def flush(self) -> None:
        """As `headwater.Publisher.flush`."""
        self._background.run(self._background.get().flush())

    def close(self) -> None:
        """As `headwater.Publisher.aclose`."""
        self._background.stop(publisher.Publisher.aclose)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            if error is None:
                self.flush()
        finally:
            self.close()


class Handover:
    """A handover for code without an event loop. Arguments and errors are those of `headwater.Handover`."""

    def __init__(self, url: str, *, public_url: str | None = None, **options: Unpack[Options]):
        handover.Handover(url, public_url=public_url, **options)

        def make() -> handover.Handover:
            return handover.Handover(url, public_url=public_url, **options)

        self._background = Background(make, handover.Handover.aclose)

    def ticket(self, topics: Sequence[str], *, ttl: int = 30) -> Ticket:
        """As `headwater.Handover.ticket`."""
        return self._background.run(self._background.get().ticket(topics, ttl=ttl))

    def address(self, topics: Sequence[str], *, since: str | None = None, ttl: int = 30) -> str:
        """As `headwater.Handover.address`."""
        return self._background.run(self._background.get().address(topics, since=since, ttl=ttl))

    def close(self) -> None:
        """Closes its connections."""
        self._background.stop(handover.Handover.aclose)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


async def _store_and_close(inner: publisher.Publisher) -> None:
    async with inner:
        pass


async def _result(told: asyncio.Future[R]) -> R:
    return await told
