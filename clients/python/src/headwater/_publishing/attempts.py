"""What to do after an attempt that failed: nothing more, get another token, or wait."""

from __future__ import annotations

from dataclasses import dataclass

from headwater._publishing.errors import PublishError
from headwater._subscription.answer import is_passing
from headwater._subscription.backoff import Retry


@dataclass(frozen=True, slots=True)
class Retrying:
    """An attempt that has failed in passing, before the next one.

    Attributes:
        error: What it failed with, and what is raised if it is the last.
        delay: How long is waited now, in seconds.
        failures: Failures of this request in a row, this one included.
    """

    error: PublishError
    delay: float
    failures: int


class Attempts:
    """The attempts of one request, by the rules that all clients wait by.

    Args:
        retry: The waiting times, and how many failures are too many.
        within: Seconds after which it is not tried again.
        refreshes: Whether another token can be had.
        now: Seconds, by any clock.
    """

    def __init__(self, retry: Retry, within: float, *, refreshes: bool, now: float):
        self._retry = retry
        self._deadline = now + within
        self._refreshes = refreshes
        self._refreshed = False
        self._failures = 0

    def failed(self, error: PublishError, retry_after: float | None, now: float) -> Retrying | None:
        """The wait before the next attempt; `None`: get another token, and try again at once.

        Args:
            error: What the attempt ended with.
            retry_after: What the answer asks to wait for, in seconds.
            now: As at the beginning.

        Raises:
            PublishError: The error, as there is no next attempt.
        """
        if error.status in (401, 403) and self._refreshes and not self._refreshed:
            self._refreshed = True
            return None
        # Only a token that is refused right after it was fetched is refused for good.
        self._refreshed = False
        if error.reason not in ("unreachable", "timeout") and not is_passing(error.status):
            raise error
        return self._again(error, retry_after or 0.0, now)

    def not_refreshed(self, error: PublishError, now: float) -> Retrying:
        """The wait after the refresh hook has failed: whoever gives out tokens may be down for a while.

        Raises:
            PublishError: The error, as there is no next attempt.
        """
        self._refreshed = False
        return self._again(error, 0.0, now)

    def _again(self, error: PublishError, floor: float, now: float) -> Retrying:
        self._failures += 1
        delay = self._retry.delay(self._failures, floor)
        if self._failures == self._retry.failures or now + delay > self._deadline:
            raise error
        return Retrying(error, delay, self._failures)
