"""How long to wait before the next attempt."""

import random
from dataclasses import dataclass

from headwater._checks import check_count, check_seconds

# The longest wait a server can ask for, in seconds.
MOST_FLOOR = 3600.0


@dataclass(frozen=True, slots=True)
class Retry:
    """The waiting times between attempts.

    Before the attempt after failure number *n* in a row the client waits `floor + random(0, min(most, first *
    2**(n-1)))`, where the floor is what the server asks for: its last `retry`, `Retry-After`, and the time a closing
    event names.

    Attributes:
        first: The most random time after the first failure, in seconds.
        most: The most random time after any failure, in seconds.
        stable: How long a stream has to be open for the failures before it to be forgotten, in seconds.
        failures: At how many failures in a row the client gives up; `None`: never. A limit of 1 makes one attempt.

    Raises:
        TypeError: Something is no number.
        ValueError: A time is negative, or the limit is below 1.
    """

    first: float = 1.0
    most: float = 30.0
    stable: float = 60.0
    failures: int | None = None

    def __post_init__(self) -> None:
        for name in ("first", "most", "stable"):
            check_seconds(f"{name} of retry", getattr(self, name), zero=True)
        if self.failures is not None:
            check_count("failures of retry", self.failures, 1)

    def delay(self, failures: int, floor: float) -> float:
        """The wait after this many failures in a row, in seconds, at least `floor`."""
        # More doublings than these make no difference to anybody.
        most = min(self.most, self.first * 2.0 ** min(failures - 1, 64))
        return min(floor, MOST_FLOOR) + random.uniform(0, most)
