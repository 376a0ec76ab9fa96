"""Publishing to servers that answer as no hub does, and what publishers refuse to send."""

import asyncio
import contextlib
import gc
import gzip
import json
import pickle
import socketserver
import threading
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, TypeVar

import pytest
from hubs import Hub
from servers import PATIENCE

from headwater import Handover, Problem, Publisher, PublishError, Retry, Retrying, sync
from headwater._encode import _with_the_standard_library

T = TypeVar("T")

BOMB = gzip.compress(b" " * 64_000_000)
HEAD = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\n%s\r\n"


class Hostile:
    """Answers every request with whatever a function writes, until the client or the test has enough of it."""

    def __init__(self, answer: Callable[["Hostile", Callable[[bytes], Any]], None]):
        self.over = threading.Event()
        self.requests = 0
        hostile = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                while self.rfile.readline() not in (b"\r\n", b""):
                    pass
                hostile.requests += 1
                with contextlib.suppress(OSError):
                    answer(hostile, self.request.sendall)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            block_on_close = False

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()


def dripping(hostile: Hostile, send: Callable[[bytes], Any], status: bytes) -> None:
    send(HEAD % (status, b"") + b"{")
    while not hostile.over.wait(0.05):
        send(b" ")


def endless(hostile: Hostile, send: Callable[[bytes], Any], status: bytes) -> None:
    send(HEAD % (status, b"") + b"{")
    while not hostile.over.is_set():
        send(b" " * 65_536)


def bomb(hostile: Hostile, send: Callable[[bytes], Any], status: bytes) -> None:
    send(HEAD % (status, b"Content-Encoding: gzip\r\nContent-Length: %d\r\n" % len(BOMB)) + BOMB)
    hostile.over.wait(PATIENCE)


def early_hints(hostile: Hostile, send: Callable[[bytes], Any], status: bytes) -> None:
    while not hostile.over.wait(0.001):
        send(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")


def silent(hostile: Hostile, send: Callable[[bytes], Any], status: bytes) -> None:
    hostile.over.wait(PATIENCE)


@pytest.mark.parametrize(
    ("answer", "status", "kind"),
    [
        (dripping, b"404 Not Found", "status-404"),
        (dripping, b"201 Created", "timeout"),
        (endless, b"404 Not Found", "status-404"),
        (endless, b"201 Created", "not-a-hub"),
        (bomb, b"404 Not Found", "status-404"),
        (bomb, b"201 Created", "not-a-hub"),
        (early_hints, b"", "timeout"),
    ],
)
@pytest.mark.parametrize("way", ["publish", "stream", "ticket"])
def test_an_answer_is_bounded_in_time_and_size(answer: Any, status: bytes, kind: str, way: str) -> None:
    hostile = Hostile(lambda hostile, send: answer(hostile, send, status))

    async def main() -> None:
        patience = 0.4 if answer in (dripping, early_hints) else PATIENCE
        options: Any = {"connect_timeout": patience, "within": 0.0, "retry": Retry(first=0.01), "token": "t"}
        if way == "ticket":
            async with Handover(hostile.url, **options) as handover:
                await handover.address(["a"])
        else:
            async with Publisher(hostile.url, **options) as publisher:
                await (publisher.publish("a", "x") if way == "publish" else publisher.publish_stream("a", these("x")))

    tracemalloc.start()
    try:
        with pytest.raises(PublishError) as caught:
            run(main())
        assert tracemalloc.get_traced_memory()[1] < 30_000_000
    finally:
        tracemalloc.stop()
        hostile.stop()
    assert caught.value.reason == kind


@pytest.mark.parametrize(
    "body",
    [
        b'{"ids":[]}',
        b'{"ids":"abc"}',
        b'{"ids":5}',
        b'{"ids":[null]}',
        b'{"ids":["1-a","2-a"]}',
        b'{"ids":["\\ud800"],"id":"\\n"}',
        b'{"id":5,"ticket":5,"expires_at":null}',
        b"[]",
        b"\xff",
        b"",
    ],
)
def test_an_answer_that_is_not_one_of_a_hub_is_told(body: bytes) -> None:
    head = HEAD % (b"201 Created", b"Connection: close\r\nContent-Length: %d\r\n" % len(body))
    hostile = Hostile(lambda hostile, send: send(head + body))

    async def main() -> None:
        async with Publisher(hostile.url) as publisher, Handover(hostile.url, token="t") as handover:
            for asking in (publisher.publish("a", "x"), publisher.finish("a"), handover.ticket(["a"])):
                with pytest.raises(PublishError) as caught:
                    await asking
                assert caught.value.reason == "not-a-hub"

    try:
        run(main())
    finally:
        hostile.stop()


def test_a_slow_source_is_not_a_slow_hub(hub: Hub) -> None:
    async def slow() -> AsyncIterator[str]:
        yield "a"
        await asyncio.sleep(0.7)
        yield "b"

    async def main() -> list[str]:
        async with Publisher(hub.url, connect_timeout=0.5, within=0.0) as publisher:
            return await publisher.publish_stream("slow", slow())

    assert len(run(main())) == 2


def test_cancelling_a_stream_does_not_wait_for_a_dead_hub() -> None:
    hostile = Hostile(lambda hostile, send: silent(hostile, send, b""))

    async def main() -> None:
        async with Publisher(hostile.url) as publisher:
            streaming = asyncio.create_task(publisher.publish_stream("a", these("x"), final=True))
            while not hostile.requests:  # noqa: ASYNC110 (another thread counts)
                await asyncio.sleep(0.01)
            streaming.cancel()
            began = time.monotonic()
            with pytest.raises(asyncio.CancelledError):
                await streaming
            assert time.monotonic() - began < 5

    try:
        run(main())
    finally:
        hostile.stop()


class Unreadable:
    def __aiter__(self) -> AsyncIterator[str]:
        raise LookupError("no model today")


@pytest.mark.parametrize(
    ("events", "raised"), [(["a"], TypeError), (iter("a"), TypeError), ("a", TypeError), (Unreadable(), LookupError)]
)
def test_what_cannot_be_iterated_is_told(hub: Hub, events: Any, raised: type[Exception]) -> None:
    async def main() -> None:
        async with Publisher(hub.url) as publisher:
            with pytest.raises(raised):
                await publisher.publish_stream("iterators", events)

    run(main())


def test_what_no_hub_takes_is_refused_at_once(hub: Hub) -> None:
    async def main() -> None:
        async with Publisher(hub.url) as publisher:
            for call in (
                publisher.publish("large", "x" * 17_000_000),
                publisher.publish_many([("large", "y" * 2_000)] * 9_000),
            ):
                with pytest.raises(PublishError) as caught:
                    await call
                assert caught.value.reason == "too-large"
            given: list[str] = []

            async def words() -> AsyncIterator[str]:
                for word in ("small", "x" * 17_000_000, "never"):
                    given.append(word[:5])
                    yield word

            with pytest.raises(PublishError) as caught:
                await publisher.publish_stream("large", words(), final=True)
            assert caught.value.reason == "too-large"
            assert given == ["small", "xxxxx"]

    run(main())
    topic = json.loads(hub.get("/v1/topics/large"))
    assert (topic["finished"], topic["events"]) == ("error", 2)


@pytest.mark.parametrize(
    ("event", "options", "raised"),
    [
        ({"a": float("inf")}, {}, ValueError),
        ({"a": [float("nan")]}, {}, ValueError),
        ("\ud800", {}, ValueError),
        ({"a": "\ud800"}, {}, ValueError),
        ("x", {"type": "\ud800"}, ValueError),
        ("x", {"key": "\ud800"}, ValueError),
        ("x", {"topic": "\ud800"}, ValueError),
        ("x", {"idempotency_key": ""}, ValueError),
        (b"x", {}, TypeError),
        ("x", {"topic": 5}, TypeError),
        ("x", {"type": 5}, TypeError),
        ("x", {"key": b"5"}, TypeError),
        ("x", {"idempotency_key": 5}, TypeError),
    ],
)
@pytest.mark.parametrize("way", ["publish", "stream"])
def test_what_is_no_event_is_not_published(hub: Hub, event: Any, options: Any, raised: Any, way: str) -> None:
    given = {"topic": "refused", **options}

    async def main() -> None:
        async with Publisher(hub.url) as publisher:
            with pytest.raises(raised):
                await (
                    publisher.publish(event=event, **given)
                    if way == "publish"
                    else publisher.publish_stream(events=these(event), **given)
                )

    run(main())


@pytest.mark.parametrize("events", ["text", b"bytes", {"k": 1}, 5, None])
def test_one_event_is_no_iterator_of_events(hub: Hub, events: Any) -> None:
    with sync.Publisher(hub.url) as publisher, pytest.raises(TypeError, match="use publish"):
        publisher.publish_stream("iterators", events)


def test_words_of_numbers_may_be_published(hub: Hub) -> None:
    async def main() -> None:
        async with Publisher(hub.url) as publisher:
            assert await publisher.publish("words", {"NaN": "Infinity"})
            with pytest.raises(TypeError):
                await publisher.publish_many(["ab"])  # type: ignore[list-item]

    run(main())


def test_numbers_without_json_are_refused_without_pydantic_too() -> None:
    with pytest.raises(ValueError, match="JSON"):
        _with_the_standard_library({"a": float("inf")})


@pytest.mark.parametrize(
    ("options", "raised"),
    [
        ({"nonsense": 1}, TypeError),
        ({"retry": 5}, TypeError),
        ({"client": object()}, TypeError),
        ({"within": -1}, ValueError),
        ({"within": "x"}, TypeError),
        ({"connect_timeout": 0}, ValueError),
        ({"token": "abc\n"}, ValueError),
        ({"token": b"abc"}, TypeError),
        ({"connect_timeout": True}, TypeError),
        ({"headers": ["a"]}, TypeError),
        ({"headers": {"a": 5}}, TypeError),
        ({"refresh": "x"}, TypeError),
        ({"on_retry": "x"}, TypeError),
    ],
)
def test_options_are_checked_where_they_are_given(options: Any, raised: Any) -> None:
    for kind in (Publisher, Handover, sync.Publisher, sync.Handover):
        with pytest.raises(raised):
            kind("http://127.0.0.1:7070", **options)


@pytest.mark.parametrize(
    ("options", "raised"),
    [({"max_queue": "1"}, TypeError), ({"max_body": 1.5}, TypeError), ({"max_body": -1}, ValueError)],
)
def test_sizes_are_checked_where_they_are_given(options: Any, raised: Any) -> None:
    for kind in (Publisher, sync.Publisher):
        with pytest.raises(raised, match=next(iter(options))):
            kind("http://127.0.0.1:7070", **options)


def test_a_publisher_belongs_to_one_loop(hub: Hub) -> None:
    publisher, handover = Publisher(hub.url), Handover(hub.url, token="t")

    async def use() -> None:
        await publisher.publish("loops", "x")
        await handover.ticket(["loops"])

    async def close() -> None:
        for asking in (publisher.publish("loops", "x"), publisher.publish_stream("loops", these("x")), use()):
            with pytest.raises(RuntimeError, match="used on another event loop already"):
                await asking

    with contextlib.suppress(PublishError):
        run(use())
    run(close())


def test_waiting_for_oneself_is_an_error(hub: Hub) -> None:
    hostile = Hostile(lambda hostile, send: send(HEAD % (b"503 Later", b"Content-Length: 0\r\nConnection: close\r\n")))
    told: list[str] = []

    def on_retry(retrying: Retrying) -> None:
        try:
            publisher.publish("a", "y")
        except RuntimeError as error:
            told.append(str(error))
            raise

    try:
        publisher = sync.Publisher(hostile.url, on_retry=on_retry)
        with pytest.raises(RuntimeError, match="would never end"), publisher:
            publisher.publish("a", "x")
    finally:
        hostile.stop()
    assert len(told) == 1


def test_a_wait_that_is_cancelled_leaves_no_noise(hub: Hub) -> None:
    noise: list[Any] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: noise.append(context))
        async with Publisher(hub.url) as publisher:
            publishing = asyncio.create_task(publisher.publish("refused//topic", "x"))
            await asyncio.sleep(0)
            publishing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await publishing
            await publisher.flush()
        gc.collect()

    run(main())
    assert noise == []


def test_errors_go_from_process_to_process() -> None:
    error = PublishError("limited", "too much", status=429, problem=Problem(detail="slow down"), stored=("1-a",))
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.reason, again.status) == ("too much", "limited", 429)
    assert (again.problem, again.stored) == (error.problem, error.stored)


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    hub = Hub(tmp_path_factory.mktemp("hub"), 'retry = "100ms"')
    yield hub
    hub.stop()


async def these(*items: Any) -> AsyncIterator[Any]:
    for item in items:
        yield item


def run(work: Awaitable[T]) -> T:
    return asyncio.run(asyncio.wait_for(work, PATIENCE))
