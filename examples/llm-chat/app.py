"""A chat with a language model, whose answers survive reloads, second tabs and restarts of the page.

See README.md for how to run it.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated
from uuid import UUID

import settings
from answers import Answers
from fastapi import Body, FastAPI, Request, Response
from fastapi.responses import FileResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from headwater import Handover, Publisher, Retry
from headwater.starlette import to_hub

# After the hub was away, workers hear of each other before one takes another for dead.
RETRY = Retry(most=settings.BEAT)
PAGE = Path(__file__).parent / "page"


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with (
        Publisher(settings.HUB, token=settings.HUB_TOKEN, retry=RETRY) as publisher,
        Handover(settings.HUB, public_url=settings.PUBLIC_HUB, token=settings.HUB_TOKEN) as handover,
    ):
        app.state.answers = answers = Answers(publisher)
        app.state.handover = handover
        # Nothing is generated before it can be stopped.
        ready = asyncio.Event()
        listening = asyncio.create_task(answers.listen(ready.set))
        await ready.wait()
        yield
        listening.cancel()
        await answers.aclose()


app = FastAPI(lifespan=lifespan)


@app.post("/chats/{chat}/questions", status_code=202)
async def ask(chat: UUID, question: Annotated[str, Body(embed=True, max_length=10_000)], request: Request) -> object:
    return {"answer": await request.app.state.answers.ask(chat, question)}


@app.post("/chats/{chat}/answers/{answer}/stop", status_code=202)
async def stop(chat: UUID, answer: UUID, request: Request) -> None:
    # It may be another worker that generates it.
    await request.app.state.answers.stop(chat, answer)


@app.get("/chats/{chat}/events")
async def events(chat: UUID, request: Request) -> Response:
    """Here an application would look at who asks. The hub does the rest, also when this process is gone."""
    topics = [f"chats/{chat}", f"chats/{chat}/*"]
    return to_hub(request, await request.app.state.handover.address(topics, since="earliest"))


@app.get("/client.js")
async def client() -> Response:
    """The hub serves its client to pages of any origin."""
    return RedirectResponse(f"{settings.PUBLIC_HUB}/client.js", 307)


@app.middleware("http")
async def mark(request: Request, call_next: object) -> Response:
    """Says what the page may load, and which worker has answered."""
    response: Response = await call_next(request)  # type: ignore[operator]
    hub = settings.PUBLIC_HUB
    response.headers["content-security-policy"] = (
        f"default-src 'self'; script-src 'self' {hub}; connect-src 'self' {hub}"
    )
    response.headers["x-worker"] = str(os.getpid())
    return response


@app.get("/")
async def page() -> FileResponse:
    return FileResponse(PAGE / "index.html")


app.mount("/", StaticFiles(directory=PAGE))
