"""The subset of SQL that both engines answer alike. What is banned here differed between DuckDB and Spark.

Banned functions and their traps: docs/adr/0009-sql-subset.md. Macros of ours stand in for what is needed.
"""

from __future__ import annotations

import re

import sqlglot
from sqlglot import exp

BANNED_FUNCTIONS: dict[str, str] = {
    "hash": "every engine and version has its own; use the bucket column",
    "datediff": "counts borders crossed in one engine and whole units in the other",
    "date_diff": "counts borders crossed in one engine and whole units in the other",
    "percentilecont": "interpolates differently",
    "quantile_cont": "interpolates differently",
    "isodow": "not in both engines",
    "dayofweekiso": "not in both engines",
    "mode": "ties are broken differently",
    "attimezone": "day boundaries come from core.clock as integers",
    "timezone": "day boundaries come from core.clock as integers",
    "list_aggregate": "not in both engines",
    "list_aggr": "not in both engines",
    "random": "a run must give the same answer twice",
    "rand": "a run must give the same answer twice",
    "uuid": "a run must give the same answer twice",
    "currenttimestamp": "the clock is injected",
    "currentdate": "the clock is injected",
    "currenttime": "the clock is injected",
    "localtimestamp": "the clock is injected",
    "get_current_timestamp": "the clock is injected",
    "transaction_timestamp": "the clock is injected",
    "now": "the clock is injected",
    "read_csv": "sources are read by lingque.ingest",
    "readcsv": "sources are read by lingque.ingest",
    "read_csv_auto": "sources are read by lingque.ingest",
    "read_json": "sources are read by lingque.ingest",
    "read_text": "sources are read by lingque.ingest",
    "read_blob": "sources are read by lingque.ingest",
    "glob": "sources are read by lingque.ingest",
    "read_parquet": "tables are named, not read by path",
    "readparquet": "tables are named, not read by path",
    "parquet_scan": "tables are named, not read by path",
}

_NAME = re.compile(r"\w+")


def breaches(sql: str) -> list[str]:
    """What in the statement lies outside the subset; empty where it is inside. Broken SQL is a breach too."""
    try:
        tree = sqlglot.parse_one(sql, dialect="duckdb")
    except (sqlglot.errors.ParseError, sqlglot.errors.TokenError) as error:
        return [f"is not SQL: {str(error).splitlines()[0]}"]
    if not isinstance(tree, exp.Query):
        return ["is not a single SELECT"]
    found: list[str] = []
    for node in tree.walk():
        if isinstance(node, exp.Extract) and node.name.lower() == "isodow":
            found.append(f"isodow: {BANNED_FUNCTIONS['isodow']}")
        elif isinstance(node, exp.AtTimeZone):
            found.append(f"AT TIME ZONE: {BANNED_FUNCTIONS['attimezone']}")
        elif isinstance(node, exp.Func):
            name = (node.name if isinstance(node, exp.Anonymous) else node.key).lower()
            if name in BANNED_FUNCTIONS:
                found.append(f"{name}(): {BANNED_FUNCTIONS[name]}")
        elif isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier) and not _NAME.fullmatch(node.name):
            found.append(f"'{node.name}': tables are named, not read by path")
        elif isinstance(node, exp.Join) and (node.args.get("method") or "").upper() == "ASOF":
            found.append("ASOF JOIN: not in both engines")
    return found
