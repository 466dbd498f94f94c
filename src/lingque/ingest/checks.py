"""The rules of a contract as SQL: every value typed or its violation named.

A rule is `(column, reason, condition)`; a row keeps the numbers of the rules it breaks in `_broken`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lingque.catalog.definitions import Column, DataContract
from lingque.catalog.expressions.to_sql import quote
from lingque.core.money import EXPONENTS
from lingque.core.reasons import Reason
from lingque.core.registries import DataClass, Purpose

_DAY = r"[1-9]\d{3}-\d{2}-\d{2}"  # the engine knows a year 0, nobody else does
_TOO_LATE = "9998"  # a day from which no later one could be reckoned; banks write 9999-12-31 for "never"
_WHOLE = r"[+-]?\d{1,18}"
# Angle brackets, commas, blanks (\pZ) and control characters (\pC) never reach a mail header.
_EMAIL = r"[^@\pZ\pC<>,;:\"()\[\]\\]{1,64}@[^@\pZ\pC<>,;:\"()\[\]\\]{1,190}\.[^@\pZ\pC<>,;:\"()\[\]\\.]{2,63}"
_TRUE, _FALSE = "('true', '1', 'yes', 'y')", "('false', '0', 'no', 'n')"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Broken where `condition` is true."""

    column: str
    reason: Reason
    condition: str


@dataclass(frozen=True, kw_only=True)
class Checks:
    """The rules of a contract and the statement that applies them to the relation `mapped`."""

    rules: tuple[Rule, ...]
    sql: str


def checks_of(contract: DataContract) -> Checks:
    """`sql` yields one row per mapped row: the typed columns, `_file`, `_row`, `_key`, `_content`, `_broken`."""
    rules = tuple(rule for name, column in contract.columns.items() for rule in _rules(name, column))
    if contract.kind == "consent":
        rules += tuple(_consent_rules())
    raw = ",\n    ".join(
        f"NULLIF(TRIM(CAST({quote(name)} AS VARCHAR)), '') AS {quote(name)}" for name in contract.columns
    )
    typed = ",\n    ".join(f"{_typed(name, column)} AS {quote(name)}" for name, column in contract.columns.items())
    broken = ", ".join(f"CASE WHEN {rule.condition} THEN {number} END" for number, rule in enumerate(rules))
    content = " || '\x1f' || ".join(f"COALESCE({quote(name)}, '')" for name in contract.columns)
    (key,) = contract.with_role("key")
    sql = f"""
WITH raw AS (SELECT _file, _row,
    {raw}
FROM mapped)
SELECT _file, _row,
    {typed},
    {quote(key)} AS _key,
    {content} AS _content,
    list_filter([{broken}], lambda n: n IS NOT NULL) AS _broken
FROM raw"""
    return Checks(rules=rules, sql=sql)


def _rules(name: str, column: Column) -> Iterator[Rule]:
    value = quote(name)
    if column.is_required:
        yield Rule(column=name, reason=Reason.MISSING_VALUE, condition=f"{value} IS NULL")
    if column.allowed:
        listed = ", ".join("'" + choice.replace("'", "''") + "'" for choice in column.allowed)
        yield Rule(column=name, reason=Reason.VALUE_NOT_ALLOWED, condition=f"{value} NOT IN ({listed})")
    wrong = _malformed(value, column)
    if wrong is not None:
        yield Rule(column=name, reason=wrong[0], condition=f"{value} IS NOT NULL AND ({wrong[1]})")
    if column.identifier == "email":
        yield Rule(
            column=name,
            reason=Reason.NOT_AN_ADDRESS,
            condition=f"{value} IS NOT NULL AND {_unlike(value, _EMAIL)}",
        )


def _malformed(value: str, column: Column) -> tuple[Reason, str] | None:
    """Why a text is no value of the column's type, as a condition on it."""
    match column.type:
        case "date":
            wrong = f"{_unlike(value, _DAY)} OR TRY_CAST({value} AS DATE) IS NULL"
            places_in_time = column.role in ("event_time", "valid_from")
            return Reason.NOT_A_DATE, f"{wrong} OR {value} >= '{_TOO_LATE}'" if places_in_time else wrong
        case "integer":
            return Reason.NOT_AN_INTEGER, _unlike(value, _WHOLE)
        case "money":
            return Reason.NOT_MONEY, _unlike(value, _amount(column))
        case "boolean":
            return Reason.NOT_A_BOOLEAN, f"lower({value}) NOT IN {_TRUE} AND lower({value}) NOT IN {_FALSE}"
        case _:
            return None


def _consent_rules() -> Iterator[Rule]:
    """A statement that cannot be understood must not count as one."""
    classes = "|".join(one.name.lower() for one in DataClass if one.name)
    understood = {
        "purpose": "|".join(purpose.name.lower() for purpose in Purpose),
        "action": "give|withdraw",
        "channel": "[a-z][a-z0-9_]{0,31}",
        "wording_version": ".{1,64}",
        "evidence": ".{1,200}",
    }
    for name, pattern in understood.items():
        condition = f"{quote(name)} IS NULL OR {_unlike(quote(name), f'({pattern})')}"
        yield Rule(column=name, reason=Reason.VALUE_NOT_ALLOWED, condition=condition)
    yield Rule(
        column="data_classes",
        reason=Reason.VALUE_NOT_ALLOWED,
        condition=f'"data_classes" IS NOT NULL AND {_unlike(quote("data_classes"), rf"({classes})([|]({classes}))*")}',
    )


def _typed(name: str, column: Column) -> str:
    value = quote(name)
    match column.type:
        case "date":
            return f"CASE WHEN {_like(value, _DAY)} THEN TRY_CAST({value} AS DATE) END"
        case "integer":
            return f"CASE WHEN {_like(value, _WHOLE)} THEN CAST({value} AS BIGINT) END"
        case "money":
            digits = EXPONENTS[column.currency or ""]
            # 22 digits, so that scaling an amount of 18 stays within: else one large amount would fail the delivery
            exact = f"CAST({value} AS DECIMAL(22, {digits}))"
            return f"CASE WHEN {_like(value, _amount(column))} THEN CAST({exact} * {10**digits} AS BIGINT) END"
        case "boolean":
            return f"CASE WHEN lower({value}) IN {_TRUE} THEN TRUE WHEN lower({value}) IN {_FALSE} THEN FALSE END"
        case _:
            return value


def _amount(column: Column) -> str:
    """No more digits than the currency has, but for zeros; at most 18 in all, so that they fit into 64 bits."""
    digits = EXPONENTS[column.currency or ""]
    return rf"[+-]?\d{{1,{18 - digits}}}(\.\d{{0,{digits}}}0*)?"


def _like(value: str, pattern: str) -> str:
    return f"regexp_full_match({value}, '{pattern}')"


def _unlike(value: str, pattern: str) -> str:
    return f"NOT {_like(value, pattern)}"
