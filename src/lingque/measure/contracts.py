"""What crosses the border of `measure`."""

from __future__ import annotations

from dataclasses import dataclass

from lingque.core.reasons import Reason, Refusal


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
class Effect:
    """Difference in success rate, contacted − held out, with a 95 % interval."""

    contacted: Proportion
    held_out: Proportion
    difference: float
    low: float
    high: float

    @property
    def is_proven(self) -> bool:
        """Does the interval leave zero out?"""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, kw_only=True)
class Profit:
    """Incremental profit in minor units, with the interval of the effect it rests on; the cost is taken off."""

    cost: int
    expected: int
    low: int
    high: int


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What is known of a plan's effect. Without an effect there is no profit either."""

    effect: Effect | Refusal
    profit: Profit | None
    refusals: dict[Reason, int]
