"""Handing readers over to a hub with access control."""

import asyncio
import json
from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI
from hubs import ACCESS, ADMIN, READER, Hub
from servers import PATIENCE
from starlette.requests import Request
from starlette.responses import Response

from headwater import Handover, PublishError, sync
from headwater.starlette import to_hub


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    hub = Hub(tmp_path_factory.mktemp("guarded"), ACCESS)
    yield hub
    hub.stop()


def publish(hub: Hub, topic: str, data: str) -> str:
    headers = {"authorization": f"Bearer {ADMIN}"}
    response = httpx.post(f"{hub.url}/v1/topics/{topic}", content=data, headers=headers, timeout=PATIENCE)
    return str(response.raise_for_status().json()["id"])


def first_event(url: str) -> str:
    headers = {"accept": "application/json"}
    response = httpx.get(f"{url}&wait=5", headers=headers, timeout=PATIENCE)
    assert response.status_code == 200, response.text
    return str(response.json()["events"][0]["data"])


def test_a_ticket_opens_what_it_is_for(guarded: Hub) -> None:
    """FWK-01, with a token that may read `orders/**` only."""
    publish(guarded, "orders/42", "x")

    async def main() -> str:
        async with Handover(guarded.url, token=READER) as handover:
            ticket = await handover.ticket(["orders/42"])
            assert ticket.ticket
            assert ticket.expires_at.endswith("Z")
            with pytest.raises(PublishError) as caught:
                await handover.address(["prices/*"])
            assert caught.value.status == 403
            with pytest.raises(ValueError, match="list of one topic"):
                await handover.address("orders/42")
            return await handover.address(["orders/42", "orders/*"])

    address = asyncio.run(main())
    assert first_event(f"{address}&since=earliest") == "x"
    refused = httpx.get(address.replace("orders/42", "orders/43"), timeout=PATIENCE)
    assert (refused.status_code, refused.json()["reason"]) == (401, "other-topics")


def test_threads_hand_over_too(guarded: Hub) -> None:
    publish(guarded, "orders/1", "y")
    with sync.Handover(guarded.url, token=READER) as handover:
        assert handover.ticket(["orders/1"]).ticket != handover.ticket(["orders/1"]).ticket
        assert first_event(f"{handover.address(['orders/1'])}&since=earliest") == "y"


def test_without_a_token_the_address_has_no_ticket() -> None:
    async def main() -> str:
        async with Handover("http://127.0.0.1:1/", public_url="https://hub.example/live/") as handover:
            return await handover.address(["public/a b", "public/*"])

    assert asyncio.run(main()) == "https://hub.example/live/v1/events?topic=public/a+b&topic=public/*"


def test_a_browser_is_sent_to_the_hub(guarded: Hub) -> None:
    """FWK-01: an `EventSource` by a redirect that brings its cursor along, a script by an address."""
    read = publish(guarded, "orders/7", "read")
    publish(guarded, "orders/7", "unread")
    app = FastAPI()
    handover = Handover(guarded.url, token=READER)

    @app.get("/orders/{number}/events")
    async def events(number: int, request: Request) -> Response:
        return to_hub(request, await handover.address([f"orders/{number}"]))

    async def main() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://app.example") as browser:
            forms = ({"accept": "text/event-stream", "last-event-id": read}, {"accept": "*/*"})
            return [await browser.get("/orders/7/events", headers=headers) for headers in forms]

    redirect, told = asyncio.run(main())
    assert redirect.status_code == 307
    assert first_event(redirect.headers["location"]) == "unread"
    assert first_event(f"{json.loads(told.content)['url']}&since=earliest") == "read"
    for response in (redirect, told):
        assert response.headers["cache-control"] == "no-store"
