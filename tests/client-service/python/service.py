"""The test service of the Python client: see ../README.md."""

import asyncio
import json
import sys
from typing import Any

from client import Client

from headwater import MemoryStore

CAPABILITIES = ["headers", "last-event-id", "post", "report", "read-timeout", "restart", "headwater"]

Answer = tuple[int, dict[str, str], bytes]


class Service:
    """The clients by their path."""

    def __init__(self) -> None:
        self.clients: dict[str, Client] = {}
        self.started = 0
        self.store = MemoryStore()
        self.end = asyncio.Event()

    async def answer(self, method: str, path: str, body: bytes) -> Answer:
        if path == "/" and method == "GET":
            status = {"capabilities": CAPABILITIES, "name": "python"}
            return 200, {"Content-Type": "application/json"}, json.dumps(status).encode()
        if path == "/" and method == "DELETE":
            self.end.set()
            return 204, {}, b""
        if path == "/" and method == "POST":
            return self.start(read(body))
        client = self.clients.get(path)
        if client is None:
            return 404, {}, b""
        if method == "POST":
            return (202 if client.command(read(body).get("command")) else 400), {}, b""
        if method != "DELETE":
            return 405, {}, b""
        del self.clients[path]
        await client.stop()
        return 204, {}, b""

    def start(self, options: dict[str, Any]) -> Answer:
        if not all(isinstance(options.get(name), str) for name in ("streamUrl", "callbackUrl")):
            return 400, {}, b""
        try:
            client = Client(options, self.store)
        except (TypeError, ValueError) as error:
            return 400, {}, str(error).encode()
        self.started += 1
        path = f"/streams/{self.started}"
        self.clients[path] = client
        return 201, {"Location": path}, b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers the requests of one connection."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *fields = head.decode("latin-1").splitlines()
                method, path, _ = first.split(" ")
                lengths = [int(line.split(":")[1]) for line in fields if line.lower().startswith("content-length:")]
                body = await reader.readexactly(lengths[0] if lengths else 0)
                status, headers, content = await self.answer(method, path, body)
                headers["Content-Length"] = str(len(content))
                lines = [f"HTTP/1.1 {status} ", *(f"{name}: {value}" for name, value in headers.items()), "\r\n"]
                writer.write("\r\n".join(lines).encode() + content)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def read(body: bytes) -> dict[str, Any]:
    """The members of an object; none when it is something else."""
    try:
        members = json.loads(body)
    except ValueError:
        return {}
    return members if isinstance(members, dict) else {}


async def main(address: str) -> None:
    service = Service()
    host, port = address.rsplit(":", 1)
    server = await asyncio.start_server(service.serve, host, int(port))
    print(f"listening on http://{host}:{server.sockets[0].getsockname()[1]}", flush=True)
    # Whatever comes, and however it ends, the service ends with it.
    stdin = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin)
    ended = {asyncio.ensure_future(service.end.wait()), asyncio.ensure_future(stdin.read())}
    await asyncio.wait(ended, return_when=asyncio.FIRST_COMPLETED)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
