"""Text to machine code: kept in a folder by its digest, so that only what is new is compiled."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any

from numba import njit, types

from lingque.profile.kernel.plan import Kernel
from lingque.profile.kernel.source import signature

Compiled = Callable[..., None]
_LOCK = Lock()  # the compiler is not made for threads


class KernelCache:
    """Compiled kernels of a workspace. Made by `bootstrap`; anybody may delete the folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loaded: dict[str, Compiled] = {}

    def compiled(self, kernel: Kernel) -> Compiled:
        """The function; compiled now where it never was."""
        with _LOCK:
            if kernel.digest not in self._loaded:
                self._loaded[kernel.digest] = self._load(kernel)
            return self._loaded[kernel.digest]

    def has(self, kernel: Kernel) -> bool:
        """Was it compiled before, here or by another process?"""
        return kernel.digest in self._loaded or any(self._folder.glob(f"__pycache__/kernel_{kernel.digest}*.nbc"))

    def _load(self, kernel: Kernel) -> Compiled:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"kernel_{kernel.digest}.py"
        if not path.exists():
            half = path.with_suffix(f".{os.getpid()}")
            half.write_text(kernel.text, encoding="utf-8")
            half.replace(path)
        module_name = f"lingque_{path.stem}"
        spec = importlib.util.spec_from_file_location(module_name, path)
        if spec is None or spec.loader is None:
            raise TypeError(f"{path} is no module")
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module  # the cache of the compiler asks for it by name
        spec.loader.exec_module(module)
        arguments = tuple(_type(kind, read_only=read_only) for kind, read_only in signature(kernel))
        function: Compiled = njit(types.void(*arguments), cache=True, nogil=True, boundscheck=False)(module.kernel)
        return function


def _type(kind: str, *, read_only: bool) -> Any:
    name, bracket, dimensions = kind.partition("[")
    scalar = getattr(types, name)
    if not bracket:
        return scalar
    return types.Array(scalar, dimensions.count(":") - dimensions.count("::"), "C", readonly=read_only)
