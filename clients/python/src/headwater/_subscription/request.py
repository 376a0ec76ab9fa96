"""How a subscription makes its requests."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import re
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import httpx

from headwater._problem import Problem, read_problem
from headwater._subscription.answer import Answer, is_passing, read_answer

# What of the body of a refusal is worth reading, in bytes and seconds.
MOST_BODY = 64 * 1024
PATIENCE = 5.0

# How many redirects browsers follow.
MOST_REDIRECTS = 20

# What goes to another origin: what says how the answer has to look, and where it goes on. Anything else may be a
# secret, whatever its name is.
HARMLESS = ("accept", "accept-encoding", "cache-control", "content-type", "last-event-id")

# Parameters of an address that are not part of what it names.
LEFT_OUT = ("ticket", "last_event_id", "lastEventId", "lastEventID")

EVENTS = "/v1/events"


@dataclass(frozen=True, slots=True)
class Opened:
    """An answer, and the response when its body is a stream."""

    answer: Answer
    response: httpx.Response | None


class Requests:
    """What every attempt sends, and the client that sends it.

    Raises:
        ValueError: The address or a header cannot be sent.
    """

    def __init__(
        self,
        url: str,
        *,
        method: str | None,
        headers: Mapping[str, str] | None,
        body: bytes | str | None,
        client: httpx.AsyncClient | None,
    ):
        self.url = address(url)
        self._method = method or ("GET" if body is None else "POST")
        self._headers = httpx.Headers(
            # Whoever compresses a stream is tempted to hold events back.
            {"Accept": "text/event-stream", "Cache-Control": "no-cache", "Accept-Encoding": "identity"},
            encoding="utf-8",
        )
        for name, value in (headers or {}).items():
            self._headers[name] = checked(name, value)
        self._body = body.encode() if isinstance(body, str) else body
        self._client = client
        self._is_own = client is None

    async def open(self, token: str | None, cursor: str) -> Opened:
        """Makes an attempt: up to the head of the answer, and of a refusal its body.

        Raises:
            httpx.HTTPError: There is no answer.
        """
        response = await self._follow(token, cursor)
        status = response.status_code
        if status == 200:
            return Opened(read_answer(status, response.headers, Problem(), time.time()), response)
        problem = Problem()
        try:
            if status >= 300 and not is_passing(status):
                problem = read_problem(response.headers.get("content-type"), await read_some(response))
        finally:
            await response.aclose()
        return Opened(read_answer(status, response.headers, problem, time.time()), None)

    def renews(self) -> bool:
        """Whether the address is that of a hub, where sessions can be renewed."""
        return self.url.path.endswith(EVENTS)

    async def renew(self, session: str, token: str) -> None:
        """Gives the session of a hub another credential.

        Raises:
            httpx.HTTPError: There is no answer, or it is a refusal.
        """
        path = self.url.raw_path.partition(b"?")[0].decode().removesuffix(EVENTS)
        url = self.url.copy_with(raw_path=f"{path}/v1/sessions/{quote(session, safe='')}/credential".encode())
        headers = {"Authorization": f"Bearer {token}"}
        request = self._http().build_request("POST", url, headers=headers, timeout=30.0)
        response = await self._http().send(request, follow_redirects=False)
        if not response.is_success:
            problem = read_problem(response.headers.get("content-type"), response.content)
            why = f"the hub answered with the status {response.status_code}: {problem}"
            raise httpx.HTTPStatusError(why, request=request, response=response)

    async def aclose(self) -> None:
        """Closes the client, unless it is the caller's."""
        if self._is_own and self._client is not None:
            await self._client.aclose()

    def _http(self) -> httpx.AsyncClient:
        if self._client is None:
            # An attempt never takes over a connection, which may be as dead as the one before.
            limits = httpx.Limits(max_keepalive_connections=0)
            self._client = httpx.AsyncClient(verify=tls(), limits=limits, headers={"User-Agent": "headwater-python"})
        return self._client

    async def _follow(self, token: str | None, cursor: str) -> httpx.Response:
        """Sends the request, and follows redirects that mean the same request elsewhere, as browsers do."""
        method, url, headers, body = self._method, self.url, self._headers.copy(), self._body
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if fits_header(cursor):
            headers["Last-Event-ID"] = cursor
        elif cursor:
            url = with_query(url, "last_event_id", cursor)
        is_away = False
        for _ in range(MOST_REDIRECTS):
            response = await self._send(method, url, headers, body, is_away)
            target = redirect(response)
            if target is None:
                return response
            await response.aclose()
            if response.status_code in (301, 302) and method == "POST":
                method, body = "GET", None
                headers.pop("content-type", None)
            is_away = is_away or origin(target) != origin(url)
            url = target
        return await self._send(method, url, headers, body, is_away)

    async def _send(
        self, method: str, url: httpx.URL, headers: httpx.Headers, body: bytes | None, is_away: bool
    ) -> httpx.Response:
        """Sends one request; with nothing of the application's once it led to another origin."""
        client = self._http()
        # No limit of the client is for streams.
        if not is_away:
            request = client.build_request(method, url, headers=headers, content=body, timeout=None)
            return await client.send(request, stream=True, follow_redirects=False)
        kept = {name: headers[name] for name in HARMLESS if name in headers}
        never = {"timeout": httpx.Timeout(None).as_dict()}
        request = httpx.Request(method, url, headers=httpx.Headers(kept, "utf-8"), content=body, extensions=never)
        return await client.send(request, stream=True, follow_redirects=False, auth=None)


@functools.cache
def tls() -> ssl.SSLContext:
    """One for all clients of the process: reading the certificates takes longer than anything else at the start."""
    return httpx.create_ssl_context()


def address(url: str) -> httpx.URL:
    """Reads an address.

    Raises:
        ValueError: It is not http or https, or cannot be read.
    """
    shown = re.split("[?#]", url)[0]
    try:
        read = httpx.URL(url)
    except (httpx.InvalidURL, ValueError) as error:
        raise ValueError(f"the address {shown!r} cannot be read: {error}; give an absolute http or https URL") from None
    if read.scheme not in ("http", "https") or not read.host:
        raise ValueError(f"the address {shown!r} cannot be used; give an absolute http or https URL")
    return read.copy_with(fragment=None)


def checked(name: str, value: str) -> str:
    """The value of a header.

    Raises:
        ValueError: Name or value have characters that no header can have.
    """
    is_name = re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name)
    if is_name and (value == "" or fits_header(value)):
        return value
    raise ValueError(f"the header {name!r} cannot be sent: its name or value has characters that no header can have")


def fits_header(text: str) -> bool:
    """Whether a header field can have this value, which is not empty, as it is."""
    return re.fullmatch(r"[^\x00-\x20\x7f]([^\x00-\x08\x0a-\x1f\x7f]*[^\x00-\x20\x7f])?", text) is not None


def with_query(url: httpx.URL, name: str, value: str) -> httpx.URL:
    """The address with a parameter more."""
    pair = f"{name}={quote(value, safe='')}".encode()
    return url.copy_with(query=url.query + b"&" + pair if url.query else pair)


def store_key_of(url: httpx.URL) -> str:
    """The address without what must not be kept and what changes."""
    pairs = parse_qsl(url.query.decode("ascii", "replace"), keep_blank_values=True)
    kept = [(name, value) for name, value in pairs if name not in LEFT_OUT]
    query = urlencode(kept).encode() if kept else None
    return str(url.copy_with(userinfo=b"", query=query, fragment=None))


def origin(url: httpx.URL) -> tuple[str, str, int]:
    """What credentials are for."""
    port = url.port or (443 if url.scheme == "https" else 80)
    return url.scheme, url.host, port


def redirect(response: httpx.Response) -> httpx.URL | None:
    """Where an answer sends the same request, if it does."""
    location = response.headers.get("location")
    if response.status_code not in (301, 302, 307, 308) or location is None:
        return None
    try:
        return address(str(response.request.url.join(location)))
    except (httpx.InvalidURL, ValueError):
        return None


async def read_some(response: httpx.Response) -> bytes:
    """The beginning of a body: what came in time is better than nothing."""
    body = bytearray()

    async def read() -> None:
        async for piece in response.aiter_bytes():
            body.extend(piece)
            if len(body) >= MOST_BODY:
                return

    with contextlib.suppress(httpx.HTTPError, asyncio.TimeoutError):
        await asyncio.wait_for(read(), PATIENCE)
    return bytes(body[:MOST_BODY])


def described(error: Any) -> str:
    """An error of the network in words; some have none."""
    return str(error) or type(error).__name__
