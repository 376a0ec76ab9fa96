"""Decoders of event streams for Python, on the same bytes in one run, and then producers (`producers.py`).

CPU time of this process, the median of several rounds in turn. All decoders are checked to see the same events.
"""

import json
import statistics
import time
from collections.abc import Callable, Iterator

import httpx
import httpx_sse
import producers
from ld_eventsource.reader import _BufferedLineReader, _SSEReader
from openai._streaming import SSEDecoder

import headwater

SIZE = 50_000_000
PIECE = 1 << 16
ROUNDS = 5

Seen = tuple[int, int]


def hub(size: int) -> bytes:
    """Events as a hub sends them, with id, type and topic, 200 bytes each."""
    out = bytearray()
    number = 10_000_000
    while len(out) < size:
        head = b"id: %d-6f3a\nevent: order.paid\ntopic: orders/%d\ndata: " % (number, number % 100)
        out += head + b'{"v":"' + b"x" * (200 - len(head) - 10) + b'"}\n\n'
        number += 1
    return bytes(out)


def answer(size: int) -> bytes:
    """An answer of a language model as providers send it, token by token."""
    out = bytearray()
    number = 0
    while len(out) < size:
        delta = {"index": 0, "delta": {"content": f" word{number % 1000}"}, "finish_reason": None}
        chunk = {"id": "chatcmpl-0123456789", "object": "chat.completion.chunk", "model": "model-1", "choices": [delta]}
        out += b"data: " + json.dumps(chunk).encode() + b"\n\n"
        number += 1
    return bytes(out)


def ours(pieces: Iterator[bytes]) -> Seen:
    count = size = 0
    for event in headwater.iter_events(pieces):
        count += 1
        size += len(event.data)
    return count, size


def ours_over_httpx(pieces: Iterator[bytes]) -> Seen:
    count = size = 0
    for event in headwater.iter_events(httpx.Response(200, content=pieces)):
        count += 1
        size += len(event.data)
    return count, size


def of_httpx_sse(pieces: Iterator[bytes]) -> Seen:
    count = size = 0
    response = httpx.Response(200, headers={"content-type": "text/event-stream"}, content=pieces)
    for event in httpx_sse.EventSource(response).iter_sse():
        count += 1
        size += len(event.data)
    return count, size


def of_launchdarkly(pieces: Iterator[bytes]) -> Seen:
    count = size = 0
    for event in _SSEReader(_BufferedLineReader.lines_from(pieces)).events_and_comments():
        count += 1
        size += len(event.data)
    return count, size


def of_openai(pieces: Iterator[bytes]) -> Seen:
    count = size = 0
    for event in SSEDecoder().iter_bytes(pieces):
        count += 1
        size += len(event.data)
    return count, size


OURS: dict[str, Callable[[Iterator[bytes]], Seen]] = {"headwater": ours, "headwater over httpx": ours_over_httpx}
OTHERS: dict[str, Callable[[Iterator[bytes]], Seen]] = {
    "httpx-sse over httpx": of_httpx_sse,
    "launchdarkly-eventsource": of_launchdarkly,
    "openai": of_openai,
}


def measure(stream: bytes) -> dict[str, float]:
    """Median of the seconds that each takes."""
    times: dict[str, list[float]] = {name: [] for name in OURS | OTHERS}
    seen = set()
    for _ in range(ROUNDS):
        for name, decode in (OURS | OTHERS).items():
            pieces = (stream[at : at + PIECE] for at in range(0, len(stream), PIECE))
            begin = time.process_time()
            seen.add(decode(pieces))
            times[name].append(time.process_time() - begin)
    assert len(seen) == 1, f"they do not see the same: {seen}"
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> None:
    for title, stream in (("events of a hub", hub(SIZE)), ("an answer of a model", answer(SIZE))):
        medians = measure(stream)
        fastest = min(medians[name] for name in OTHERS)
        print(f"\n{title}, {len(stream) / 1e6:.0f} MB, CPU, median of {ROUNDS}")
        for name, seconds in medians.items():
            rate = len(stream) / seconds / 1e6
            print(f"  {name:26} {seconds:7.3f} s {rate:8.1f} MB/s {fastest / seconds:6.1f} times the fastest other")
    producers.main()


if __name__ == "__main__":
    main()
