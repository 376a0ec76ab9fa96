"""The application of `streams.py` under real servers."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import httpx

# The most that anything is waited for, in seconds.
PATIENCE = 60
WORKERS = 4

COMMANDS = {
    "uvicorn": ["uvicorn", "--port", "0", "streams:app"],
    "uvicorn-workers": ["uvicorn", "--port", "0", "--workers", str(WORKERS), "streams:app"],
    "hypercorn": ["hypercorn", "--bind", "127.0.0.1:0", "--workers", "0", "streams:app"],
    "gunicorn": [
        *("gunicorn", "--bind", "127.0.0.1:0", "--workers", str(WORKERS)),
        *("--worker-class", "uvicorn_worker.UvicornWorker", "streams:app"),
    ],
}


# It sends its worker processes no signal when it stops, and cancels what they answer when this time is over. That can
# be ended properly where there is no middleware in between that is cancelled as well.
HYPERCORN_WORKER = "hypercorn-worker"
STOPPED = {
    **COMMANDS,
    HYPERCORN_WORKER: ["hypercorn", "--bind", "127.0.0.1:0", "--graceful-timeout", "1", "streams:plain"],
}


class Server:
    """One of these servers on a free port of loopback."""

    def __init__(self, name: str, folder: Path):
        self.name = name
        self.folder = folder
        self.notes_file = folder / "notes"
        self.notes_file.touch()
        self.log: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", *STOPPED[name]],
            cwd=Path(__file__).parent,
            env={**os.environ, "HEADWATER_TEST_FOLDER": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        threading.Thread(target=self._read, daemon=True).start()
        wait_for(lambda: self.address() is not None or self.process.poll() is not None, self.shown)
        address = self.address()
        assert address is not None, self.shown()
        self.url = address
        # Some say where they listen before they do.
        wait_for(self.answers, self.shown)

    def answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/process", timeout=PATIENCE).status_code == 200
        except httpx.TransportError:
            return False

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.log.append(line.rstrip())

    def address(self) -> str | None:
        found = re.search(r"http://127\.0\.0\.1:\d+", "\n".join(self.log))
        return found[0] if found else None

    def shown(self) -> str:
        return f"{self.name}: {self.log[-40:]} {self.notes()[-20:]}"

    def notes(self) -> list[str]:
        return self.notes_file.read_text().splitlines()

    def wait_for_note(self, text: str) -> str:
        """The note that begins so."""
        wait_for(lambda: any(note.startswith(text) for note in self.notes()), lambda: f"{text}: {self.shown()}")
        return next(note for note in self.notes() if note.startswith(text))

    def open_gate(self, tag: str, number: int) -> None:
        (self.folder / f"gate-{tag}-{number}").touch()

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"it did not end: {self.shown()}") from None


def wait_for(condition: Callable[[], bool], shown: Callable[[], str]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, shown()
        time.sleep(0.01)
