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
    mapping = _Mapping(source=source, reads=reads, renames=any(_renames(star) for star in tree.find_all(exp.Star)))
    found: dict[str, frozenset[SourceColumn]] = {}
    for name, said in zip(tree.named_selects, tree.selects, strict=True):
        try:
            root = lineage(name, tree, {}, dialect="duckdb")
            columns = mapping.leaves(root, root)
        except sqlglot.errors.SqlglotError:  # somewhere it takes the columns of the reads to know what is meant
            columns = mapping.named(said)
        found[name] = frozenset(one for one in columns if one.column not in _OF_THE_READER)
    return found


@dataclass(frozen=True, kw_only=True)
class _Mapping:
    """A source's reads; `renames`: somewhere in its SQL a star passes columns on under other names or values."""

    source: str
    reads: tuple[str, ...]
    renames: bool

    def named(self, said: exp.Expr) -> Iterator[SourceColumn]:
        """The columns that stand in the expression itself."""
        for column in said.find_all(exp.Column):
            yield self._column(column.table if column.table in self.reads else _only(self.reads), column.name)

    def leaves(self, node: Node, asked: Node) -> Iterator[SourceColumn]:
        """Where a column comes from in the end. `asked`: the node that asks for this one."""
        if any(one.name == "*" for one in node.downstream):
            yield from self._passed_on(node)
        elif node.downstream:
            for one in node.downstream:
                yield from self.leaves(one, node)
        elif isinstance(node.source, exp.Table):
            if node.source.name in self.reads:
                yield self._column(node.source.name, _last(node.name))
        elif not isinstance(node.source, exp.Query):  # which a constant has for its source
            yield self._column(_only(self._within(asked.source)), _last(node.name))

    def _passed_on(self, node: Node) -> Iterator[SourceColumn]:
        """By a star. What it takes from one read has there the name by which it is asked for."""
        among = set(self._within(node.source))
        if any(table.name not in self.reads for table in node.source.find_all(exp.Table)):  # from what was named before
            among.update(*(self._within(one.source) for one in node.downstream))
        known = len(among) == 1 and "." in node.name and not self.renames
        for read in sorted(among):
            yield self._column(read, _last(node.name) if known else "*")

    def _within(self, query: exp.Expr) -> tuple[str, ...]:
        """The reads that stand in it."""
        return tuple(sorted({table.name for table in query.find_all(exp.Table)}.intersection(self.reads)))

    def _column(self, read: str, column: str) -> SourceColumn:
        return SourceColumn(source=self.source, read=read, column=column)


def _last(name: str) -> str:
    return name.rpartition(".")[2].strip('"')


def _only(reads: tuple[str, ...]) -> str:
    """The read where there is no other that could be meant."""
    return reads[0] if len(reads) == 1 else ""


def _renames(star: exp.Star) -> bool:
    return any(star.args.get(how) for how in ("replace", "rename"))
