"""What programs without asyncio run it on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class Loop:
    """An event loop on a thread of its own."""

    def __init__(self) -> None:
        started: Future[asyncio.AbstractEventLoop] = Future()
        self._stopped = asyncio.Event()

        async def run() -> None:
            started.set_result(asyncio.get_running_loop())
            await self._stopped.wait()

        self._thread = threading.Thread(target=lambda: asyncio.run(run()), name="headwater", daemon=True)
        self._thread.start()
        self._loop = started.result()

    def call(self, function: Callable[[], object]) -> None:
        """Calls it there, some time."""
        self._loop.call_soon_threadsafe(function)

    def check_other_thread(self) -> None:
        """Whoever waits for it on its own thread would wait for ever.

        Raises:
            RuntimeError: This is its thread.
        """
        if threading.current_thread() is self._thread:
            raise RuntimeError("a function that is called by it waits for it, which would never end; do it elsewhere")

    def start(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Runs it there. To cancel the future cancels the work. What ends programs ends whoever waits for it, and not
        the thread."""
        future: Future[T] = Future()

        async def run() -> None:
            try:
                result = await work
            except asyncio.CancelledError:
                future.cancel()
            except BaseException as error:
                if future.set_running_or_notify_cancel():
                    future.set_exception(error)
            else:
                if future.set_running_or_notify_cancel():
                    future.set_result(result)

        running = asyncio.run_coroutine_threadsafe(run(), self._loop)
        future.add_done_callback(lambda future: running.cancel() if future.cancelled() else None)
        return future

    def wait_for(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs it there, and waits until it is done."""
        return self.start(work).result()

    def stop(self) -> None:
        """Ends the thread, and whatever still runs there."""
        self.stop_soon()
        self._thread.join()

    def stop_soon(self) -> None:
        """Ends the thread, without waiting for that."""
        self.call(self._stopped.set)
