"""The process ends at once."""

from __future__ import annotations

from lingque.deliver.contracts import Batch


class PowerCut(BaseException):
    """Nobody catches it."""


def power_cut(_batch: Batch) -> None:
    raise PowerCut
