"""Where a subscription keeps its place while it does not run."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Awaitable
from pathlib import Path
from typing import Protocol


class Store(Protocol):
    """Keeps ids under keys. Both functions may be asynchronous; those that are not are called on a thread of their
    own, where they may block. What they raise is told as a warning and does not stop the stream."""

    def load(self, key: str) -> str | Awaitable[str | None] | None:
        """The id that was saved last under this key; `None` when there is none."""

    def save(self, key: str, id: str) -> Awaitable[None] | None:
        """Saves an id under a key, in place of the one before. One subscription never has two saves under way."""


class MemoryStore:
    """Keeps ids in memory, for subscriptions that are opened again in the same process."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}

    def load(self, key: str) -> str | None:
        """The id that was saved last under this key."""
        return self._ids.get(key)

    def save(self, key: str, id: str) -> None:
        """Saves an id under a key."""
        self._ids[key] = id


class FileStore:
    """Keeps ids in a file: a JSON object of keys and ids.

    The file is replaced as a whole, so that it holds the old or the new id at any moment, also when the machine
    fails. It belongs to one process, and to one store in it. A file that is none of ids may be somebody else's: it is
    left as it is, nothing is kept, and the subscription warns.

    Args:
        path: The file, which is made by the first save. Its folder has to be there.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self._path = Path(path)
        self._lock = threading.Lock()

    def load(self, key: str) -> str | None:
        """The id that was saved last under this key.

        Raises:
            OSError: The file cannot be read.
            ValueError: It is no file of ids.
        """
        with self._lock:
            return self._read().get(key)

    def save(self, key: str, id: str) -> None:
        """Saves an id under a key.

        Raises:
            OSError: The file cannot be read or written.
            ValueError: It is no file of ids.
        """
        with self._lock:
            ids = self._read()
            ids[key] = id
            new = self._path.with_name(f"{self._path.name}.new")
            with new.open("w", encoding="utf-8") as file:
                json.dump(ids, file, indent=2)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._path)

    def _read(self) -> dict[str, str]:
        try:
            text = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return {}
        try:
            ids = json.loads(text)
        except ValueError:
            ids = None
        if not isinstance(ids, dict) or not all(isinstance(id, str) for id in ids.values()):
            raise ValueError(f"{self._path} is no file of ids; remove it to start anew, or name another")
        return ids
