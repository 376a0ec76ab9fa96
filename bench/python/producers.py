"""Producers of event streams for FastAPI under one Uvicorn process, in one run.

CPU time of the server, and events a second as a reader on the same machine gets them; the median of several rounds.
"""

import asyncio
import os
import re
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

PRODUCERS = ["headwater", "sse-starlette", "fastapi", "by-hand"]
ROUNDS = 3

MARK = b"event: order.paid"

# Streams at a time, events of each, and whether their source waits between them.
LOADS = [(1, 20_000, False), (1, 20_000, True), (100, 200, True)]


class Server:
    """Uvicorn with the applications."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "uvicorn", "applications:app", "--port", "0", "--no-access-log"]
        here = Path(__file__).parent
        self.process = subprocess.Popen(command, cwd=here, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
                self.port = int(found[1])
                break
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def cpu(self) -> float:
        """Seconds it has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


async def read(port: int, path: str) -> int:
    """How many events of ours a stream brings."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    writer.write(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
    count, rest = 0, b""
    while piece := await reader.read(1 << 18):
        whole = rest + piece
        count += whole.count(MARK)
        # One may be cut in two.
        rest = whole[-len(MARK) + 1 :]
    writer.close()
    return count


async def run(port: int, producer: str, streams: int, events: int, waits: bool) -> None:
    path = f"/{producer}?events={events}&waits={waits}"
    counts = await asyncio.gather(*(read(port, path) for _ in range(streams)))
    assert set(counts) == {events}, f"{producer}: {set(counts)} of {events} events came"


def measure(port: int, server: Server, load: tuple[int, int, bool]) -> dict[str, tuple[float, float]]:
    """Events a second, and microseconds of CPU for each event."""
    streams, events, _ = load
    rates: dict[str, list[float]] = {name: [] for name in PRODUCERS}
    costs: dict[str, list[float]] = {name: [] for name in PRODUCERS}
    for _ in range(ROUNDS):
        for name in PRODUCERS:
            cpu, begin = server.cpu(), time.monotonic()
            asyncio.run(run(port, name, *load))
            rates[name].append(streams * events / (time.monotonic() - begin))
            costs[name].append((server.cpu() - cpu) / (streams * events) * 1e6)
    return {name: (statistics.median(rates[name]), statistics.median(costs[name])) for name in PRODUCERS}


def main() -> None:
    server = Server()
    try:
        for load in LOADS:
            streams, events, waits = load
            how = "that wait between events" if waits else "that never wait"
            print(f"\n{streams} streams of {events:,} events {how}, median of {ROUNDS}")
            for name, (rate, cost) in measure(server.port, server, load).items():
                print(f"  {name:15} {rate:10,.0f} events a second {cost:7.1f} µs of CPU an event")
    finally:
        server.process.terminate()
        server.process.wait()


if __name__ == "__main__":
    main()
