"""Rows judged while they are read: for the large files, whose text is then held nowhere.

Possible where the mapping only names and converts the columns of one CSV file of events, so that each of its lines is
one row. Whatever else there is, or fails on the way, is left to the careful way, which holds the text, reads any form,
and can tell what is wrong.
"""

from __future__ import annotations

from typing import Any

import duckdb
import sqlglot
from sqlglot import exp

from lingque.catalog.definitions import DataContract, FileRead
from lingque.ingest.corrections import Overlay
from lingque.ingest.files import Delivery, SourceFile
from lingque.warehouse.bank_files import OWN_COLUMNS, CsvForm
from lingque.warehouse.engine import Session

_CONVERTING = (
    exp.Alias, exp.Column, exp.Identifier, exp.Literal, exp.Null, exp.Paren,
    exp.Cast, exp.TryCast, exp.DataType, exp.DataTypeParam,
    exp.Coalesce, exp.Nullif, exp.Trim, exp.Upper, exp.Lower, exp.Substring, exp.Concat, exp.DPipe,
    exp.Case, exp.If, exp.EQ, exp.NEQ, exp.Is, exp.Not,
)  # fmt: skip
"""All that a mapping may be made of: of one line nothing else than its own columns decides."""


def judged_in_one_pass(
    session: Session,
    delivery: Delivery,
    contract: DataContract,
    overlay: Overlay,
    checks: str,
    parameters: dict[str, Any],
) -> bool:
    """Make the relation `_typed` by this statement over `_mapped`, or say that the careful way has to.

    `_row` is not filled in: a row's id counts the lines from 0. The session is sealed, but for the one file.
    """
    found = _one_file(delivery)
    if found is None or contract.kind != "event" or overlay.rows or delivery.control is not None:
        return False
    name, file, form = found
    mapping = delivery.source.mapping_sql.strip().rstrip(";")
    if not converts_every_column(mapping, name, session.csv_columns(file.name, file.path, form)):
        return False
    session.seal(readable=[file.path])
    try:
        session.view_csv(name, file.name, file.path, form)
        session.add_view("_mapped", mapping)
        session.add_relation("_typed", checks, parameters)
    except duckdb.Error:
        return False
    return True


def converts_every_column(mapping: str, name: str, columns: list[str]) -> bool:
    """Does the statement make one row of each row of `name`, from nothing else, leaving no column unread?

    A column that nobody asks for would not be looked at either, and its broken bytes be overlooked.
    """
    try:
        statements = sqlglot.parse(mapping, dialect="duckdb")
    except sqlglot.errors.SqlglotError:
        return False
    select = statements[0]
    if len(statements) != 1 or not isinstance(select, exp.Select):
        return False
    parts = {key: part for key, part in select.args.items() if part}
    source = parts.pop("from_", None) or parts.pop("from", None)
    if list(parts) != ["expressions"]:
        return False
    if source is None or not isinstance(source.this, exp.Table) or source.this.sql(dialect="duckdb") != name:
        return False
    if not all(isinstance(node, _CONVERTING) for made in select.expressions for node in made.walk()):
        return False
    bare = {made.name.lower() for made in select.expressions if isinstance(made, exp.Column)}
    nested = [
        column.name.lower()
        for made in select.expressions
        if not isinstance(made, exp.Column)
        for column in made.find_all(exp.Column)
    ]
    if not bare >= OWN_COLUMNS or not OWN_COLUMNS.isdisjoint(nested):
        return False
    return {column.lower() for column in columns} <= bare.union(nested)


def _one_file(delivery: Delivery) -> tuple[str, SourceFile, CsvForm] | None:
    """The only file of the only read, where it is CSV in UTF-8."""
    if len(delivery.files) != 1:
        return None
    ((name, files),) = delivery.files.items()
    read = delivery.source.reads[name]
    if len(files) != 1 or not isinstance(read, FileRead) or (read.format, read.encoding) != ("csv", "utf-8"):
        return None
    return name, files[0], CsvForm(delimiter=read.delimiter, quote=read.quote, columns=read.columns)
