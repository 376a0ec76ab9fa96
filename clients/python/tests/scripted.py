"""A server that answers requests as a test says, and a proxy whose connections a test cuts."""

import asyncio
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any


@dataclass
class Request:
    at: float
    body: bytes


class Scripted:
    """Answers a POST with a status and JSON, or, for `None`, with nothing at all."""

    def __init__(self) -> None:
        self.answer: Callable[[int, bytes], tuple[int, Any] | None] = lambda number, body: (500, {})
        self.headers: dict[str, str] = {}
        self.requests: list[Request] = []
        self._port = 0
        self.start()

    def start(self) -> None:
        """Listens, again where it did."""
        script = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                script._answer(self)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._server.daemon_threads = True
        self._port = self._server.server_port
        self.url = f"http://127.0.0.1:{self._port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Listens no more."""
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        number = len(self.requests)
        request = Request(time.monotonic(), b"")
        self.requests.append(request)
        if length := handler.headers.get("content-length"):
            request.body = handler.rfile.read(int(length))
        answer = self.answer(number, request.body)
        if answer is None:
            handler.close_connection = True
            return
        status, content = answer
        body = json.dumps(content).encode()
        handler.send_response(status)
        for name, value in {**self.headers, "Content-Type": "application/problem+json"}.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def __enter__(self) -> "Scripted":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


class Breaking:
    """Hands connections on to a port of loopback, until they are cut."""

    def __init__(self, port: int):
        self._port = port
        self._writers: list[asyncio.StreamWriter] = []
        self.url = ""
        self.cuts = 0
        self._loop = asyncio.new_event_loop()
        started = threading.Event()
        threading.Thread(target=self._run, args=(started,), daemon=True).start()
        started.wait()

    def cut(self) -> None:
        """Breaks every connection."""
        self.cuts += 1
        asyncio.run_coroutine_threadsafe(self._cut(), self._loop).result()

    def stop(self) -> None:
        """Listens no more."""
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    def _run(self, started: threading.Event) -> None:
        async def start() -> None:
            server = await asyncio.start_server(self._hand_on, "127.0.0.1", 0)
            self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            started.set()

        self._loop.run_until_complete(start())
        self._loop.run_forever()

    async def _hand_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        onward_reader, onward_writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writers += [writer, onward_writer]
        await asyncio.gather(_copy(reader, onward_writer), _copy(onward_reader, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while piece := await reader.read(1 << 16):
            writer.write(piece)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()
