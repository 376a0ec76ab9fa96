"""From the bytes of one connection after another to items."""

from collections import deque

from headwater._decoder import Decoder, Event
from headwater._items import PREFIX, Closing, End, Expiring, Gap, Item, read_control
from headwater._subscription.known import Known

# The shortest event has six bytes, so that this is at most 1,024 of them.
SLICE = 6 * 1024


class Reader:
    """Decodes, and drops what was received before. What it holds is bounded: bytes are decoded only when an item is
    asked for, and at most `SLICE` of them at a time."""

    def __init__(self, max_event: int, dedupe: bool):
        self._max_event = max_event
        self._decoder = Decoder(max_event=max_event)
        # None when duplicates are to be delivered.
        self._known = Known() if dedupe else None
        # Received; one piece as the network gave it, and how much of it is decoded.
        self._bytes = b""
        self._at = 0
        # Decoded and not asked for; at most 1,024.
        self._ready: deque[Item] = deque()
        # The closing event of this connection, until somebody takes it.
        self.closing: Closing | None = None
        # The session whose credential ends, until somebody takes it.
        self.expiring: Expiring | None = None

    def resume(self, id: str, stored: bool) -> None:
        """Goes on after this id. A stored one was handled, and is not to come again."""
        self._decoder = Decoder(max_event=self._max_event, last_event_id=id)
        if self._known is not None and stored and id:
            self._known.is_repeated(id)

    def connect(self) -> None:
        """A new connection is read from now on."""
        self.disconnect()
        self.closing = None
        if self._known is not None:
            self._known.connect()

    def disconnect(self) -> None:
        """Drops what is not decoded: it is asked for again."""
        self._decoder.reset()
        self._bytes, self._at = b"", 0
        self.expiring = None

    def clear(self) -> None:
        """Drops what was not asked for."""
        self.disconnect()
        self._ready.clear()

    def push(self, data: bytes) -> None:
        """Takes the next bytes of the connection. Called only when the ones before are decoded."""
        self._bytes, self._at = data, 0

    def next(self) -> Item | None:
        """The next item, decoding as far as it takes."""
        while not self._ready:
            if self._at >= len(self._bytes):
                return None
            self._decode_slice()
        return self._ready.popleft()

    @property
    def has_ready(self) -> bool:
        """Whether an item waits that was decoded."""
        return bool(self._ready)

    @property
    def cursor(self) -> str:
        """The last event id in force of what was decoded; empty when there is none."""
        return self._decoder.last_event_id

    @property
    def retry(self) -> float:
        """The server's last `retry`, in seconds; 0 when there was none."""
        return (self._decoder.retry or 0) / 1000

    def _decode_slice(self) -> None:
        piece = self._bytes[self._at : self._at + SLICE]
        self._at += SLICE
        for event in self._decoder.push(piece):
            if not isinstance(event, Event):
                self._ready.append(Gap("oversized", event.before, event.id, event.id))
                continue
            item = read_control(event) if event.type.startswith(PREFIX) else event
            # A gap is never dropped: its id is a place in the stream, and not its own.
            has_identity = event.has_own_id and event.id and isinstance(item, Event | End)
            if has_identity and self._known is not None and self._known.is_repeated(event.id):
                continue
            if isinstance(item, Closing):
                self.closing = item
            elif isinstance(item, Expiring):
                self.expiring = item
            self._ready.append(item)
