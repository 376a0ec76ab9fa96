"""The ids that were received, to know an event that comes again."""

from collections import deque

# How many ids are known.
MOST = 1024


class Known:
    """The ids of the newest events, each with the connection it was first received on.

    Not the ids are kept but their hashes, so that memory is bounded however long ids are. Their key is random in every
    process, so that nobody can bring about that two ids share one.
    """

    def __init__(self) -> None:
        self._connections: dict[int, int] = {}
        # The same hashes, oldest first.
        self._order: deque[int] = deque()
        self._current = 0

    def __len__(self) -> int:
        return len(self._connections)

    def connect(self) -> None:
        """What is received from now on comes over another connection."""
        self._current += 1

    def is_repeated(self, id: str) -> bool:
        """Takes note of an id; tells whether it was received on an earlier connection."""
        mark = hash(id)
        first = self._connections.get(mark)
        if first is not None:
            return first < self._current
        self._connections[mark] = self._current
        self._order.append(mark)
        if len(self._order) > MOST:
            del self._connections[self._order.popleft()]
        return False
