"""An event loop and a thread of its own for something asynchronous, so that threads can use it."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

from headwater._publishing.errors import closed

T = TypeVar("T")
R = TypeVar("R")


class Background(Generic[T]):
    """Something asynchronous that is used from threads.

    Its loop and thread begin with the first use, and again in a process that was forked since: threads are not
    inherited.

    Args:
        make: Makes it, in the loop.
    """

    def __init__(self, make: Callable[[], T]):
        self._make = make
        self._lock = threading.Lock()
        self._process = 0
        self._loop: asyncio.AbstractEventLoop
        self._thread: threading.Thread
        self._made: T
        self._stopped = False

    def get(self) -> T:
        """It, whose coroutines are for `start` and `run`.

        Raises:
            PublishError: It was stopped.
        """
        with self._lock:
            if self._stopped:
                raise closed()
            if self._process != os.getpid():
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="headwater", daemon=True)
                self._thread.start()
                self._made = self.run(_call(self._make))
                self._process = os.getpid()
            return self._made

    def start(self, work: Coroutine[Any, Any, R]) -> Future[R]:
        """Runs a coroutine."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def run(self, work: Coroutine[Any, Any, R]) -> R:
        """Runs a coroutine, and waits."""
        running = self.start(work)
        try:
            return running.result()
        finally:
            running.cancel()

    def stop(self, close: Callable[[T], Coroutine[Any, Any, None]]) -> None:
        """Closes it, and ends its thread."""
        with self._lock:
            running = not self._stopped and self._process == os.getpid()
            self._stopped = True
        if running:
            self.run(close(self._made))
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()


class Handed:
    """An asynchronous iterator of what is handed to it, one at a time."""

    def __init__(self) -> None:
        self._change = asyncio.Condition()
        self._items: list[Any] = []
        self._ended = False
        self._failed: str | None = None
        self._closed = False

    async def give(self, item: Any) -> bool:
        """Waits until there is room; false when nobody takes anything any more."""
        async with self._change:
            await self._change.wait_for(lambda: self._closed or not self._items)
            self._items.append(item)
            self._change.notify_all()
            return not self._closed

    async def end(self, failed: str | None = None) -> None:
        """Nothing follows, because of a failure where it says so."""
        async with self._change:
            self._ended, self._failed = True, failed
            self._change.notify_all()

    def __aiter__(self) -> Handed:
        return self

    async def __anext__(self) -> Any:
        async with self._change:
            await self._change.wait_for(lambda: self._ended or self._items)
            if self._items:
                self._change.notify_all()
                return self._items.pop()
        if self._failed is not None:
            raise RuntimeError(self._failed)
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Whoever took it takes no more."""
        async with self._change:
            self._closed = True
            self._change.notify_all()


async def _call(make: Callable[[], R]) -> R:
    return make()
