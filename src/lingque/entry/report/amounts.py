"""Numbers as people read them, in both languages."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from lingque.core.labels import Label, Language
from lingque.core.money import Money

_SIZES: dict[Language, tuple[tuple[int, str], ...]] = {
    "zh": ((10**8, "亿"), (10**4, "万")),
    "en": ((10**9, "bn"), (10**6, "m")),
}


@dataclass(frozen=True, kw_only=True)
class Unit:
    """How values of one outcome are written. Rates are shown in percent, their differences in percentage points."""

    language: Language
    is_rate: bool = False
    currency: str | None = None

    def value(self, value: float) -> str:
        """A rate, a mean or an amount as such."""
        return f"{value:.2%}" if self.is_rate else self._number(value, sign="")

    def change(self, value: float) -> str:
        """The same as a difference, always with its sign."""
        if self.is_rate:
            return f"{value * 100:+.2f}" + Label(zh=" 个百分点", en=" pp").in_language(self.language)
        return self._number(value, sign="+")

    def interval(self, low: float, high: float) -> str:
        """Both bounds of a difference."""
        first = f"{low * 100:+.2f}" if self.is_rate else self._number(low, sign="+", named=False)
        return between(first, self.change(high), self.language)

    def _number(self, value: float, *, sign: str, named: bool = True) -> str:
        if self.currency is None:
            return f"{value:{sign},.2f}"
        return _estimate(value, self.currency, self.language, sign=sign, named=named)


def _estimate(value: float, currency: str, language: Language, *, sign: str, named: bool) -> str:
    """A mean or a difference: not an amount that anybody paid, so from a hundred on without the minor unit."""
    major = Money(minor=round(value), currency=currency).major
    text = f"{major:{sign},.0f}" if abs(major) >= 100 else f"{major:{sign},}"
    return f"{text} {_name(currency, language)}" if named else text


def between(low: str, high: str, language: Language) -> str:
    """An interval in words."""
    return Label(zh=f"{low} 至 {high}", en=f"{low} to {high}").in_language(language)


def money(minor: int, currency: str, language: Language) -> str:
    """An amount to the last minor unit; Chinese readers get 元 for CNY."""
    amount, name = str(Money(minor=minor, currency=currency)).split(" ")
    return f"{amount} {_name(name, language)}"


def short_money(minor: int, currency: str, language: Language) -> str:
    """An amount for a glance: 万 and 亿 in Chinese, millions and billions in English; small ones without cents."""
    major = Money(minor=minor, currency=currency).major
    for size, word in _SIZES[language]:
        if abs(major) >= size:
            return f"{_rounded(major / size, 2)} {word}{_joined(currency, language)}"
    return f"{_rounded(major, 0)} {_name(currency, language)}"


def _rounded(value: Decimal, places: int) -> str:
    return f"{value:,.{places}f}"


def _name(currency: str, language: Language) -> str:
    return "元" if (currency, language) == ("CNY", "zh") else currency


def _joined(currency: str, language: Language) -> str:
    return "元" if (currency, language) == ("CNY", "zh") else f" {currency}"
