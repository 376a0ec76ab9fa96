"""Server-Sent Events for Python.

- `iter_events` and `aiter_events`: the events of a response that some HTTP client has opened.
- `Decoder` and `Event`: bytes to events, for whatever else brings the bytes.

The decoder is that of Headwater, in Rust: all its clients read the same bytes in the same way.
"""

from headwater._decoder import Decoder, Event
from headwater._responses import EventTooLargeError, aiter_events, iter_events

__all__ = ["Decoder", "Event", "EventTooLargeError", "aiter_events", "iter_events"]
