"""Contracts and the sources that fill them."""

from __future__ import annotations

import sqlglot
from sqlglot import exp

from lingque.catalog.building.draft import Draft
from lingque.catalog.definitions import DataContract, FileRead, SourceDefinition
from lingque.catalog.definitions.sources import DATED
from lingque.catalog.yaml_files import Located
from lingque.core.errors import nearest
from lingque.warehouse.subset import breaches

REFERRED_TO = ("state", "reference")
"""The kinds of contract whose rows others may refer to by their key."""


def check_contracts(draft: Draft) -> None:
    """One contract of customers, one of consents; references lead to rows that have a key."""
    for kind in ("party", "consent"):
        several = [name for name, contract in draft.contracts.items() if contract.kind == kind]
        for name in several[1:]:
            draft.problem(
                draft.at["contract", name], "kind", found=f"a second contract of kind {kind}",
                allowed=f"'{several[0]}' is one already",
            )  # fmt: skip
    keyed = [name for name, contract in draft.contracts.items() if contract.kind in REFERRED_TO]
    for name, contract in draft.contracts.items():
        for column_name, column in contract.columns.items():
            if column.references and column.references not in keyed:
                draft.problem(
                    draft.at["contract", name], "columns", column_name, "references",
                    found=f"'{column.references}' is no contract of kind {' or '.join(REFERRED_TO)}",
                    allowed=nearest(column.references, keyed),
                )  # fmt: skip


def check_sources(draft: Draft, *, check_mappings: bool) -> None:
    """Each fills one contract, with a mapping that delivers its columns, and its control file can be compared."""
    filled: dict[str, str] = {}
    for name, source in draft.of(SourceDefinition).items():
        entry = draft.at["source", name]
        first = filled.setdefault(source.contract, name)
        if first != name:
            draft.problem(
                entry, "contract", found=f"source '{first}' fills '{source.contract}' already",
                allowed="each would replace what the other delivered; read both files in one source",
            )  # fmt: skip
        contract = draft.contracts.get(source.contract)
        if contract is None:
            draft.problem(
                entry, "contract", found=f"there is no contract '{source.contract}'",
                allowed=nearest(source.contract, list(draft.contracts)),
            )  # fmt: skip
        elif check_mappings:
            for breach in breaches(source.mapping_sql) or _mapping_gaps(source, contract):
                found = f"{source.mapping} {breach}"
                draft.problem(entry, "mapping", found=found, allowed="see docs/how-to/map-your-files.md")
        _check_deliveries(draft, entry, source)


def _check_deliveries(draft: Draft, entry: Located, source: SourceDefinition) -> None:
    """A control file and a rule for lateness speak of days: the files must too."""
    for field in ("control", "late"):
        if getattr(source, field) is not None and source.data_date is not None:
            draft.problem(
                entry, field, found="goes with deliveries that come day by day; here 'data_date' says the one day",
                allowed="write {data_date} into the names of the files, or take it away",
            )  # fmt: skip
    if source.control is None or source.data_date is not None:
        return
    read = source.reads[source.control.of]
    if not isinstance(read, FileRead):
        return
    if not any(DATED in pattern for pattern in read.files):
        draft.problem(
            entry, "control", "of", found=f"the files of '{source.control.of}' have no {DATED} in their names",
            allowed="a control file speaks of the files of one day",
        )  # fmt: skip
    named = [*read.columns, *read.fields]
    for column in source.control.totals:
        if named and column not in named:
            draft.problem(
                entry, "control", "totals", column,
                found=f"'{source.control.of}' has no column '{column}'", allowed=nearest(column, named),
            )  # fmt: skip


def _mapping_gaps(source: SourceDefinition, contract: DataContract) -> list[str]:
    """Columns the mapping must deliver and does not, or delivers and must not."""
    query = sqlglot.parse_one(source.mapping_sql, dialect="duckdb")
    delivered = set(query.named_selects) if isinstance(query, exp.Query) else set()
    wanted = {*contract.columns, "_file", "_row"}
    gaps = [f"does not deliver '{name}'" for name in sorted(wanted - delivered)]
    gaps += [f"delivers '{name}', which the contract does not have" for name in sorted(delivered - wanted)]
    known = set(source.reads)
    local = {cte.alias for cte in query.find_all(exp.CTE)}
    for table in sorted({table.name for table in query.find_all(exp.Table)} - local - known):
        gaps.append(f"reads '{table}'; {nearest(table, sorted(known))}")
    return gaps
