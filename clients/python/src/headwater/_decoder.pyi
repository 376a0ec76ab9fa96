"""The event stream decoder, in Rust."""

from typing import final

from typing_extensions import Buffer

@final
class Event:
    """One event of a stream, received or to be sent. It does not change, and can be compared, hashed and pickled.

    Args:
        data: The payload: any text, line breaks included.
        type: What `addEventListener` listens for; `message` when it is not given.
        id: What a client sends back as `Last-Event-ID`; none when it is not given.
        topic: The topic, for streams that carry several.
    """

    __match_args__ = ("data", "type", "id", "topic")

    def __new__(cls, data: str, type: str | None = None, id: str | None = None, topic: str | None = None) -> Event: ...
    @property
    def data(self) -> str:
        """The data lines, joined with LF."""
    @property
    def type(self) -> str:
        """The type; `message` when the event has none."""
    @property
    def id(self) -> str:
        """The last event id in force: of this event, else of an earlier one; empty when there is none."""
    @property
    def topic(self) -> str | None:
        """The `topic` field, which servers other than Headwater do not send."""
    @property
    def has_own_id(self) -> bool:
        """Whether `id` came with this event, and is not still in force from an earlier one."""

@final
class Oversized:
    """Stands in the place of an event that was larger than `max_event` and was dropped. Its id counts all the same."""

    @property
    def before(self) -> str:
        """The last event id in force before it; empty when there is none."""
    @property
    def id(self) -> str:
        """The last event id in force, with it: its own, else an earlier one; empty when there is none."""

@final
class Decoder:
    """Decodes an event stream that arrives in pieces of any size, exactly as the HTML standard says.

    No bytes raise an exception: what is not UTF-8 becomes U+FFFD, and what is no event is passed over.

    Args:
        max_event: The largest event in bytes.
        last_event_id: The id in force before the first event that has one.
    """

    def __new__(cls, *, max_event: int = 1048576, last_event_id: str = "") -> Decoder: ...
    def push(self, data: Buffer) -> list[Event | Oversized]:
        """Takes the next bytes and returns the events that they complete.

        Args:
            data: `bytes`, which are read in place, or another contiguous buffer, which is copied first.

        Raises:
            TypeError: `data` is no buffer.
        """
    def reset(self) -> None:
        """Makes ready for another stream, as after a reconnect: drops what is incomplete, keeps the id."""
    @property
    def last_event_id(self) -> str:
        """The last event id in force: what to send as `Last-Event-ID`; empty when there is none."""
    @property
    def retry(self) -> int | None:
        """The latest reconnection time in milliseconds, `None` when the server sent none."""
    @property
    def oversized(self) -> int:
        """How many events were larger than `max_event` and were dropped, the one included that is being dropped."""
    @property
    def has_pending(self) -> bool:
        """Whether the stream, if it ended here, would lose the beginning of an event."""
