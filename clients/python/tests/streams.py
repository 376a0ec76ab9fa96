"""An application whose streams do what the tests are about. What happens in it is noted in a file that they read."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.sse import ServerSentEvent
from pydantic import BaseModel
from starlette.middleware.base import RequestResponseEndpoint
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response

from headwater import Event
from headwater.starlette import EventStreamResponse, last_event_id

FOLDER = Path(os.environ["HEADWATER_TEST_FOLDER"])
LAST = 10

routes = APIRouter()


# One with middleware around it, as most have, and one without.
app = FastAPI()
plain = FastAPI()


@app.middleware("http")
async def mark(request: Request, call_next: RequestResponseEndpoint) -> Response:
    """A middleware of the kind that wraps responses."""
    response = await call_next(request)
    response.headers["x-marked"] = "yes"
    return response


app.add_middleware(GZipMiddleware, minimum_size=1)


def note(text: str) -> None:
    with (FOLDER / "notes").open("a") as file:
        file.write(f"{text}\n")


@dataclass
class Point:
    x: int
    y: int


class Order(BaseModel):
    total: int
    note: str


@routes.get("/kinds")
async def kinds() -> EventStreamResponse:
    async def events() -> AsyncIterator[object]:
        yield Event("a\nb\r\nc\rd", type="t", id="1", topic="x/y")
        yield "text"
        yield {"k": [1, "ä"]}
        yield Point(1, 2)
        yield Order(total=3, note="n")
        yield ServerSentEvent(data={"f": 1}, event="fastapi", id="7", comment="ignored")
        yield ServerSentEvent(raw_data="as it is")

    return EventStreamResponse(events())


@routes.get("/silent")
async def silent(tag: str = "", heartbeat: float = 15) -> EventStreamResponse:
    async def events() -> AsyncIterator[Event]:
        note(f"begin {tag}")
        try:
            await asyncio.Event().wait()
            yield Event("never")
        except asyncio.CancelledError:
            note(f"cancelled {tag}")
            raise
        finally:
            await asyncio.sleep(0)
            note(f"finally {tag}")

    return EventStreamResponse(events(), heartbeat=heartbeat)


@routes.get("/numbers")
async def numbers() -> EventStreamResponse:
    async def resume(last: str | None) -> AsyncIterator[Event] | None:
        note(f"resume {last!r}")
        after = int(last) if last and last.isdecimal() else 0
        return count(after) if after < LAST else None

    async def count(after: int) -> AsyncIterator[Event]:
        for number in range(after + 1, LAST + 1):
            yield Event(str(number), id=str(number))

    return EventStreamResponse(resume)


@routes.get("/tokens")
async def tokens() -> EventStreamResponse:
    async def events(last: str | None) -> AsyncIterator[Event]:
        note(f"tokens after {last!r}")
        yield Event("token", id="1")

    return EventStreamResponse(events, retry=0.05)


@routes.get("/once")
async def once() -> EventStreamResponse:
    async def events() -> AsyncIterator[Event]:
        note("once")
        yield Event("token", id="1")

    return EventStreamResponse(events(), retry=0.05)


@routes.get("/asked")
async def asked(request: Request) -> str | None:
    return last_event_id(request)


@routes.get("/relayed")
async def relayed() -> EventStreamResponse:
    async def events() -> AsyncIterator[Event]:
        yield Event("{}", type="headwater.told")

    return EventStreamResponse(events(), relay=True)


@routes.get("/wrong")
async def wrong(how: str) -> EventStreamResponse:
    """Applications that give what is no asynchronous iterator."""

    def plain(_: str | None = None) -> Iterator[str]:
        yield "never"

    given: dict[str, Any] = {
        "list": ["a"],
        "generator": plain(),
        "function of a list": lambda _: ["a"],
        "function of a generator": plain,
    }
    return EventStreamResponse(given[how])


@routes.get("/gated")
async def gated(tag: str) -> EventStreamResponse:
    async def events() -> AsyncIterator[Event]:
        for number in range(3):
            while not (FOLDER / f"gate-{tag}-{number}").exists():  # noqa: ASYNC110 (the test is another process)
                await asyncio.sleep(0.005)
            yield Event(str(number))

    return EventStreamResponse(events())


@routes.get("/fails")
async def fails(how: str) -> EventStreamResponse:
    async def events() -> AsyncIterator[object]:
        yield "before"
        match how:
            case "upstream":
                raise ConnectionResetError("the model hung up")
            case "cancelled":
                raise asyncio.CancelledError
            case "forged":
                yield Event("", type="a\ndata: forged")
            case "unknown":
                yield object()
            case "end":
                yield Event('{"reason":"done","topic":"forged"}', type="headwater.end")
            case "end of fastapi":
                yield ServerSentEvent(raw_data='{"reason":"done","topic":"forged"}', event="headwater.end")

    return EventStreamResponse(events(), topic="answers/1")


@routes.get("/flood")
async def flood(tag: str) -> EventStreamResponse:
    async def events() -> AsyncIterator[str]:
        count = 0
        try:
            while True:
                yield "x" * (1 << 20)
                count += 1
        finally:
            note(f"flood {tag} {count}")

    return EventStreamResponse(events(), send_timeout=0.5, heartbeat=0.3)


@routes.get("/busy")
async def busy(tag: str) -> EventStreamResponse:
    async def events() -> AsyncIterator[str]:
        try:
            while True:
                yield "never waits"
        finally:
            note(f"finally {tag}")

    return EventStreamResponse(events())


@routes.get("/watched")
async def watched(tag: str) -> EventStreamResponse:
    async def events() -> AsyncIterator[str]:
        try:
            await asyncio.Event().wait()
            yield "never"
        finally:
            note(f"left {tag} {time.time()}")

    return EventStreamResponse(events())


@routes.get("/clock")
async def clock(interval: float) -> EventStreamResponse:
    async def events() -> AsyncIterator[str]:
        while True:
            yield str(time.time())
            await asyncio.sleep(interval)

    return EventStreamResponse(events())


@routes.get("/process")
async def process() -> int:
    return os.getpid()


@routes.get("/held")
async def held() -> tuple[int, int, int]:
    """This process, how many tasks it has, and how many descriptors."""
    return os.getpid(), len(asyncio.all_tasks()), len(os.listdir("/proc/self/fd"))


app.include_router(routes)
plain.include_router(routes)
