"""What happens to programs that use a subscription wrongly, forget it, or hand its errors on."""

import asyncio
import inspect
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from stream_server import PATIENCE, StreamServer
from subscribing import QUICK, attempt, run

import headwater
from headwater import (
    Event,
    EventTooLargeError,
    ExhaustedError,
    MemoryStore,
    Options,
    Problem,
    RejectedError,
    Retry,
    State,
    UnauthorizedError,
    WrongTypeError,
    subscribe,
)
from headwater.starlette import EventStreamResponse, SendTimeoutError


@pytest.mark.parametrize(
    "error",
    [
        WrongTypeError("text/html"),
        WrongTypeError(None),
        UnauthorizedError(401, Problem(detail="no")),
        RejectedError(404, Problem(title="not here")),
        ExhaustedError(3, State("waiting", "refused", 1.0, 3, 503)),
        EventTooLargeError(5),
        SendTimeoutError(3.0),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_survive_the_way_to_another_process(error: Exception) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


@pytest.mark.parametrize("name", ["content-type", "Content-Type"])
def test_a_stream_of_another_type_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="that of an event stream is text/event-stream"):
        EventStreamResponse(nothing, headers={name: "application/x-ndjson"})
    response = EventStreamResponse(nothing, headers={name: "Text/Event-Stream; charset=utf-8"})
    assert response.headers["content-type"] == "text/event-stream"


def test_a_subscription_is_entered_once(server: StreamServer) -> None:
    async def work() -> None:
        items = subscribe(server.url)
        async with items:
            with pytest.raises(RuntimeError, match="entered once"):
                await items.__aenter__()
        with pytest.raises(RuntimeError, match="entered once"):
            await items.__aenter__()

    run(work())
    with headwater.sync.subscribe(server.url) as items, pytest.raises(RuntimeError, match="entered once"):
        items.__enter__()
    with pytest.raises(RuntimeError, match="entered once"):
        items.__enter__()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"nonsense": 1}, "subscribe has no option 'nonsense'; its options are headers, "),
        ({"retry": 5}, "retry is of the type int; it has to be of the type Retry"),
        ({"token": b"x"}, "token is of the type bytes"),
        ({"max_event": "x"}, "max_event is of the type str"),
        ({"max_event": True}, "max_event is of the type bool"),
        ({"connect_timeout": "5"}, "connect_timeout is of the type str; it has to be a number of seconds"),
        ({"heartbeat": b"5"}, "heartbeat is of the type bytes"),
        ({"dedupe": "no"}, "dedupe is of the type str"),
        ({"last_event_id": 5}, "last_event_id is of the type int"),
        ({"headers": ["a"]}, "headers is of the type list; it has to be of the type Mapping"),
        ({"headers": {b"a": b"b"}}, "the header b'a' cannot be sent"),
        ({"body": {"a": 1}}, "body is of the type dict; it has to be of the type bytes or str"),
        ({"store": "place.json"}, "store is of the type str, which has no load and save"),
        ({"on_state": "x"}, "on_state is of the type str; it has to be a function"),
        ({"client": httpx.Client()}, "client is of the type Client; it has to be of the type AsyncClient"),
    ],
)
def test_options_of_a_wrong_type(options: Any, message: str) -> None:
    for make in (subscribe, headwater.sync.subscribe):
        with pytest.raises(TypeError, match=message):
            make("http://hub.example/", **options)


@pytest.mark.parametrize("options", [{"heartbeat": "5"}, {"retry": True}, {"send_timeout": None}])
def test_times_of_a_wrong_type(options: Any) -> None:
    with pytest.raises(TypeError, match="it has to be a number of seconds"):
        EventStreamResponse(nothing, **options)
    with pytest.raises(TypeError, match="most of retry is of the type str"):
        Retry(most="5")  # type: ignore[arg-type]


def test_the_signature_shows_every_option() -> None:
    for make in (subscribe, headwater.sync.subscribe):
        assert list(inspect.signature(make).parameters) == ["url", *Options.__annotations__]
        assert inspect.signature(make).parameters["token"].annotation == "str | None"


def test_one_thread_reads(server: StreamServer) -> None:
    with headwater.sync.subscribe(server.url) as items, ThreadPoolExecutor(1) as pool:
        reading = pool.submit(next, items)
        stream = server.attempt()
        with pytest.raises(RuntimeError, match="another thread waits"):
            next(items)
        stream.open()
        stream.write("data: 1\n\n")
        assert reading.result(PATIENCE) == Event("1")


ENDS = pytest.mark.parametrize("end", [SystemExit(7), KeyboardInterrupt()], ids=lambda end: type(end).__name__)

EXPIRING = 'id: 1\nevent: headwater.expiring\ndata: {"expires_at":"soon","session":"s"}\n\n'


@ENDS
@pytest.mark.parametrize("hook", ["refresh", "on_state", "renewal", "on_warning", "load", "save"])
def test_a_hook_can_end_the_program(server: StreamServer, end: BaseException, hook: str) -> None:
    """It is raised by whoever reads, whichever task has called the hook."""

    class Leaving(MemoryStore):
        def load(self, key: str) -> str | None:
            if hook == "load":
                raise end
            if hook == "on_warning":
                raise OSError("cannot load")
            return None

        def save(self, key: str, id: str) -> None:
            raise end

    def leave(what: Any, error: Exception | None = None) -> str:
        if hook != "on_state" or what.name == "waiting":
            raise end
        return ""

    threads = threading.active_count()
    options: Any = {"refresh" if hook == "renewal" else hook: leave, "retry": QUICK}
    if hook in ("load", "save", "on_warning"):
        options = {"store": Leaving(), "on_warning": leave, "retry": QUICK}
    with ThreadPoolExecutor(1) as pool, headwater.sync.subscribe(f"{server.url}v1/events", **options) as items:
        reading = pool.submit(list, items)
        if hook in ("renewal", "save"):
            stream = server.attempt()
            stream.open()
            stream.write(EXPIRING)
        elif hook in ("refresh", "on_state"):
            server.attempt().answer(401 if hook == "refresh" else 503)
        assert reading.exception(PATIENCE) is end
    assert threading.active_count() == threads


@ENDS
def test_a_hook_can_end_the_program_while_it_closes(server: StreamServer, end: BaseException) -> None:
    class Leaving(MemoryStore):
        def save(self, key: str, id: str) -> None:
            raise end

    async def work() -> None:
        async with subscribe(server.url, store=Leaving()) as items:
            reading = asyncio.create_task(anext(items))
            stream = await attempt(server)
            stream.open()
            stream.write("id: 1\ndata: 1\n\n")
            await reading
            items.acknowledge()
            with pytest.raises(type(end)):
                await items.aclose()

    run(work())


def test_a_subscription_does_not_wait_for_itself(server: StreamServer) -> None:
    def close(state: State) -> None:
        items.close()

    items = headwater.sync.subscribe(server.url, on_state=close)
    with pytest.raises(RuntimeError, match="would never end"), items:
        next(items)


def test_a_subscription_that_is_forgotten_ends(server: StreamServer) -> None:
    items = headwater.sync.subscribe(server.url).__enter__()
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(next, items)
        stream = server.attempt()
        stream.open()
        stream.write("data: 1\n\n")
        assert reading.result(PATIENCE) == Event("1")
    del reading
    held = [items]
    del items
    with pytest.warns(ResourceWarning, match="never closed"):
        held.clear()
    stream.wait_until_left()
    end = time.monotonic() + PATIENCE
    while any(thread.name == "headwater" for thread in threading.enumerate()):
        assert time.monotonic() < end
        time.sleep(0.01)


def test_help_is_for_those_who_use_it() -> None:
    for kind in (headwater.Event, headwater.Oversized, headwater.Decoder):
        assert kind.__doc__
        assert ".pyi" not in kind.__doc__


def nothing(last_event_id: str | None) -> None:
    return None
