"""Exceptions that survive the way from one process to another, whatever their constructors want."""

from __future__ import annotations

from typing import Any


class Picklable(BaseException):
    """An exception that is made again from its members; pickled without its cause, which may be anything."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _made_again, (type(self), self.args, self.__dict__)


def _made_again(kind: type[BaseException], args: tuple[Any, ...], members: dict[str, Any]) -> BaseException:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(members)
    return error
