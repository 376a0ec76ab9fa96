"""Where a subscription keeps its place: what is saved, when, and what becomes of a store that fails."""

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from stream_server import StreamServer
from subscribing import QUICK, attempt, run

from headwater import Event, FileStore, MemoryStore, Retry, Subscription, subscribe
from headwater._subscription.request import address, store_key_of


async def stream_of(server: StreamServer, items: Subscription, text: str) -> list[Any]:
    """Lets the subscription read these events, all of which are taken; the last of them is being handled."""
    reading = asyncio.create_task(anext(items))
    stream = await attempt(server)
    stream.open()
    stream.write(text)
    seen = [await reading]
    while len(seen) < text.count("data:"):
        seen.append(await anext(items))
    return seen


def event(number: int) -> str:
    return f"id: {number}\ndata: {number}\n\n"


def test_a_file_holds_the_place(server: StreamServer, tmp_path: Path) -> None:
    """CLI-02: over the end of the process."""
    file = tmp_path / "place.json"

    async def work() -> None:
        async with subscribe(server.url, store=FileStore(file), store_key="orders") as items:
            await stream_of(server, items, event(1) + event(2) + event(3))
        # The third was being handled.
        assert json.loads(file.read_text()) == {"orders": "2"}
        async with subscribe(server.url, store=FileStore(file), store_key="orders") as items:
            reading = asyncio.create_task(anext(items))
            stream = await attempt(server)
            assert stream.headers["last-event-id"] == "2"
            stream.open()
            stream.write(event(2) + event(3))
            assert await reading == Event("3", id="3")
            items.acknowledge()
        assert json.loads(file.read_text()) == {"orders": "3"}

    run(work())
    assert [path.name for path in tmp_path.iterdir()] == ["place.json"]


def test_a_file_that_is_none(tmp_path: Path) -> None:
    file = tmp_path / "place.json"
    store = FileStore(file)
    assert store.load("a") is None
    store.save("a", "1")
    store.save("b", "2")
    assert (store.load("a"), store.load("b")) == ("1", "2")
    for text in ("", "[]", '{"a": 1}', "\0"):
        file.write_text(text)
        with pytest.raises(ValueError, match="is no file of ids; remove it"):
            store.load("a")
        with pytest.raises(ValueError, match="is no file of ids; remove it"):
            store.save("a", "2")
    with pytest.raises(OSError, match="missing"):
        FileStore(tmp_path / "missing" / "place.json").save("a", "1")


def test_a_store_that_fails_is_told_and_stops_nothing(server: StreamServer, caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        async def load(self, key: str) -> str | None:
            raise LookupError("cannot load")

        def save(self, key: str, id: str) -> None:
            raise OSError("cannot save")

    told: list[tuple[str, str]] = []

    async def work(**options: Any) -> None:
        async with subscribe(server.url, store=Broken(), **options) as items:
            assert len(await stream_of(server, items, event(1) + event(2))) == 2

    run(work(on_warning=lambda what, error: told.append((what, str(error)))))
    assert told == [
        ("the store could not tell where to start", "cannot load"),
        ("the store could not save an id", "cannot save"),
    ]
    with caplog.at_level(logging.WARNING, "headwater"):
        run(work())
    assert [record.getMessage() for record in caplog.records] == [": ".join(warning) for warning in told]


def test_what_fails_at_every_save_is_told_once(server: StreamServer, tmp_path: Path) -> None:
    file = tmp_path / "place.json"
    file.write_text("not of this store")
    told: list[str] = []

    async def work() -> None:
        async with subscribe(server.url, store=FileStore(file), on_warning=lambda what, _: told.append(what)) as items:
            reading = asyncio.create_task(anext(items))
            stream = await attempt(server)
            stream.open()
            for number in range(1, 6):
                stream.write(event(number))
                assert await reading == Event(str(number), id=str(number))
                reading = asyncio.create_task(anext(items))
                await asyncio.sleep(0.01)
            reading.cancel()

    run(work())
    # It may be a file of somebody else, so it stays as it is.
    assert file.read_text() == "not of this store"
    assert told == ["the store could not tell where to start", "the store could not save an id"]


def test_saves_do_not_overtake_each_other(server: StreamServer) -> None:
    """One is under way, and of those that wait the newest counts."""
    saved: list[str] = []

    class Slow:
        def __init__(self) -> None:
            self.under_way = 0
            self.begun = asyncio.Event()
            self.go_on = asyncio.Event()

        async def load(self, key: str) -> str | None:
            return None

        async def save(self, key: str, id: str) -> None:
            self.under_way += 1
            assert self.under_way == 1
            self.begun.set()
            await self.go_on.wait()
            saved.append(id)
            self.under_way -= 1

    async def work() -> None:
        store = Slow()
        async with subscribe(server.url, store=store) as items:
            await stream_of(server, items, event(1) + event(2))
            # Whoever asks for the third has handled the second.
            reading = asyncio.create_task(anext(items))
            await store.begun.wait()
            items.restart()
            stream = await attempt(server)
            stream.open()
            stream.write("".join(map(event, range(3, 10))))
            await reading
            for _ in range(4, 10):
                await anext(items)
            assert saved == []
            store.go_on.set()
        # What is left is waited for.
        assert saved in (["1", "8"], ["2", "8"])

    run(work())


def test_the_cursor_of_the_caller_is_not_stored(server: StreamServer) -> None:
    store = MemoryStore()
    store.save("k", "5")

    async def work() -> None:
        async with subscribe(server.url, store=store, store_key="k", last_event_id="1", retry=QUICK) as items:
            reading = asyncio.create_task(anext(items))
            stream = await attempt(server)
            assert stream.headers["last-event-id"] == "1"
            stream.answer(204)
            with pytest.raises(StopAsyncIteration):
                await reading

    run(work())
    assert store.load("k") == "5"


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("http://hub.example", "http://hub.example"),
        (
            "https://user:secret@hub.example/v1/events?topic=a&ticket=secret&last_event_id=7&x=%2F#part",
            "https://hub.example/v1/events?topic=a&x=%2F",
        ),
        ("http://hub.example/s?lastEventId=1&lastEventID=2&ticket=3", "http://hub.example/s"),
    ],
)
def test_the_key_is_the_address_without_secrets(url: str, key: str) -> None:
    assert store_key_of(address(url)) == key


def test_no_store_is_asked_before_there_is_a_reader() -> None:
    class Never:
        def load(self, key: str) -> str | None:
            raise AssertionError

        def save(self, key: str, id: str) -> None:
            raise AssertionError

    async def work() -> None:
        async with subscribe("http://127.0.0.1:9/", store=Never(), retry=Retry(failures=1)):
            pass

    run(work())
