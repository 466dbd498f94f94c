"""What a contract's columns are made of is what the mapping's SQL computes them from, whatever stands between."""

from __future__ import annotations

from pathlib import Path

import pytest

import lingque
from lingque.catalog.build import build_catalog
from lingque.catalog.definitions import DataContract, SourceDefinition
from lingque.catalog.model import Catalog
from lingque.catalog.source_columns import source_columns
from lingque.catalog.yaml_files import Located, read_definitions

BANK = Path(lingque.__file__).parent / "entry" / "demo" / "bank"
EXAMPLES = Path(__file__).parents[3] / "examples"
LABEL = {"zh": "贷款", "en": "Loans"}
CONTRACT = {
    "contract": "loans",
    "label": LABEL,
    "kind": "event",
    "load": "full",
    "columns": {
        "loan_no": {"type": "text", "role": "key"},
        "customer_no": {"type": "text", "role": "party"},
        "lent_on": {"type": "date", "role": "event_time"},
        "amount": {"type": "money", "currency": "CNY"},
        "kind": {"type": "text"},
    },
}


def catalog_with(statement: str) -> Catalog:
    source = {
        "source": "system", "system": "core", "contract": "loans", "data_date": "2026-06-01",
        "reads": {"loans": {"files": ["loans.csv"]}, "people": {"files": ["people.csv"]}},
        "mapping": "loans.sql", "mapping_sql": statement,
    }  # fmt: skip
    found = [DataContract.model_validate(CONTRACT), SourceDefinition.model_validate(source)]
    return build_catalog(Located(definition=one, file="x.yaml") for one in found)


@pytest.mark.parametrize(
    ("statement", "amount", "kind"),
    [
        ("SELECT _file, _row, loan_no, customer_no, lent_on, sum AS amount, 'home' AS kind FROM loans",
         ["system:loans.sum"], []),
        ("WITH told AS (SELECT _file, _row, no, who, day, principal + interest AS total, type FROM loans)"
         " SELECT _file, _row, no AS loan_no, who AS customer_no, day AS lent_on, total AS amount,"
         " CASE WHEN total > 5 THEN type ELSE 'small' END AS kind FROM told",
         ["system:loans.interest", "system:loans.principal"],
         ["system:loans.interest", "system:loans.principal", "system:loans.type"]),
        ("SELECT l._file, l._row, l.loan_no, p.customer_no, l.lent_on, l.amount, p.job AS kind"
         " FROM loans AS l JOIN people AS p ON p.id = l.person",
         ["system:loans.amount"], ["system:people.job"]),
        ("SELECT _file, _row, loan_no, customer_no, lent_on, amount, job AS kind FROM loans, people",
         ["system:?.amount"], ["system:?.job"]),
        ("WITH every AS (SELECT * FROM loans)"
         " SELECT _file, _row, loan_no, customer_no, lent_on, amount, kind FROM every",
         ["system:loans.amount"], ["system:loans.kind"]),
        ("WITH every AS (SELECT * FROM loans), again AS (SELECT * FROM every)"
         " SELECT _file, _row, loan_no, customer_no, lent_on, amount, 'home' AS kind FROM again",
         ["system:loans.amount"], []),
        ("WITH every AS (SELECT * REPLACE (paid + due AS amount) FROM loans)"
         " SELECT _file, _row, loan_no, customer_no, lent_on, amount, kind FROM every",
         ["system:loans.*"], ["system:loans.*"]),
        ("WITH every AS (SELECT * FROM loans JOIN people ON people.id = loans.person)"
         " SELECT _file, _row, loan_no, customer_no, lent_on, amount, 'home' AS kind FROM every",
         ["system:loans.*", "system:people.*"], []),
        ("SELECT l._file, l._row, l.loan_no, l.customer_no, l.lent_on, l.amount, people.job AS kind"
         " FROM loans AS l LEFT JOIN (SELECT DISTINCT id, job FROM people) AS people ON people.id = l.person",
         ["system:loans.amount"], ["system:people.job"]),
        ("SELECT _file, _row, loan_no, customer_no, lent_on, amount, regexp_extract(_file, '[a-z]+') AS kind"
         " FROM loans UNION ALL SELECT _file, _row, no, who, day, value, job FROM people",
         ["system:loans.amount", "system:people.value"], ["system:people.job"]),
    ],
)  # fmt: skip
def test_a_column_is_made_of_what_the_sql_computes_it_from(statement: str, amount: list[str], kind: list[str]) -> None:
    catalog = catalog_with(statement)
    assert [one.name for one in source_columns(catalog, "loans", "amount")] == amount
    assert [one.name for one in source_columns(catalog, "loans", "kind")] == kind


def test_of_one_read_every_column_is_told() -> None:
    source = {
        "source": "system", "system": "core", "contract": "loans", "data_date": "2026-06-01",
        "reads": {"loans": {"files": ["loans.csv"]}}, "mapping": "loans.sql",
        "mapping_sql": "WITH whose AS (SELECT who, min(amount) AS amount FROM loans WHERE amount <> '-' GROUP BY who"
        " HAVING count(DISTINCT amount) = 1) SELECT loans._file, loans._row, loan_no, customer_no, lent_on,"
        " whose.amount, kind FROM loans JOIN whose ON whose.who = loans.who",
    }  # fmt: skip
    found = [DataContract.model_validate(CONTRACT), SourceDefinition.model_validate(source)]
    catalog = build_catalog(Located(definition=one, file="x.yaml") for one in found)
    assert [one.name for one in source_columns(catalog, "loans", "amount")] == ["system:loans.amount"]
    assert [one.name for one in source_columns(catalog, "loans", "kind")] == ["system:loans.kind"]


@pytest.mark.parametrize("workspace", [BANK, EXAMPLES / "berka"])
def test_what_is_delivered_with_lingque_says_of_every_column_where_it_comes_from(workspace: Path) -> None:
    catalog = build_catalog(read_definitions(workspace))
    told = [
        one
        for table, contract in catalog.contracts.items()
        for column in contract.columns
        for one in source_columns(catalog, table, column)
    ]
    assert told
    assert [one.name for one in told if not one.read or one.column == "*"] == []


def test_what_no_source_fills_is_made_of_nothing() -> None:
    catalog = catalog_with("SELECT _file, _row, loan_no, customer_no, lent_on, amount, kind FROM loans")
    assert source_columns(catalog, "loans", "never_heard_of") == ()
    assert source_columns(catalog, "mortgages", "amount") == ()
