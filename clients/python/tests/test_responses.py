"""Events of real responses: every client, every way a body can be framed, and no event later than its last byte."""

import asyncio
import contextlib
import gzip
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import httpx
import pytest
import requests

from headwater import Event, EventTooLargeError, aiter_events, iter_events

PATIENCE = 20


class Server:
    """Answers one request with a head and with pieces, the next of which it sends when it is told to."""

    def __init__(self, head: str, chunked: bool):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(PATIENCE)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/"
        self.head = head
        self.chunked = chunked
        self.peer = socket.socket()
        self.ready = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        self.peer, _ = self.listener.accept()
        request = b""
        while b"\r\n\r\n" not in request:
            request += self.peer.recv(4096)
        framing = "Transfer-Encoding: chunked" if self.chunked else "Connection: close"
        self.peer.sendall(f"HTTP/1.1 200 OK\r\n{self.head}\r\n{framing}\r\n\r\n".encode())
        self.ready.set()

    def send(self, piece: bytes) -> None:
        assert self.ready.wait(PATIENCE)
        self.peer.sendall(b"%x\r\n%s\r\n" % (len(piece), piece) if self.chunked else piece)

    def end(self) -> None:
        self.peer.sendall(b"0\r\n\r\n" if self.chunked else b"")
        self.peer.close()
        self.listener.close()


@pytest.fixture(params=[True, False], ids=["chunked", "until-close"])
def server(request: pytest.FixtureRequest) -> Server:
    return Server("Content-Type: text/event-stream", request.param)


@contextlib.contextmanager
def with_httpx(url: str) -> Iterator[Any]:
    with httpx.stream("GET", url, timeout=PATIENCE) as response:
        yield response


@contextlib.contextmanager
def with_requests(url: str) -> Iterator[Any]:
    with requests.get(url, stream=True, timeout=PATIENCE) as response:
        yield response


@contextlib.asynccontextmanager
async def with_async_httpx(url: str) -> AsyncIterator[Any]:
    async with httpx.AsyncClient(timeout=PATIENCE) as client, client.stream("GET", url) as response:
        yield response


@contextlib.asynccontextmanager
async def with_aiohttp(url: str) -> AsyncIterator[Any]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        yield response


@pytest.mark.parametrize("client", [with_httpx, with_requests])
def test_events_come_one_by_one(client: Any, server: Server) -> None:
    with client(server.url) as response:
        events = iter_events(response)
        # The next event is sent when the one before has been received, so that none can wait for it.
        for number in range(3):
            server.send(b"id: %d\ndata: a\n\nda" % number if number == 0 else b"ta: a\nid: %d\n\nda" % number)
            assert next(events) == Event("a", id=str(number))
        server.end()
        assert list(events) == []


@pytest.mark.parametrize("client", [with_async_httpx, with_aiohttp])
def test_events_come_one_by_one_asynchronously(client: Any, server: Server) -> None:
    async def run() -> None:
        async with client(server.url) as response:
            events = aiter_events(response)
            for number in range(3):
                server.send(b"id: %d\ndata: a\n\nda" % number if number == 0 else b"ta: a\nid: %d\n\nda" % number)
                assert await anext(events) == Event("a", id=str(number))
            server.end()
            assert [event async for event in events] == []

    asyncio.run(asyncio.wait_for(run(), PATIENCE))


@pytest.mark.parametrize("client", [with_httpx, with_requests, with_async_httpx, with_aiohttp])
def test_compressed_bodies_are_unpacked(client: Any) -> None:
    server = Server("Content-Type: text/event-stream\r\nContent-Encoding: gzip", chunked=True)

    def answer() -> None:
        packed = gzip.compress(b"data: 1\n\ndata: 2\n\n")
        server.send(packed[:12])
        server.send(packed[12:])
        server.end()

    threading.Thread(target=answer, daemon=True).start()

    async def run() -> list[Event]:
        async with client(server.url) as response:
            return [event async for event in aiter_events(response)]

    if client in (with_async_httpx, with_aiohttp):
        events = asyncio.run(asyncio.wait_for(run(), PATIENCE))
    else:
        with client(server.url) as response:
            events = list(iter_events(response))
    assert events == [Event("1"), Event("2")]


def test_plain_iterables() -> None:
    assert list(iter_events([b"data: ", b"1\n\n"])) == [Event("1")]

    async def pieces() -> AsyncIterator[bytes]:
        yield b"data: "
        yield b"1\n\n"

    async def run() -> list[Event]:
        return [event async for event in aiter_events(pieces())]

    assert asyncio.run(run()) == [Event("1")]


def test_an_event_that_is_too_large_is_told() -> None:
    events = iter_events([b"data: 1\n\n", b"data: 12345\n\n"], max_event=4)
    assert next(events) == Event("1")
    with pytest.raises(EventTooLargeError, match="larger than 4 bytes; raise max_event"):
        next(events)


@pytest.mark.parametrize("wrong", [5, b"data: 1\n\n", "data: 1\n\n", None])
def test_what_cannot_be_read_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match="cannot read events from"):
        next(iter_events(wrong))


@pytest.mark.parametrize("max_event", ["5", -1, 1.5, True, 1 << 70])
def test_a_largest_event_that_is_no_number(max_event: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="max_event is"):
        iter_events([b"data: 1\n\n"], max_event=max_event)


def test_pieces_that_are_no_bytes_are_refused() -> None:
    with pytest.raises(TypeError, match="a piece of the stream is of the type str; give bytes"):
        next(iter_events(["data: 1\n\n"]))  # type: ignore[list-item]


def test_a_source_that_is_left_is_closed() -> None:
    closed = []

    async def pieces() -> AsyncIterator[bytes]:
        try:
            yield b"data: 1\n\n"
            yield b"data: 2\n\n"
        finally:
            closed.append(True)

    async def run() -> None:
        async with contextlib.aclosing(aiter_events(pieces())) as events:  # type: ignore[type-var]
            async for event in events:
                assert event == Event("1")
                break

    asyncio.run(run())
    assert closed == [True]
