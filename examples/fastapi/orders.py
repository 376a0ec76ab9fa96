"""Orders that are published to a hub, and readers that are handed over to it: `uvicorn orders:app --workers 4`."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Request, Response
from headwater import Handover, Publisher, sync
from headwater.starlette import to_hub
from pydantic import BaseModel

HUB = os.environ.get("HUB", "http://127.0.0.1:7070")
# May publish and subscribe `orders/**`; a hub in development mode needs none.
TOKEN = os.environ.get("HUB_TOKEN")


class Order(BaseModel):
    number: int
    total: int


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with Publisher(HUB, token=TOKEN) as app.state.publisher, Handover(HUB, token=TOKEN) as app.state.handover:
        yield


app = FastAPI(lifespan=lifespan)

# For code that runs in threads. It connects when it is used, in whichever process that is.
publisher = sync.Publisher(HUB, token=TOKEN)


@app.post("/orders", status_code=201)
async def place(order: Order, request: Request) -> None:
    await request.app.state.publisher.publish(f"orders/{order.number}", order, type="order.placed")


@app.post("/orders/{number}/payment", status_code=201)
def pay(number: int) -> None:
    publisher.publish(f"orders/{number}", {"paid": True}, type="order.paid")


def user(request: Request) -> str:
    name = request.headers.get("x-user")
    if name is None:
        raise HTTPException(401)
    return name


@app.get("/orders/{number}/events")
async def events(number: int, name: Annotated[str, Depends(user)], request: Request) -> Response:
    # Here is the place to look whether this user may read this order.
    address = await request.app.state.handover.address([f"orders/{number}"], since="earliest")
    return to_hub(request, address)
