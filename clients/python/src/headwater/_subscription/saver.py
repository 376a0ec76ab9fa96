"""Saving ids beside the stream: one save at a time, and of those that wait only the newest."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

from headwater._hooks import ask, call
from headwater._stores import Store


class Saver:
    """Hands ids to a store.

    Args:
        store: The store.
        key: The key of all ids.
        failed: Told what the store raises when it saves.
    """

    def __init__(self, store: Store, key: str, failed: Callable[[Exception], None]):
        self._store = store
        self._key = key
        self._failed = failed
        # What was told of the last save that failed.
        self._told = ""
        # Given and not saved.
        self._newest: str | None = None
        self._task: asyncio.Task[None] | None = None

    async def load(self) -> str | None:
        """The id that was saved last.

        Raises:
            Exception: Whatever the store raises.
        """
        loaded: str | None = await _call(self._store.load, self._key)
        return loaded

    def save(self, id: str) -> None:
        """Saves an id, now or after the save that is under way. Never waits."""
        self._newest = id
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def finish(self) -> None:
        """Waits until everything is saved."""
        if self._task is not None:
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        while self._newest is not None:
            id, self._newest = self._newest, None
            try:
                await _call(self._store.save, self._key, id)
                self._told = ""
            except Exception as error:
                # Once is enough of what fails at every save.
                if repr(error) != self._told:
                    self._told = repr(error)
                    self._failed(error)
        self._task = None


async def _call(function: Callable[..., Any], *arguments: str) -> Any:
    """Calls it here if it is asynchronous, and on another thread if it may block."""
    if inspect.iscoroutinefunction(function):
        return await ask(function, *arguments)
    result = await asyncio.to_thread(call, function, *arguments)
    return await ask(lambda: result)
