"""What tests of subscriptions share."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from stream_server import PATIENCE, Attempt, StreamServer

from headwater import Retry

T = TypeVar("T")

QUICK = Retry(first=0)


def run(work: Awaitable[T]) -> T:
    """Runs a test that ends."""

    async def bounded() -> T:
        return await asyncio.wait_for(work, 2 * PATIENCE)

    return asyncio.run(bounded())


async def attempt(server: StreamServer) -> Attempt:
    """The next request."""
    return await asyncio.to_thread(server.attempt)
