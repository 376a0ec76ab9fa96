"""Why something was not published."""

from __future__ import annotations

import json

from headwater._problem import Problem, read_problem
from headwater._subscription.answer import is_passing


class PublishError(Exception):
    """A request to the hub failed for good. Nothing of it is tried again.

    Attributes:
        reason: The hub's short name of the problem, such as `malformed-request` or `limited`. Without an answer of the
            hub: `unreachable`, `timeout`, `unauthorized` (the refresh hook fails, and its exception is the cause),
            `too-large`, `not-replayable` (a stream broke that is too long to be sent again), `not-a-hub`, `closed`.
        status: The status of the last answer; 0 when there was none.
        problem: What the hub says, with the `field` of the request that is at fault and a `reason` for machines.
        stored: Ids of the events of a stream that were stored before it was refused.
    """

    def __init__(
        self,
        reason: str,
        message: str,
        *,
        status: int = 0,
        problem: Problem | None = None,
        stored: tuple[str, ...] = (),
    ):
        # What it is made from again, where it is pickled or copied.
        super().__init__(reason, message)
        self.message = message
        self.reason = reason
        self.status = status
        self.problem = problem or Problem()
        self.stored = stored

    def __str__(self) -> str:
        return self.message

    @property
    def is_of_one(self) -> bool:
        """Whether it is about one event, and others of the same request would have been taken."""
        return 400 <= self.status < 500 and self.status != 401 and not is_passing(self.status)


def refusal(status: int, content_type: str | None, body: bytes) -> PublishError:
    """The error that an answer stands for, which is any but 2xx."""
    problem = read_problem(content_type, body)
    name = (problem.type or "").removeprefix(NAMES)
    reason = name if name and name != problem.type else f"status-{status}"
    message = f"the hub refused it with the status {status}: {problem}"
    return PublishError(reason, message, status=status, problem=problem, stored=_stored(body))


def too_large(size: int, most: int) -> PublishError:
    """It has more bytes than the hub takes in a request."""
    return PublishError("too-large", f"{size} bytes are more than the {most} of a request; publish less at once")


def closed() -> PublishError:
    """Whoever publishes has closed it."""
    return PublishError("closed", "the publisher was closed before the hub had answered")


def is_closed() -> PublishError:
    """Whoever publishes has closed it before."""
    return PublishError("closed", "this was closed, and sends nothing more; make another one")


def _stored(body: bytes) -> tuple[str, ...]:
    try:
        return tuple(map(str, json.loads(body)["stored"]))
    except (ValueError, RecursionError, TypeError, LookupError):
        return ()


# What the types of the hub's problems begin with.
NAMES = "urn:headwater:problem:"
