"""The report's content in one language, before it is drawn: what the page and the terminal both show."""

from __future__ import annotations

from dataclasses import dataclass

from lingque.core.labels import Language


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A length with its number; `lost` is how much the one before it was longer, `aside` is taken out on purpose."""

    label: str
    count: int
    lost: int = 0
    aside: bool = False


@dataclass(frozen=True, kw_only=True)
class Bars:
    """Lengths on one scale from zero."""

    title: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A point with its interval, in words and as (low, middle, high); without them `text` says why."""

    label: str
    text: str
    at: tuple[float, float, float] | None
    truth: float | None = None
    aside: bool = False


@dataclass(frozen=True, kw_only=True)
class Intervals:
    """Intervals on one scale; `zero` is what zero is called, where it matters."""

    title: str
    rows: tuple[Interval, ...]
    zero: str | None = None


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A table; the first `words` columns are words, the others numbers."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int = 1


@dataclass(frozen=True, kw_only=True)
class Section:
    """One subject: what it says in a sentence, pictures, and the numbers behind them."""

    name: str
    title: str
    lead: str
    plots: tuple[Bars | Intervals, ...]
    grid: Grid
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One number to remember. `tone` says whether it can be relied on."""

    title: str
    value: str
    note: str
    tone: str = ""


@dataclass(frozen=True, kw_only=True)
class Content:
    """A whole report in one language."""

    language: Language
    kind: str
    title: str
    facts: tuple[tuple[str, str], ...]
    signatures: tuple[tuple[str, str, str], ...]
    verdict: str
    tiles: tuple[Tile, ...]
    sections: tuple[Section, ...]
    method: tuple[str, ...]
