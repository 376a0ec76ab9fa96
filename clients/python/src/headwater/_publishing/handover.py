"""Handing readers over to a hub: the application says who may read what, and the hub holds the connections."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from headwater._checks import check_count, check_texts
from headwater._hooks import Interrupted
from headwater._publishing.transport import Options, Transport
from headwater._subscription.request import address

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack


@dataclass(frozen=True, slots=True)
class Ticket:
    """What opens one stream at a time, and opens it again when its connection breaks.

    Attributes:
        ticket: What goes into the query of the address as `ticket`. It is a secret.
        expires_at: By when it has to be used for the first time, in RFC 3339.
    """

    ticket: str
    expires_at: str


class Handover:
    """Makes tickets for a hub, and the addresses at which browsers subscribe with them.

        handover = Handover("http://127.0.0.1:7070", token=TOKEN, public_url="https://hub.example")

        @app.get("/orders/{number}/events")
        async def events(number: int, request: Request, user: User) -> Response:
            user.may_read(number)
            return to_hub(request, await handover.address([f"orders/{number}"]))

    A ticket opens no more than the token it was made with, and lasts no longer than that: so give this a token that
    may read what is handed out, and `refresh` it before it ends.

    Args:
        url: Of the hub, as the application reaches it.
        public_url: Of the hub, as browsers reach it, when it is another.
        **options: As of `Publisher`; a request is tried `within` 10 seconds, as somebody waits for it.

    Raises:
        ValueError: An address or a header cannot be sent.
    """

    def __init__(self, url: str, *, public_url: str | None = None, **options: Unpack[Options]):
        self._transport = Transport(url, WITHIN, **options)
        self._public = str(address(public_url or url).copy_with(query=None)).rstrip("/")

    async def ticket(self, topics: Sequence[str], *, ttl: int = 30) -> Ticket:
        """Makes a ticket.

        Args:
            topics: Topics and patterns that it opens.
            ttl: Seconds within which it has to be used, at most 60.

        Raises:
            PublishError: The hub makes none.
        """
        check_count("ttl", ttl, 1)
        body = json.dumps({"subscribe": _listed(topics), "ttl": ttl}).encode()
        try:
            ticket, expires_at = await self._transport.post(
                "/v1/tickets", lambda: body, "application/json", "ticket", "expires_at"
            )
        except Interrupted as interrupted:
            raise interrupted.error from None
        return Ticket(ticket, expires_at)

    async def address(self, topics: Sequence[str], *, since: str | None = None, ttl: int = 30) -> str:
        """An address at which a browser subscribes, with a ticket in it: a secret, and for one reader.

        Without `token` and `refresh` there is no ticket: a hub in development mode needs none, and neither do topics
        that everybody may read.

        Args:
            topics: Topics and patterns.
            since: Where a client without a last event id begins: `latest`, which is meant without it, `earliest`, a
                time of RFC 3339, or an age such as `10m`.
            ttl: Seconds within which it has to be used, at most 60.

        Raises:
            PublishError: The hub makes no ticket.
        """
        query = [("topic", topic) for topic in _listed(topics)]
        if since is not None:
            check_texts(since=since)
            query.append(("since", since))
        if self._transport.has_credential:
            query.append(("ticket", (await self.ticket(topics, ttl=ttl)).ticket))
        return f"{self._public}/v1/events?{urlencode(query, safe='/*')}"

    async def aclose(self) -> None:
        """Closes its connections."""
        await self._transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.aclose()


def _listed(topics: Sequence[str]) -> list[str]:
    # A string is a sequence of topics of one letter each, which nobody means.
    if isinstance(topics, str) or not topics:
        raise ValueError(f"topics is {topics!r}; it has to be a list of one topic or more")
    for topic in topics:
        check_texts(topic=topic)
    return list(topics)


# Seconds for which a ticket is tried to be got.
WITHIN = 10.0
