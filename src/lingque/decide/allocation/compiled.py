"""The one way in which kernels are compiled.

`kernel` is called from Python, `part` from kernels of the same file only: the code kept on disk is made anew when that
file changes, and would not notice a change in another.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from typing import Any, TypeVar, cast

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])


def part(function: Function) -> Function:
    """Compiled into the kernels that call it."""
    return cast(Function, njit(nogil=True, error_model="numpy")(function))


def kernel(function: Function) -> Function:
    """Machine code at the first call, kept on disk; nothing is touched before. Threads run it side by side."""

    @wraps(function)
    def call(*arguments: Any) -> Any:
        return _code_of(function)(*arguments)

    return cast(Function, call)


@cache
def _code_of(function: Callable[..., Any]) -> Callable[..., Any]:
    return cast(Callable[..., Any], njit(nogil=True, cache=True, error_model="numpy")(function))
