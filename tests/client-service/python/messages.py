"""What the service tells the harness."""

import asyncio
import json
from typing import Any
from urllib.parse import urlsplit


class Messages:
    """Sends messages in order, one at a time, to `<callback>/1`, `<callback>/2`, …

    Over a connection of its own, and not with the client that is tested: a test of its bounds has thousands of messages.
    """

    def __init__(self, callback: str):
        self.callback = urlsplit(callback)
        self.number = 0
        self.waiting: asyncio.Queue[tuple[bytes, asyncio.Event]] = asyncio.Queue()
        self.task = asyncio.create_task(self.run())

    def send(self, message: dict[str, Any]) -> asyncio.Event:
        """Queues a message; the event is set when the harness has it."""
        sent = asyncio.Event()
        self.waiting.put_nowait((json.dumps(message).encode(), sent))
        return sent

    async def deliver(self, message: dict[str, Any]) -> None:
        """Sends a message, and waits until the harness has it."""
        sent = asyncio.create_task(self.send(message).wait())
        await asyncio.wait({sent, self.task}, return_when=asyncio.FIRST_COMPLETED)
        sent.cancel()

    def close(self) -> None:
        """Nothing is sent any more."""
        self.task.cancel()

    async def run(self) -> None:
        reader, writer = await asyncio.open_connection(self.callback.hostname, self.callback.port)
        try:
            while True:
                message, sent = await self.waiting.get()
                self.number += 1
                head = f"POST {self.callback.path}/{self.number} HTTP/1.1\r\nHost: {self.callback.netloc}\r\n"
                head += f"Content-Type: application/json\r\nContent-Length: {len(message)}\r\n\r\n"
                writer.write(head.encode() + message)
                answer = await reader.readuntil(b"\r\n\r\n")
                # Harnesses differ in what they answer with.
                lines = answer.decode("latin-1").lower().splitlines()
                lengths = [int(line.split(":")[1]) for line in lines if line.startswith("content-length:")]
                await reader.readexactly(lengths[0] if lengths else 0)
                sent.set()
        except (asyncio.IncompleteReadError, ConnectionError):
            # A harness that has gone is told nothing.
            pass
        finally:
            writer.close()
