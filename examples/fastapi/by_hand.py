"""What it takes without a library, still without resume, heartbeats, a limit for readers that stall, and an end."""

import asyncio
from collections.abc import AsyncIterator

from fastapi import FastAPI
from fastapi.responses import StreamingResponse

app = FastAPI()


@app.get("/")
async def ticks() -> StreamingResponse:
    async def events() -> AsyncIterator[str]:
        number = 0
        try:
            # Something at once, or the client does not know that it is connected.
            yield ":\n\n"
            while True:
                number += 1
                yield f"event: tick\ndata: {number}\n\n"
                await asyncio.sleep(1)
        finally:
            print("the client has left")

    headers = {"cache-control": "no-store, no-transform", "x-accel-buffering": "no"}
    return StreamingResponse(events(), media_type="text/event-stream", headers=headers)
