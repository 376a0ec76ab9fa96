"""The hubs of the suite in `tests/python`, which has no types."""

import importlib
from pathlib import Path

hub = importlib.import_module("hub")

ACCESS: str = hub.ACCESS
ADMIN: str = hub.ADMIN
READER: str = hub.READER


class Hub:
    """A running hub that keeps everything in memory.

    Args:
        folder: Where its configuration goes.
        config: Its configuration.
    """

    def __init__(self, folder: Path, config: str = ""):
        self._hub = hub.Hub(folder, config)
        self.url: str = self._hub.url
        self.port: int = self._hub.port

    def get(self, path: str) -> str:
        """The body of an answer."""
        return str(self._hub.get(path))

    def stop(self) -> None:
        """Kills it."""
        self._hub.stop()
