"""An event loop and a thread of its own for something asynchronous, so that threads can use it."""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import threading
import warnings
import weakref
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, wait
from typing import Any, Generic, TypeVar

from headwater._loop import Loop
from headwater._publishing.errors import is_closed

T = TypeVar("T")
R = TypeVar("R")


class Background(Generic[T]):
    """Something asynchronous that is used from threads.

    Its loop and thread begin with the first use, and again in a process that was forked since: threads are not
    inherited. When nobody has it any more, or the program ends, and nobody has stopped it, it is ended in good order.

    Args:
        make: Makes it, in the loop.
        end: Ends it in good order.
    """

    def __init__(self, make: Callable[[], T], end: Callable[[T], Coroutine[Any, Any, None]]):
        self._make = make
        self._end = end
        self._forgotten: weakref.finalize[..., Background[T]] | None = None
        self._lock = threading.Lock()
        self._process = 0
        self._loop: Loop
        self._made: T
        self._stopped = False

    def get(self) -> T:
        """It, whose coroutines are for `start` and `run`.

        Raises:
            PublishError: It was stopped.
        """
        with self._lock:
            if self._stopped:
                raise is_closed()
            if self._process != os.getpid():
                self._loop = Loop()
                self._made = self.run(_call(self._make))
                self._process = os.getpid()
                self._watch()
            return self._made

    def start(self, work: Coroutine[Any, Any, R]) -> Future[R]:
        """Runs a coroutine."""
        return self._loop.start(work)

    def run(self, work: Coroutine[Any, Any, R]) -> R:
        """Runs a coroutine, and waits.

        Raises:
            RuntimeError: By what it calls itself.
        """
        try:
            self._loop.check_other_thread()
        except RuntimeError:
            work.close()
            raise
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
            if self._forgotten is not None:
                self._forgotten.detach()
        if running:
            self.run(close(self._made))
            self._loop.stop()

    def _watch(self) -> None:
        """Sees to it that it is ended when nobody stops it."""
        if self._forgotten is not None:
            self._forgotten.detach()
        name = type(self._made).__name__
        self._forgotten = weakref.finalize(self, _end_forgotten, name, self._loop, self._made, self._end)
        # At the end of the program somebody has to wait for it.
        self._forgotten.atexit = False
        _running[self] = self._forgotten


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


def _end_forgotten(name: str, loop: Loop, made: T, end: Callable[[T], Coroutine[Any, Any, None]]) -> None:
    """Ends what nobody has stopped, without waiting for it."""
    warnings.warn(f"a {name} was never closed; write `with {name}(…) as …:`", ResourceWarning, stacklevel=2)
    ending = loop.start(end(made))
    _ending.add(ending)

    def over(ending: Future[None]) -> None:
        _ending.discard(ending)
        loop.stop_soon()

    ending.add_done_callback(over)


@atexit.register
def _end_all() -> None:
    """Ends what the program has not stopped, and waits for it, but not for ever."""
    for forgotten in list(_running.values()):
        # Called, it would do nothing any more.
        if ending := forgotten.detach():
            _, end_forgotten, arguments, _ = ending
            end_forgotten(*arguments)
    if wait(list(_ending), timeout=LONGEST_FAREWELL).not_done:
        logging.getLogger("headwater").error(
            "the program ends before all that it has published is stored; write `with Publisher(…)`, which waits for it"
        )


def _forget_all() -> None:
    """What runs in the process that was forked is not ours."""
    for forgotten in list(_running.values()):
        forgotten.detach()
    _running.clear()
    _ending.clear()


# What runs, and what is being ended.
_running: weakref.WeakKeyDictionary[Background[Any], weakref.finalize[..., Any]] = weakref.WeakKeyDictionary()
_ending: set[Future[None]] = set()
os.register_at_fork(after_in_child=_forget_all)

# Seconds for which the end of a program waits.
LONGEST_FAREWELL = 5.0
