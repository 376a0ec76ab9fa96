"""Publishers that a program forgets to close, and what it has handed to them."""

import asyncio
import gc
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
from hubs import Hub
from servers import PATIENCE

from headwater import Publisher, sync


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    hub = Hub(tmp_path_factory.mktemp("hub"))
    yield hub
    hub.stop()


def program(*lines: str) -> subprocess.CompletedProcess[str]:
    """Runs a program to its end, which never closes anything."""
    text = "\n".join(["import asyncio, headwater", *lines])
    return subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=PATIENCE, check=False)


def stored(hub: Hub, topic: str) -> list[str]:
    query = {"topic": topic, "since": "earliest", "wait": "0", "limit": "1000"}
    answer = httpx.get(f"{hub.url}/v1/events", params=query, headers={"Accept": "application/json"})
    return [event["data"] for event in answer.json()["events"]] if answer.status_code == 200 else []


def test_the_end_of_a_program_waits_for_its_events(hub: Hub) -> None:
    ended = program(
        f"publisher = headwater.sync.Publisher({hub.url!r})",
        "for number in range(50): publisher.enqueue('forgotten/sync', str(number))",
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert stored(hub, "forgotten/sync") == [str(number) for number in range(50)]


def test_the_end_of_a_program_says_what_it_does_not_wait_for() -> None:
    ended = program(
        "publisher = headwater.sync.Publisher('http://127.0.0.1:1')",
        "publisher.enqueue('forgotten/lost', 'x')",
        "from headwater._publishing import background",
        "background.LONGEST_FAREWELL = 0.1",
    )
    assert ended.returncode == 0
    assert "the program ends before all that it has published is stored" in ended.stderr


def test_the_end_of_a_loop_says_what_is_lost(hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        publisher = Publisher(hub.url)
        for number in range(50):
            await publisher.enqueue("forgotten/async", str(number))

    with caplog.at_level(logging.ERROR, "headwater"):
        asyncio.run(work())
    assert "the event loop ends while 50 calls wait for their events to be stored" in caplog.text


def test_what_nobody_has_any_more_stores_its_events_and_ends_its_thread(hub: Hub) -> None:
    def tasks() -> None:
        for number in range(5):
            sync.Publisher(hub.url).enqueue("forgotten/task", str(number))
        gc.collect()

    with pytest.warns(ResourceWarning, match="a Publisher was never closed"):
        tasks()
    end = time.monotonic() + PATIENCE
    while any(thread.name == "headwater" for thread in threading.enumerate()):
        assert time.monotonic() < end
    assert sorted(stored(hub, "forgotten/task")) == [str(number) for number in range(5)]


def test_a_forked_process_leaves_alone_what_its_parent_has(hub: Hub) -> None:
    ended = program(
        "import os, warnings",
        # From 3.12 on Python warns of any fork of a program with threads.
        "warnings.simplefilter('ignore', DeprecationWarning)",
        f"publisher = headwater.sync.Publisher({hub.url!r})",
        "publisher.publish('forgotten/fork', 'before')",
        "publisher.enqueue('forgotten/fork', 'parent')",
        "child = os.fork()",
        "if child == 0: publisher.enqueue('forgotten/fork', 'child')",
        "else: assert os.waitpid(child, 0)[1] == 0",
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert sorted(stored(hub, "forgotten/fork")) == ["before", "child", "parent"]
