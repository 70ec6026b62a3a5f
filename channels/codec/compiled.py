"""`@compiled`: numba's nopython compiler, cached on disk, that keeps a function's type."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from numba import njit

Function = TypeVar("Function", bound=Callable[..., object])


def compiled(function: Function) -> Function:
    """The function, compiled at its first call with a set of argument types; integers are int64 and wrap."""
    return cast(Function, njit(cache=True)(function))
