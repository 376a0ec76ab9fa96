"""Ends the streams of this process when its server is told to stop.

Servers wait for running responses before they tell the application that they stop, and a stream runs for ever. So the
signal is listened to beside the server: its own handler is called right after.
"""

import asyncio
import signal
import threading
from types import FrameType
from typing import Any

# The running streams, each with the loop that it runs on.
_streams: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}
# What handled the signals before.
_handlers: dict[int, Any] = {}
# Another signal may come while a handler runs, and streams may begin on several threads.
_lock = threading.RLock()


def end_streams() -> None:
    """Ends every stream of this process with a closing event, after which clients come back.

    Called by itself on SIGTERM and SIGINT where the server handles these in the main thread, as Uvicorn, Hypercorn and
    Gunicorn do. Call it from any thread where something else decides that the server stops.
    """
    with _lock:
        streams = list(_streams.items())
    for closing, loop in streams:
        # A loop that has been closed has no streams any more.
        if not loop.is_closed():
            loop.call_soon_threadsafe(closing.set)


def register(closing: asyncio.Event) -> None:
    """Sets `closing`, from the loop that runs now, when the server stops."""
    with _lock:
        _streams[closing] = asyncio.get_running_loop()
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            _listen(number)


def forget(closing: asyncio.Event) -> None:
    """The stream has ended."""
    with _lock:
        _streams.pop(closing, None)


def _listen(number: int) -> None:
    before = signal.getsignal(number)
    # Where nobody handles the signal the process ends at once, and that is not to be changed.
    if before is not _on_signal and callable(before):
        _handlers[number] = before
        signal.signal(number, _on_signal)


def _on_signal(number: int, frame: FrameType | None) -> None:
    end_streams()
    _handlers[number](number, frame)
