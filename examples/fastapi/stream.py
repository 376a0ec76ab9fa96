"""A stream that goes on where its client was: `uvicorn stream:app`."""

import asyncio
from collections.abc import AsyncIterator

from fastapi import FastAPI
from headwater import Event
from headwater.starlette import EventStreamResponse

app = FastAPI()

STEPS = ["fetched", "unpacked", "checked", "installed"]


@app.get("/jobs/{number}")
async def job(number: int) -> EventStreamResponse:
    def after(last_event_id: str | None) -> AsyncIterator[Event] | None:
        done = int(last_event_id) if last_event_id and last_event_id.isdecimal() else 0
        # A client that has seen everything is told to stop.
        return steps(done) if done < len(STEPS) else None

    async def steps(done: int) -> AsyncIterator[Event]:
        try:
            for place, step in enumerate(STEPS[done:], done + 1):
                yield Event(step, type="step", id=str(place))
                await asyncio.sleep(0.05)
        finally:
            print(f"nobody reads job {number} any more")

    return EventStreamResponse(after)
