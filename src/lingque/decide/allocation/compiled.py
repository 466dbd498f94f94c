"""The one way in which kernels are compiled.

`kernel` is called from Python, `part` from kernels of this package. The code kept on disk is made anew when a kernel's
own file changes; that a part in another file changed is seen here.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import cache, wraps
from pathlib import Path
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
    code = njit(nogil=True, cache=True, error_model="numpy")(function)
    if code.stats.cache_path is not None:
        _forget_older(Path(code.stats.cache_path), function.__name__)
    return cast(Callable[..., Any], code)


def _forget_older(folder: Path, name: str) -> None:
    """Delete the index of what was compiled before any file with kernels changed: without it nothing is found."""
    files = [file for file in Path(__file__).parent.glob("*.py") if __name__ in file.read_text(encoding="utf-8")]
    changed = max(file.stat().st_mtime for file in (*files, Path(__file__)))
    for index in folder.glob(f"*.{name}-*.nbi"):
        with suppress(FileNotFoundError):  # another process was as clever
            if index.stat().st_mtime < changed:
                index.unlink()
