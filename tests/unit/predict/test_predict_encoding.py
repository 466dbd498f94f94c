"""Tags become numbers the same way every time."""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa
from made_up_customers import FEATURES

from lingque.catalog.expressions.types import TEXT, money
from lingque.predict.encoding import LEAST_CUSTOMERS, MOST_WORDS, codes_of, encode


def words(*counts: tuple[str | None, int]) -> pa.Table:
    return pa.table({"city": pa.array([word for word, count in counts for _ in range(count)], pa.string())})


def test_each_kind_becomes_a_number_and_null_stays_missing() -> None:
    rows = pa.table(
        {
            "balance": pa.array([12_345, None, -50], pa.int64()),
            "city": pa.array(["上海", None, "上海"]),
            "employed": pa.array([True, False, None]),
            "cards": pa.array([3, None, 0], pa.int64()),
            "since": pa.array([date(2024, 12, 31), None, date(2025, 1, 2)], pa.date32()),
        }
    )
    codes = codes_of(FEATURES, [pa.concat_tables([rows] * LEAST_CUSTOMERS)])
    nan = float("nan")
    expected = [[123.45, 0, 1, 3, 1], [nan, nan, 0, nan, nan], [-0.5, 0, nan, 0, -1]]
    np.testing.assert_array_equal(encode(codes, rows, as_of=date(2025, 1, 1)), expected)


def test_money_is_in_major_units_of_its_currency() -> None:
    rows = pa.table({"yen": pa.array([7], pa.int64()), "dinar": pa.array([7_000], pa.int64())})
    codes = codes_of([("yen", money("JPY")), ("dinar", money("KWD"))], [rows])
    assert encode(codes, rows, as_of=date(2025, 1, 1)).tolist() == [[7.0, 7.0]]


def test_a_word_of_few_customers_is_no_word_of_its_own() -> None:
    """It would tell of single customers; one never seen is the same as one seen rarely."""
    training = words(
        ("上海", LEAST_CUSTOMERS + 1), ("北京", LEAST_CUSTOMERS), ("拉萨", LEAST_CUSTOMERS - 1), (None, 40)
    )
    (code,) = codes_of([("city", TEXT)], [training])
    assert code.words == ("上海", "北京")
    asked = words(("北京", 1), ("拉萨", 1), ("Paris", 1), ("上海", 1))
    assert encode([code], asked, as_of=date(2025, 1, 1)).ravel().tolist() == [1, 2, 2, 0]


def test_the_same_customers_on_two_days_are_not_more_customers_and_the_vocabulary_has_an_end() -> None:
    one, other = words(("上海", LEAST_CUSTOMERS - 1)), words(("上海", LEAST_CUSTOMERS - 1), ("北京", LEAST_CUSTOMERS))
    (code,) = codes_of([("city", TEXT)], [one, other])
    assert code.words == ("北京",)
    many = words(*((f"w{n:03}", LEAST_CUSTOMERS) for n in range(MOST_WORDS + 5)))
    (code,) = codes_of([("city", TEXT)], [many])
    assert len(code.words) == MOST_WORDS
