"""A source that becomes the body of a request: read once, kept for a while, so that it can be sent again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from typing import Any

from headwater._encode import block, content
from headwater._publishing.errors import too_large


class Piped:
    """The events of a source. Any number of bodies in a row begin with its first one; only the newest is read.

    The source runs in a task of its own, which is one and the same from its beginning to its clean-up.

    Args:
        source: What to read.
        most_kept: How many bytes are kept.
        largest: The largest event, in bytes.
        quiet: Seconds of silence after which a comment keeps the body alive: a model may think for longer than a proxy
            waits.
    """

    def __init__(self, source: AsyncIterable[Any], *, most_kept: int, largest: int, quiet: float):
        self._source = source
        self._most_kept = most_kept
        self._largest = largest
        self._quiet = quiet
        # All blocks, or only the newest once they were too many; and the place of the first of them in the source.
        self._blocks: list[bytes] = []
        self._first = 0
        self._size = 0
        self._done = False
        # Set while a body waits for the next block, and when there is one.
        self._wanted = asyncio.Event()
        self._news = asyncio.Event()
        self._stopped = False
        self._task: asyncio.Task[None] | None = None
        self.failed: BaseException | None = None
        """What the source has raised."""

    @property
    def complete(self) -> bool:
        """Whether a body can still begin with the first block."""
        return self._first == 0

    async def body(self) -> AsyncIterator[bytes]:
        """A body with all blocks."""
        if self._task is None:
            self._task = asyncio.create_task(self._read())
        at = 0
        while True:
            if at < self._first + len(self._blocks):
                yield self._blocks[at - self._first]
                at += 1
            elif self._done:
                return
            else:
                self._news.clear()
                self._wanted.set()
                try:
                    await asyncio.wait_for(self._news.wait(), self._quiet)
                except asyncio.TimeoutError:
                    yield b":\n"

    @property
    def is_over(self) -> bool:
        """Whether all there is has been read."""
        return self._done

    def kept(self) -> bytes:
        """What has been read, while it is complete."""
        return b"".join(self._blocks)

    def stop(self) -> None:
        """Ends the source, and the body behind what has been read."""
        self._stopped = True
        self._done = True
        self._news.set()
        if self._task is not None:
            self._task.cancel()

    async def release(self) -> None:
        """Ends the source if it still runs, and waits until its clean-up is done."""
        if self._task is None:
            # Nobody has asked for anything; its clean-up is due all the same.
            self._task = asyncio.create_task(close(self._source))
        else:
            self.stop()
        await asyncio.wait({self._task}, timeout=LONGEST_CLEAN_UP)

    async def _read(self) -> None:
        events: AsyncIterable[Any] = self._source
        try:
            events = self._source.__aiter__()
            # It is asked for more when the body has taken what there was.
            await self._wanted.wait()
            async for item in events:
                self._keep(block(*content(item)))
                self._wanted.clear()
                self._news.set()
                await self._wanted.wait()
        except BaseException as error:
            if not self._stopped:
                self.failed = error
            if not isinstance(error, (Exception, asyncio.CancelledError)):
                raise
        finally:
            self._done = True
            self._news.set()
            await close(events)

    def _keep(self, block: bytes) -> None:
        if len(block) > self._largest:
            raise too_large(len(block), self._largest)
        self._blocks.append(block)
        self._size += len(block)
        if self._size > self._most_kept:
            self._first += len(self._blocks) - 1
            del self._blocks[:-1]


async def close(events: AsyncIterable[Any]) -> None:
    """Runs the `finally` blocks of a generator."""
    aclose = getattr(events, "aclose", None)
    if aclose is not None:
        await aclose()


# Seconds for the `finally` blocks of a source.
LONGEST_CLEAN_UP = 10
