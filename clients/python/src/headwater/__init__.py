"""Server-Sent Events for Python.

- `subscribe`: a subscription that goes on where it was, whatever happens to its connections; `sync.subscribe` for
  programs without asyncio.
- `Publisher` publishes to a hub, also what an asynchronous iterator gives as it comes; `sync.Publisher` from threads.
- `Handover` sends browsers to a hub with tickets; `sync.Handover` from threads.
- `iter_events` and `aiter_events`: the events of a response that some HTTP client has opened.
- `Decoder` and `Event`: bytes to events, for whatever else brings the bytes.

There is nothing in it that hands an event from one request to another inside a process: with the second worker process
that would lose events. What several requests share goes through a hub.

The decoder is that of Headwater, in Rust: all its clients read the same bytes in the same way.
"""

import importlib
from typing import TYPE_CHECKING

from headwater._decoder import Decoder, Event, Oversized
from headwater._responses import EventTooLargeError, aiter_events, iter_events

if TYPE_CHECKING:
    from headwater import sync
    from headwater._errors import ExhaustedError, RejectedError, SubscriptionError, UnauthorizedError, WrongTypeError
    from headwater._items import Closing, End, Expiring, Gap, Item
    from headwater._problem import Problem
    from headwater._publishing.attempts import Retrying
    from headwater._publishing.errors import PublishError
    from headwater._publishing.handover import Handover, Ticket
    from headwater._publishing.publisher import Publisher
    from headwater._state import State
    from headwater._stores import FileStore, MemoryStore, Store
    from headwater._subscription import Subscription, subscribe
    from headwater._subscription.backoff import Retry
    from headwater._subscription.machine import Cause
    from headwater._subscription.options import Options

__all__ = [
    "Cause",
    "Closing",
    "Decoder",
    "End",
    "Event",
    "EventTooLargeError",
    "ExhaustedError",
    "Expiring",
    "FileStore",
    "Gap",
    "Handover",
    "Item",
    "MemoryStore",
    "Options",
    "Oversized",
    "Problem",
    "PublishError",
    "Publisher",
    "RejectedError",
    "Retry",
    "Retrying",
    "State",
    "Store",
    "Subscription",
    "SubscriptionError",
    "Ticket",
    "UnauthorizedError",
    "WrongTypeError",
    "aiter_events",
    "iter_events",
    "subscribe",
    "sync",
]

# Where to find what is imported only when it is used: a producer has no use for an HTTP client.
_LATER = {
    "headwater._errors": [
        "ExhaustedError",
        "RejectedError",
        "SubscriptionError",
        "UnauthorizedError",
        "WrongTypeError",
    ],
    "headwater._items": ["Closing", "End", "Expiring", "Gap", "Item"],
    "headwater._problem": ["Problem"],
    "headwater._publishing.attempts": ["Retrying"],
    "headwater._publishing.errors": ["PublishError"],
    "headwater._publishing.handover": ["Handover", "Ticket"],
    "headwater._publishing.publisher": ["Publisher"],
    "headwater._state": ["State"],
    "headwater._stores": ["FileStore", "MemoryStore", "Store"],
    "headwater._subscription": ["Subscription", "subscribe"],
    "headwater._subscription.backoff": ["Retry"],
    "headwater._subscription.machine": ["Cause"],
    "headwater._subscription.options": ["Options"],
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name == "sync":
            return importlib.import_module("headwater.sync")
        for module, names in _LATER.items():
            if name in names:
                return getattr(importlib.import_module(module), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
