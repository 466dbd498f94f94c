"""Money: int64 minor units plus a currency. Never a float."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Self

# ISO 4217 exponents: how many digits the minor unit has.
EXPONENTS: dict[str, int] = {
    "AUD": 2, "CAD": 2, "CHF": 2, "CNY": 2, "CZK": 2, "EUR": 2, "GBP": 2, "HKD": 2, "JPY": 0, "KRW": 0,
    "KWD": 3, "MOP": 2, "NZD": 2, "SGD": 2, "THB": 2, "TWD": 2, "USD": 2,
}  # fmt: skip

INT64_MAX = 2**63 - 1
INT64_DIGITS = 19
_AMOUNT = re.compile(r"(?P<sign>[+-]?)(?P<whole>[0-9]+)(\.(?P<part>[0-9]+))?")


@dataclass(frozen=True, kw_only=True, order=False)
class Money:
    """An exact amount. Adding or comparing two currencies raises `ValueError`: convert at a dated rate first."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if self.currency not in EXPONENTS:
            raise ValueError(f"unknown currency {self.currency!r}; known are {', '.join(EXPONENTS)}")
        if abs(self.minor) > INT64_MAX:
            raise OverflowError(f"{self.minor} minor units of {self.currency} do not fit into 64 bits")

    @classmethod
    def parse(cls, text: str, currency: str) -> Self:
        """From major units, exactly: `parse("700.00", "CZK")`. More digits than the currency has are refused."""
        if currency not in EXPONENTS:
            raise ValueError(f"unknown currency {currency!r}; known are {', '.join(EXPONENTS)}")
        found = _AMOUNT.fullmatch(text.strip())
        if not found:
            raise ValueError(f"{text!r} is not an amount such as 700 or 700.00")
        # on the digits themselves: a Decimal operation rounds to 28 of them and would let the rest slip away
        part = (found["part"] or "").rstrip("0")
        if len(part) > EXPONENTS[currency]:
            raise ValueError(f"{text!r} has more digits than {currency} ({EXPONENTS[currency]})")
        whole = found["whole"].lstrip("0")
        if len(whole) > INT64_DIGITS:
            raise OverflowError(f"{text!r} {currency} does not fit into 64 bits")
        minor = int(whole + part.ljust(EXPONENTS[currency], "0") or "0")
        return cls(minor=-minor if found["sign"] == "-" else minor, currency=currency)

    def __add__(self, other: Money) -> Money:
        self._same(other)
        return Money(minor=self.minor + other.minor, currency=self.currency)

    def __sub__(self, other: Money) -> Money:
        self._same(other)
        return Money(minor=self.minor - other.minor, currency=self.currency)

    def __mul__(self, times: int) -> Money:
        return Money(minor=self.minor * times, currency=self.currency)

    def __lt__(self, other: Money) -> bool:
        self._same(other)
        return self.minor < other.minor

    def _same(self, other: Money) -> None:
        if self.currency != other.currency:
            raise ValueError(f"{self.currency} and {other.currency} do not mix; convert at a dated rate first")

    @property
    def major(self) -> Decimal:
        return Decimal(self.minor).scaleb(-EXPONENTS[self.currency])

    def __str__(self) -> str:
        return f"{self.major:,.{EXPONENTS[self.currency]}f} {self.currency}"
