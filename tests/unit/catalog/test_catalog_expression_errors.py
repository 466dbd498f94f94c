"""What is not in the language is refused: with a sentence, at a character, and with what to write instead."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lingque.catalog.expressions.parse import parse_condition, parse_measure, parse_row_expression
from lingque.catalog.expressions.types import BOOLEAN, DATE, INTEGER, NUMBER, TEXT, Type, money
from lingque.core.errors import ExpressionError

NAMES: dict[str, Type] = {
    "amount": money("CNY"),
    "euros": money("EUR"),
    "visits": INTEGER,
    "rate": NUMBER,
    "city": TEXT,
    "born": DATE,
    "active": BOOLEAN,
}


@pytest.mark.parametrize(
    ("text", "message", "at", "next_step"),
    [
        # names
        ("vists > 1", "there is no 'vists' here", "vists", "did you mean 'visits'?"),
        ("active and vists > 1", "there is no 'vists' here", "vists", "did you mean 'visits'?"),
        ("Visits > 1", "there is no 'Visits' here", "Visits", "did you mean 'visits'?"),
        ("nonsense", "there is no 'nonsense' here", "nonsense", "there are: active, amount, born"),
        ("others.visits > 1", "a name stands alone", "others", ""),
        ("frobnicate(visits)", "there is no function 'frobnicate'", "frobnicate", "coalesce, count"),
        ("coalesc(visits, 1)", "there is no function 'coalesc'", "coalesc", "did you mean 'coalesce'?"),
        ("usdt(5)", "there is no function 'usdt'", "usdt", "did you mean 'usd'?"),
        # types that do not meet
        ("amount > 5", "money is compared with money; write cny(…)", "5", ""),
        ("visits > 0 and 5 < amount", "money is compared with money", "amount", ""),
        ("amount = city", "money is compared with money", "city", ""),
        ("amount > eur(5)", "CNY and EUR cannot be compared; convert at a dated rate", "eur", ""),
        ("amount between cny(1) and eur(5)", "CNY and EUR cannot be compared", "eur", ""),
        ("amount in (cny(1), eur(5))", "CNY and EUR cannot be compared", "eur", ""),
        ("amount + euros", "CNY and EUR do not mix", "euros", ""),
        ("amount / euros", "CNY and EUR do not mix", "euros", ""),
        ("amount * euros", "CNY and EUR do not mix", "euros", ""),
        ("amount * amount", "money times money means nothing", "amount", ""),
        ("amount + 5", "would not be exact; money takes whole numbers only", "5", ""),
        ("amount * rate", "would not be exact", "rate", ""),
        ("amount / 2.5", "would not be exact", "2.5", ""),
        ("2 / amount", "would not be exact", "amount", ""),
        ("city > born", "a text and a date cannot be compared", "born", ""),
        ("born = '1990-01-01'", "a date and a text cannot be compared", "'1990", ""),
        ("active = 1", "a boolean and a integer cannot be compared", "1", ""),
        ("visits in (1, 'x')", "a integer and a text cannot be compared", "'x'", ""),
        ("null in (1, 'x')", "a integer and a text cannot be compared", "'x'", ""),
        ("coalesce(visits, city)", "a integer and a text cannot be compared", "city", ""),
        ("coalesce(null, visits, city)", "a integer and a text cannot be compared", "city", ""),
        ("coalesce(amount, 0)", "money is compared with money", "0", ""),
        ("city + 1", "'+' needs numbers, this is a text", "1", ""),
        ("born + 1", "'+' needs numbers, this is a date", "1", ""),
        ("-city", "a text has no negative", "city", ""),
        ("not visits", "'not' needs true or false, this is a integer", "visits", ""),
        ("active and visits", "'and' needs true or false, this is a integer", "visits", ""),
        ("city or active", "'or' needs true or false, this is a text", "city", ""),
        ("city like visits", "'like' needs text, this is a integer", "visits", ""),
        ("visits like 'x'", "'like' needs text, this is a integer", "visits", ""),
        # money and numbers and days that are none
        ("amount > cny(1.234)", "'1.234' has more digits than CNY (2)", "1.234", ""),
        ("amount > cny('5')", "cny(…) takes one number, such as cny(50000)", "cny", ""),
        ("amount > cny()", "cny(…) takes one number", "cny", ""),
        ("amount > cny(1, 2)", "cny(…) takes one number", "cny", ""),
        ("amount > cny(visits)", "cny(…) takes one number", "cny", ""),
        ("amount > cny(99999999999999999999)", "does not fit into 64 bits", "9999", ""),
        ("visits > 9223372036854775808", "does not fit into 64 bits", "9223372036854775808", ""),
        ("rate < 0E", "'0E' is not a number", "0E", "write 0.5"),
        ("rate < 1e999", "is too large for a number", "1e999", ""),
        ("born > date '2026-02-30'", "'2026-02-30' is not a day", "'2026", "write date '2026-01-31'"),
        ("born > timestamp '2026-01-01'", "what is cast becomes integer, number, text or date", "'2026", ""),
        ("visits::uuid = '1'", "what is cast becomes integer, number, text or date", "visits", ""),
        ("cast(visits as decimal(5, 2)) > 1", "what is cast becomes integer, number, text or date", "visits", ""),
        ("cast(amount as integer) > 1", "a money in CNY cannot become a integer", "amount", ""),
        ("cast(visits as date) > as_of", "a integer cannot become a date", "visits", ""),
        # functions
        ("round(rate, 2) > 1", "round() takes one value, not 2 values", "", ""),
        ("round(amount) > amount", "round() needs numbers, this is a money in CNY, which is exact", "amount", ""),
        ("abs(city) > 1", "abs() needs numbers, this is a text", "city", ""),
        ("year(visits) > 1", "year() needs a date, this is a integer", "visits", ""),
        ("least(visits, city) > 1", "a integer and a text cannot be compared", "city", ""),
        ("greatest(active, active)", "greatest() needs values with an order, this is a boolean", "active", ""),
        ("ntile(5, visits) > 1", "ntile() looks at all customers", "", ""),
        ("percent_rank(visits) > 1", "percent_rank() looks at all customers", "", ""),
        ("rond(rate) > 1", "there is no function 'rond'", "rond", "did you mean 'round'?"),
        # what SQL has and the language has not
        ("(select 1) = visits", "'subquery' is not part of the language", "", ""),
        ("visits in (select 1)", "'in' needs a list of values", "visits", ""),
        ("visits in (visits)", "'in' takes plain values only", "visits)", ""),
        ("exists (select 1)", "is not part of the language", "", ""),
        ("case visits when 1 then 2 end", "'case' is followed by 'when' and a condition", "", ""),
        ("case when visits then 1 end", "'when' needs true or false, this is a integer", "visits", ""),
        ("case when active then 1 else 'a' end", "a integer and a text cannot be compared", "'a'", ""),
        ("case when active then 1", "cannot be read", "1", ""),
        # dates
        ("30 days", "a span stands only after a date and + or -", "30", "as_of + 30 days"),
        ("visits + 30 days > 1", "a span goes with a date, this is a integer", "visits", ""),
        ("born * 30 days > born", "a span is added to a date or taken from it", "30", ""),
        ("born > as_of - 1.5 months", "a span is a whole number of days, months or years", "1.5", "12 months"),
        ("born + 3 months > as_of", "months are added to as_of only", "3", "x > as_of - 12 months"),
        ("born + 1 year > as_of", "years are added to as_of only", "1", ""),
        ("born > as_of - 40000 days", "40000 days is too long", "40000", ""),
        ("born > date '0001-01-01' - 1 day", "this leaves the calendar", "1", ""),
        ("born + visits > born", "'+' needs numbers, this is a date; write a span", "visits", ""),
        ("born - visits > 3", "'-' needs numbers, this is a date", "visits", ""),
        ("as_off > born", "there is no 'as_off' here", "as_off", ""),
        ("years_between(born)  > 1", "years_between() takes two dates, not 1", "years", ""),
        ("years_between(born, visits) > 1", "years_between() needs dates, this is a integer", "visits", ""),
        ("year_between(born, as_of) > 1", "there is no function 'year_between'", "year", "'years_between'?"),
        ("city ilike 'a'", "'ilike' is not part of the language", "city", ""),
        ("city like 'a!%' escape '!'", "'escape' is not part of the language", "city", ""),
        ("city || 'x'", "is not part of the language", "city", ""),
        ("visits % 2 = 0", "'mod' is not part of the language", "visits", ""),
        ("visits is true", "'is' goes with null only", "visits", ""),
        ("visits between symmetric 5 and 1", "'between' takes the lower value first", "visits", ""),
        ("current_date > born", "is not part of the language", "", ""),
        ("visits as v", "'alias' is not part of the language", "visits", ""),
        ("visits[1]", "'bracket' is not part of the language", "visits", ""),
        ("$1 = visits", "is not part of the language", "", ""),
        ("? = visits", "is not part of the language", "", ""),
        ("*", "'star' is not part of the language", "", ""),
        ("visits > 1; drop table customers", "is not part of the language", "", ""),
        ("drop table customers", "is not part of the language", "", ""),
        # aggregates where none may stand
        ("sum(amount) > cny(5)", "an aggregate stands only in the value of an aggregate tag", "sum", ""),
        ("count(*) > 1", "an aggregate stands only in the value of an aggregate tag", "count", ""),
        ("visits > max(visits)", "an aggregate stands only", "visits)", ""),
        # what cannot be read at all
        ("", "there is nothing here", "", "write an expression"),
        ("  ", "there is nothing here", "", "write an expression"),
        ("city = 'open", "a quote is open", "'open", ""),
        ('city = "open', "a quote is open", '"open', ""),
        ("visits +", "cannot be read", "+", ""),
        ("visits = 1 and", "cannot be read", "d", ""),
        ("((visits)", "cannot be read", ")", ""),
        ("visits)", "cannot be read", ")", ""),
        ("visits >\n= = 1", "cannot be read", "= = 1", ""),
        ("(" * 5_000 + "1" + ")" * 5_000, "is nested too deeply", "", "use several derived tags"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else None,
)
def test_a_wrong_expression_is_explained(text: str, message: str, at: str, next_step: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_row_expression(text, NAMES)
    assert message in caught.value.message
    assert next_step in caught.value.next_step
    assert caught.value.text == text
    if at:
        assert caught.value.position in {start for start in range(len(text)) if text.startswith(at, start)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("visits", "the value of an aggregate tag is one aggregate"),
        ("sum(amount) / 2", "the value of an aggregate tag is one aggregate"),
        ("sum(visits) + sum(visits)", "the value of an aggregate tag is one aggregate"),
        ("sum(sum(visits))", "never inside another"),
        ("count(count(*))", "never inside another"),
        ("sum(visits + max(visits))", "never inside another"),
        ("sum(city)", "sum() needs numbers, this is a text"),
        ("avg(born)", "avg() needs numbers, this is a date"),
        ("sum(active)", "sum() needs numbers, this is a boolean"),
        ("min(active)", "min() needs values with an order, this is a boolean"),
        ("last(null)", "last() of null is always null"),
        ("max(null)", "max() of null is always null"),
        ("sum(null)", "sum() needs numbers"),
        ("sum(*)", "sum(*) means nothing"),
        ("count(distinct *)", "means nothing"),
        ("sum(distinct visits)", "only count takes distinct"),
        ("count(distinct visits, city)", "only count takes distinct"),
        ("count()", "count() needs something to work on"),
        ("count_distinct()", "count_distinct() needs something to work on"),
        ("min(visits, rate)", "min() takes one thing to work on, not 2"),
        ("max(visits, 1)", "max() takes one thing to work on, not 2"),
        ("count(visits, city)", "count() takes one thing to work on, not 2"),
        ("count_distinct(visits, city)", "count_distinct() takes one thing to work on, not 2"),
        ("last(visits, 2)", "last() takes one thing to work on, not 2"),
        ("first(visits, 2)", "first() takes one thing to work on, not 2"),
        ("first(null)", "first() of null is always null"),
        ("any(visits)", "any() needs a condition, this is a integer"),
        ("share(amount)", "share() needs a condition, this is a money in CNY"),
        ("share(*)", "share(*) means nothing"),
        ("share()", "share() needs something to work on"),
        ("time_avg(city)", "time_avg() needs numbers, this is a text"),
        ("any(any(active))", "never inside another"),
        ("last(city order by born)", "is not part of the language"),
        ("sum(visits) over ()", "is not part of the language"),
        ("sum(visits) filter (where active)", "is not part of the language"),
        ("median(visits)", "is not part of the language"),
        ("sum(visist)", "there is no 'visist' here"),
        ("sum(amount + euros)", "CNY and EUR do not mix"),
    ],
)
def test_a_wrong_aggregate_is_explained(text: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_measure(text, NAMES)
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("count(*)", INTEGER),
        ("COUNT(*)", INTEGER),
        ("count(city)", INTEGER),
        ("count(distinct city)", INTEGER),
        ("count_distinct(city)", INTEGER),
        ("sum(amount)", money("CNY")),
        ("sum(visits)", INTEGER),
        ("sum(rate)", NUMBER),
        ("(sum(visits * 2))", INTEGER),
        ("avg(euros)", money("EUR")),
        ("avg(visits)", NUMBER),
        ("min(city)", TEXT),
        ("max(born)", DATE),
        ("last(active)", BOOLEAN),
        ("last(amount)", money("CNY")),
        ("first(city)", TEXT),
        ("any(visits > 1)", BOOLEAN),
        ("share(active or visits > 1)", NUMBER),
        ("time_avg(amount)", money("CNY")),
        ("time_avg(visits)", NUMBER),
        ("count(case when born > as_of - 1 year then 1 end)", INTEGER),
        ("max(as_of - born)", INTEGER),
        ("sum(coalesce(visits, rate))", NUMBER),
    ],
)
def test_an_aggregate_has_the_type_of_what_it_tells(text: str, kind: Type) -> None:
    assert parse_measure(text, NAMES).type == kind


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("visits", "integer"),
        ("amount", "money in CNY"),
        ("'true'", "text"),
        ("null", "null"),
        ("visits + 1", "integer"),
    ],
)
def test_a_condition_is_true_or_false(text: str, found: str) -> None:
    with pytest.raises(ExpressionError, match=f"this is a {found}, a condition must be true or false"):
        parse_condition(text, NAMES)
    assert parse_condition("active", NAMES).type == BOOLEAN


@given(
    st.text(st.characters(codec="utf-8"), max_size=25)
    | st.text(alphabet="()'\"=<> andotirsve*+-/;,.01$?[]{}", max_size=25)
)
def test_whatever_is_written_gives_a_tree_or_an_explained_refusal(text: str) -> None:
    with suppress(ExpressionError):  # every other error fails the test
        parse_row_expression(text, NAMES)
