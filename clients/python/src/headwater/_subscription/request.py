"""How a subscription makes its requests."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import re
import ssl
import time
import zlib
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import httpx

from headwater._log import UnreadableRedirectError, send
from headwater._problem import Problem, read_problem
from headwater._subscription.answer import Answer, is_passing, read_answer

# What of the body of a refusal is worth reading, in bytes and seconds.
MOST_BODY = 16 * 1024
PATIENCE = 1.0

# Redirects that mean the same request, and how many of them browsers follow.
REDIRECTS = (301, 302, 307, 308)
MOST_REDIRECTS = 20

# What goes to another origin: what says how the answer has to look, and where it goes on. Anything else may be a
# secret, whatever its name is.
HARMLESS = ("accept", "accept-encoding", "cache-control", "content-type", "last-event-id")

# Parameters of an address that are not part of what it names.
LEFT_OUT = ("ticket", "last_event_id", "lastEventId", "lastEventID")

# What of a compressed stream is unpacked at a time, in bytes, and the encodings that can be.
MOST_UNPACKED = 64 * 1024
PACKED = ("gzip", "x-gzip", "deflate")

# Names of headers and methods.
NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"

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
        # Whether the attempt under way has the head of its answer. Whoever begins one says that it has not.
        self.is_answered = False

    async def open(self, token: str | None, cursor: str) -> Opened:
        """Makes an attempt: up to the head of the answer, and of a refusal its body.

        Raises:
            httpx.HTTPError: There is no answer.
        """
        try:
            response, problem = await self._follow(token, cursor)
        except UnreadableRedirectError as error:
            return Opened(Answer(0, problem=Problem(detail=str(error))), None)
        self.is_answered = True
        status = response.status_code
        if status == 200:
            answer = read_answer(status, response.headers, problem, time.time())
            return Opened(replace(answer, encoding=unreadable(response)), response)
        try:
            if status >= 300 and not is_passing(status) and problem == Problem():
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
        response = await send(self._http(), request, stream=True, follow_redirects=False)
        try:
            body = b"" if response.is_success else await read_some(response)
        finally:
            await response.aclose()
        if not response.is_success:
            problem = read_problem(response.headers.get("content-type"), body)
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

    async def _follow(self, token: str | None, cursor: str) -> tuple[httpx.Response, Problem]:
        """Sends the request, and follows redirects that mean the same request elsewhere, as browsers do.

        Returns:
            The last answer, and why it is not followed when it is such a redirect.
        """
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
            if response.status_code not in REDIRECTS:
                return response, Problem()
            try:
                target = redirect(response)
            except ValueError as error:
                return response, Problem(detail=f"it redirects, and {error}")
            await response.aclose()
            if response.status_code in (301, 302) and method == "POST":
                method, body = "GET", None
                headers.pop("content-type", None)
            is_away = is_away or origin(target) != origin(url)
            url = target
        response = await self._send(method, url, headers, body, is_away)
        if response.status_code not in REDIRECTS:
            return response, Problem()
        return response, Problem(detail=f"after {MOST_REDIRECTS} redirects there is another")

    async def _send(
        self, method: str, url: httpx.URL, headers: httpx.Headers, body: bytes | None, is_away: bool
    ) -> httpx.Response:
        """Sends one request; with nothing of the application's once it led to another origin."""
        client = self._http()
        # No limit of the client is for streams.
        if not is_away:
            request = client.build_request(method, url, headers=headers, content=body, timeout=None)
            return await send(client, request, stream=True, follow_redirects=False)
        kept = {name: headers[name] for name in HARMLESS if name in headers}
        never = {"timeout": httpx.Timeout(None).as_dict()}
        request = httpx.Request(method, url, headers=httpx.Headers(kept, "utf-8"), content=body, extensions=never)
        return await send(client, request, stream=True, follow_redirects=False, auth=None)


@functools.cache
def tls() -> ssl.SSLContext:
    """One for all clients of the process: reading the certificates takes longer than anything else at the start."""
    return httpx.create_ssl_context()


def address(url: str) -> httpx.URL:
    """Reads an address.

    Raises:
        TypeError: It is no text.
        ValueError: It is not http or https, or cannot be read.
    """
    if not isinstance(url, str):
        raise TypeError(f"the address is of the type {type(url).__name__}; it has to be of the type str")
    shown = re.sub("//.*@", "//", re.split("[?#]", url)[0])
    try:
        read = httpx.URL(url)
        # Names with labels that are too long or empty are found out by nothing else before the request.
        read.raw_host.decode("ascii").encode("idna")
    except (httpx.InvalidURL, ValueError) as error:
        raise ValueError(f"the address {shown!r} cannot be read: {error}; give an absolute http or https URL") from None
    if read.scheme not in ("http", "https") or not read.host:
        raise ValueError(f"the address {shown!r} cannot be used; give an absolute http or https URL")
    if read.port is not None and not 0 < read.port < 1 << 16:
        raise ValueError(f"the address {shown!r} cannot be used; give a port from 1 to 65535")
    return read.copy_with(fragment=None)


def checked(name: str, value: str) -> str:
    """The value of a header.

    Raises:
        TypeError: Name or value are no texts.
        ValueError: Name or value have characters that no header can have.
    """
    if not isinstance(name, str) or not isinstance(value, str):
        raise TypeError(f"the header {name!r} cannot be sent: its name and value have to be of the type str")
    if re.fullmatch(NAME, name) and (value == "" or fits_header(value)):
        return value
    raise ValueError(f"the header {name!r} cannot be sent: its name or value has characters that no header can have")


def checked_token(token: str) -> str:
    """A token that a header can have.

    Raises:
        TypeError: It is no text.
        ValueError: It has characters that no header can have.
    """
    if not isinstance(token, str):
        raise TypeError(f"the token is of the type {type(token).__name__}; it has to be of the type str")
    try:
        checked("authorization", f"Bearer {token}")
    except ValueError:
        raise ValueError("the token cannot be sent: it has characters that no header can have") from None
    return token


def fits_header(text: str) -> bool:
    """Whether a header field can have this value, which is not empty, as it is."""
    never = r"\x7f\ud800-\udfff"
    ends = rf"[^\x00-\x20{never}]"
    return re.fullmatch(rf"{ends}([^\x00-\x08\x0a-\x1f{never}]*{ends})?", text) is not None


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


def redirect(response: httpx.Response) -> httpx.URL:
    """Where an answer sends the same request.

    Raises:
        ValueError: It does not say, or that cannot be used.
    """
    location = response.headers.get("location")
    if location is None:
        raise ValueError("its answer has no Location")
    try:
        target = str(response.request.url.join(location))
    except (httpx.InvalidURL, ValueError):
        raise ValueError("its Location cannot be read") from None
    return address(target)


def encodings(response: httpx.Response) -> list[str]:
    """How a body is encoded, although it was asked for as it is."""
    named = (name.strip().lower() for name in response.headers.get("content-encoding", "").split(","))
    return [name for name in named if name not in ("", "identity")]


def unreadable(response: httpx.Response) -> str | None:
    """The encoding of a stream, if it is none that can be read."""
    found = encodings(response)
    return None if not found or (len(found) == 1 and found[0] in PACKED) else ", ".join(found)


async def read_some(response: httpx.Response) -> bytes:
    """The beginning of a body: what came in time is better than nothing."""
    body = bytearray()
    if encodings(response):
        return b""

    async def read() -> None:
        async for piece in response.aiter_raw():
            body.extend(piece[: MOST_BODY - len(body)])
            if len(body) >= MOST_BODY:
                return

    with contextlib.suppress(httpx.HTTPError, asyncio.TimeoutError):
        await asyncio.wait_for(read(), PATIENCE)
    return bytes(body)


async def stream_of(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    """The pieces of a stream. One that is compressed is unpacked no further than it is asked for.

    Raises:
        httpx.HTTPError: The connection breaks, or the stream is not packed as it says.
    """
    if not encodings(response):
        async for piece in response.aiter_raw():
            yield piece
        return
    # Of gzip or zlib, whichever it is.
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        async for piece in response.aiter_raw():
            packed = piece
            while packed:
                data = inflater.decompress(packed, MOST_UNPACKED)
                packed = inflater.unconsumed_tail
                if data:
                    yield data
    except zlib.error as error:
        raise httpx.DecodingError(f"the stream cannot be unpacked: {error}") from None


def described(error: Any) -> str:
    """An error of the network in words; some have none."""
    return str(error) or type(error).__name__
