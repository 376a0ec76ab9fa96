"""Answers that are broken, slow, endless or hostile, and what must not be seen of addresses."""

import contextlib
import gzip
import logging
import threading
import tracemalloc
from typing import Any

import pytest
from stream_server import Attempt, StreamServer
from subscribing import QUICK, run

from headwater import (
    Cause,
    Event,
    Gap,
    Item,
    Publisher,
    PublishError,
    RejectedError,
    subscribe,
)


async def first_item(url: str, **options: Any) -> Item:
    async with subscribe(url, **options) as items:
        return await anext(items)


def head(attempt: Attempt, status: int, *fields: str) -> None:
    attempt.peer.sendall("\r\n".join([f"HTTP/1.1 {status} Said", *fields, "\r\n"]).encode())


def answering(server: StreamServer, *answers: Any) -> threading.Thread:
    """Answers one request after the other, until the other side has left."""

    def answer() -> None:
        for each in answers:
            with contextlib.suppress(OSError):
                each(server.attempt())

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    return thread


def never_ending(status: int, piece: bytes) -> Any:
    """A head at once, and a body without an end."""

    def answer(attempt: Attempt) -> None:
        head(attempt, status, "Content-Type: text/plain")
        left = threading.Event()
        # Ends when the other side does.
        while not left.wait(0.01 if len(piece) < 100 else 0):
            attempt.peer.sendall(piece)

    return answer


@pytest.mark.parametrize("piece", [b"x", b"x" * (1 << 16)], ids=["slow", "endless"])
def test_the_head_of_a_refusal_decides(server: StreamServer, piece: bytes) -> None:
    answering(server, never_ending(404, piece))
    with pytest.raises(RejectedError, match="status 404") as told:
        run(first_item(server.url, connect_timeout=0.2))
    assert len(told.value.problem.detail or "") <= 500


def test_the_head_of_a_refused_credential_decides(server: StreamServer) -> None:
    def renew(cause: Cause) -> str:
        assert cause.status == 401
        return "new"

    def stream(attempt: Attempt) -> None:
        assert attempt.headers["authorization"] == "Bearer new"
        attempt.open()
        attempt.write("data: 1\n\n")

    answering(server, never_ending(401, b"x"), stream)
    assert run(first_item(server.url, connect_timeout=0.2, token="old", refresh=renew)) == Event("1")


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("http://127.0.0.1:99999/x", "a port from 1 to 65535"),
        (f"http://{'a' * 64}.example/", "cannot be read"),
        ("file:///etc/passwd?ticket=SECRET", "'file:/etc/passwd' cannot be used"),
        ("http://user:SECRET@127.0.0.1:0/", "'http://127.0.0.1:0/' cannot be used"),
        (None, "no Location"),
        # These httpx finds out by itself, and says no more of the answer than that.
        ("http://[::1", "its Location cannot be read"),
        ("http://127.0.0.1:port/", "its Location cannot be read"),
        ("mailto:x", "its Location cannot be read"),
        ("http://xn--zzzzzz--/", "its Location cannot be read"),
    ],
)
def test_a_redirect_that_leads_nowhere(server: StreamServer, location: str | None, message: str) -> None:
    fields = [] if location is None else [f"Location: {location}"]
    answering(server, lambda attempt: attempt.answer(302, *fields))
    with pytest.raises(RejectedError, match=f"(status 302|cannot be read): .*{message}") as told:
        run(first_item(server.url))
    assert "SECRET" not in str(told.value)


@pytest.mark.parametrize("location", ["http://[::1", "mailto:x", "http://xn--zzzzzz--/"])
def test_a_publisher_is_not_redirected_to_nowhere(server: StreamServer, location: str) -> None:
    async def publish() -> None:
        async with Publisher(server.url) as publisher:
            await publisher.publish("a", "x")

    answering(server, lambda attempt: attempt.answer(302, f"Location: {location}"))
    with pytest.raises(PublishError, match="it redirects to an address that cannot be read") as told:
        run(publish())
    assert told.value.reason == "not-a-hub"


def test_redirects_without_an_end(server: StreamServer) -> None:
    def around(attempt: Attempt) -> None:
        attempt.answer(307, f"Location: {server.url}")

    answering(server, *[around] * 21)
    with pytest.raises(RejectedError, match="status 307: after 20 redirects there is another"):
        run(first_item(server.url))


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:99999/", "http://127.0.0.1:0/", f"http://{'a' * 64}.example/", "http://u:SECRET@h:70000/"]
)
def test_an_address_that_cannot_be_used(url: str) -> None:
    for make in (subscribe, Publisher):
        with pytest.raises(ValueError, match="the address 'http://") as told:
            make(url)
        assert "SECRET" not in str(told.value)


def packed(encoding: str, body: bytes) -> Any:
    def answer(attempt: Attempt) -> None:
        assert attempt.headers["accept-encoding"] == "identity"
        attempt.open(f"Content-Encoding: {encoding}")
        attempt.peer.sendall(body)

    return answer


def test_a_compressed_stream_is_unpacked_no_further_than_it_is_asked_for(server: StreamServer) -> None:
    bomb = b"data: 1\n\ndata: " + bytes(64 << 20) + b"\n\ndata: 2\n\n"
    answering(server, packed("gzip", gzip.compress(bomb, 1)))

    async def work() -> list[Item]:
        async with subscribe(server.url) as items:
            return [await anext(items) for _ in range(3)]

    del bomb
    tracemalloc.start()
    try:
        items = run(work())
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert items == [Event("1"), Gap("oversized", "", "", ""), Event("2")]
    assert most < 8 << 20


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip"])
def test_an_encoding_that_cannot_be_read(server: StreamServer, encoding: str) -> None:
    answering(server, packed(encoding, b"anything"))
    with pytest.raises(RejectedError, match=f"encoded as {encoding}"):
        run(first_item(server.url))


def test_a_stream_that_is_not_packed_as_it_says_is_broken(server: StreamServer) -> None:
    answering(server, packed("gzip", b"data: 1\n\n"), packed("identity", b"data: 2\n\n"))
    assert run(first_item(server.url, retry=QUICK)) == Event("2")


def test_no_log_has_a_ticket_or_a_password(server: StreamServer, caplog: pytest.LogCaptureFixture) -> None:
    def lead_on(attempt: Attempt) -> None:
        attempt.answer(307, f"Location: {server.url}?ticket=SECRET-2")

    def stream(attempt: Attempt) -> None:
        assert attempt.target == "/?ticket=SECRET-2"
        attempt.open()
        attempt.write("data: 1\n\n")

    with_password = server.url.replace("//", "//user:SECRET-3@")
    answering(server, lead_on, stream, lambda attempt: attempt.answer(404))

    async def publish() -> None:
        async with Publisher(with_password) as publisher:
            await publisher.publish("a", "x", idempotency_key="SECRET-4")

    with caplog.at_level(logging.DEBUG):
        assert run(first_item(f"{with_password}?ticket=SECRET-1")) == Event("1")
        with pytest.raises(PublishError):
            run(publish())
    assert f"HTTP Request: GET {server.url} " in caplog.text
    assert "SECRET" not in caplog.text
