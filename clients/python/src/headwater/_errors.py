"""Why a subscription has ended."""

from __future__ import annotations

from typing import ClassVar

from headwater._pickle import Picklable
from headwater._problem import Problem
from headwater._state import CloseReason, State


class SubscriptionError(Picklable, Exception):
    """A subscription failed for good.

    Attributes:
        reason: The reason of its closed state.
    """

    reason: ClassVar[CloseReason]


class WrongTypeError(SubscriptionError):
    """The answer is no event stream.

    Attributes:
        found: Its media type; `None` when it has none.
    """

    reason = "wrong_type"

    def __init__(self, found: str | None):
        super().__init__(f"the answer is {found or 'of no type'} and no text/event-stream; check the address")
        self.found = found


class UnauthorizedError(SubscriptionError):
    """There is no valid credential: there is no refresh hook, or its credential was refused too.

    Attributes:
        status: 401 or 403.
        problem: What the server says.
    """

    reason = "unauthorized"

    def __init__(self, status: int, problem: Problem):
        super().__init__(f"the server refuses the credential with the status {status}: {problem}")
        self.status = status
        self.problem = problem


class RejectedError(SubscriptionError):
    """The request was refused in a way that trying again does not mend.

    Attributes:
        status: The status of the answer; 0 of a redirect whose address cannot be read.
        problem: What the server says, or what is wrong with its answer.
    """

    reason = "rejected"

    def __init__(self, status: int, problem: Problem):
        said = f"with the status {status}" if status else "with an answer that cannot be read"
        super().__init__(f"the server refuses the subscription {said}: {problem}")
        self.status = status
        self.problem = problem


class ExhaustedError(SubscriptionError):
    """There were as many failures in a row as are allowed.

    Attributes:
        failures: How many.
        last: What became of the last attempt: the state in which it would have waited.
    """

    reason = "exhausted"

    def __init__(self, failures: int, last: State):
        super().__init__(
            f"the subscription failed {failures} times in a row, the most it is allowed to; at last, {last}"
        )
        self.failures = failures
        self.last = last
