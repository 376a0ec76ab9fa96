"""The behaviour of a subscription as a state machine: no socket, no clock, no event loop. Answers, bytes and times go
in; what is to be done next, items and changes of state come out.

A driver does what `Core.action` says and tells how it went. It asks for the next item first, and takes bytes from its
socket only when there is none: so nothing piles up here. All times are seconds of one clock.
"""

from __future__ import annotations

import enum
from collections import deque
from dataclasses import dataclass

from headwater._errors import (
    ExhaustedError,
    RejectedError,
    SubscriptionError,
    UnauthorizedError,
    WrongTypeError,
)
from headwater._items import Expiring, Item
from headwater._problem import Problem, is_type
from headwater._state import CloseReason, State, WaitReason
from headwater._subscription.answer import Answer, is_passing
from headwater._subscription.backoff import Retry
from headwater._subscription.reader import Reader


@dataclass(frozen=True, slots=True)
class Settings:
    """What a core is set up with.

    Attributes:
        retry: The waiting times.
        connect_timeout: The longest time until there is the head of an answer.
        heartbeat: How often there is a byte at least, instead of what the server says.
        max_event: The largest event, in bytes.
        dedupe: Whether what comes again is dropped.
        can_refresh: Whether there is a refresh hook.
    """

    retry: Retry
    connect_timeout: float
    heartbeat: float | None
    max_event: int
    dedupe: bool
    can_refresh: bool


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a new credential is asked for.

    Attributes:
        status: 401 or 403 when the server refused the one there is; 0 when it is about a stream that was open.
        reason: The server's word for why it refuses, if it has one; `expired` or `revoked` of a stream that the hub
            ended; `expiring` when the credential of an open stream ends soon.
    """

    status: int
    reason: str | None


class Action(enum.Enum):
    """What the driver has to do next."""

    CONNECT = enum.auto()
    """Make a request, and tell its answer, or that there is none."""
    REFRESH = enum.auto()
    """Ask for a new credential because of `Core.cause`, and tell what came."""
    READ = enum.auto()
    """Read from the open stream, and tell the bytes or the end."""
    WAIT = enum.auto()
    """Wait for the deadline."""
    STOP = enum.auto()
    """Nothing, ever."""


# How late a deadline may be noticed. Whoever is later did not look, and the time counts for nothing.
LATEST = 1.0

# Changes of state that are kept for a driver that does not take them.
MOST_CHANGES = 1024


class Core:
    """The state machine."""

    def __init__(self, settings: Settings):
        self._settings = settings
        self._reader = Reader(settings.max_event, settings.dedupe)
        self.action = Action.CONNECT
        # When the action is over if nothing else ends it; None as long as it has no limit.
        self.deadline: float | None = None
        # Why to refresh, now or after the wait.
        self.cause: Cause | None = None
        # The attempt that was refused for want of a credential.
        self._refused: Answer | None = None
        # The attempt under way is the first with a new credential.
        self._is_fresh = False
        # Since when the stream is open, and the silence after which it is dead.
        self._since = 0.0
        self._silence: float | None = None
        # Failures in a row.
        self._failures = 0
        self._error: SubscriptionError | None = None
        # The cursor of the item that was handed out last, and the last one that was given out to be saved.
        self._delivered = ""
        self._saved = ""
        self.state = State("connecting")
        self._changes: deque[State] = deque([self.state], MOST_CHANGES)

    def resume(self, id: str, stored: bool) -> None:
        """Starts after this id. A stored one was handled, and is dropped when it comes again. Another is the
        caller's, and says nothing of what was handled: the store keeps what it has until there is something new."""
        self._reader.resume(id, stored)
        self._delivered = self._saved = id

    @property
    def cursor(self) -> str:
        """The cursor for the next request: the last id that was received; empty when there is none."""
        return self._reader.cursor

    def take_change(self) -> State | None:
        """The next change of state that was not taken."""
        return self._changes.popleft() if self._changes else None

    def take_error(self) -> SubscriptionError | None:
        """The error it ended with, once."""
        error, self._error = self._error, None
        return error

    @property
    def is_expiring(self) -> bool:
        """Whether there is a session to renew."""
        return self._reader.expiring is not None

    def take_expiring(self) -> Expiring | None:
        """The session whose credential ends soon, once."""
        expiring, self._reader.expiring = self._reader.expiring, None
        return expiring

    def next_item(self) -> Item | None:
        """The next item. Whoever asks has handled the one before."""
        item = self._reader.next()
        if item is not None:
            self._delivered = item.id
            if self.action is Action.READ:
                # The application has a turn now, however long it takes.
                self.deadline = None
        return item

    def take_handled(self) -> str | None:
        """The cursor after what was handled, when all that was handed out is, and it is another than the last time."""
        # What came behind the last item and is no item, such as an id on its own, is handled with it.
        handled = self._delivered if self._reader.has_ready else self._reader.cursor
        if handled == self._saved:
            return None
        self._saved = handled
        return handled

    def idle(self, now: float) -> None:
        """There is nothing to do but to wait for the socket: from now on its silence counts."""
        if self.deadline is None:
            self._set_limit(now)

    def tick(self, now: float) -> None:
        """Time has passed."""
        if self.deadline is None or self.deadline > now:
            return
        is_late = now - self.deadline > LATEST
        if self.action is Action.WAIT:
            self._connect()
        elif is_late:
            self._set_limit(now)
        elif self.action is Action.CONNECT:
            self._fail(now, "timeout")
        elif self.action is Action.READ:
            self._fail(now, "silent")

    def unreachable(self, why: str, now: float) -> None:
        """There was no connection, or no answer on it."""
        if self.action is Action.CONNECT:
            self._fail(now, "unreachable", detail=why)

    def answered(self, answer: Answer, now: float) -> None:
        """There is an answer."""
        if self.action is not Action.CONNECT:
            return
        was_fresh, self._is_fresh = self._is_fresh, False
        status = answer.status
        if status == 200 and is_type(answer.content_type, "text/event-stream"):
            if answer.encoding is None:
                self._open(answer, now)
            else:
                why = f"the stream is encoded as {answer.encoding}, although it was asked for as it is"
                self._close_with(RejectedError(status, Problem(detail=why)))
        elif status == 200:
            self._close_with(WrongTypeError(answer.content_type))
        elif status == 204:
            self._close("finished")
        elif is_passing(status):
            self._fail(now, "refused", answer.retry_after or 0.0, status=status)
        elif status not in (401, 403):
            self._close_with(RejectedError(status, answer.problem))
        elif self._settings.can_refresh and not was_fresh:
            self._refused = answer
            self.cause = Cause(status, answer.problem.reason)
            self.action, self.deadline = Action.REFRESH, None
        else:
            self._close_with(UnauthorizedError(status, answer.problem))

    def refreshed(self, failed: Exception | None, now: float) -> None:
        """The refresh hook gave a new credential, or failed."""
        if self.action is not Action.REFRESH:
            return
        self.cause = None
        refused, self._refused = self._refused, None
        if failed is not None and refused is not None:
            # Whoever gives out credentials may be down for a while.
            self._fail(now, "refused", status=refused.status, detail=f"the refresh hook failed: {failed}")
        else:
            # Where nothing was refused yet, the old credential may do.
            self._is_fresh = failed is None
            self.action = Action.CONNECT

    def received(self, data: bytes) -> None:
        """The stream brought bytes. Call it only after `next_item` gave none."""
        if self.action is Action.READ:
            self.deadline = None
            self._reader.push(data)

    def ended(self, now: float) -> None:
        """The stream ended cleanly."""
        self._lost(now, "ended")

    def broken(self, why: str, now: float) -> None:
        """The connection broke."""
        self._lost(now, "broken", why)

    def restart(self) -> None:
        """Drops the connection, or the wait for one, and makes an attempt at once."""
        if self.action in (Action.READ, Action.WAIT, Action.CONNECT):
            self._reader.disconnect()
            self.cause = None
            self._connect()

    def abort(self) -> None:
        """Ends it on behalf of the caller. What was not asked for is dropped."""
        if self.action is not Action.STOP:
            self._reader.clear()
            self._close("aborted")

    def _open(self, answer: Answer, now: float) -> None:
        heartbeat = self._settings.heartbeat or answer.heartbeat
        # Two and a half, so that one that is lost or late does no harm.
        self._silence = None if heartbeat is None else heartbeat * 2.5
        self._since = now
        self._reader.connect()
        self.action, self.deadline = Action.READ, None
        self._change(State("open"))

    def _lost(self, now: float, reason: WaitReason, detail: str | None = None) -> None:
        if self.action is not Action.READ:
            return
        closing, self._reader.closing = self._reader.closing, None
        if closing is None:
            self._fail(now, reason, detail=detail)
        else:
            self._fail(now, "closing", closing.reconnect_ms / 1000, detail=closing.reason)

    def _fail(
        self,
        now: float,
        reason: WaitReason,
        floor: float = 0.0,
        *,
        status: int | None = None,
        detail: str | None = None,
    ) -> None:
        """An attempt has failed; `floor` is the shortest wait the server asks for in it."""
        self._reader.disconnect()
        retry = self._settings.retry
        if self.action is Action.READ and now - self._since >= retry.stable:
            self._failures = 0
        self._failures += 1
        delay = retry.delay(self._failures, max(floor, self._reader.retry))
        waiting = State("waiting", reason, delay, self._failures, status, detail)
        if retry.failures is not None and self._failures >= retry.failures:
            self._close_with(ExhaustedError(self._failures, waiting))
            return
        if reason == "closing" and detail in ("expired", "revoked") and self._settings.can_refresh:
            self.cause = Cause(0, detail)
        self._is_fresh = False
        self.action, self.deadline = Action.WAIT, now + delay
        self._change(waiting)

    def _connect(self) -> None:
        self.deadline = None
        self.action = Action.CONNECT if self.cause is None else Action.REFRESH
        self._change(State("connecting"))

    def _close_with(self, error: SubscriptionError) -> None:
        self._error = error
        self._close(error.reason)

    def _close(self, reason: CloseReason) -> None:
        self._reader.disconnect()
        self.action, self.deadline = Action.STOP, None
        self._change(State("closed", reason))

    def _change(self, state: State) -> None:
        if self.state != state:
            self.state = state
            self._changes.append(state)

    def _set_limit(self, now: float) -> None:
        """How long the action may take while its socket gives nothing."""
        if self.action is Action.CONNECT:
            self.deadline = now + self._settings.connect_timeout
        elif self.action is Action.READ:
            self.deadline = None if self._silence is None else now + self._silence
