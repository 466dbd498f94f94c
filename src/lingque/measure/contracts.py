"""What crosses the border of `measure`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from lingque.core.reasons import Reason, Refusal

Phase = Literal["pilot", "rollout"]
"""A part of a plan's life that can be reported alone."""


@dataclass(frozen=True, kw_only=True)
class Proportion:
    """A sufficient statistic: successes among units. Addable; no customer enters."""

    units: int
    successes: int

    def __post_init__(self) -> None:
        if not 0 <= self.successes <= self.units:
            raise ValueError(f"{self.successes} successes among {self.units} units")

    def __add__(self, other: Proportion) -> Proportion:
        return Proportion(units=self.units + other.units, successes=self.successes + other.successes)

    @property
    def rate(self) -> float:
        """Successes per unit; no units have no rate (`ZeroDivisionError`)."""
        return self.successes / self.units


@dataclass(frozen=True, kw_only=True)
class Moments:
    """A sufficient statistic: sum and sum of squares of a whole number over units. Addable, exact; no customer enters.

    Values count 1/`scale`: minor units of money and whole numbers have scale 1, other numbers are rounded to a scale.
    """

    units: int
    total: int
    squares: int
    scale: int = 1

    def __post_init__(self) -> None:
        # Cauchy and Schwarz: no values can have other sums than these
        if self.units < 0 or self.squares < 0 or self.total**2 > self.units * self.squares or self.scale < 1:
            raise ValueError(f"no {self.units} values sum up to {self.total} and their squares to {self.squares}")

    def __add__(self, other: Moments) -> Moments:
        if self.scale != other.scale:
            raise ValueError(f"values in 1/{self.scale} and in 1/{other.scale} do not add up")
        return Moments(
            units=self.units + other.units,
            total=self.total + other.total,
            squares=self.squares + other.squares,
            scale=self.scale,
        )

    @property
    def mean(self) -> float:
        """Value per unit, rounded once; no units have no mean (`ZeroDivisionError`)."""
        return self.total / (self.units * self.scale)

    @property
    def variance(self) -> float:
        """Unbiased sample variance, rounded once; fewer than two units have none (`ZeroDivisionError`)."""
        deviations = self.units * self.squares - self.total**2
        return deviations / (self.units * (self.units - 1) * self.scale**2)


@dataclass(frozen=True, kw_only=True)
class _Difference:
    """Contacted − held out, with a 95 % interval."""

    difference: float
    low: float
    high: float

    @property
    def is_proven(self) -> bool:
        """Does the interval leave zero out?"""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, kw_only=True)
class Effect(_Difference):
    """Difference in success rate, contacted − held out, with a 95 % interval."""

    contacted: Proportion
    held_out: Proportion


@dataclass(frozen=True, kw_only=True)
class MeanEffect(_Difference):
    """Difference in the mean, contacted − held out, with a 95 % interval; of money in minor units per customer.

    The three numbers are estimates and therefore not whole; whoever shows them as money rounds them.
    """

    contacted: Moments
    held_out: Moments


@dataclass(frozen=True, kw_only=True)
class Profit:
    """Incremental profit in minor units, with the interval of the effect it rests on. What was really spent is taken
    off: `cost` on contacts, and `conversion_cost` on what those contacted took up (a voucher, a better rate), also
    where they would have come anyway."""

    cost: int
    conversion_cost: int
    expected: int
    low: int
    high: int

    @property
    def roi(self) -> float | None:
        """Incremental profit per unit of money spent; where nothing was spent there is none."""
        return self.expected / self.spent if self.spent else None

    @property
    def spent(self) -> int:
        return self.cost + self.conversion_cost


@dataclass(frozen=True, kw_only=True)
class Part:
    """One channel and offer of a plan, on its main outcome: those contacted against those held out from just this.

    `cost` in minor units: the share of what was spent on the channel. Each effect is judged alone: of twenty parts
    without any effect, one is expected to look proven.
    """

    channel: str
    offer: str
    contacted: Proportion
    held_out: Proportion
    effect: Effect | Refusal
    cost: int


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What is known of a plan's effect, or of one phase of it.

    `effect` is that on the main outcome, true or false; without it there is no profit. `further` are the other
    outcomes by name, in the order in which they were asked for. `refusals` count candidates, most frequent first.
    """

    effect: Effect | Refusal
    further: Mapping[str, Effect | MeanEffect | Refusal]
    profit: Profit | None
    parts: tuple[Part, ...]
    refusals: dict[Reason, int]
