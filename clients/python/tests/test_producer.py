"""Streams of FastAPI under real servers, with compressing and wrapping middleware around them (FWK-01 to FWK-04)."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import httpx
import pytest
from servers import COMMANDS, PATIENCE, STOPPED, WORKERS, Server, wait_for

from headwater import End, Event, Item, Retry, iter_events, subscribe
from headwater.starlette import EventStreamResponse

tags = map(str, count())


@pytest.fixture(scope="module", params=COMMANDS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(request.param, tmp_path_factory.mktemp("streams")) as server:
        yield server


def read(server: Server, path: str, **headers: str) -> tuple[httpx.Response, list[Event]]:
    response = httpx.get(server.url + path, headers=headers, timeout=PATIENCE)
    return response, list(iter_events([response.content]))


def test_every_kind_of_event_is_encoded(server: Server) -> None:
    """FWK-01"""
    response, events = read(server, "/kinds")
    assert events[:-1] == [
        Event("a\nb\nc\nd", type="t", id="1", topic="x/y"),
        Event("text", id="1"),
        Event('{"k":[1,"ä"]}', id="1"),
        Event('{"x":1,"y":2}', id="1"),
        Event('{"total":3,"note":"n"}', id="1"),
        Event('{"f":1}', type="fastapi", id="7"),
        Event("as it is", id="7"),
    ]
    assert (events[-1].type, json.loads(events[-1].data)) == ("headwater.end", {"reason": "done", "topic": "kinds"})
    assert b"\n: ignored\n" in response.content


def test_the_head_says_what_proxies_and_clients_need(server: Server) -> None:
    """FWK-01: also through middleware."""
    response, _ = read(server, "/kinds")
    assert response.status_code == 200
    expected = {
        "content-type": "text/event-stream",
        "cache-control": "no-store, no-transform",
        "x-accel-buffering": "no",
        "x-content-type-options": "nosniff",
        "headwater-heartbeat": "15",
        "x-marked": "yes",
    }
    assert {name: response.headers.get(name) for name in expected} == expected
    assert "content-length" not in response.headers
    assert "content-encoding" not in response.headers
    assert httpx.head(server.url + "/silent", timeout=PATIENCE).status_code == 405


def test_the_retry_time_is_spread(server: Server) -> None:
    """FWK-01"""
    first_lines = {read(server, "/kinds")[0].text.splitlines()[0] for _ in range(5)}
    times = [int(line.removeprefix("retry: ")) for line in first_lines]
    assert len(times) > 1
    assert all(1500 <= time <= 4500 for time in times)


def test_a_silent_stream_sends_its_head_and_heartbeats(server: Server) -> None:
    """FWK-01: before the first event."""
    with httpx.stream("GET", f"{server.url}/silent?heartbeat=0.2", timeout=PATIENCE) as response:
        body = b""
        for piece in response.iter_raw():
            body += piece
            if body.count(b"\n\n") == 4:
                break
    assert body.startswith(b"retry: ")
    assert body.endswith(b"\n\n:\n\n:\n\n:\n\n")


def test_every_event_is_flushed(server: Server) -> None:
    """FWK-01: the next event comes into being when the one before has been received."""
    tag = f"flush-{next(tags)}"
    headers = {"accept-encoding": "gzip"}
    with httpx.stream("GET", f"{server.url}/gated?tag={tag}", headers=headers, timeout=PATIENCE) as response:
        events = iter_events(response)
        for number in range(3):
            server.open_gate(tag, number)
            assert next(events) == Event(str(number))
        assert next(events).type == "headwater.end"
        assert list(events) == []


@pytest.mark.parametrize(
    ("path", "headers", "first"),
    [
        ("/numbers", {}, 1),
        ("/numbers", {"last-event-id": ""}, 1),
        ("/numbers", {"last-event-id": "4"}, 5),
        ("/numbers?last_event_id=4", {}, 5),
        ("/numbers?lastEventId=4", {}, 5),
        ("/numbers?lastEventID=4", {}, 5),
        ("/numbers?last_event_id=4", {"last-event-id": "8"}, 9),
        ("/numbers?last_event_id=%ff%00%0a", {}, 1),
    ],
)
def test_the_hook_is_told_where_to_go_on(server: Server, path: str, headers: dict[str, str], first: int) -> None:
    """FWK-01"""
    _, events = read(server, path, **headers)
    assert [event.data for event in events[:-1]] == [str(number) for number in range(first, 11)]


def test_an_id_is_read_as_bytes(server: Server) -> None:
    """FWK-01"""
    with socket.create_connection(("127.0.0.1", int(server.url.rsplit(":")[-1])), PATIENCE) as peer:
        head = "GET /numbers HTTP/1.1\r\nHost: a\r\nConnection: close\r\nLast-Event-ID: äß€\r\n\r\n"
        peer.sendall(head.encode())
        while peer.recv(1 << 16):
            pass
    server.wait_for_note("resume 'äß€'")


def test_a_stream_that_was_read_to_its_end_stops_the_client(server: Server) -> None:
    """FWK-01"""
    response, events = read(server, "/numbers", **{"last-event-id": "10"})
    assert (response.status_code, events) == (204, [])


@pytest.mark.parametrize("path", ["/tokens", "/once"])
def test_a_client_that_comes_back_after_the_end_is_stopped(server: Server, path: str) -> None:
    """FWK-01: without the application, whatever it gives; else it would be told the same for ever."""

    async def subscribed() -> list[Item]:
        async with subscribe(server.url + path, retry=Retry(first=0)) as items:
            return [item async for item in items]

    before = len(server.notes())
    token, end = asyncio.run(asyncio.wait_for(subscribed(), PATIENCE))
    assert (token, type(end)) == (Event("token", id="1"), End)
    assert server.notes()[before:] == ["tokens after None" if path == "/tokens" else "once"]


def test_the_id_of_an_end_is_not_told_to_the_application(server: Server) -> None:
    for id, told in [("headwater.end", None), ("7", "7")]:
        assert httpx.get(f"{server.url}/asked", headers={"last-event-id": id}, timeout=PATIENCE).json() == told


@pytest.mark.parametrize("how", ["list", "generator", "function of a list", "function of a generator"])
def test_what_is_no_asynchronous_iterator_is_refused_before_the_head(server: Server, how: str) -> None:
    assert httpx.get(f"{server.url}/wrong", params={"how": how}, timeout=PATIENCE).status_code == 500
    wait_for(lambda: any("no asynchronous iterator" in line for line in server.log), server.shown)


def test_events_of_a_hub_can_be_passed_on(server: Server) -> None:
    _, events = read(server, "/relayed")
    assert [event.type for event in events] == ["headwater.told", "headwater.end"]


@pytest.mark.parametrize("option", ["heartbeat", "retry", "send_timeout"])
@pytest.mark.parametrize("seconds", [0, -1, float("inf"), float("nan")])
def test_times_that_cannot_be_used(option: str, seconds: float) -> None:
    with pytest.raises(ValueError, match=f"{option} is"):
        EventStreamResponse(iter_nothing(), **{option: seconds})  # type: ignore[arg-type]


async def iter_nothing() -> AsyncIterator[str]:
    return
    yield ""


def test_a_client_that_leaves_ends_the_iterator(server: Server) -> None:
    """FWK-02, FWK-03: it is cancelled where it waits, and its clean-up runs to the end."""
    tag = f"leave-{next(tags)}"
    with httpx.stream("GET", f"{server.url}/silent?tag={tag}", timeout=PATIENCE) as response:
        pieces = response.iter_raw()
        assert next(pieces).startswith(b"retry: ")
        server.wait_for_note(f"begin {tag}")
        assert f"cancelled {tag}" not in server.notes()
    server.wait_for_note(f"cancelled {tag}")
    server.wait_for_note(f"finally {tag}")


@pytest.mark.parametrize("how", ["upstream", "cancelled", "forged", "unknown", "end", "end of fastapi"])
def test_an_iterator_that_fails_ends_the_stream_properly(server: Server, how: str) -> None:
    """FWK-01"""
    response, events = read(server, f"/fails?how={how}")
    assert events[0] == Event("before")
    assert [(event.type, json.loads(event.data)) for event in events[1:]] == [
        ("headwater.end", {"reason": "error", "topic": "answers/1"})
    ]
    assert b"forged" not in response.content


def test_a_failure_reaches_the_log_of_the_server(server: Server) -> None:
    read(server, "/fails?how=upstream")
    wait_for(lambda: any("the model hung up" in line for line in server.log), server.shown)


def test_a_reader_that_stalls_is_given_up(server: Server) -> None:
    """FWK-02: and what was made for it until then is bounded by the buffers between."""
    tag = f"stall-{next(tags)}"
    with socket.socket() as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.connect(("127.0.0.1", int(server.url.rsplit(":")[-1])))
        peer.sendall(f"GET /flood?tag={tag} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        told = server.wait_for_note(f"flood {tag} ")
    assert int(told.split()[-1]) < 64


def test_an_iterator_that_never_waits_leaves_time_for_others(server: Server) -> None:
    """FWK-02"""
    tag = f"busy-{next(tags)}"
    with httpx.stream("GET", f"{server.url}/busy?tag={tag}", timeout=PATIENCE) as response:
        pieces = response.iter_raw()
        for _ in range(3):
            next(pieces)
            assert httpx.get(f"{server.url}/process", timeout=PATIENCE).status_code == 200
    server.wait_for_note(f"finally {tag}")


def test_all_workers_answer_alike(server: Server) -> None:
    """FWK-04: a client that goes on with any of them sees one sequence."""
    if "workers" in server.name or server.name == "gunicorn":
        wait_for(lambda: len(processes(server)) == WORKERS, server.shown)
    for _ in range(12):
        seen: list[str] = []
        cursor = ""
        while len(seen) < 10:
            _, events = read(server, "/numbers", **{"last-event-id": cursor, "connection": "close"})
            seen.append(events[0].data)
            cursor = events[0].id
        assert seen == [str(number) for number in range(1, 11)]


def processes(server: Server) -> set[int]:
    def one(_: int) -> int:
        return int(httpx.get(f"{server.url}/process", timeout=PATIENCE).text)

    with ThreadPoolExecutor(16) as pool:
        return set(pool.map(one, range(64)))


@pytest.mark.parametrize("name", STOPPED)
def test_a_server_that_stops_ends_its_streams(name: str, tmp_path: Path) -> None:
    """FWK-03: each with a closing event, after its iterator was cleaned up, and the server is not kept waiting."""
    with Server(name, tmp_path) as server, ThreadPoolExecutor(8) as pool:
        bodies = [pool.submit(read, server, f"/silent?tag=stop-{number}") for number in range(8)]
        for number in range(8):
            server.wait_for_note(f"begin stop-{number}")
        begin = time.monotonic()
        server.terminate()
        server.process.wait(PATIENCE)
        assert time.monotonic() - begin < PATIENCE / 2
        for number, body in enumerate(bodies):
            _, events = body.result(PATIENCE)
            assert [event.type for event in events] == ["headwater.closing"]
            assert json.loads(events[0].data)["reason"] == "drain"
            assert f"finally stop-{number}" in server.notes()
