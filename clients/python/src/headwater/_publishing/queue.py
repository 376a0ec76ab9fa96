"""What waits to be published, and what of it shares a request."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

Final = Literal["done", "error", "cancelled"]

T = TypeVar("T")


@dataclass(slots=True)
class Job(Generic[T]):
    """What one call wants of the hub.

    Attributes:
        told: Who is told the outcome.
        events: The events to store, each a JSON object.
        alone: Whether they are all stored or none, and so have a request of their own.
        end: Instead of events, a topic to be ended: its name, how, and the idempotency key.
    """

    told: T
    events: list[bytes] = field(default_factory=list)
    alone: bool = False
    end: tuple[str, Final, str] | None = None

    @property
    def size(self) -> int:
        """Bytes in a request."""
        return sum(map(len, self.events)) + len(self.events)


class Queue(Generic[T]):
    """Jobs in the order of the calls.

    Args:
        most_bytes: How much may be on its way.
        batch_events: How many events share a request.
        batch_bytes: How many bytes of them.
    """

    def __init__(self, most_bytes: int, batch_events: int, batch_bytes: int):
        self._most_bytes = most_bytes
        self._batch_events = batch_events
        self._batch_bytes = batch_bytes
        self._waiting: deque[Job[T]] = deque()
        self._size = 0

    def has_room(self, size: int) -> bool:
        """Whether so many more bytes may be on their way; one that is larger than all room goes alone."""
        return self._size == 0 or self._size + size <= self._most_bytes

    def put(self, job: Job[T]) -> None:
        """Puts a job behind the others."""
        self._waiting.append(job)
        self._size += job.size

    def next(self) -> list[Job[T]]:
        """Takes the jobs of the next request; there are none when nothing waits. Their room is theirs until it is
        over."""
        batch: list[Job[T]] = []
        events = size = 0
        while self._waiting:
            job = self._waiting[0]
            events += len(job.events)
            size += job.size
            alone = job.alone or job.end is not None
            if batch and (alone or events > self._batch_events or size > self._batch_bytes):
                break
            batch.append(self._waiting.popleft())
            if alone:
                break
        return batch

    def over(self, jobs: list[Job[T]]) -> None:
        """Gives their room to others."""
        self._size -= sum(job.size for job in jobs)

    def clear(self) -> list[Job[T]]:
        """Takes everything that waits."""
        jobs = list(self._waiting)
        self._waiting.clear()
        self.over(jobs)
        return jobs
