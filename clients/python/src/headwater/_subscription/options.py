"""The options of a subscription, as its caller gives them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias, TypedDict, TypeVar

import httpx

from headwater._checks import check_count, check_functions, check_seconds, check_type
from headwater._encode import utf8
from headwater._state import State
from headwater._stores import Store
from headwater._subscription.backoff import Retry
from headwater._subscription.machine import Cause
from headwater._subscription.request import NAME

Refresh: TypeAlias = Callable[[Cause], str | Awaitable[str]]
OnState: TypeAlias = Callable[[State], Any]
OnWarning: TypeAlias = Callable[[str, Exception], Any]


class Options(TypedDict, total=False):
    """What `headwater.subscribe` and `headwater.sync.subscribe` take beside the address. All may be left out.

    Attributes:
        headers: Request fields of every attempt.
        token: The bearer token to start with.
        method: The method; default `GET`, or `POST` when there is a body.
        body: Sent with every attempt; its type is a matter of `headers`.
        last_event_id: Starts after this id, whatever a store says.
        store: Goes on after the last id that was handled by a subscription with the same store and key, and stores
            what is handled.
        store_key: The key for the store; default: the address without user, `ticket`, cursor and fragment.
        refresh: Asked for a new bearer token when the one there is was refused, has ended, or ends soon; may be
            asynchronous. It is waited for. When it raises, it is asked again after the next attempt that is refused.
        on_state: Told every change of state, by whoever reads.
        on_warning: Told in words and with the exception what fails without stopping the stream: a store, a renewal.
            Default: the log `headwater`. What fails at every save alike is told once. What this raises is raised by
            whoever reads.
        retry: The waiting times between attempts, and how many failures in a row are too many.
        connect_timeout: The longest time until there is the head of an answer, in seconds; default 30.
        heartbeat: How often the server sends a byte at least, in seconds, instead of what its `Headwater-Heartbeat`
            field says. A stream that is silent for 2.5 times as long is dead. Default: none, and without that field
            the client waits for ever.
        max_event: The largest event, in bytes of its values together; default 1 MiB. A larger one becomes a `Gap`
            with the reason `oversized`.
        dedupe: Whether events that come again after a reconnect are dropped; default `True`.
        client: Makes the requests: for proxies, certificates, or a transport of one's own. It stays the caller's, who
            closes it. Its limits on time do not apply, and redirects are not followed by it. Default: one that makes
            a connection of its own for every attempt.
    """

    headers: Mapping[str, str] | None
    token: str | None
    method: str | None
    body: bytes | str | None
    last_event_id: str | None
    store: Store | None
    store_key: str | None
    refresh: Refresh | None
    on_state: OnState | None
    on_warning: OnWarning | None
    retry: Retry
    connect_timeout: float
    heartbeat: float | None
    max_event: int
    dedupe: bool
    client: httpx.AsyncClient | None


F = TypeVar("F", bound=Callable[..., Any])


def check(options: Options) -> None:
    """Finds what would be noticed late otherwise, or in words that help nobody.

    Raises:
        TypeError: An option is not known, or of another type.
        ValueError: A number is too small, or a text cannot be sent.
    """
    for name in options:
        if name not in Options.__annotations__:
            raise TypeError(f"subscribe has no option {name!r}; its options are {', '.join(Options.__annotations__)}")
    check_type("retry", options.get("retry", Retry()), Retry)
    check_type("client", options.get("client"), httpx.AsyncClient)
    check_type("headers", options.get("headers"), Mapping)
    check_type("body", options.get("body"), bytes, str)
    check_type("dedupe", options.get("dedupe", True), bool)
    for name in ("token", "method", "last_event_id", "store_key"):
        check_type(name, options.get(name), str)
    for name in ("refresh", "on_state", "on_warning"):
        check_functions(**{name: options.get(name)})
    store = options.get("store")
    if store is not None and not (hasattr(store, "load") and hasattr(store, "save")):
        raise TypeError(f"store is of the type {type(store).__name__}, which has no load and save; see headwater.Store")
    if re.fullmatch(NAME, options.get("method") or "GET") is None:
        raise ValueError(f"the method {options.get('method')!r} cannot be sent; give one such as GET or POST")
    utf8(options.get("last_event_id") or "")
    check_count("max_event", options.get("max_event", 1))
    check_seconds("connect_timeout", options.get("connect_timeout", 1.0))
    if options.get("heartbeat") is not None:
        check_seconds("heartbeat", options.get("heartbeat"))


def show_options(function: F) -> F:
    """Has `help` and editors show every option, and not only that there are some."""
    signature = inspect.signature(function)
    url = next(iter(signature.parameters.values()))
    options = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=..., annotation=getattr(kind, "__forward_arg__", kind)
        )
        for name, kind in Options.__annotations__.items()
    ]
    function.__dict__["__signature__"] = signature.replace(parameters=[url, *options])
    return function
