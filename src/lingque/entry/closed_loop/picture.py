"""What each policy earned, as a picture."""

from __future__ import annotations

from collections.abc import Mapping

from lingque.entry.twin_report.drawing import bars
from lingque.twin.loop import Result

_YUAN = 100_000
"""Fen in a thousand CNY."""


def drawn(results: Mapping[str, Result]) -> str:
    """True incremental profit of each policy in thousands of CNY, as one SVG."""
    picture = bars("closed-loop", {name: one.profit for name, one in results.items()}, per=_YUAN)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{picture}'
