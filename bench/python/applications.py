"""The same stream from FastAPI by different producers: `/stream/<which>?events=…&pause=…`."""

import asyncio
from collections.abc import AsyncIterator

from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from fastapi.sse import EventSourceResponse as OfFastapi
from fastapi.sse import ServerSentEvent as EventOfFastapi
from sse_starlette import EventSourceResponse as OfSseStarlette
from sse_starlette import ServerSentEvent as EventOfSseStarlette

from headwater import Event
from headwater.starlette import EventStreamResponse

app = FastAPI()

DATA = '{"total": 12, "note": "' + "x" * 60 + '"}'


async def numbers(events: int, waits: bool) -> AsyncIterator[int]:
    for number in range(events):
        yield number
        if waits:
            # As an answer does that comes token by token: every event is one turn of the loop at least.
            await asyncio.sleep(0)


@app.get("/headwater")
async def headwater(events: int, waits: bool) -> EventStreamResponse:
    async def source() -> AsyncIterator[Event]:
        async for number in numbers(events, waits):
            yield Event(DATA, type="order.paid", id=str(number))

    return EventStreamResponse(source())


@app.get("/sse-starlette")
async def sse_starlette(events: int, waits: bool) -> OfSseStarlette:
    async def source() -> AsyncIterator[EventOfSseStarlette]:
        async for number in numbers(events, waits):
            yield EventOfSseStarlette(data=DATA, event="order.paid", id=str(number))

    return OfSseStarlette(source())


@app.get("/fastapi", response_class=OfFastapi)
async def fastapi(events: int, waits: bool) -> AsyncIterator[EventOfFastapi]:
    async for number in numbers(events, waits):
        yield EventOfFastapi(raw_data=DATA, event="order.paid", id=str(number))


@app.get("/by-hand")
async def by_hand(events: int, waits: bool) -> StreamingResponse:
    """What is left when nothing is done for anybody: no heartbeats, no encoding, no clean-up."""

    async def source() -> AsyncIterator[str]:
        async for number in numbers(events, waits):
            yield f"id: {number}\nevent: order.paid\ndata: {DATA}\n\n"

    return StreamingResponse(source(), media_type="text/event-stream")
