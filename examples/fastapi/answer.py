"""An answer that no reload and no disconnect can lose: `uvicorn answer:app --workers 4`."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

from fastapi import FastAPI, Request
from headwater import Publisher

HUB = os.environ.get("HUB", "http://127.0.0.1:7070")


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.running = set()
    async with Publisher(HUB) as app.state.publisher:
        yield
        for running in app.state.running:
            running.cancel()
        await asyncio.gather(*app.state.running, return_exceptions=True)


app = FastAPI(lifespan=lifespan)


async def tokens(question: str) -> AsyncIterator[str]:
    """Where the model would be: with httpx, and `aiter_events` for what it says."""
    for word in ["You", " asked:", *(f" {word}" for word in question.split())]:
        yield word
        await asyncio.sleep(0.01)


@app.post("/answers", status_code=202)
async def ask(question: str, request: Request) -> dict[str, str]:
    topic = f"answers/{uuid4()}"
    # A task of the process and not of the request, which ends now.
    writing = asyncio.create_task(request.app.state.publisher.publish_stream(topic, tokens(question), final=True))
    request.app.state.running.add(writing)
    writing.add_done_callback(request.app.state.running.discard)
    return {"subscribe": f"{HUB}/v1/events?topic={topic}&since=earliest"}
