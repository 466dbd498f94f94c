"""Which columns of the bank's files a contract's columns are made of: what a mapping's SQL says, read by sqlglot.

A column is made of those that its value is worked out from. What only chooses rows (a condition, a join) is not told:
it goes into every column alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.lineage import Node, lineage

from lingque.catalog.model import Catalog

_OF_THE_READER = frozenset({"_file", "_row"})


@dataclass(frozen=True, kw_only=True, order=True)
class SourceColumn:
    """A column of what a source reads. `read` is empty where the SQL joins reads and does not say of which it is;
    `column` is `*` where it passes on all of them."""

    source: str
    read: str
    column: str

    @property
    def name(self) -> str:
        """How it is told: `source:read.column`."""
        return f"{self.source}:{self.read or '?'}.{self.column}"


def source_columns(catalog: Catalog, table: str, column: str) -> tuple[SourceColumn, ...]:
    """What that column of a contract is made of, over all sources that fill it; nothing for a constant."""
    found: set[SourceColumn] = set()
    for source in catalog.sources.values():
        if source.contract == table:
            found |= _of_mapping(source.source, source.mapping_sql, tuple(source.reads)).get(column, frozenset())
    return tuple(sorted(found))


@lru_cache(maxsize=1024)
def _of_mapping(source: str, sql: str, reads: tuple[str, ...]) -> dict[str, frozenset[SourceColumn]]:
    tree = sqlglot.parse_one(sql, dialect="duckdb")
    if not isinstance(tree, exp.Query):  # a mapping is one: it is checked when it is applied
        return {}
    found: dict[str, frozenset[SourceColumn]] = {}
    for name, said in zip(tree.named_selects, tree.selects, strict=True):
        try:
            columns = _leaves(lineage(name, tree, {}, dialect="duckdb"), source, reads)
        except sqlglot.errors.SqlglotError:  # somewhere it takes the columns of the reads to know what is meant
            columns = _named(said, source, reads)
        found[name] = frozenset(one for one in columns if one.column not in _OF_THE_READER)
    return found


def _named(said: exp.Expr, source: str, reads: tuple[str, ...]) -> Iterator[SourceColumn]:
    """The columns that stand in the expression itself."""
    for column in said.find_all(exp.Column):
        yield SourceColumn(source=source, read=column.table if column.table in reads else "", column=column.name)


def _leaves(root: Node, source: str, reads: tuple[str, ...]) -> Iterator[SourceColumn]:
    for node in root.walk():
        if node.downstream or isinstance(node.source, exp.Query):  # a constant has a query for its source
            continue
        read = node.source.name if isinstance(node.source, exp.Table) else ""
        column = node.name.rpartition(".")[2].strip('"')
        if read in ("", *reads):
            yield SourceColumn(source=source, read=read, column=column)
