"""Control files: how many rows a delivery must have, and what its columns must sum to."""

from __future__ import annotations

import csv
import io
import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

from lingque.catalog.definitions.sources import ControlFile
from lingque.catalog.expressions.to_sql import quote
from lingque.core.errors import SourceError, nearest
from lingque.ingest.files import Delivery, SourceFile
from lingque.warehouse.engine import Session

_LARGEST = 1 << 20
_AMOUNT = r"[+-]?\d{1,20}(\.\d{0,12}0*)?"
_EXACT = "DECIMAL(38, 12)"  # a million million amounts of 14 digits and 12 behind the point


def check_control(session: Session, delivery: Delivery) -> None:
    """Hold what was read against the control file, exactly. `SourceError` says what was expected and what was found."""
    control = delivery.source.control
    if control is None or delivery.control is None:
        return
    stated = _stated(control, delivery.control)
    files = ", ".join(file.name for file in delivery.files[control.of])
    rows = _number(stated, control.rows, delivery.control)
    found = session.ask(f"SELECT count(*) AS n FROM {quote(control.of)}").column("n")[0].as_py()
    if found != rows:
        _disagrees(delivery.control, files, "rows", rows, found)
    columns = [column for column in session.columns(control.of) if not column.startswith("_")]
    for column, key in control.totals.items():
        expected = _number(stated, key, delivery.control)
        named = {known.casefold(): known for known in columns}.get(column.casefold())
        if named is None:
            raise SourceError(
                f"{delivery.control.name}: states a total of '{column}', which {files} does not have",
                next_step=f"{nearest(column, columns)} Check 'control.totals' of the source",
            )
        total = exact_total(session, control.of, named, files)
        if total != expected:
            _disagrees(delivery.control, files, f"the total of '{column}'", expected, total)


def exact_total(session: Session, relation: str, column: str, files: str) -> Decimal:
    """The sum of a column of text, to the last of twelve decimals. `SourceError` where a value is no number."""
    value = f"NULLIF(TRIM({quote(column)}), '')"
    good = f"regexp_full_match({value}, '{_AMOUNT}')"
    answer = session.ask(
        f"SELECT COALESCE(sum(CASE WHEN {good} THEN CAST({value} AS {_EXACT}) END), 0) AS total, "
        f"min(_row) FILTER (WHERE {value} IS NOT NULL AND NOT {good}) AS bad FROM {quote(relation)}"
    ).to_pylist()[0]
    if answer["bad"] is not None:
        raise SourceError(
            f"{files}: row {answer['bad']} has no number in '{column}', so its total cannot be checked",
            next_step="ask for the file again; nothing of it was loaded",
        )
    return Decimal(answer["total"])


def _stated(control: ControlFile, file: SourceFile) -> dict[str, str]:
    """What the control file says, as text by key."""
    with file.path.open("rb") as opened:
        content = opened.read(_LARGEST)
    try:
        text = content.decode("utf-8-sig")
        match control.format:
            case "key_value":
                pairs = [line.partition("=") for line in text.splitlines() if line.strip()]
                return {key.strip(): value.strip() for key, _, value in pairs}
            case "json":
                found: Any = json.loads(text, parse_float=str, parse_int=str)
                return {key: value for key, value in found.items() if isinstance(value, str)}
            case _:
                (row,) = csv.DictReader(io.StringIO(text))
                return {key.strip(): (value or "").strip() for key, value in row.items() if key}
    except (ValueError, AttributeError, csv.Error):
        raise SourceError(
            f"{file.name}: is not a control file of format {control.format}",
            next_step="check 'control.format' of the source, or ask for the file again; nothing was loaded",
        ) from None


def _number(stated: dict[str, str], key: str, file: SourceFile) -> Decimal:
    try:
        text = stated[key]
        if not re.fullmatch(r"[+-]?\d+(\.\d*)?", text):
            raise InvalidOperation
        return Decimal(text)
    except KeyError:
        raise SourceError(
            f"{file.name}: does not state '{key}'",
            next_step=f"it states {', '.join(stated) or 'nothing'}; check 'control' of the source",
        ) from None
    except InvalidOperation:
        raise SourceError(
            f"{file.name}: what it states as '{key}' is not a number",
            next_step="ask for the control file again; nothing was loaded",
        ) from None


def _disagrees(control: SourceFile, files: str, what: str, expected: Decimal, found: Decimal | int) -> NoReturn:
    raise SourceError(
        f"{files} and {control.name} do not agree: {what} must be {expected:f}, and is {_plain(found)}",
        next_step="ask for both files again; nothing of them was loaded",
    )


def _plain(number: Decimal | int) -> str:
    if isinstance(number, int):
        return str(number)
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
