"""What a subscription does at the moment, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

StateName: TypeAlias = Literal["connecting", "open", "waiting", "closed"]
WaitReason: TypeAlias = Literal["unreachable", "timeout", "refused", "ended", "closing", "broken", "silent"]
CloseReason: TypeAlias = Literal["aborted", "finished", "wrong_type", "unauthorized", "rejected", "exhausted"]


@dataclass(frozen=True, slots=True)
class State:
    """The state of a subscription.

    Attributes:
        name: `connecting`, `open`, `waiting` or `closed`.
        reason: What became of the last attempt, or why it has ended for good; `None` while it connects or is open.
        delay: While it waits: how long, in seconds.
        failures: While it waits: failures in a row, this one included.
        status: When an attempt was `refused`: the status of the answer.
        detail: What the network says of an attempt that was `unreachable` or `broken`, and the hub's reason for one
            that it is `closing`; why there is no other credential where one was `refused` and the refresh hook failed.
    """

    name: StateName
    reason: WaitReason | CloseReason | None = None
    delay: float | None = None
    failures: int | None = None
    status: int | None = None
    detail: str | None = None

    def __str__(self) -> str:
        """What became of an attempt, in words; else the name of the state."""
        match self.reason:
            case "unreachable":
                return f"there was no answer: {self.detail}"
            case "timeout":
                return "there was no answer within the connect limit"
            case "refused":
                failed = "" if self.detail is None else f"; {self.detail}"
                return f"the server answered with the status {self.status}{failed}"
            case "ended":
                return "the server ended the stream"
            case "closing":
                return f"the server ended the stream, with the reason {self.detail}"
            case "broken":
                return f"the connection broke: {self.detail}"
            case "silent":
                return "the stream was silent for too long"
        return self.name
