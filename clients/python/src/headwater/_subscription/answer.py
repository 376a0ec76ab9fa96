"""What the head of an answer means."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timezone
from email.utils import parsedate_to_datetime

from headwater._problem import Problem


@dataclass(frozen=True, slots=True)
class Answer:
    """What of an answer decides how it goes on.

    Attributes:
        status: The status.
        content_type: The media type.
        retry_after: How long the server asks to wait, in seconds.
        heartbeat: How often the server promises a byte, in seconds.
        problem: What the body of an answer without a stream says.
        encoding: How the body is encoded, when that is nothing that can be read.
    """

    status: int
    content_type: str | None = None
    retry_after: float | None = None
    heartbeat: float | None = None
    problem: Problem = field(default_factory=Problem)
    encoding: str | None = None


def read_answer(status: int, headers: Mapping[str, str], problem: Problem, now: float) -> Answer:
    """Reads the head of an answer, whose fields are found under their names in lower case; a date in `Retry-After` is
    compared with `now`, in seconds since 1970."""
    return Answer(
        status,
        headers.get("content-type"),
        retry_after(headers.get("retry-after", ""), now),
        heartbeat(headers.get("headwater-heartbeat", "")),
        problem,
    )


def is_passing(status: int) -> bool:
    """Whether the same request may well be answered otherwise a little later."""
    return status in (408, 425, 429) or 500 <= status <= 599


def retry_after(value: str, now: float) -> float | None:
    """Seconds, or a date."""
    value = value.strip()
    if value.isascii() and value.isdecimal():
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    # One whose zone is not known is meant as all are.
    return max(0.0, date.replace(tzinfo=date.tzinfo or timezone.utc).timestamp() - now)


def heartbeat(value: str) -> float | None:
    """A number of seconds."""
    try:
        seconds = float(value)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds > 0 else None
