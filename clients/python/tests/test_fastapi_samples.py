"""The samples of the book's page on FastAPI, run as a reader runs them."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from hubs import Hub
from servers import PATIENCE, wait_for

from headwater import Event, iter_events

SAMPLES = Path(__file__).parents[3] / "examples/fastapi"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    hub = Hub(tmp_path_factory.mktemp("hub"), 'retry = "100ms"')
    yield hub
    hub.stop()


class Sample:
    """A sample under Uvicorn."""

    def __init__(self, name: str, hub: str = ""):
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-m", "uvicorn", f"{name}:app", "--port", "0"],
            cwd=SAMPLES,
            env={**os.environ, "HUB": hub, "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()
        wait_for(lambda: self._address() is not None, self.shown)
        self.url = self._address() or ""

    def shown(self) -> str:
        return "\n".join(self.said)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line)

    def _address(self) -> str | None:
        found = re.search(r"http://127\.0\.0\.1:\d+", self.shown())
        return found[0] if found else None

    def __enter__(self) -> "Sample":
        return self

    def __exit__(self, *error: object) -> None:
        self.process.terminate()
        self.process.wait(PATIENCE)


def read(url: str, count: int, **headers: str) -> list[Event]:
    """The first events of a stream."""
    with httpx.stream("GET", url, headers=headers, timeout=PATIENCE, follow_redirects=True) as response:
        assert response.status_code == 200
        events = iter_events(response)
        return [next(events) for _ in range(count)]


def test_stream_goes_on_where_its_client_was() -> None:
    with Sample("stream") as sample:
        url = f"{sample.url}/jobs/7"
        first = read(url, 2)
        rest = read(url, 3, **{"last-event-id": first[-1].id})
        assert [event.data for event in first + rest[:2]] == ["fetched", "unpacked", "checked", "installed"]
        assert rest[2].type == "headwater.end"
        assert httpx.get(url, headers={"last-event-id": "4"}, timeout=PATIENCE).status_code == 204
        wait_for(lambda: sample.shown().count("nobody reads job 7 any more") == 2, sample.shown)


def test_orders_are_published_and_read_at_the_hub(hub: Hub) -> None:
    with Sample("orders", hub.url) as sample:
        url = f"{sample.url}/orders"
        assert httpx.post(url, json={"number": 1, "total": 12}, timeout=PATIENCE).status_code == 201
        assert httpx.post(f"{url}/1/payment", timeout=PATIENCE).status_code == 201
        assert httpx.get(f"{url}/1/events", timeout=PATIENCE).status_code == 401
        events = read(f"{url}/1/events", 2, **{"x-user": "ada", "accept": "text/event-stream"})
        assert [event.type for event in events] == ["order.placed", "order.paid"]
        assert events[0].data == '{"number":1,"total":12}'
        [unread] = read(
            f"{url}/1/events", 1, **{"x-user": "ada", "accept": "text/event-stream", "last-event-id": events[0].id}
        )
        assert unread == events[1]


def test_answer_can_be_read_from_its_beginning(hub: Hub) -> None:
    with Sample("answer", hub.url) as sample:
        told = httpx.post(f"{sample.url}/answers", params={"question": "why is that so?"}, timeout=PATIENCE).json()
        *words, end = read(told["subscribe"], 7)
        assert "".join(word.data for word in words) == "You asked: why is that so?"
        assert end.type == "headwater.end"


def test_by_hand_ticks_too() -> None:
    with Sample("by_hand") as sample:
        assert [event.data for event in read(sample.url, 2)] == ["1", "2"]
        wait_for(lambda: "the client has left" in sample.shown(), sample.shown)
