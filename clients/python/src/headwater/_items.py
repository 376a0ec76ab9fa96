"""What a subscription brings beside events: the control events of a hub, as types of their own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, TypeAlias

from headwater._decoder import Event


@dataclass(frozen=True, slots=True)
class Gap:
    """Events are missing: whatever depends on them has to be loaded again.

    Attributes:
        reason: `retention`, `epoch`, `unknown`, `lagged`, `conflated`, or `oversized` when the client itself dropped an
            event that is larger than its limit.
        requested: The id after which events are missing; empty when there was none.
        resumed_at: The id from which the stream goes on; empty when there is none.
        id: The last event id in force.
    """

    reason: str
    requested: str
    resumed_at: str
    id: str


@dataclass(frozen=True, slots=True)
class Closing:
    """The server ends the stream cleanly, and the client comes back by itself.

    Attributes:
        reason: `drain`, `max_age`, `lagged`, `expired`, `revoked`, `admin`.
        reconnect_ms: The least time until the client comes back, in milliseconds.
        id: The last event id in force.
    """

    reason: str
    reconnect_ms: int
    id: str


@dataclass(frozen=True, slots=True)
class Expiring:
    """The credential ends soon. With a refresh hook the client renews the session by itself.

    Attributes:
        expires_at: When, in RFC 3339.
        session: The name of the session at the hub.
        id: The last event id in force.
    """

    expires_at: str
    session: str
    id: str


@dataclass(frozen=True, slots=True)
class End:
    """The topic is finished: this was its last event.

    Attributes:
        reason: `done`, `error`, `cancelled`.
        topic: The topic.
        id: The last event id in force.
    """

    reason: str
    topic: str
    id: str


Item: TypeAlias = Event | Gap | Closing | Expiring | End

# Types of events that may be control events begin so.
PREFIX = "headwater."


def read_control(event: Event) -> Item:
    """The item of an event whose type begins with `headwater.`; the event itself when its data is not as documented."""
    try:
        data = json.loads(event.data)
        if not isinstance(data, dict):
            return event
        # JSON can name half of a surrogate pair, which no text has.
        "".join(value for value in data.values() if isinstance(value, str)).encode()
    except (ValueError, RecursionError):
        return event
    id = event.id
    match event.type.removeprefix(PREFIX), data:
        case "gap", {"reason": str(reason), "requested": str(requested), "resumed_at": str(resumed_at)}:
            return Gap(reason, requested, resumed_at, id)
        case "closing", {"reason": str(reason), "reconnect_ms": int(ms)} if _is_time(ms):
            return Closing(reason, ms, id)
        case "expiring", {"expires_at": str(expires_at), "session": str(session)}:
            return Expiring(expires_at, session, id)
        case "end", {"reason": str(reason), "topic": str(topic)}:
            return End(reason, topic, id)
    return event


def _is_time(ms: Any) -> bool:
    # True and False are integers, too.
    return not isinstance(ms, bool) and 0 <= ms < 1 << 64
