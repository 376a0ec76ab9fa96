"""What to do after an attempt that failed: nothing more, get another token, or wait."""

from __future__ import annotations

from headwater._publishing.errors import PublishError
from headwater._subscription.answer import is_passing
from headwater._subscription.backoff import Retry


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

    def failed(self, error: PublishError, retry_after: float | None, now: float) -> float | None:
        """Seconds to wait before the next attempt; `None`: get another token, and try again at once.

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
        self._failures += 1
        passes = error.kind in ("unreachable", "timeout") or is_passing(error.status)
        if not passes or self._failures == self._retry.failures:
            raise error
        wait = self._retry.delay(self._failures, retry_after or 0.0)
        if now + wait > self._deadline:
            raise error
        return wait
