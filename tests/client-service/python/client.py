"""One client under test: what the harness asks of it, and what it tells the harness."""

import asyncio
import dataclasses
import json
from typing import Any

import httpx
from messages import Messages

from headwater import Cause, Event, Item, Retry, State, Store, SubscriptionError, subscribe


class Client:
    """A running client.

    Raises:
        TypeError, ValueError: The options cannot be understood.
    """

    def __init__(self, options: dict[str, Any], store: Store):
        self.options = options
        self.messages = Messages(options["callbackUrl"])
        self.subscription = subscribe(options["streamUrl"], **self.given(store))
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.is_stopped = False
        self.run = asyncio.create_task(self.read())

    def given(self, store: Store) -> Any:
        """The options as the client has them."""
        options = self.options
        times = {"first": "initialDelayMs", "most": "maxDelayMs", "stable": "stableMs"}
        retry = {ours: options[theirs] / 1000 for ours, theirs in times.items() if theirs in options}
        given: dict[str, Any] = {
            "on_state": self.on_state,
            "retry": Retry(**retry, failures=options.get("maxFailures")),
            "refresh": self.refresh if "refreshUrl" in options else None,
        }
        same = {"headers": "headers", "token": "token", "method": "method", "body": "body"}
        same |= {"last_event_id": "lastEventId", "max_event": "maxEvent"}
        given |= {ours: options[theirs] for ours, theirs in same.items() if theirs in options}
        if "connectTimeoutMs" in options:
            given["connect_timeout"] = options["connectTimeoutMs"] / 1000
        if "readTimeoutMs" in options:
            # A stream is dead after 2.5 heartbeats.
            given["heartbeat"] = options["readTimeoutMs"] / 2500
        if "store" in options:
            given |= {"store": store, "store_key": options["store"]}
        return given

    def command(self, name: object) -> bool:
        """Does it; tells whether it is understood."""
        match name:
            case "restart":
                self.subscription.restart()
            case "pause":
                self.go_on.clear()
            case "resume":
                self.go_on.set()
            case _:
                return False
        return True

    async def stop(self) -> None:
        """Stops it: nothing is told any more."""
        self.is_stopped = True
        self.messages.close()
        self.go_on.set()
        await self.subscription.aclose()
        await self.run

    async def read(self) -> None:
        try:
            async with self.subscription as items:
                async for item in items:
                    await self.messages.deliver(told(item))
                    await self.go_on.wait()
                    # What was delivered last and not followed by another is not handled.
                    if self.is_stopped:
                        break
        except SubscriptionError as error:
            self.messages.send({"kind": "error", "error": error.reason, "comment": str(error)})
        except Exception as error:
            self.messages.send({"kind": "error", "error": "bug", "comment": repr(error)})

    def on_state(self, state: State) -> None:
        if self.options.get("headwater"):
            self.messages.send({"kind": "state", "state": told_state(state)})
        elif state.name == "waiting":
            self.messages.send({"kind": "error", "error": state.reason, "comment": str(state)})

    async def refresh(self, cause: Cause) -> str:
        async with httpx.AsyncClient() as client:
            answer = await client.post(self.options["refreshUrl"], json=dataclasses.asdict(cause))
        if answer.status_code != 200:
            raise RuntimeError(f"it answered with the status {answer.status_code}")
        token: str = answer.json()["token"]
        return token


def told(item: Item) -> dict[str, Any]:
    """An item as the harness calls it."""
    if isinstance(item, Event):
        event = {"type": item.type, "data": item.data, "id": item.id, "topic": item.topic}
        return {"kind": "event", "event": event}
    members = dataclasses.asdict(item)
    del members["id"]
    kind = type(item).__name__.lower()
    return {"kind": kind, kind: members}


def told_state(state: State) -> dict[str, Any]:
    """A state as the harness calls it."""
    told = {"name": state.name, "reason": state.reason, "failures": state.failures, "status": state.status}
    told["delay_ms"] = None if state.delay is None else round(state.delay * 1000)
    return {name: value for name, value in told.items() if value is not None}
