"""A server of event streams that does nothing by itself: the test writes what is answered, attempt by attempt."""

import contextlib
import queue
import socket
import threading
from types import TracebackType

# The most that anything is waited for, in seconds.
PATIENCE = 20


class Attempt:
    """A request for a stream, and the connection it came on."""

    def __init__(self, peer: socket.socket, head: str, body: bytes):
        self.peer = peer
        first, *fields = head.splitlines()
        self.method, self.target, _ = first.split(" ")
        self.headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
        self.body = body

    def answer(self, status: int, *fields: str, body: bytes = b"") -> None:
        """A whole answer."""
        head = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}", "Connection: close", *fields, "\r\n"]
        self.peer.sendall("\r\n".join(head).encode() + body)
        self.peer.close()

    def open(self, *fields: str) -> None:
        """The head of a stream that ends with its connection."""
        head = ["HTTP/1.1 200 OK", "Content-Type: text/event-stream", "Connection: close", *fields, "\r\n"]
        self.peer.sendall("\r\n".join(head).encode())

    def write(self, text: str) -> None:
        self.peer.sendall(text.encode())

    def finish(self) -> None:
        self.peer.close()

    def wait_until_left(self) -> None:
        """Until the other side has closed the connection."""
        with contextlib.suppress(ConnectionError):
            while self.peer.recv(4096):
                pass


class StreamServer:
    """Listens on loopback."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/"
        self.attempts: queue.Queue[Attempt] = queue.Queue()
        threading.Thread(target=self._accept, daemon=True).start()

    def attempt(self) -> Attempt:
        """The next request."""
        return self.attempts.get(timeout=PATIENCE)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self.listener.accept()
                threading.Thread(target=self._read, args=(peer,), daemon=True).start()

    def _read(self, peer: socket.socket) -> None:
        peer.settimeout(PATIENCE)
        read = b""
        while b"\r\n\r\n" not in read:
            piece = peer.recv(4096)
            if not piece:
                return
            read += piece
        head, _, body = read.partition(b"\r\n\r\n")
        length = 0
        for line in head.decode("latin-1").lower().splitlines():
            if line.startswith("content-length:"):
                length = int(line.split(":")[1])
        while len(body) < length:
            body += peer.recv(4096)
        self.attempts.put(Attempt(peer, head.decode("latin-1"), body))

    def __enter__(self) -> "StreamServer":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.listener.close()
