"""What of a subscription no scenario of `tests/tests/clients` can show: how it fits into a program in Python."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from stream_server import PATIENCE, Attempt, StreamServer
from subscribing import QUICK, attempt, run

import headwater
from headwater import (
    Cause,
    Closing,
    End,
    Event,
    ExhaustedError,
    Expiring,
    Gap,
    Item,
    MemoryStore,
    Retry,
    State,
    Subscription,
    UnauthorizedError,
    WrongTypeError,
    subscribe,
)


async def until(items: Subscription, state: str) -> None:
    while items.state.name != state:  # noqa: ASYNC110 (what is tested has a state, and no event)
        await asyncio.sleep(0.001)


async def left(peer: Attempt) -> None:
    await asyncio.wait_for(asyncio.to_thread(peer.wait_until_left), PATIENCE)


def test_items_have_types(server: StreamServer) -> None:
    """CLI-02"""

    async def work() -> list[Item]:
        async with subscribe(server.url, retry=QUICK) as items:
            first = asyncio.create_task(anext(items))
            stream = await attempt(server)
            stream.open()
            stream.write(
                'id: 1\nevent: paid\ntopic: orders/1\ndata: x\n\nevent: headwater.gap\ndata: {"reason":"epoch",'
            )
            stream.write('"requested":"a","resumed_at":"b"}\n\nevent: headwater.expiring\ndata: {"expires_at":"soon",')
            stream.write('"session":"s"}\n\nevent: headwater.end\ndata: {"reason":"done","topic":"a"}\n\n')
            stream.write('event: headwater.closing\ndata: {"reason":"drain","reconnect_ms":0}\n\n')
            stream.finish()
            ending = asyncio.create_task(attempt(server))
            seen = [await first]
            seen += [await anext(items) for _ in range(4)]
            last = asyncio.create_task(anext(items))
            (await ending).answer(204)
            with pytest.raises(StopAsyncIteration):
                await last
            assert items.state == State("closed", "finished")
            assert [item async for item in items] == []
            return seen

    assert run(work()) == [
        Event("x", type="paid", id="1", topic="orders/1"),
        Gap("epoch", "a", "b", "1"),
        Expiring("soon", "s", "1"),
        End("done", "a", "1"),
        Closing("drain", 0, "1"),
    ]


def test_items_can_be_matched_and_do_not_change() -> None:
    match Gap("epoch", "a", "b", "1"):
        case Gap(reason, requested):
            assert (reason, requested) == ("epoch", "a")
    with pytest.raises(AttributeError):
        Closing("drain", 0, "").reason = "x"  # type: ignore[misc]
    assert not hasattr(End("done", "a", ""), "__dict__")


def test_leaving_closes_the_connection_at_once(server: StreamServer) -> None:
    """FWK-03: also in the middle of a wait, and when the application fails."""

    async def work(leave: Callable[[Subscription], Awaitable[None]]) -> None:
        async def read() -> None:
            async with subscribe(server.url, retry=QUICK) as items:
                await leave(items)

        reading = asyncio.create_task(read())
        stream = await attempt(server)
        stream.open()
        stream.write("data: 1\n\n")
        await left(stream)
        with contextlib.suppress(KeyError):
            await reading

    async def by_break(items: Subscription) -> None:
        async for _ in items:
            break

    async def by_error(items: Subscription) -> None:
        await anext(items)
        raise KeyError("of the application")

    async def by_return(items: Subscription) -> None:
        await anext(items)

    for leave in (by_break, by_error, by_return):
        run(work(leave))


@pytest.mark.parametrize("when", ["connecting", "reading", "waiting", "refreshing", "loading"])
def test_cancellation_is_passed_on(server: StreamServer, when: str) -> None:
    """FWK-03: wherever the subscription waits, and nothing of it goes on."""
    asked = threading.Event()

    async def never(*_: object) -> str:
        asked.set()
        await asyncio.Event().wait()
        return ""

    class Slow(MemoryStore):
        async def load(self, key: str) -> str | None:  # type: ignore[override]
            return await never()

    store = Slow() if when == "loading" else None
    subscription = subscribe(server.url, retry=Retry(first=3600, most=3600), refresh=never, store=store)

    async def read() -> None:
        async with subscription as items:
            async for _ in items:
                pass

    async def work() -> None:
        before = asyncio.all_tasks()
        reading = asyncio.create_task(read())
        stream = None if when == "loading" else await attempt(server)
        if stream is not None and when == "reading":
            stream.open()
            await until(subscription, "open")
        elif stream is not None and when == "waiting":
            stream.answer(503)
            await until(subscription, "waiting")
        elif stream is not None and when == "refreshing":
            stream.answer(401)
        if when in ("refreshing", "loading"):
            await asyncio.to_thread(asked.wait, PATIENCE)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        if stream is not None and when in ("connecting", "reading"):
            await left(stream)
        assert asyncio.all_tasks() == before

    run(work())


def test_asking_may_be_cancelled_and_loses_nothing(server: StreamServer) -> None:
    async def work() -> None:
        async with subscribe(server.url, retry=QUICK) as items:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(anext(items), 0.01)
            stream = await attempt(server)
            stream.open()
            for number in range(20):
                with pytest.raises(asyncio.TimeoutError):
                    await asyncio.wait_for(anext(items), 0.001)
                stream.write(f"data: {number}\n\n")
                assert await anext(items) == Event(str(number))

    run(work())
    assert server.attempts.empty()


def test_one_place_reads(server: StreamServer) -> None:
    async def work() -> None:
        items = subscribe(server.url)
        with pytest.raises(RuntimeError, match="async with"):
            aiter(items)
        async with items:
            first = asyncio.create_task(anext(items))
            await asyncio.sleep(0)
            with pytest.raises(RuntimeError, match="another task waits"):
                await anext(items)
            first.cancel()

    run(work())


@pytest.mark.parametrize("turns", range(8))
def test_closing_ends_the_iteration_elsewhere(server: StreamServer, turns: int) -> None:
    states: list[State] = []

    async def read(items: Subscription) -> list[Item]:
        return [item async for item in items]

    async def work() -> None:
        async with subscribe(server.url, on_state=states.append) as items:
            reading = asyncio.create_task(read(items))
            stream = await attempt(server)
            stream.open()
            stream.write("data: 1\n\n")
            await until(items, "open")
            # Whatever the reader is doing by then.
            for _ in range(turns):
                await asyncio.sleep(0)
            await items.aclose()
            await left(stream)
            assert await reading in ([], [Event("1")])

    run(work())
    assert states == [State("connecting"), State("open"), State("closed", "aborted")]


def test_what_a_failing_hook_says_is_told(server: StreamServer) -> None:
    states: list[State] = []

    def refuse(cause: Cause) -> str:
        assert cause == Cause(401, "expired")
        raise LookupError("nobody is logged in")

    async def work() -> None:
        async with subscribe(server.url, refresh=refuse, retry=QUICK, on_state=states.append) as items:
            reading = asyncio.create_task(anext(items))
            body = b'{"title":"No","detail":"the token has expired","reason":"expired"}'
            (await attempt(server)).answer(401, "Content-Type: application/problem+json", body=body)
            stream = await attempt(server)
            stream.open()
            stream.write("data: 1\n\n")
            assert await reading == Event("1")

    run(work())
    assert states[1] == State("waiting", "refused", 0.0, 1, 401, "the refresh hook failed: nobody is logged in")


def test_an_error_is_told_once(server: StreamServer) -> None:
    async def work() -> None:
        async with subscribe(server.url) as items:
            reading = asyncio.create_task(anext(items))
            body = b'{"title":"No","detail":"the token has expired","reason":"expired"}'
            (await attempt(server)).answer(401, "Content-Type: application/problem+json", body=body)
            with pytest.raises(UnauthorizedError, match="401: the token has expired") as told:
                await reading
            assert (told.value.status, told.value.reason, told.value.problem.reason) == (401, "unauthorized", "expired")
            assert [item async for item in items] == []

    run(work())


@pytest.mark.parametrize("token", ["with\nline break", "with \x00"])
def test_a_credential_that_no_header_can_have(server: StreamServer, token: str) -> None:
    with pytest.raises(ValueError, match="the token cannot be sent"):
        subscribe(server.url, token=token)

    async def work() -> None:
        async with subscribe(server.url, refresh=lambda _: token, retry=Retry(failures=1)) as items:
            reading = asyncio.create_task(anext(items))
            (await attempt(server)).answer(401)
            with pytest.raises(ExhaustedError, match="the token cannot be sent"):
                await reading

    run(work())


@pytest.mark.parametrize(
    ("url", "options", "message"),
    [
        ("ftp://hub.example/", {}, "absolute http or https URL"),
        ("/v1/events", {}, "absolute http or https URL"),
        ("http://hub.example:port/?ticket=secret", {}, "absolute http or https URL"),
        ("http://hub.example/", {"headers": {"a b": "c"}}, "the header 'a b' cannot be sent"),
        ("http://hub.example/", {"headers": {"a": "c\r\nd: e"}}, "the header 'a' cannot be sent"),
        ("http://hub.example/", {"last_event_id": "\ud800"}, "surrogate"),
        ("http://hub.example/", {"headers": {"a": "\ud800"}}, "the header 'a' cannot be sent"),
        ("http://hub.example/", {"method": "G T"}, "the method 'G T' cannot be sent"),
        ("http://hub.example/", {"heartbeat": 0}, "heartbeat is 0"),
        ("http://hub.example/", {"connect_timeout": -1}, "connect_timeout is -1"),
    ],
)
def test_options_that_cannot_be_used(url: str, options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as told:
        subscribe(url, **options)
    assert "secret" not in str(told.value)


@pytest.mark.parametrize("retry", [{"first": -1}, {"most": float("nan")}, {"failures": 0}])
def test_waiting_times_that_cannot_be_used(retry: Any) -> None:
    with pytest.raises(ValueError, match="of retry is"):
        Retry(**retry)


def test_an_option_that_is_not_known() -> None:
    with pytest.raises(TypeError, match="timeout"):
        subscribe("http://hub.example/", timeout=5)  # type: ignore[call-arg]  # pyright: ignore


def test_a_client_of_the_caller_is_used_and_stays_open(server: StreamServer) -> None:
    async def work() -> None:
        async with httpx.AsyncClient(headers={"X-From": "caller"}, auth=("user", "secret"), timeout=0.001) as client:
            for target in ("", "there"):
                key = {"X-Api-Key": "secret"}
                async with subscribe(server.url, client=client, headers=key, last_event_id="7") as items:
                    reading = asyncio.create_task(anext(items))
                    stream = await attempt(server)
                    assert (stream.headers["x-from"], stream.headers["x-api-key"]) == ("caller", "secret")
                    assert stream.headers["authorization"].startswith("Basic ")
                    with StreamServer() as elsewhere:
                        stream.answer(307, f"Location: {elsewhere.url}{target}")
                        away = await attempt(elsewhere)
                        assert not {"authorization", "x-from", "x-api-key"} & set(away.headers)
                        assert (away.headers["accept"], away.headers["last-event-id"]) == ("text/event-stream", "7")
                        # Later than its limit, which is not for streams.
                        done, _ = await asyncio.wait({reading}, timeout=0.05)
                        assert not done
                        away.answer(200, "Content-Type: text/html")
                        with pytest.raises(WrongTypeError, match="text/html"):
                            await reading
            assert not client.is_closed

    run(work())


def test_no_task_and_no_socket_is_left(server: StreamServer) -> None:
    """RUN-01: after many subscriptions, however they ended."""

    async def work() -> None:
        before = asyncio.all_tasks()
        for number in range(20):
            async with subscribe(server.url, retry=QUICK, store=MemoryStore()) as items:
                reading = asyncio.create_task(anext(items))
                stream = await attempt(server)
                if number % 2:
                    stream.open()
                    stream.write("id: 1\ndata: 1\n\n")
                    assert await reading == Event("1", id="1")
                else:
                    reading.cancel()
            await left(stream)
        # What generators of httpx still have to do, asyncio does in tasks of its own, which end soon.
        end = time.monotonic() + PATIENCE
        while asyncio.all_tasks() != before:
            assert time.monotonic() < end, asyncio.all_tasks()
            await asyncio.sleep(0.001)

    run(work())


# The twin for programs without asyncio.


def in_background(pool: ThreadPoolExecutor, items: headwater.sync.Subscription) -> Any:
    return pool.submit(next, items, None)


def test_the_synchronous_twin(server: StreamServer) -> None:
    states: list[State] = []
    store = MemoryStore()
    threads = threading.active_count()
    with ThreadPoolExecutor(1) as pool:
        options: Any = {"retry": QUICK, "on_state": states.append, "store": store, "store_key": "k"}
        with headwater.sync.subscribe(server.url, **options) as items:
            first = in_background(pool, items)
            stream = server.attempt()
            stream.open()
            stream.write("id: 1\ndata: 1\n\nid: 2\ndata: 2\n\n")
            assert first.result(PATIENCE) == Event("1", id="1")
            assert next(items) == Event("2", id="2")
            last = in_background(pool, items)
            stream.finish()
            again = server.attempt()
            assert again.headers["last-event-id"] == "2"
            again.answer(204)
            assert last.result(PATIENCE) is None
            assert list(items) == []
        assert store.load("k") == "2"
        assert [state.name for state in states] == ["connecting", "open", "waiting", "connecting", "closed"]
    assert threading.active_count() == threads


def test_the_synchronous_twin_is_closed_and_restarted_by_other_threads(server: StreamServer) -> None:
    with ThreadPoolExecutor(1) as pool, headwater.sync.subscribe(server.url, retry=QUICK) as items:
        reading = in_background(pool, items)
        server.attempt().open()
        items.restart()
        stream = server.attempt()
        stream.open()
        items.close()
        assert reading.result(PATIENCE) is None
        stream.wait_until_left()
        # Both do nothing now.
        items.restart()
        items.close()
        items.acknowledge()


def test_the_synchronous_twin_raises_what_went_wrong(server: StreamServer) -> None:
    with pytest.raises(RuntimeError, match="with subscribe"):
        iter(headwater.sync.subscribe(server.url))
    with ThreadPoolExecutor(1) as pool, headwater.sync.subscribe(server.url) as items:
        reading = in_background(pool, items)
        server.attempt().answer(200, "Content-Type: text/html")
        with pytest.raises(WrongTypeError):
            reading.result(PATIENCE)
        assert next(items, None) is None


def test_the_synchronous_twin_is_acknowledged(server: StreamServer) -> None:
    store = MemoryStore()
    with headwater.sync.subscribe(server.url, store=store, store_key="k") as items, ThreadPoolExecutor(1) as pool:
        reading = in_background(pool, items)
        stream = server.attempt()
        stream.open()
        stream.write("id: 1\ndata: 1\n\n")
        assert reading.result(PATIENCE) == Event("1", id="1")
        items.acknowledge()
    assert store.load("k") == "1"
