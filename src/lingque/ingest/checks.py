"""The rules of a contract as SQL: every value typed or its violation named.

A rule is `(column, reason, condition)`. Every row is judged by one flag; only for a bad one the numbers of the rules it
breaks are written down, in `_broken`, with its content. Millions of good rows pay for cheap tests alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lingque.catalog.definitions import Column, DataContract
from lingque.catalog.expressions.to_sql import quote
from lingque.core.money import EXPONENTS
from lingque.core.reasons import Reason
from lingque.core.registries import DataClass, Purpose

SEPARATOR = "\x1f"

_EARLIEST = "1000-01-01"  # the engine knows a year 0, nobody else does
_TOO_LATE = "9998"  # a day from which no later one could be reckoned; banks write 9999-12-31 for "never"
_WHOLE = r"[+-]?\d{1,18}"
_NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?"
_TIMESTAMP = r"[1-9]\d{3}-\d{2}-\d{2}[ T]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?"
_PHONE = r"[+]?\d{5,15}"
# Angle brackets, commas, blanks (\pZ) and control characters (\pC) never reach a mail header.
_EMAIL = r"[^@\pZ\pC<>,;:\"()\[\]\\]{1,64}@[^@\pZ\pC<>,;:\"()\[\]\\]{1,190}\.[^@\pZ\pC<>,;:\"()\[\]\\.]{2,63}"
_TRUE, _FALSE = "('true', '1', 'yes', 'y')", "('false', '0', 'no', 'n')"
_LIST = "[a-z][a-z0-9_]{0,62}"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Broken where `condition` is true.

    `flag` is a cheaper condition for every row: all flags together are true exactly where one of the conditions is.
    """

    column: str
    reason: Reason
    condition: str
    flag: str = ""


@dataclass(frozen=True, kw_only=True)
class Checks:
    """The rules of a contract and the statement that applies them to the relation `_mapped`."""

    rules: tuple[Rule, ...]
    sql: str
    identity: tuple[str, ...]
    """The columns of which no two good rows have the same values."""


def checks_of(contract: DataContract) -> Checks:
    """`sql` yields one row per mapped row: the contract's columns typed, `_file`, `_row`, `_row_key`,
    `_broken`, `_content`. Its parameter `salt` makes row keys say nothing to whoever lacks it.

    `_broken` lists the broken rules as "0,5", NULL where there is none; `_content` has the texts as they were
    delivered, of broken rows only (of consents always).
    """
    columns = contract.columns
    rules = tuple(rule for name, column in columns.items() for rule in _rules(name, column))
    if contract.kind == "consent":
        rules += tuple(_consent_rules())
    if contract.kind == "list":
        rules += tuple(_list_rules(columns["expires_on"]))
    if contract.with_role("valid_to"):
        rules += (_ends_before_it_begins(contract),)
    identity = contract.with_role("key")
    if contract.with_role("valid_to"):  # a file that brings all versions of what its keys stand for
        identity += contract.with_role("valid_from")
    typed = [name for name, column in columns.items() if column.type != "text"]
    raw = ",\n    ".join(f"CAST({quote(name)} AS VARCHAR) AS {quote(name)}" for name in columns)
    trimmed = ",\n    ".join(f"{_trimmed(quote(name))} AS {quote(name)}" for name in columns)
    tried = "".join(f",\n    {_tried(quote(name), columns[name])} AS {_try(name)}" for name in typed)
    read = "".join(f",\n    {_value(quote(name), _try(name), columns[name])} AS {_is(name)}" for name in typed)
    broken = ", ".join(f"CASE WHEN {rule.condition} THEN {number} END" for number, rule in enumerate(rules))
    flags = " OR ".join(f"({rule.flag or rule.condition})" for rule in rules if rule.flag != "FALSE")
    values = ",\n    ".join(
        f"{_is(name) if name in typed else _normal(quote(name), columns[name])} AS {quote(name)}" for name in columns
    )
    content = f" || '{SEPARATOR}' || ".join(f"COALESCE({quote(name)}, '')" for name in columns)
    kept = "TRUE" if contract.kind == "consent" else "_is_bad"
    sql = f"""
WITH raw AS (SELECT _file, _row,
    {raw}
FROM _mapped),
trimmed AS (SELECT _file, _row,
    {trimmed}
FROM raw),
tried AS (SELECT *{tried}
FROM trimmed),
values_read AS (SELECT *{read}
FROM tried),
judged AS (SELECT *, ({flags}) IS TRUE AS _is_bad FROM values_read)
SELECT _file, _row,
    {values},
    {row_key_sql("$salt", " || chr(31) || ".join(quote(name) for name in identity))} AS _row_key,
    CASE WHEN _is_bad THEN array_to_string(list_filter([{broken}], lambda n: n IS NOT NULL), ',') END AS _broken,
    CASE WHEN {kept} THEN {content} END AS _content
FROM judged"""
    return Checks(rules=rules, sql=sql, identity=identity)


def row_key_sql(salt: str, text: str) -> str:
    """63 bits of a salted digest: equal for a row that is delivered again, and only then."""
    # md5_number, because md5_number_upper takes five times as long for half of the same number
    return f"CAST((md5_number({salt} || {text}) & 18446744073709551614) >> 1 AS BIGINT)"


def as_text(name: str, column: Column) -> str:
    """A typed value as a text that would be read as the same value."""
    value = quote(name)
    match column.type:
        case "money":
            digits = EXPONENTS[column.currency or ""]
            value = (
                f"CAST({value} AS DECIMAL(20, 0)) * CAST({10**-digits:.{digits}f} AS DECIMAL({digits + 1}, {digits}))"
            )
        case "text":
            return value
    return f"CAST({value} AS VARCHAR)"


def _rules(name: str, column: Column) -> Iterator[Rule]:
    text, value = quote(name), _is(name)
    is_typed = column.type != "text"
    if column.is_required:
        # what is missing has no value either, so that one flag serves both
        flag = "FALSE" if is_typed else ""
        yield Rule(column=name, reason=Reason.MISSING_VALUE, condition=f"{text} IS NULL", flag=flag)
    if column.allowed:
        listed = ", ".join("'" + choice.replace("'", "''") + "'" for choice in column.allowed)
        yield Rule(column=name, reason=Reason.VALUE_NOT_ALLOWED, condition=f"{text} NOT IN ({listed})")
    if is_typed:
        wrong = f"{value} IS NULL AND {text} IS NOT NULL"
        flag = f"{value} IS NULL" if column.is_required else wrong
        yield Rule(column=name, reason=_MALFORMED[column.type], condition=wrong, flag=flag)
    if column.identifier in ("email", "phone"):
        pattern = _EMAIL if column.identifier == "email" else _PHONE
        wrong = f"{text} IS NOT NULL AND {_unlike(_normal(text, column), pattern)}"
        yield Rule(column=name, reason=Reason.NOT_AN_ADDRESS, condition=wrong)


_MALFORMED = {
    "date": Reason.NOT_A_DATE,
    "timestamp": Reason.NOT_A_TIMESTAMP,
    "integer": Reason.NOT_AN_INTEGER,
    "number": Reason.NOT_A_NUMBER,
    "money": Reason.NOT_MONEY,
    "boolean": Reason.NOT_A_BOOLEAN,
}


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


def _list_rules(expires_on: Column) -> Iterator[Rule]:
    """Nobody may be on a list without a name, nor until a day that is none."""
    condition = f'"list" IS NULL OR {_unlike(quote("list"), _LIST)}'
    yield Rule(column="list", reason=Reason.VALUE_NOT_ALLOWED, condition=condition)
    if expires_on.type == "text":
        day = quote("expires_on")
        condition = f"{day} IS NOT NULL AND ({_day(day, f'TRY_CAST({day} AS DATE)')}) IS NOT TRUE"
        yield Rule(column="expires_on", reason=Reason.NOT_A_DATE, condition=condition)


def _ends_before_it_begins(contract: DataContract) -> Rule:
    (ends,), (begins,) = contract.with_role("valid_to"), contract.with_role("valid_from")
    return Rule(column=ends, reason=Reason.VALUE_NOT_ALLOWED, condition=f"{_is(ends)} <= {_is(begins)}")


def _trimmed(value: str) -> str:
    """Blanks of every alphabet at both ends taken away, nothing at all as NULL; most values need no work."""
    # "!" is the first character after the blank: one comparison sees the empty text and the blank in front
    plain = f"{value} >= '!' AND strlen({value}) = length({value}) AND NOT suffix({value}, ' ')"
    return f"CASE WHEN {plain} THEN {value} ELSE NULLIF(TRIM({value}), '') END"


def _tried(value: str, column: Column) -> str:
    """The engine's own reading of the text, which takes more than a contract does."""
    match column.type:
        case "date":
            return f"TRY_CAST({value} AS DATE)"
        case "timestamp":
            return f"TRY_CAST(replace({value}, 'T', ' ') AS TIMESTAMP)"
        case "number":
            return f"TRY_CAST({value} AS DOUBLE)"
        case "integer":
            return f"TRY_CAST({value} AS BIGINT)"
        case "money":
            return f"TRY_CAST({value} AS DECIMAL(18, {EXPONENTS[column.currency or '']}))"
        case _:
            return "NULL"


def _value(value: str, tried: str, column: Column) -> str:
    """The value of a text that is written as the contract demands, else NULL."""
    match column.type:
        case "date":
            good = _day(value, tried)
            places_in_time = column.role in ("event_time", "valid_from", "known_at")
            return f"CASE WHEN {good}{_not_too_late(value) if places_in_time else ''} THEN {tried} END"
        case "timestamp":
            return f"CASE WHEN {_like(value, _TIMESTAMP)}{_not_too_late(value)} THEN {tried} END"
        case "number":
            return f"CASE WHEN {_like(value, _NUMBER)} AND isfinite({tried}) THEN {tried} END"
        case "integer":
            return f"CASE WHEN {_like(value, _WHOLE)} THEN {tried} END"
        case "money":
            digits = EXPONENTS[column.currency or ""]
            small = f"strlen({value}) <= {18 - 2 * digits}"  # so that scaling stays within 18 digits, and cheap
            # 22 digits for the rest: else one large amount would fail the delivery
            exact = f"CAST({value} AS DECIMAL(22, {digits}))"
            scaled = f"CAST({tried} * {10**digits} AS BIGINT)"
            # what the engine would write itself is an amount, and that is cheaper to see than a pattern
            return (
                f"CASE WHEN {small} AND CAST({tried} AS VARCHAR) = {value} THEN {scaled} "
                f"WHEN NOT {_like(value, _amount(digits))} THEN NULL WHEN {small} THEN {scaled} "
                f"ELSE CAST({exact} * {10**digits} AS BIGINT) END"
            )
        case _:
            return f"CASE WHEN lower({value}) IN {_TRUE} THEN TRUE WHEN lower({value}) IN {_FALSE} THEN FALSE END"


def _day(value: str, tried: str) -> str:
    """Is the text YYYY-MM-DD? The engine also reads 2026/6/1: what it would write itself is what may stand there."""
    return f"strlen({value}) = 10 AND {value} >= '{_EARLIEST}' AND CAST({tried} AS VARCHAR) = {value}"


def _not_too_late(value: str) -> str:
    return f" AND {value} < '{_TOO_LATE}'"


def _normal(value: str, column: Column) -> str:
    """A telephone number without what people put between its digits."""
    return f"replace(replace({value}, ' ', ''), '-', '')" if column.identifier == "phone" else value


def _amount(digits: int) -> str:
    """No more digits than the currency has, but for zeros; at most 18 in all, so that they fit into 64 bits."""
    return rf"[+-]?\d{{1,{18 - digits}}}(\.\d{{0,{digits}}}0*)?"


def _like(value: str, pattern: str) -> str:
    return f"regexp_full_match({value}, '{pattern}')"


def _unlike(value: str, pattern: str) -> str:
    return f"NOT {_like(value, pattern)}"


def _is(name: str) -> str:
    return quote(f"_is_{name}")


def _try(name: str) -> str:
    return quote(f"_try_{name}")
