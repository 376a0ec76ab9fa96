"""Calling functions of the application from a task that is not its own."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any


class Interrupted(Exception):
    """A function wants to end the program (`SystemExit`, `KeyboardInterrupt`): told to whoever waits, as raised from
    its task it would only end the event loop."""

    def __init__(self, error: BaseException):
        super().__init__(str(error))
        self.error = error


def call(function: Callable[..., Any], *arguments: Any) -> Any:
    """Calls a function.

    Raises:
        Interrupted: It wants to end the program.
        Exception: Whatever else it raises.
    """
    try:
        return function(*arguments)
    except (SystemExit, KeyboardInterrupt) as error:
        raise Interrupted(error) from error


async def ask(function: Callable[..., Any], *arguments: Any) -> Any:
    """Calls a function that may be asynchronous, and waits for it.

    Raises:
        Interrupted: It wants to end the program.
        Exception: Whatever else it raises.
    """
    try:
        result = function(*arguments)
        return await result if inspect.isawaitable(result) else result
    except (SystemExit, KeyboardInterrupt) as error:
        raise Interrupted(error) from error
