"""Subscriptions: streams that go on where they were, whatever happens to their connections."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from headwater._items import Item
from headwater._state import State
from headwater._subscription.driver import Driver
from headwater._subscription.options import Options, check, show_options

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack


class Subscription:
    """An open subscription; `headwater.subscribe` makes one.

    It is an asynchronous context manager, as its connection is closed when that is left, and in it an asynchronous
    iterator of items. Asking for the next item says that the one before was handled; only then is its id stored.
    Asking may be cancelled at any time, for example by `asyncio.wait_for`, and loses nothing.

    The iteration ends after the server said that there is nothing more (204) or the subscription was closed.
    """

    def __init__(self, url: str, **options: Unpack[Options]):
        check(options)
        self._driver = Driver(url, **options)
        self._is_entered = False

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
        self._driver.save_handled()

    def restart(self) -> None:
        """Drops the connection, or the wait for one, and reconnects at once: for a program that knows that the
        network has changed, or that does not want to wait."""
        self._driver.restart()

    async def aclose(self) -> None:
        """Closes the connection and waits for the store. Items that were not asked for are dropped, and count as not
        handled. The iteration ends, wherever it waits."""
        await self._driver.aclose()

    async def __aenter__(self) -> Self:
        if self._is_entered or self.state.name == "closed":
            raise RuntimeError("a subscription is entered once; subscribe again, with its `last_event_id`")
        self._is_entered = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        if not self._is_entered:
            raise RuntimeError("write `async with subscribe(…) as items:` around the loop, which closes the connection")
        return self

    async def __anext__(self) -> Item:
        item = await self._driver.next()
        if item is None:
            raise StopAsyncIteration
        return item


@show_options
def subscribe(url: str, **options: Unpack[Options]) -> Subscription:
    """Subscribes to an event stream: comes back after the last event received whenever the connection ends, until it is
    closed.

        async with headwater.subscribe("https://hub.example/v1/events?topic=orders/*") as items:
            async for item in items:
                match item:
                    case headwater.Event(data):
                        show(data)
                    case headwater.Gap():
                        reload()

    It connects when the first item is asked for. For programs without asyncio there is `headwater.sync.subscribe`.

    Args:
        url: The address, of a hub or of anything else that answers with `text/event-stream`.
        **options: See `headwater.Options`.

    Raises:
        ValueError: The address or an option cannot be used.
        TypeError: An option is not known, or of another type.
        SubscriptionError: While items are asked for: it failed for good.
    """
    return Subscription(url, **options)
