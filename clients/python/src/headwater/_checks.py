"""Looking at what is given where it is given, as what is wrong with it is noticed late and elsewhere otherwise."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any


def check_type(name: str, value: Any, *kinds: type) -> None:
    """A value that may be left out.

    Raises:
        TypeError: It is of none of these types.
    """
    if value is not None and not isinstance(value, kinds):
        wanted = " or ".join(kind.__name__ for kind in kinds)
        raise TypeError(f"{name} is of the type {type(value).__name__}; it has to be of the type {wanted}")


def check_texts(**texts: Any) -> None:
    """Texts.

    Raises:
        TypeError: One is something else.
    """
    for name, text in texts.items():
        if not isinstance(text, str):
            raise TypeError(f"{name} is of the type {type(text).__name__}; it has to be of the type str")


def check_functions(**functions: Any) -> None:
    """Functions, each of which may be left out.

    Raises:
        TypeError: One cannot be called.
    """
    for name, function in functions.items():
        if function is not None and not callable(function):
            raise TypeError(f"{name} is of the type {type(function).__name__}; it has to be a function")


def check_seconds(name: str, value: Any, *, zero: bool = False, endless: bool = True) -> None:
    """A time in seconds.

    Args:
        name: What it is called.
        value: The time.
        zero: Whether it may be 0.
        endless: Whether it may be infinite.

    Raises:
        TypeError: It is no number.
        ValueError: It is too small, too large, or NaN.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} is of the type {type(value).__name__}; it has to be a number of seconds")
    seconds = float(value)
    if not (seconds >= 0 if zero else seconds > 0):
        raise ValueError(f"{name} is {value}; it has to be {'0' if zero else 'more than 0'} seconds{' or more' * zero}")
    if seconds == math.inf and not endless:
        raise ValueError(f"{name} is {value}; it has to have an end")


def check_count(name: str, value: Any, least: int = 0) -> None:
    """A whole number.

    Raises:
        TypeError: It is something else.
        ValueError: It is less than `least`, or more than any memory has.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} is of the type {type(value).__name__}; it has to be of the type int")
    if not least <= value < 1 << 63:
        raise ValueError(f"{name} is {value}; it has to be {least} or more, and below 2**63")
