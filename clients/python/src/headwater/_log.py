"""Requests whose secrets stay out of the log of the HTTP client: tickets and passwords are parts of addresses."""

from __future__ import annotations

import logging
from contextvars import ContextVar
from typing import Any

import httpx

# The address of the request under way.
_address: ContextVar[httpx.URL | None] = ContextVar("headwater_address", default=None)


class UnreadableRedirectError(Exception):
    """An answer leads to an address that cannot be read."""

    def __init__(self) -> None:
        super().__init__("it redirects, and its Location cannot be read")


async def send(client: httpx.AsyncClient, request: httpx.Request, **options: Any) -> httpx.Response:
    """As `client.send`; its log shows the address without what may be secret in it.

    Raises:
        UnreadableRedirectError: The client reads where a redirect leads also when it does not follow.
        httpx.HTTPError: There is no answer.
    """
    before = _address.set(request.url)
    try:
        return await client.send(request, **options)
    except httpx.RemoteProtocolError as error:
        if isinstance(error.__context__, httpx.InvalidURL):
            raise UnreadableRedirectError from None
        raise
    except (httpx.InvalidURL, UnicodeError):
        raise UnreadableRedirectError from None
    finally:
        _address.reset(before)


class _WithoutSecrets(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        address = _address.get()
        if address is not None and isinstance(record.args, tuple):
            bare = address.copy_with(userinfo=b"", query=None)
            record.args = tuple(bare if value == address else value for value in record.args)
        return True


class _WithoutHeads(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        # A redirect may lead to an address with a ticket.
        return _address.get() is None or "headers.complete" not in record.getMessage()


logging.getLogger("httpx").addFilter(_WithoutSecrets())
for name in ("httpcore.http11", "httpcore.http2"):
    logging.getLogger(name).addFilter(_WithoutHeads())
