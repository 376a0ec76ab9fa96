"""Uvicorn with four workers behind nginx, with as many streams as a small site has (FWK-02, FWK-05).

What it measures it prints: `pytest -s`. The figures of a quiet machine are in `bench/RESULTS.md`; here they are not
asserted, as a machine may be busy.
"""

import asyncio
import json
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import httpx
import pytest
from nginx import Nginx
from servers import PATIENCE, WORKERS, Server, wait_for

from headwater import Event, iter_events

T = TypeVar("T")

STREAMS = 2_000
# How many are opened at a time.
WAVE = 200

Held = dict[int, tuple[int, int]]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "app").mkdir()
    with Server("uvicorn-workers", tmp_path / "app") as server:
        yield server


@pytest.fixture
def nginx(server: Server, tmp_path: Path) -> Iterator[Nginx]:
    folder = tmp_path / "nginx"
    folder.mkdir()
    # Its workers may be another user's.
    for each in (tmp_path, folder):
        each.chmod(0o755)
    with Nginx(server.url, folder) as nginx:
        yield nginx


def run(work: Awaitable[T]) -> T:
    async def main() -> T:
        return await asyncio.wait_for(work, 2 * PATIENCE)

    return asyncio.run(main())


class Reader:
    """A reader of one stream, by hand: an HTTP client would cost more than what is measured."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, nginx: Nginx, path: str) -> "Reader":
        """Connects, and reads up to the first bytes of the stream."""
        reader, writer = await asyncio.open_connection("127.0.0.1", nginx.port)
        # HTTP/1.0 has no chunks, which would have to be taken apart here.
        writer.write(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.split(b" ")[1] == b"200", head
        await reader.readuntil(b"\n\n")
        return cls(reader, writer)

    async def rest(self) -> list[Event]:
        """The events up to the end."""
        return list(iter_events([await self.reader.read(-1)]))


async def in_waves(open_one: Callable[[int], Awaitable[Reader]], count: int) -> list[Reader]:
    readers: list[Reader] = []
    for begin in range(0, count, WAVE):
        readers += await asyncio.gather(*map(open_one, range(begin, min(begin + WAVE, count))))
    return readers


def held(server: Server) -> Held:
    """What each worker holds, asked without nginx."""
    found: Held = {}

    def ask(_: int) -> None:
        process, tasks, descriptors = httpx.get(f"{server.url}/held", timeout=PATIENCE).json()
        found[process] = (tasks, descriptors)

    with ThreadPoolExecutor(4) as pool:
        while len(found) < WORKERS:
            list(pool.map(ask, range(16)))
    return found


def told(what: str, seconds: list[float]) -> None:
    times = sorted(1000 * each for each in seconds)
    worst, most = times[len(times) * 99 // 100], times[-1]
    print(f"\n{what}: median {statistics.median(times):.1f} ms, 99th percentile {worst:.1f}, longest {most:.1f}")


def test_thousands_of_streams_come_and_go_without_a_trace(server: Server, nginx: Nginx) -> None:
    """FWK-05: and whoever leaves is noticed at once (FWK-02), with no task and no descriptor left behind."""
    before = held(server)

    async def main() -> None:
        first_bytes = []
        for _ in range(50):
            begin = time.monotonic()
            reader = await Reader.open(nginx, "/silent")
            first_bytes.append(time.monotonic() - begin)
            reader.writer.close()
        told("first byte of a silent stream", first_bytes)

        readers = await in_waves(lambda number: Reader.open(nginx, f"/watched?tag={number}"), STREAMS)
        clock = await Reader.open(nginx, "/clock?interval=0.02")
        lags = []
        for _ in range(200):
            block = await clock.reader.readuntil(b"\n\n")
            lags.append(time.time() - float(block.removeprefix(b"data: ")))
        clock.writer.close()
        told(f"lag of an event beside {STREAMS} silent streams", lags)

        few, rest = readers[:50], readers[50:]
        closed = {}
        for number, reader in enumerate(few):
            closed[number] = time.time()
            reader.writer.close()
        await asyncio.to_thread(wait_for, lambda: count_left(server) == len(few), server.shown)
        told("leaving, until `finally` has run", [left(server)[number] - at for number, at in closed.items()])
        begin = time.time()
        for reader in rest:
            reader.writer.close()
        await asyncio.to_thread(wait_for, lambda: count_left(server) == STREAMS, server.shown)
        told(f"{len(rest)} that leave at once", [at - begin for number, at in left(server).items() if number >= 50])

    run(main())
    # Tasks of requests that have just ended, and connections that nginx is closing, are gone in a moment.
    wait_for(lambda: is_no_more(held(server), before), lambda: f"{held(server)} is more than {before}")


def count_left(server: Server) -> int:
    """Reading the times would take its own from what is measured."""
    return server.notes_file.read_bytes().count(b"left ")


def left(server: Server) -> dict[int, float]:
    """When the iterators of which streams have run their `finally`."""
    notes = [note.split() for note in server.notes() if note.startswith("left ")]
    return {int(note[1]): float(note[2]) for note in notes if len(note) == 3}


def is_no_more(now: Held, before: Held) -> bool:
    # Asking is four requests at a time at most, each with a connection and two tasks or three.
    return all(
        tasks <= before[process][0] + 12 and descriptors <= before[process][1] + 4
        for process, (tasks, descriptors) in now.items()
    )


def test_a_server_that_stops_under_load_ends_every_stream(server: Server, nginx: Nginx) -> None:
    """FWK-03, FWK-05: as documented for all clients, with a closing event and a clean end of the response."""
    count = 400

    async def main() -> list[list[Event]]:
        readers = await in_waves(lambda _: Reader.open(nginx, "/clock?interval=0.2"), count)
        bodies = [asyncio.create_task(reader.rest()) for reader in readers]
        begin = time.monotonic()
        server.terminate()
        events = await asyncio.gather(*bodies)
        print(f"\nstopping {count} streams under load: {time.monotonic() - begin:.2f} s")
        return events

    for events in run(main()):
        assert events[-1].type == "headwater.closing"
        assert json.loads(events[-1].data)["reason"] == "drain"
