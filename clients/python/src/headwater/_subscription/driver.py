"""The thin layer between the state machine, and the network, the clock and the application."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from time import monotonic
from typing import Any

import httpx

from headwater._hooks import Interrupted, ask
from headwater._items import Expiring, Item
from headwater._state import State
from headwater._stores import Store
from headwater._subscription.backoff import Retry
from headwater._subscription.machine import Action, Cause, Core, Settings
from headwater._subscription.options import OnState, OnWarning, Refresh
from headwater._subscription.request import Opened, Requests, checked_token, described, store_key_of, stream_of
from headwater._subscription.saver import Saver

DEFAULT_RETRY = Retry()


class Driver:
    """Does what the machine says while somebody waits in `next`, and nothing else: nothing is read that was not asked
    for, and there is no queue that could grow.

    All of it runs on one event loop. Only `take` may be called on another thread, while nobody waits in `next`.
    """

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        token: str | None = None,
        method: str | None = None,
        body: bytes | str | None = None,
        last_event_id: str | None = None,
        store: Store | None = None,
        store_key: str | None = None,
        refresh: Refresh | None = None,
        on_state: OnState | None = None,
        on_warning: OnWarning | None = None,
        retry: Retry = DEFAULT_RETRY,
        connect_timeout: float = 30.0,
        heartbeat: float | None = None,
        max_event: int = 1 << 20,
        dedupe: bool = True,
        client: httpx.AsyncClient | None = None,
    ):
        self._requests = Requests(url, method=method, headers=headers, body=body, client=client)
        self._token = None if token is None else checked_token(token)
        self._refresh = refresh
        self._on_state = on_state
        self._on_warning = on_warning or log_warning
        self._core = Core(Settings(retry, connect_timeout, heartbeat, max_event, dedupe, refresh is not None))
        self._saver = None
        if store is not None:
            key = store_key_of(self._requests.url) if store_key is None else store_key
            self._saver = Saver(store, key, lambda error: self._warn("the store could not save an id", error))
        # Whether the store is still to be asked where to start.
        self._is_new = store is not None and last_event_id is None
        if last_event_id is not None:
            self._core.resume(last_event_id, stored=False)
        # What is under way for the action of the machine; it outlives a wait that is cancelled.
        self._work: asyncio.Task[Any] | None = None
        self._response: httpx.Response | None = None
        self._pieces: AsyncGenerator[bytes, None] | None = None
        # The credential of the open stream is renewed.
        self._renewal: asyncio.Task[None] | None = None
        # Held by whoever ends what is under way: whoever reads and whoever closes may do so at the same time.
        self._ending = asyncio.Lock()
        # What the application has raised in a task that is not its own, until it is told to whoever reads.
        self._raised: BaseException | None = None
        # Done when whoever waits has to look again.
        self._wake: asyncio.Future[None] | None = None
        # Whether what is under way is not wanted any more.
        self._is_restarted = False
        self._is_waiting = False
        # How to get to the event loop from where `take` is called.
        self.on_loop: Callable[[Callable[[], None]], Any] = _call

    @property
    def state(self) -> State:
        """What it is doing, and why."""
        return self._core.state

    @property
    def cursor(self) -> str:
        """The last id that was received."""
        return self._core.cursor

    def take(self) -> Item | None:
        """The next item of what has come already. Asking for it says that the one before was handled."""
        self.save_handled()
        item = self._core.next_item()
        if self._core.is_expiring:
            self.on_loop(self._renew_if_expiring)
        return item

    async def next(self) -> Item | None:
        """The next item; `None` when there is nothing more. A call that is cancelled loses nothing.

        Raises:
            SubscriptionError: It failed for good; told once.
            RuntimeError: Another task waits for the next item.
        """
        if self._is_waiting:
            raise RuntimeError("another task waits for the next item already; read a subscription in one place")
        self._is_waiting = True
        try:
            return await self._next()
        finally:
            self._is_waiting = False

    def save_handled(self) -> None:
        """Everything that was taken is handled."""
        if self._saver is not None and (id := self._core.take_handled()) is not None:
            save = self._saver.save
            self.on_loop(lambda: save(id))

    def restart(self) -> None:
        """Drops the connection, or the wait for one, and reconnects at once."""
        self._is_restarted = self._core.action in (Action.CONNECT, Action.READ)
        self._core.restart()
        self._look_again()

    def abort(self) -> None:
        """Ends it: there is nothing more to take."""
        self._core.abort()
        self._look_again()

    async def aclose(self) -> None:
        """Ends it, and waits for that: the connection first, then what is still to be saved."""
        self.abort()
        try:
            await self._stop_work()
            if self._renewal is not None:
                self._renewal.cancel()
            await self._requests.aclose()
            if self._saver is not None:
                await self._saver.finish()
            self._raise()
        finally:
            self._tell_changes()

    async def _next(self) -> Item | None:
        while True:
            if self._is_restarted:
                self._is_restarted = False
                await self._stop_work()
            self._tell_changes()
            self._raise()
            if self._is_new and self._core.action is not Action.STOP:
                await self._load()
            item = self.take()
            if item is not None:
                return item
            action = self._core.action
            if action is Action.STOP:
                await self._stop_work()
                error = self._core.take_error()
                if error is not None:
                    raise error
                return None
            await self._work_on(action)

    async def _load(self) -> None:
        """Asks the store where to start."""
        if self._saver is None:
            return
        work = self._begin(self._saver.load)
        await self._wait(None)
        if work is not self._work or not work.done():
            return
        self._work, self._is_new = None, False
        try:
            id = work.result()
            if id is not None:
                self._core.resume(id, stored=True)
        except Exception as error:
            self._warn("the store could not tell where to start", error)
            self._raise()

    async def _work_on(self, action: Action) -> None:
        """Does what the machine asks for, until there is something to tell it or its time is over."""
        work = None
        if action is Action.CONNECT:
            work = self._begin(lambda: self._requests.open(self._token, self._core.cursor))
        elif action is Action.READ:
            work = self._begin(self._read)
        elif action is Action.REFRESH:
            work = self._begin(lambda: self._ask(self._core.cause))
        self._core.idle(monotonic())
        await self._wait(None if self._is_answered(action) else self._core.deadline)
        if work is not self._work or self._core.action is not action or self._is_restarted:
            # It was closed or restarted meanwhile.
            await self._stop_work()
        elif work is not None and work.done():
            self._work = None
            self._tell(action, work)
        elif not self._is_answered(action):
            self._core.tick(monotonic())
            if self._core.action is not action:
                await self._stop_work()
        if self._core.action is not Action.READ:
            await self._disconnect()

    def _is_answered(self, action: Action) -> bool:
        """Whether the head of the answer is there, which decides; its body has limits of its own."""
        return action is Action.CONNECT and self._work is not None and self._requests.is_answered

    def _begin(self, start: Callable[[], Coroutine[Any, Any, Any]]) -> asyncio.Task[Any]:
        if self._work is None:
            self._requests.is_answered = False
            self._work = asyncio.create_task(start())
        return self._work

    async def _wait(self, deadline: float | None) -> None:
        """Waits for the work, the deadline, or a call of `_look_again`."""
        self._wake = asyncio.get_running_loop().create_future()
        waited_for = {self._wake} if self._work is None else {self._wake, self._work}
        timeout = None if deadline is None else max(0.0, deadline - monotonic())
        try:
            await asyncio.wait(waited_for, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._wake = None

    def _look_again(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def _tell(self, action: Action, work: asyncio.Task[Any]) -> None:
        """Tells the machine what came of its action."""
        now = monotonic()
        try:
            result = work.result()
        except httpx.HTTPError as error:
            if action is Action.CONNECT:
                self._core.unreachable(described(error), now)
            elif action is Action.READ:
                self._core.broken(described(error), now)
            else:
                self._core.refreshed(error, now)
        except Interrupted as interrupted:
            raise interrupted.error from None
        except Exception as error:
            if action is not Action.REFRESH:
                raise
            self._core.refreshed(error, now)
        else:
            if action is Action.CONNECT:
                self._opened(result, now)
            elif action is Action.READ:
                self._core.ended(now) if result is None else self._core.received(result)
            else:
                self._token = result
                self._core.refreshed(None, now)

    def _opened(self, opened: Opened, now: float) -> None:
        self._core.answered(opened.answer, now)
        self._response = opened.response
        if opened.response is not None:
            self._pieces = stream_of(opened.response)

    async def _read(self) -> bytes | None:
        """The next bytes of the stream; `None` at its end."""
        return None if self._pieces is None else await anext(self._pieces, None)

    async def _ask(self, cause: Cause | None) -> str:
        """A new credential of the application."""
        if self._refresh is None or cause is None:
            raise RuntimeError("there is no refresh hook")
        return checked_token(await ask(self._refresh, cause))

    async def _stop_work(self) -> None:
        """Ends what is under way, and the connection with it."""
        async with self._ending:
            work, self._work = self._work, None
            if work is not None:
                work.cancel()
                await asyncio.wait({work})
                if not work.cancelled() and work.exception() is None and isinstance(work.result(), Opened):
                    # The answer came at the same moment, and nobody wants it any more.
                    self._response = work.result().response or self._response
            await self._drop()

    async def _disconnect(self) -> None:
        async with self._ending:
            await self._drop()

    async def _drop(self) -> None:
        response, pieces = self._response, self._pieces
        self._response = self._pieces = None
        if pieces is not None:
            await pieces.aclose()
        if response is not None:
            await response.aclose()

    def _renew_if_expiring(self) -> None:
        expiring = self._core.take_expiring()
        if expiring is None or self._refresh is None or not self._requests.renews():
            return
        if self._renewal is not None:
            self._renewal.cancel()
        self._renewal = asyncio.create_task(self._renew(expiring))

    async def _renew(self, expiring: Expiring) -> None:
        try:
            # The next attempt has the new one, too, whatever comes of this.
            self._token = await self._ask(Cause(0, "expiring"))
            await self._requests.renew(expiring.session, self._token)
        except Exception as error:
            self._warn("the session could not be renewed", error)

    def _warn(self, what: str, error: Exception) -> None:
        """Tells what does not stop the stream. What is raised meanwhile is for whoever reads."""
        try:
            if isinstance(error, Interrupted):
                raise error.error
            self._on_warning(what, error)
        except BaseException as raised:
            self._raised = raised
            self._look_again()

    def _raise(self) -> None:
        raised, self._raised = self._raised, None
        if raised is not None:
            raise raised

    def _tell_changes(self) -> None:
        while (state := self._core.take_change()) is not None:
            if self._on_state is not None:
                self._on_state(state)


def log_warning(what: str, error: Exception) -> None:
    """Where nobody wants to be told."""
    logging.getLogger("headwater").warning("%s: %s", what, error)


def _call(function: Callable[[], None]) -> None:
    function()
