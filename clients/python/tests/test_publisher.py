"""Publishing to a real hub, and to servers that answer as hubs do on bad days."""

import asyncio
import json
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
import pytest
from hubs import ACCESS, ADMIN, Hub
from pydantic import BaseModel
from scripted import Breaking, Scripted
from servers import PATIENCE, wait_for

from headwater import Event, Handover, Publisher, PublishError, Retry, Retrying, sync
from headwater._publishing.publisher import STREAM_KEPT

T = TypeVar("T")

# Waits that tests can live with.
SOON = Retry(first=0.01, most=0.05)


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    hub = Hub(tmp_path_factory.mktemp("hub"), 'retry = "100ms"')
    yield hub
    hub.stop()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    hub = Hub(tmp_path_factory.mktemp("guarded"), ACCESS)
    yield hub
    hub.stop()


@pytest.fixture
def breaking(hub: Hub) -> Iterator[Breaking]:
    proxy = Breaking(hub.port)
    yield proxy
    proxy.stop()


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    with Scripted() as server:
        yield server


def run(work: Awaitable[T]) -> T:
    return asyncio.run(asyncio.wait_for(work, PATIENCE))


def stored(hub: Hub, topic: str) -> list[tuple[str, str]]:
    """Types and data of a topic's events."""
    query = {"topic": topic, "since": "earliest", "wait": "0"}
    response = httpx.get(f"{hub.url}/v1/events", params=query, headers={"accept": "application/json"}, timeout=PATIENCE)
    if response.status_code == 204:
        return []
    response.raise_for_status()
    return [(event["event"], event["data"]) for event in response.json()["events"]]


def end_of(hub: Hub, topic: str) -> Any:
    return json.loads(hub.get(f"/v1/topics/{topic}"))["finished"]


@dataclass
class Point:
    x: int


class Order(BaseModel):
    total: int


def test_every_kind_of_event_is_published(hub: Hub) -> None:
    from fastapi.sse import ServerSentEvent

    async def main() -> None:
        async with Publisher(hub.url) as publisher:
            for event in (
                Event("a\r\nb", type="t", id="ignored", topic="ignored"),
                "text",
                {"k": [1, "ä"]},
                Point(1),
                Order(total=3),
                ServerSentEvent(data="quoted", event="fastapi"),
            ):
                assert await publisher.publish("kinds", event)
            await publisher.publish("kinds", "typed", type="named")
            with pytest.raises((TypeError, ValueError)):
                await publisher.publish("kinds", object())
            with pytest.raises(TypeError):
                await publisher.publish("kinds", ServerSentEvent(comment="nothing to see"))

    run(main())
    assert stored(hub, "kinds") == [
        ("t", "a\r\nb"),
        ("message", "text"),
        ("message", '{"k":[1,"ä"]}'),
        ("message", '{"x":1}'),
        ("message", '{"total":3}'),
        ("fastapi", '"quoted"'),
        ("named", "typed"),
    ]


def test_calls_share_requests_in_their_order(scripted: Scripted) -> None:
    """While the first request is on its way, the others gather for the second."""
    first_may_end = threading.Event()

    def answer(number: int, body: bytes) -> tuple[int, Any]:
        if number == 0:
            first_may_end.wait(PATIENCE)
        return 201, {"ids": [f"{number}-{place}" for place in range(len(json.loads(body)))]}

    scripted.answer = answer

    async def main() -> list[str]:
        async with Publisher(scripted.url) as publisher:
            first = asyncio.create_task(publisher.publish("t", "0"))
            await until(lambda: len(scripted.requests) == 1)
            rest = [asyncio.create_task(publisher.publish("t", str(number))) for number in range(1, 2_000)]
            await asyncio.sleep(0)
            first_may_end.set()
            return await asyncio.gather(first, *rest)

    ids = run(main())
    bodies = [json.loads(request.body) for request in scripted.requests]
    assert [len(body) for body in bodies] == [1, 1_000, 999]
    assert [event["data"] for body in bodies for event in body] == [str(number) for number in range(2_000)]
    assert ids[:3] == ["0-0", "1-0", "1-1"]
    assert len({event["idempotency_key"] for body in bodies for event in body}) == 2_000


def test_a_full_queue_makes_publishers_wait(scripted: Scripted) -> None:
    gate = threading.Event()

    def answer(number: int, body: bytes) -> tuple[int, Any]:
        gate.wait(PATIENCE)
        return 201, {"ids": ["1-a"] * len(json.loads(body))}

    scripted.answer = answer

    async def main() -> None:
        async with Publisher(scripted.url, max_queue=1_000) as publisher:
            receipts: list[asyncio.Future[str]] = []

            async def fill() -> None:
                for _ in range(20):
                    receipts.append(await publisher.enqueue("t", "x" * 100))

            filling = asyncio.create_task(fill())
            await until(lambda: len(scripted.requests) == 1 and len(receipts) > 1)
            await asyncio.sleep(0.05)
            assert len(receipts) < 10
            gate.set()
            await filling
            assert await asyncio.gather(*receipts) == ["1-a"] * 20

    run(main())


@pytest.mark.parametrize("failure", ["refused", "broken", "503", "429"])
def test_a_request_is_sent_again_until_it_is_answered(scripted: Scripted, failure: str) -> None:
    """CLI-01: what passes by itself is tried again, with the same idempotency keys."""

    def answer(number: int, body: bytes) -> tuple[int, Any] | None:
        if number < 3:
            return None if failure == "broken" else (int(failure), {"detail": "later"})
        return 201, {"ids": ["1-a"]}

    scripted.answer = answer
    if failure == "refused":
        scripted.stop()
        scripted.answer = lambda number, body: (201, {"ids": ["1-a"]})
    told: list[Retrying] = []

    def on_retry(retrying: Retrying) -> None:
        told.append(retrying)
        if failure == "refused" and len(told) == 2:
            scripted.start()

    async def main() -> str:
        async with Publisher(scripted.url, retry=SOON, on_retry=on_retry) as publisher:
            return str(await publisher.publish("t", "x"))

    assert run(main()) == "1-a"
    assert [retrying.failures for retrying in told] == list(range(1, len(told) + 1))
    assert told[0].error.status == (int(failure) if failure.isdigit() else 0)
    assert 0 <= told[0].delay <= SOON.first
    assert len({request.body for request in scripted.requests}) == 1
    assert len(scripted.requests) == (1 if failure == "refused" else 4)


def test_the_time_a_hub_asks_for_is_waited_for(scripted: Scripted) -> None:
    scripted.headers = {"Retry-After": "1"}
    scripted.answer = lambda number, body: (201, {"ids": ["1-a"]}) if number else (429, {})

    async def main() -> None:
        async with Publisher(scripted.url, retry=SOON) as publisher:
            await publisher.publish("t", "x")

    run(main())
    assert scripted.requests[1].at - scripted.requests[0].at >= 0.99


def test_a_request_is_not_tried_for_ever(scripted: Scripted) -> None:
    scripted.answer = lambda number, body: (503, {"detail": "starting"})

    async def main(**options: Any) -> PublishError:
        async with Publisher(scripted.url, **options) as publisher:
            with pytest.raises(PublishError) as caught:
                await publisher.publish("t", "x")
            return caught.value

    error = run(main(retry=Retry(first=0.01, failures=3)))
    assert (error.status, len(scripted.requests)) == (503, 3)
    error = run(main(retry=Retry(first=0.01), within=0.0))
    assert "starting" in str(error)


@pytest.mark.parametrize("way", ["publish", "stream"])
def test_what_on_retry_raises_ends_the_request(scripted: Scripted, way: str) -> None:
    scripted.answer = lambda number, body: (503, {})

    def on_retry(retrying: Retrying) -> None:
        raise LookupError(f"after {retrying.failures}")

    async def main() -> None:
        async with Publisher(scripted.url, retry=SOON, on_retry=on_retry) as publisher:
            with pytest.raises(LookupError, match="after 1"):
                await (publisher.publish("t", "x") if way == "publish" else publisher.publish_stream("t", these("x")))

    run(main())


def test_what_was_stored_is_not_stored_again(hub: Hub) -> None:
    """IDG-06: with the caller's idempotency key, also by another publisher."""

    async def main() -> list[str]:
        ids = []
        for _ in range(2):
            async with Publisher(hub.url) as publisher:
                ids.append(await publisher.publish("once", "x", idempotency_key="once-1"))
                ids += await publisher.publish_stream("once", these("a", "b"), idempotency_key="once-2")
        return ids

    ids = run(main())
    assert ids[:3] == ids[3:]
    assert [data for _, data in stored(hub, "once")] == ["x", "a", "b"]


def test_who_is_at_fault_pays_alone(hub: Hub) -> None:
    async def main() -> list[Any]:
        async with Publisher(hub.url) as publisher:
            calls = [publisher.publish(topic, "x") for topic in ("fault/1", "fault//2", "fault/3")]
            return await asyncio.gather(*calls, return_exceptions=True)

    one, two, three = run(main())
    assert isinstance(one, str)
    assert isinstance(three, str)
    assert isinstance(two, PublishError)
    assert (two.reason, two.status) == ("malformed-request", 400)
    assert two.problem.field is not None


def test_many_are_all_stored_or_none(hub: Hub) -> None:
    async def main() -> None:
        async with Publisher(hub.url) as publisher:
            with pytest.raises(PublishError):
                await publisher.publish_many([("all/1", "x"), ("all//2", "x")])
            ids = await publisher.publish_many([("all/3", "x"), ("all/4", {"y": 1})])
            assert len(ids) == 2
            assert await publisher.publish_many([]) == []

    run(main())
    assert [data for _, data in stored(hub, "all/*")] == ["x", '{"y":1}']


def test_a_topic_ends_after_what_was_published_before(hub: Hub) -> None:
    async def main() -> None:
        async with Publisher(hub.url) as publisher:
            for number in range(100):
                await publisher.enqueue("ends", str(number))
            await publisher.finish("ends", "cancelled")
            with pytest.raises(PublishError) as caught:
                await publisher.publish("ends", "late")
            assert caught.value.status == 409

    run(main())
    assert end_of(hub, "ends") == "cancelled"
    assert len([data for type, data in stored(hub, "ends") if type == "message"]) == 100


def test_a_refused_token_is_replaced_once_for_all(guarded: Hub) -> None:
    asked: list[tuple[int, str | None]] = []

    async def refresh(cause: Any) -> str:
        asked.append((cause.status, cause.reason))
        await asyncio.sleep(0.01)
        return ADMIN

    async def main() -> None:
        async with Publisher(guarded.url, token="none", refresh=refresh) as publisher:
            streams = [publisher.publish_stream(f"tokens/{number}", these("a")) for number in range(3)]
            await asyncio.gather(publisher.publish("tokens", "x"), *streams)
        async with Publisher(guarded.url, token="none") as publisher:
            with pytest.raises(PublishError) as caught:
                await publisher.publish("tokens", "x")
            assert caught.value.status == 401

    run(main())
    assert [status for status, _ in asked] == [401]


@pytest.mark.parametrize("way", ["publish", "stream", "ticket"])
def test_a_refresh_hook_that_fails_is_asked_again(guarded: Hub, way: str) -> None:
    """CLI-04: whoever gives out tokens may be down for a while."""
    asked: list[int] = []

    def refresh(cause: Any) -> Any:
        asked.append(cause.status)
        if len(asked) == 1:
            raise OSError("no token today")
        return None if len(asked) == 2 else ADMIN

    async def main(**options: Any) -> Any:
        async with (
            Publisher(guarded.url, refresh=refresh, **options) as publisher,
            Handover(guarded.url, refresh=refresh, **options) as handover,
        ):
            if way == "publish":
                return await publisher.publish("hooks", "x")
            if way == "stream":
                return await publisher.publish_stream("hooks", these("x"))
            return await handover.ticket(["hooks"])

    assert run(main(retry=SOON))
    assert asked == [401, 401, 401]
    if way == "stream":
        # Its refusal may be lost with its connection.
        return
    asked.clear()
    with pytest.raises(PublishError) as caught:
        run(main(retry=SOON, within=0.0))
    assert (caught.value.reason, str(caught.value.__cause__)) == ("unauthorized", "no token today")


@pytest.mark.parametrize("way", ["publish", "stream", "ticket"])
def test_a_hook_may_end_the_program(guarded: Hub, way: str) -> None:
    """Whoever publishes is told, on whatever loop and thread the hook was called."""

    def refresh(cause: Any) -> str:
        raise SystemExit("enough")

    async def use() -> None:
        async with Publisher(guarded.url, refresh=refresh) as publisher, Handover(guarded.url, refresh=refresh) as over:
            if way == "publish":
                await publisher.publish("hooks", "x")
            elif way == "stream":
                await publisher.publish_stream("hooks", these("x"))
            else:
                await over.ticket(["hooks"])

    def use_from_thread(publisher: sync.Publisher, over: sync.Handover) -> None:
        if way == "publish":
            publisher.publish("hooks", "x")
        elif way == "stream":
            publisher.publish_stream("hooks", ["x"])
        else:
            over.ticket(["hooks"])

    with pytest.raises(SystemExit, match="enough"):
        run(use())
    with sync.Publisher(guarded.url, refresh=refresh) as publisher, sync.Handover(guarded.url, refresh=refresh) as over:
        for _ in range(2):
            with pytest.raises(SystemExit, match="enough"):
                use_from_thread(publisher, over)


def test_closing_ends_what_is_under_way(scripted: Scripted) -> None:
    gate = threading.Event()
    scripted.answer = lambda number, body: (gate.wait(PATIENCE), None)[1]
    cleaned: list[str] = []

    async def endless() -> AsyncIterator[str]:
        try:
            yield "x"
            await asyncio.Event().wait()
        finally:
            cleaned.append("up")

    async def main() -> None:
        publisher = Publisher(scripted.url, max_queue=100)
        calls = [asyncio.create_task(publisher.publish("t", "x" * 60)) for _ in range(3)]
        calls.append(asyncio.create_task(publisher.publish_stream("t", endless())))  # type: ignore[arg-type]
        await until(lambda: len(scripted.requests) == 2)
        await publisher.aclose()
        for outcome in await asyncio.gather(*calls, return_exceptions=True):
            assert isinstance(outcome, PublishError)
            assert outcome.reason == "closed"
        for late in (publisher.publish("t", "x"), publisher.publish_stream("t", these("x")), publisher.finish("t")):
            with pytest.raises(PublishError, match="this was closed, and sends nothing more"):
                await late
        with pytest.raises(PublishError):
            await publisher.publish("t", "x")

    try:
        run(main())
    finally:
        gate.set()
    assert cleaned == ["up"]


# Streams.


def test_a_stream_is_stored_as_it_comes(hub: Hub) -> None:
    async def main() -> None:
        async def words() -> AsyncIterator[object]:
            for number in range(3):
                yield Event(f"word {number}", type="token")
                # The next one comes into being when this one can be read.
                await until(lambda number=number: len(stored(hub, "streams/live")) == number + 1)  # type: ignore[misc]
            yield {"done": True}

        async with Publisher(hub.url) as publisher:
            ids = await publisher.publish_stream("streams/live", words(), final=True, type="other")
            assert len(ids) == 4

    run(main())
    assert stored(hub, "streams/live")[:4] == [
        *(("token", f"word {number}") for number in range(3)),
        ("other", '{"done":true}'),
    ]
    assert end_of(hub, "streams/live") == "done"


def test_a_source_that_fails_ends_its_topic_with_an_error(hub: Hub) -> None:
    async def fails() -> AsyncIterator[str]:
        yield "before"
        raise LookupError("the model hung up")

    async def main() -> None:
        async with Publisher(hub.url) as publisher:
            with pytest.raises(LookupError, match="the model hung up"):
                await publisher.publish_stream("streams/fails", fails(), final=True)

    run(main())
    assert stored(hub, "streams/fails")[0] == ("message", "before")
    assert end_of(hub, "streams/fails") == "error"


def test_cancelling_stores_what_came_and_ends_the_topic(hub: Hub) -> None:
    """FWK-03: and the iterator is cancelled where it waits."""
    notes: list[str] = []

    async def words() -> AsyncIterator[str]:
        try:
            for number in range(1_000):
                yield str(number)
            notes.append("waits")
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            notes.append("cancelled")
            raise
        finally:
            await asyncio.sleep(0)
            notes.append("cleaned up")

    async def main() -> None:
        async with Publisher(hub.url) as publisher:
            streaming = asyncio.create_task(publisher.publish_stream("streams/stopped", words(), final=True))
            await until(lambda: "waits" in notes)
            streaming.cancel()
            with pytest.raises(asyncio.CancelledError):
                await streaming

    run(main())
    assert notes == ["waits", "cancelled", "cleaned up"]
    assert [data for type, data in stored(hub, "streams/stopped") if type == "message"] == list(map(str, range(1_000)))
    assert end_of(hub, "streams/stopped") == "cancelled"


def test_a_refused_stream_is_told_and_its_source_ended(hub: Hub) -> None:
    """Also while it goes on for ever."""
    cleaned: list[str] = []

    async def endless() -> AsyncIterator[str]:
        try:
            while True:
                yield "x"
                await asyncio.sleep(0.01)
        finally:
            cleaned.append("up")

    async def main() -> None:
        async with Publisher(hub.url, retry=SOON) as publisher:
            await publisher.finish("streams/ended")
            with pytest.raises(PublishError) as caught:
                await publisher.publish_stream("streams/ended", endless())
            assert caught.value.status == 409

    run(main())
    assert cleaned == ["up"]


def test_a_broken_stream_is_sent_again_from_its_beginning(hub: Hub, breaking: Breaking) -> None:
    """IDG-06: of which the hub takes what it does not have."""
    topic = "streams/broken"

    async def words() -> AsyncIterator[str]:
        for number in range(100):
            yield str(number)
            if number in (10, 50):
                await until(lambda number=number: len(stored(hub, topic)) > number)  # type: ignore[misc]
                breaking.cut()

    async def main() -> list[str]:
        async with Publisher(breaking.url, retry=SOON) as publisher:
            return await publisher.publish_stream(topic, words(), final=True)

    ids = run(main())
    assert breaking.cuts == 2
    assert len(set(ids)) == 100
    assert [data for type, data in stored(hub, topic) if type == "message"] == list(map(str, range(100)))


def test_a_long_stream_that_breaks_says_so(hub: Hub, breaking: Breaking) -> None:
    async def words() -> AsyncIterator[str]:
        for _ in range(2 * STREAM_KEPT // 10_000):
            yield "x" * 10_000
        breaking.cut()
        while True:
            await asyncio.sleep(0.01)
            yield "x"

    async def main() -> None:
        async with Publisher(breaking.url, retry=SOON) as publisher:
            with pytest.raises(PublishError) as caught:
                await publisher.publish_stream("streams/long", words(), final=True)
            assert caught.value.reason == "not-replayable"

    run(main())
    assert end_of(hub, "streams/long") == "error"


# Without an event loop.


def test_threads_publish_together(hub: Hub) -> None:
    with sync.Publisher(hub.url) as publisher:
        with ThreadPoolExecutor(8) as pool:
            ids = list(pool.map(lambda number: publisher.publish("threads/1", str(number)), range(200)))
        receipts = [publisher.enqueue("threads/2", {"n": number}) for number in range(200)]
        assert len(publisher.publish_many([("threads/3", "x"), ("threads/3", "y")])) == 2
        publisher.flush()
        assert all(receipt.done() for receipt in receipts)
        publisher.finish("threads/1")
    assert len(set(ids)) == 200
    assert [data for _, data in stored(hub, "threads/2")] == [f'{{"n":{number}}}' for number in range(200)]
    with pytest.raises(PublishError):
        publisher.publish("threads/1", "x")


def test_an_iterator_is_published_from_its_thread(hub: Hub) -> None:
    seen: list[str] = []

    def words() -> Iterator[str]:
        for number in range(3):
            seen.append(threading.current_thread().name)
            yield str(number)
            # The next one comes into being when this one can be read.
            wait_for(lambda: len(stored(hub, "threads/stream")) == len(seen), lambda: str(seen))

    def fails() -> Iterator[str]:
        yield "before"
        raise KeyboardInterrupt

    with sync.Publisher(hub.url, retry=SOON) as publisher:
        assert len(publisher.publish_stream("threads/stream", words(), final=True)) == 3
        with pytest.raises(KeyboardInterrupt):
            publisher.publish_stream("threads/fails", fails(), final=True)
        endless = iter(lambda: "x", None)
        with pytest.raises(PublishError):
            publisher.publish_stream("threads/fails", endless)
    assert set(seen) == {"MainThread"}
    assert end_of(hub, "threads/stream") == "done"
    assert stored(hub, "threads/fails")[0] == ("message", "before")
    assert end_of(hub, "threads/fails") == "error"


def test_a_publisher_can_be_made_before_a_fork(hub: Hub) -> None:
    """As servers do that load the application and then fork their workers."""
    with sync.Publisher(hub.url) as publisher:
        publisher.publish("forked", "parent")
        child = os.fork()
        if child == 0:
            try:
                publisher.publish("forked", "child")
            finally:
                os._exit(0)
        os.waitpid(child, 0)
    assert [data for _, data in stored(hub, "forked")] == ["parent", "child"]


async def these(*items: str) -> AsyncIterator[str]:
    for item in items:
        yield item


async def until(condition: Callable[[], bool]) -> None:
    async def poll() -> None:
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110 (what is waited for is in another process)
            await asyncio.sleep(0.005)

    await asyncio.wait_for(poll(), PATIENCE)
