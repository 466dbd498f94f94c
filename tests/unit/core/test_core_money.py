"""Amounts are exact, always."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lingque.core.money import EXPONENTS, INT64_MAX, Money

currencies = st.sampled_from(sorted(EXPONENTS))
minors = st.integers(-INT64_MAX, INT64_MAX)


@given(minors, currencies)
def test_what_is_shown_reads_back_as_the_same_amount(minor: int, currency: str) -> None:
    amount = Money(minor=minor, currency=currency)
    text, shown_currency = str(amount).rsplit(" ", 1)
    assert Money.parse(text.replace(",", ""), shown_currency) == amount


@given(minors, currencies)
def test_major_units_lose_nothing(minor: int, currency: str) -> None:
    amount = Money(minor=minor, currency=currency)
    assert isinstance(amount.major, Decimal)
    assert Money.parse(f"{amount.major:f}", currency) == amount


@given(st.integers(0, 10**15), currencies, st.integers(0, 40))
def test_zeros_after_the_point_are_no_digits(whole: int, currency: str, zeros: int) -> None:
    text = f"{whole}.{'0' * zeros}" if zeros else str(whole)
    assert Money.parse(text, currency).minor == whole * 10 ** EXPONENTS[currency]


@given(st.integers(0, 10**15), currencies, st.integers(0, 60), st.integers(1, 9))
def test_a_digit_beyond_the_minor_unit_is_refused_however_far_out_it_stands(
    whole: int, currency: str, zeros: int, digit: int
) -> None:
    text = f"{whole}.{'0' * (EXPONENTS[currency] + zeros)}{digit}"
    with pytest.raises(ValueError, match="more digits than"):
        Money.parse(text, currency)


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("700.00", "CZK", 70_000),
        ("700", "CZK", 70_000),
        ("0.1", "CNY", 10),
        ("-0.05", "CNY", -5),
        ("+5", "CNY", 500),
        (" 5 ", "CNY", 500),
        ("007", "JPY", 7),
        ("1.234", "KWD", 1_234),
        ("0", "CNY", 0),
        ("92233720368547758.07", "CNY", INT64_MAX),
        ("-92233720368547758.07", "CNY", -INT64_MAX),
    ],
)
def test_known_amounts(text: str, currency: str, minor: int) -> None:
    assert Money.parse(text, currency) == Money(minor=minor, currency=currency)


@pytest.mark.parametrize(
    "text", ["", "-", ".", ".5", "5.", "1,000", "1e3", "NaN", "Infinity", "0x10", "5 5", "五", "５", "--1"]
)
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an amount"):
        Money.parse(text, "CNY")


@pytest.mark.parametrize("text", ["92233720368547758.08", "-92233720368547758.08", "9" * 18, "9" * 60])
def test_what_does_not_fit_into_64_bits_is_refused(text: str) -> None:
    with pytest.raises(OverflowError, match="64 bits"):
        Money.parse(text, "CNY")


@pytest.mark.parametrize(
    "overflowing",
    [
        lambda: Money(minor=INT64_MAX, currency="CNY") + Money(minor=1, currency="CNY"),
        lambda: Money(minor=-INT64_MAX, currency="CNY") - Money(minor=1, currency="CNY"),
        lambda: Money(minor=INT64_MAX, currency="CNY") * 2,
    ],
)
def test_arithmetic_never_wraps_around(overflowing) -> None:
    with pytest.raises(OverflowError):
        overflowing()


@pytest.mark.parametrize(
    "mixing",
    [lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a < b, lambda a, b: a > b],
)
def test_two_currencies_never_meet(mixing) -> None:
    with pytest.raises(ValueError, match=r"(CNY and EUR|EUR and CNY) do not mix"):
        mixing(Money(minor=1, currency="CNY"), Money(minor=2, currency="EUR"))


def test_the_same_number_of_another_currency_is_another_amount() -> None:
    assert Money(minor=1, currency="CNY") != Money(minor=1, currency="EUR")


@given(st.integers(-(2**40), 2**40), st.integers(-(2**40), 2**40), st.integers(-1000, 1000))
def test_arithmetic_is_that_of_whole_numbers(left: int, right: int, times: int) -> None:
    a, b = Money(minor=left, currency="CNY"), Money(minor=right, currency="CNY")
    assert (a + b).minor == left + right
    assert (a - b).minor == left - right
    assert (a * times).minor == left * times
    assert (a < b) == (left < right)
    assert (a > b) == (left > right)


@pytest.mark.parametrize("make", [lambda: Money(minor=1, currency="XXX"), lambda: Money.parse("1", "cny")])
def test_an_unknown_currency_is_refused_and_the_known_are_named(make) -> None:
    with pytest.raises(ValueError, match=r"unknown currency .* CNY"):
        make()


def test_amounts_are_shown_with_the_digits_of_their_currency() -> None:
    assert str(Money(minor=123_456_789, currency="CNY")) == "1,234,567.89 CNY"
    assert str(Money(minor=-5, currency="CNY")) == "-0.05 CNY"
    assert str(Money(minor=1_500, currency="JPY")) == "1,500 JPY"
    assert str(Money(minor=1_500, currency="KWD")) == "1.500 KWD"
