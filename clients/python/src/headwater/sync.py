"""Subscriptions, publishing and handing over for programs without asyncio.

    with headwater.sync.subscribe("https://hub.example/v1/events?topic=orders/*") as items:
        for item in items:
            ...

They behave as those of `headwater.subscribe`, which do the work on a thread of their own. `Publisher` and `Handover`
are the twins of `headwater.Publisher` and `headwater.Handover`.
"""

from __future__ import annotations

import threading
import warnings
import weakref
from concurrent.futures import Future, wait
from types import TracebackType
from typing import TYPE_CHECKING

from headwater._items import Item
from headwater._loop import Loop
from headwater._publishing.blocking import Handover, Publisher
from headwater._state import State
from headwater._subscription.driver import Driver
from headwater._subscription.options import Options, check, show_options

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

__all__ = ["Handover", "Publisher", "Subscription", "subscribe"]


class Subscription:
    """An open subscription; `headwater.sync.subscribe` makes one.

    It is a context manager, as its connection is closed when that is left, and in it an iterator of items. Asking for
    the next item says that the one before was handled; only then is its id stored.

    The iteration ends after the server said that there is nothing more (204) or the subscription was closed.
    """

    def __init__(self, url: str, **options: Unpack[Options]):
        check(options)
        self._driver = Driver(url, **options)
        # Held by whoever touches the driver: the thread of its loop, the one that reads, and any that restarts it.
        self._lock = threading.Lock()
        self._loop: Loop | None = None
        # A wait for an item, which outlives one that is interrupted.
        self._pending: Future[Item | None] | None = None
        # Whether somebody reads.
        self._is_reading = False
        self._forgotten: weakref.finalize[..., Subscription] | None = None

    @property
    def state(self) -> State:
        """What it is doing, and why."""
        return self._driver.state

    @property
    def last_event_id(self) -> str:
        """The last id that was received: where the next attempt goes on. Empty when there is none."""
        return self._driver.cursor

    def acknowledge(self) -> None:
        """Counts the item that came last as handled, without asking for another: for a program that stops after it."""
        with self._lock:
            if self._loop is not None:
                self._driver.save_handled()

    def restart(self) -> None:
        """Drops the connection, or the wait for one, and reconnects at once: for a program that knows that the
        network has changed, or that does not want to wait. May be called on any thread."""
        with self._lock:
            if self._loop is not None:
                self._loop.call(self._restart)

    def close(self) -> None:
        """Closes the connection and waits for the store. Items that were not asked for are dropped, and count as not
        handled. The iteration ends, wherever it waits. May be called on any thread, but not by what the subscription
        itself calls.

        Raises:
            RuntimeError: It is called by what the subscription itself calls.
        """
        if self._loop is not None:
            self._loop.check_other_thread()
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is not None:
            if self._forgotten is not None:
                self._forgotten.detach()
            loop.wait_for(self._aclose())
            if self._pending is not None:
                wait([self._pending])
            loop.stop()

    def __enter__(self) -> Self:
        if self._loop is not None or self.state.name == "closed":
            raise RuntimeError("a subscription is entered once; subscribe again, with its `last_event_id`")
        self._loop = Loop()
        self._driver.on_loop = self._loop.call
        self._forgotten = weakref.finalize(self, _end_forgotten, self._driver, self._loop)
        self._forgotten.atexit = False
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def __iter__(self) -> Self:
        if self._loop is None:
            raise RuntimeError("write `with subscribe(…) as items:` around the loop, which closes the connection")
        return self

    def __next__(self) -> Item:
        with self._lock:
            if self._loop is None:
                raise StopIteration
            if self._is_reading:
                raise RuntimeError("another thread waits for the next item already; read a subscription in one place")
            if self._pending is None:
                item = self._driver.take()
                if item is not None:
                    return item
                self._pending = self._loop.start(self._driver.next())
            pending = self._pending
            self._is_reading = True
        try:
            wait([pending])
        finally:
            self._is_reading = False
        self._pending = None
        item = pending.result()
        if item is None:
            raise StopIteration
        return item

    def _restart(self) -> None:
        with self._lock:
            self._driver.restart()

    async def _aclose(self) -> None:
        with self._lock:
            self._driver.abort()
        await self._driver.aclose()


def _end_forgotten(driver: Driver, loop: Loop) -> None:
    """Ends a subscription that nobody has any more and nobody has closed."""
    warnings.warn("a subscription was never closed; write `with subscribe(…) as items:`", ResourceWarning, stacklevel=2)

    async def end() -> None:
        try:
            await driver.aclose()
        finally:
            loop.stop_soon()

    loop.start(end())


@show_options
def subscribe(url: str, **options: Unpack[Options]) -> Subscription:
    """As `headwater.subscribe`, for programs without asyncio.

    Args:
        url: The address, of a hub or of anything else that answers with `text/event-stream`.
        **options: See `headwater.Options`. The functions among them are called on the thread of the subscription.

    Raises:
        ValueError: The address or an option cannot be used.
        TypeError: An option is not known, or of another type.
        SubscriptionError: While items are asked for: it failed for good.
    """
    return Subscription(url, **options)
