"""Requests to one hub, each tried again until there is an answer that stands."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict
from urllib.parse import quote, urlencode

import anyio
import httpx

from headwater._checks import check_functions, check_seconds, check_type
from headwater._encode import utf8
from headwater._hooks import Interrupted, ask, call
from headwater._log import UnreadableRedirectError, send
from headwater._publishing.attempts import Attempts, Retrying
from headwater._publishing.errors import PublishError, is_closed, refusal
from headwater._subscription.answer import retry_after
from headwater._subscription.backoff import Retry
from headwater._subscription.machine import Cause
from headwater._subscription.request import address, checked, checked_token, described, fits_header, tls

if TYPE_CHECKING:
    from typing_extensions import Unpack

Refresh = Callable[[Cause], str | Awaitable[str]]
OnRetry = Callable[[Retrying], Any]
Body = Callable[[], bytes | AsyncIterator[bytes]]


class Options(TypedDict, total=False):
    """What requests to a hub are like.

    - `token`: the bearer token to start with.
    - `refresh`: gets another one when the hub has refused the last; it may be asynchronous. When it raises, it is asked
      again after the usual wait.
    - `headers`: further header fields.
    - `retry`: the waiting times between attempts.
    - `on_retry`: told of every attempt that has failed in passing, before the wait for the next one. It must not block,
      and what it raises ends the request.
    - `within`: for how long, in seconds, a request is tried again.
    - `connect_timeout`: how long, in seconds, a request may take up to the last byte of its answer. Of a stream, how
      long the hub may take nothing of it, and how long the answer may take from its end on.
    - `client`: a client to make the requests with, for proxies and certificates of one's own. It stays the caller's.
    """

    token: str | None
    refresh: Refresh | None
    headers: Mapping[str, str] | None
    retry: Retry
    on_retry: OnRetry | None
    within: float
    connect_timeout: float
    client: httpx.AsyncClient | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an attempt."""

    status: int = 0
    body: bytes = b""
    error: PublishError | None = None
    retry_after: float | None = None


class Transport:
    """Sends requests to the hub at an address."""

    def __init__(self, url: str, default_within: float, **options: Unpack[Options]):
        self.base = address(url).copy_with(query=None)
        _check(options)
        self._headers = {name: checked(name, value) for name, value in (options.get("headers") or {}).items()}
        self._token = options.get("token")
        self._refresh = options.get("refresh")
        self._refreshing: asyncio.Lock | None = None
        self._on_retry = options.get("on_retry")
        self._retry = options.get("retry", Retry())
        self._within = options.get("within", default_within)
        self._patience = options.get("connect_timeout", 30.0)
        self._client = options.get("client")
        self._is_own = self._client is None
        self._is_closed = False
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def has_credential(self) -> bool:
        """Whether it can say who asks."""
        return self._token is not None or self._refresh is not None

    def enter(self) -> None:
        """Begins to use it.

        Raises:
            PublishError: It is closed.
            RuntimeError: It was used on another event loop, where its connections are.
        """
        if self._is_closed:
            raise is_closed()
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
        elif self._loop is not loop:
            raise RuntimeError("this is used on another event loop already; make one for each, or use headwater.sync")

    async def post(self, path: str, body: Body, content_type: str, *wanted: str) -> list[Any]:
        """POSTs until there is an answer that stands, and returns these members of its JSON.

        Args:
            path: Of the request, without the hub's address, ready to be sent.
            body: Makes the body, anew for each attempt.
            content_type: Of the body.
            wanted: The members' names.

        Raises:
            PublishError: There is no such answer.
            Interrupted: A hook wants to end the program.
            Exception: Whatever `on_retry` raises.
        """
        self.enter()
        now = time.monotonic
        attempts = Attempts(self._retry, self._within, refreshes=self._refresh is not None, now=now())
        while True:
            token = self._token
            answer = await self._try(path, body(), content_type, token)
            if answer.error is None:
                return self._members(answer, wanted)
            retrying = attempts.failed(answer.error, answer.retry_after, now())
            if retrying is None:
                try:
                    await self._get_token(token, answer.error)
                except PublishError as error:
                    retrying = attempts.not_refreshed(error, now())
            if retrying is not None:
                if self._on_retry is not None:
                    call(self._on_retry, retrying)
                await asyncio.sleep(retrying.delay)

    async def _try(self, path: str, body: bytes | AsyncIterator[bytes], content_type: str, token: str | None) -> Answer:
        headers = httpx.Headers(self._headers, encoding="utf-8")
        headers["Content-Type"] = content_type
        # What is not compressed has the size that is looked at.
        headers["Accept-Encoding"] = "identity"
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        client = self._http()
        url = str(self.base).rstrip("/") + path
        try:
            with anyio.move_on_after(self._patience) as limit:
                content = body if isinstance(body, bytes) else _limited(body, limit, self._patience)
                request = client.build_request("POST", url, content=content, headers=headers, timeout=None)
                # A redirect would turn it into another request; the error says where it leads.
                response = await send(client, request, stream=True, follow_redirects=False)
                try:
                    if response.is_success:
                        return Answer(response.status_code, await _read(response, MOST_ANSWER))
                    # The head has said it; its reasons may come late, or not at all.
                    limit.deadline = math.inf
                    return await self._refused(response)
                finally:
                    await response.aclose()
        except UnreadableRedirectError:
            return Answer(error=self.no_hub("it redirects to an address that cannot be read"))
        except httpx.TimeoutException as error:
            return Answer(error=self._late(error))
        except httpx.HTTPError as error:
            return Answer(error=_failure("unreachable", f"the hub cannot be reached: {described(error)}", error))
        return Answer(error=self._late(None))

    async def _refused(self, response: httpx.Response) -> Answer:
        if response.has_redirect_location:
            message = f"the hub's address leads to {response.headers['location']}; give that one"
            return Answer(error=PublishError("not-a-hub", message, status=response.status_code))
        body = b""
        with anyio.move_on_after(min(self._patience, PROBLEM_PATIENCE)), contextlib.suppress(httpx.HTTPError):
            body = await _read(response, MOST_PROBLEM)
        refused = refusal(response.status_code, response.headers.get("content-type"), body)
        return Answer(error=refused, retry_after=retry_after(response.headers.get("retry-after", ""), time.time()))

    def _late(self, cause: Exception | None) -> PublishError:
        return _failure("timeout", f"the hub gave no answer within {self._patience:g} s", cause)

    def _members(self, answer: Answer, names: tuple[str, ...]) -> list[Any]:
        try:
            members = json.loads(answer.body)
            found = [members[name] for name in names]
        except (ValueError, RecursionError, TypeError, LookupError):
            found = []
        if not found or not all(map(_is_member, names, found)):
            raise self.no_hub(f"its answer has no {' and '.join(names)}", answer.status)
        return found

    def no_hub(self, why: str, status: int = 0) -> PublishError:
        """What answers is no hub."""
        return PublishError("not-a-hub", f"what answers at {self._shown()} is no hub: {why}", status=status)

    def _shown(self) -> str:
        return str(self.base.copy_with(userinfo=b""))

    async def _get_token(self, refused: str | None, error: PublishError) -> None:
        """Asks for another token, once for all requests whose token was refused."""
        self._refreshing = self._refreshing or asyncio.Lock()
        async with self._refreshing:
            if refused != self._token or self._refresh is None:
                return
            try:
                self._token = checked_token(await ask(self._refresh, Cause(error.status, error.problem.reason)))
            except Interrupted:
                raise
            except Exception as cause:
                message = f"the hub refused the token with {error.status}, and the refresh hook gave no other: {cause}"
                raise PublishError("unauthorized", message, status=error.status, problem=error.problem) from cause

    def _http(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = httpx.AsyncClient(verify=tls(), headers={"User-Agent": "headwater-python"})
        return self._client

    async def aclose(self) -> None:
        """Takes no more requests, and closes the client unless it is the caller's."""
        self._is_closed = True
        if self._is_own and self._client is not None:
            await self._client.aclose()


def _check(options: Options) -> None:
    """Tells what is wrong with the options where they are given.

    Raises:
        TypeError, ValueError: One is unknown, or of no use.
    """
    for name in options:
        if name not in Options.__annotations__:
            raise TypeError(f"there is no option {name!r}; there are {', '.join(Options.__annotations__)}")
    check_type("retry", options.get("retry", Retry()), Retry)
    check_type("client", options.get("client"), httpx.AsyncClient)
    check_type("headers", options.get("headers"), Mapping)
    check_functions(refresh=options.get("refresh"), on_retry=options.get("on_retry"))
    check_seconds("within", options.get("within", 0.0), zero=True)
    check_seconds("connect_timeout", options.get("connect_timeout", 1.0))
    token = options.get("token")
    if token is not None:
        checked_token(token)


def topic_path(topic: str, **query: str | None) -> str:
    """The path of a topic.

    Raises:
        ValueError: The topic is empty, or has `.` or `..` for a segment, which would lead elsewhere; or it, or a value
            of the query, is no text.
    """
    for text in (topic, *query.values()):
        utf8(text or "")
    segments = topic.split("/")
    if not topic or "." in segments or ".." in segments:
        raise ValueError(
            f"the topic {topic!r} cannot be in an address; give it a name without empty or dotted segments"
        )
    given = {name: value for name, value in query.items() if value is not None}
    path = "/".join(quote(segment, safe="") for segment in segments)
    return f"/v1/topics/{path}?{urlencode(given)}"


def _is_member(name: str, value: Any) -> bool:
    """Whether a member of an answer is what a hub says: texts that a header could have, and `ids` a list of them."""
    texts = value if name == "ids" else [value]
    return isinstance(texts, list) and all(isinstance(text, str) and fits_header(text) for text in texts)


async def _limited(body: AsyncIterator[bytes], limit: anyio.CancelScope, patience: float) -> AsyncIterator[bytes]:
    """The body, for whose source the hub does not have to answer: time passes only while a piece is being sent."""
    limit.deadline = math.inf
    async for piece in body:
        limit.deadline = anyio.current_time() + patience
        yield piece
        limit.deadline = math.inf
    limit.deadline = anyio.current_time() + patience


async def _read(response: httpx.Response, most: int) -> bytes:
    """The body of an answer as it comes; nothing of one that is too long or encoded, which was not asked for."""
    if response.headers.get("content-encoding", "identity") != "identity":
        return b""
    body = bytearray()
    async for piece in response.aiter_raw():
        body += piece
        if len(body) > most:
            return b""
    return bytes(body)


def _failure(reason: str, message: str, cause: Exception | None) -> PublishError:
    error = PublishError(reason, message)
    error.__cause__ = cause
    return error


# Most bytes of an answer: room for the ids of the largest batch.
MOST_ANSWER = 4 << 20

# Most bytes of a refusal that are worth reading, and for how many seconds.
MOST_PROBLEM = 16 << 10
PROBLEM_PATIENCE = 5.0
