"""What a kernel is: its text, what it reads, and what of its arguments depends on the day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from lingque.catalog.definitions import DataContract
from lingque.catalog.expressions.tree import Node, fixed_day
from lingque.catalog.model import AggregateTag
from lingque.core.clock import AnyWindow, BusinessCalendar, Days, Ever, PeriodUnit, ToDate, Window, before, periods
from lingque.core.hashing import Int64s
from lingque.profile.kernel.needs import Needs
from lingque.profile.tag_sql import PointInTime

BEFORE_ALL = -(2**63)
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Span:
    """A window, or the one before it."""

    window: AnyWindow
    earlier: bool = False

    @property
    def ends_at_as_of(self) -> bool:
        if self.earlier:
            return False
        return isinstance(self.window, ToDate | Ever) or (isinstance(self.window, Window) and not self.window.forward)

    def days(self, as_of: date) -> Days:
        return before(self.window, as_of) if self.earlier else self.window.bounds(as_of)

    def begin(self, as_of: date, calendar: BusinessCalendar) -> int:
        """Its first instant."""
        return BEFORE_ALL if isinstance(self.window, Ever) else calendar.start_of(self.days(as_of)[0])


@dataclass(frozen=True)
class Period:
    """The periods of a window."""

    window: AnyWindow
    unit: PeriodUnit


Border = Span | Period


@dataclass(frozen=True, kw_only=True)
class Moments:
    """What of a kernel's arguments depends on the day: borders from the newest on, which of the kernel's each is, the
    ends of windows, and the days that expressions speak of (since 1970-01-01)."""

    begins: Int64s
    which: Int64s
    ends: Int64s
    days: Int64s


@dataclass(frozen=True, kw_only=True)
class Slot:
    """Where a value stands among the whole numbers, or the numbers, that a kernel gives; `code`: it is such a code;
    `always`: there is one for every customer, and the kernel does not say so."""

    tag: str
    earlier: bool
    row: int
    real: bool
    code: int | None
    always: bool


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """One function: its text, what it reads, and what its values are."""

    tags: tuple[AggregateTag, ...]
    text: str
    digest: str
    needs: Needs
    ordered: frozenset[int]
    stamps: tuple[tuple[int, str], ...]
    borders: tuple[Border, ...]
    ends: tuple[Span | None, ...]
    slots: tuple[Slot, ...]
    checks: tuple[frozenset[str], ...]

    def moments(self, at: PointInTime, calendar: BusinessCalendar) -> Moments:
        """The arguments that are of the day."""
        placed: list[tuple[int, int, int]] = []
        for number, border in enumerate(self.borders):
            if isinstance(border, Span):
                placed.append((border.begin(at.as_of, calendar), 1, number))
                continue
            for first, _ in periods(border.window, border.unit, at.as_of):
                placed.append((calendar.start_of(first), 0, number))  # a period is over before its window is
        placed.sort(key=lambda entry: (-entry[0], entry[1], entry[2]))
        ends = [at.moment if end is None else calendar.start_of(end.days(at.as_of)[1]) for end in self.ends]
        return Moments(
            begins=np.array([begin for begin, _, _ in placed], np.int64),
            which=np.array([number for _, _, number in placed], np.int64),
            ends=np.array(ends, np.int64),
            days=np.array([_day(node, at.as_of) for node in self.needs.days], np.int64),
        )


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How the tags of one table are computed: by which kernels, and which of them (and why) by SQL."""

    contract: DataContract
    kernels: tuple[Kernel, ...]
    by_sql: tuple[tuple[AggregateTag, str], ...]


def _day(node: Node, as_of: date) -> int:
    day = fixed_day(node, as_of)
    if day is None:
        raise TypeError("only a day that is the same for every row is an argument")
    return (day - _EPOCH).days
