"""Berka's numbers are short (1 to 13998), so they cannot be searched for by value: no stored column holds or derives
from them.

Every stored row is put beside the numbers it came from in the bank's files. Surrogates must look like random numbers
beside them; no other column may determine them; and another workspace must know the same clients by other numbers.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from scipy.stats import binom
from shell import PROJECT
from sqlalchemy import select

from lingque.bootstrap import Application, create_workspace, open_workspace
from lingque.core.hashing import Int64s
from lingque.core.reasons import Refusal
from lingque.flow import apply, plan_campaign, run_tags
from lingque.flow.intake import catalog_of, waiting
from lingque.govern.access import User, add_user
from lingque.govern.contracts import Principal, Role
from lingque.store.runs import published_versions
from lingque.store.schema import METADATA

pytestmark = pytest.mark.slow  # the whole bank twice; planted identifiers are looked for in every run
AS_OF = date(1994, 3, 30)
ROLES = frozenset({Role.OPERATOR, Role.CAMPAIGN_MANAGER})
RANDOM = {"row_key", "party_id", "customer_id", "account", "order", "consent_id"}
BY_CHANCE = 1e-9
"""How unlikely a value is before it counts as no draw. Some three hundred are judged: all are right but for 1e-6."""
STANDARD_ERRORS = 6.2
"""The same for a correlation, to either side."""
FEW = 100
"""A text of so few different values tells nobody from the others."""


@dataclass(frozen=True)
class Berka:
    """A workspace and, per surrogate, the number in the bank's files."""

    application: Application
    client_of: dict[int, int]
    account_of: dict[int, int]
    tables: dict[str, pa.Table]

    def sources(self, rows: pa.Table) -> dict[str, Int64s]:
        """Per row, the client and the account in the bank's files."""
        party = "party_id" if "party_id" in rows.column_names else "customer_id"
        named = {"client": (party, self.client_of), "account": ("account", self.account_of)}
        return {
            name: np.array([numbers[one] for one in rows.column(column).to_pylist()])
            for name, (column, numbers) in named.items()
            if column in rows.column_names
        }


def ids_in(files: Path, name: str, column: str) -> list[str]:
    found = duckdb.sql(
        f"SELECT DISTINCT {column} FROM read_csv('{files / name}.asc', delim=';', header=true, all_varchar=true)"
    ).fetchall()
    return [str(row[0]) for row in found]


@contextmanager
def opened(folder: Path, files: Path, *, contracts: set[str] | None = None) -> Iterator[Berka]:
    """Berka's example with these contracts loaded; None: all of them, with tags and a plan."""
    shutil.copytree(PROJECT / "examples" / "berka", folder, ignore=shutil.ignore_patterns("data", "keys"))
    create_workspace(folder)
    eva = Principal(user="eva", person="eva", roles=ROLES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LINGQUE_WORKSPACE__LANDING", str(files))
        with open_workspace(folder) as application:
            services = application.services
            with services.database.transaction() as connection:
                add_user(connection, User(name="eva", person="eva", roles=ROLES), at=services.clock.now())
            assert not isinstance(apply(services, eva), Refusal)
            catalog = catalog_of(services)
            for delivery in waiting(services, catalog):
                if contracts is None or delivery.source.contract in contracts:
                    services.ingest.load(catalog, delivery, actor="eva")
            if contracts is None:
                assert not isinstance(run_tags(services, AS_OF, eva), Refusal)
                assert not isinstance(plan_campaign(services, "spring_loans", AS_OF, eva), Refusal)
            yield Berka(
                application=application,
                client_of=known(application, "customers", ids_in(files, "client", "client_id")),
                account_of=known(application, "accounts", ids_in(files, "account", "account_id")),
                tables=tables_of(application),
            )


def known(application: Application, contract: str, ids: list[str]) -> dict[int, int]:
    with application.services.database.reading() as connection:
        found = application.vault.resolve(connection, namespace=f"berka/{contract}", keys=ids, mint=False)
    return {surrogate: int(key) for key, surrogate in found.items()}


def tables_of(application: Application) -> dict[str, pa.Table]:
    services = application.services
    with services.database.reading() as connection:
        versions = published_versions(connection)
    with services.session() as session:
        session.add_versions(versions)
        return {name: session.ask(f'SELECT * FROM "{name}"') for name in versions}


@pytest.fixture(scope="module")
def berka(berka_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Berka]:
    with opened(tmp_path_factory.mktemp("one") / "berka", berka_files) as made:
        yield made


@pytest.fixture(scope="module")
def other(berka_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Berka]:
    few = {"customers", "accounts", "loans", "consents"}
    with opened(tmp_path_factory.mktemp("other") / "berka", berka_files, contracts=few) as made:
        yield made


def numbers_of(rows: pa.Table) -> dict[str, Int64s]:
    """Every column of numbers or times as integers, and the place of the row."""
    found: dict[str, Int64s] = {"(its place)": np.arange(rows.num_rows)}
    for name in rows.column_names:
        column = rows.column(name)
        if pa.types.is_date(column.type):
            column = column.cast(pa.int32())
        if pa.types.is_floating(column.type):
            column = pc.multiply(column, 1e6).cast(pa.int64(), safe=False)
        if pa.types.is_integer(column.type):
            found[name] = pc.fill_null(column.cast(pa.int64()), -1).to_numpy()
    return found


def rank_correlation(left: Int64s, right: Int64s) -> float:
    ranks = [np.unique(one, return_inverse=True)[1].astype(float) for one in (left, right)]
    if min(one.std() for one in ranks) == 0:
        return 0.0
    return float(np.corrcoef(*ranks)[0, 1])


def hashes_of(numbers: Iterable[int]) -> set[int]:
    """What numbers anybody could make of these without a secret, in 64 bits and less."""
    made: set[int] = set()
    for text in (str(number) for number in numbers):
        content = text.encode()
        made.add(zlib.crc32(content))
        for name in ("md5", "sha1", "sha256", "blake2b"):
            digest = hashlib.new(name, content).digest()
            for part in (digest[:8], digest[-8:]):
                for order in ("big", "little"):
                    whole = int.from_bytes(part, order)
                    made |= {whole, whole >> 1, whole >> 2, whole & (2**63 - 1), whole & (2**62 - 1)}
    asked = duckdb.sql("SELECT hash(n), hash(CAST(n AS VARCHAR)) FROM range(20000) AS numbers(n)").fetchall()
    return made | {value >> shift for row in asked for value in row for shift in (0, 1, 2)}


HASHES = hashes_of(range(20_000))


def assert_random(values: Int64s, source: Int64s, where: str) -> None:
    """Beside the source's numbers they look like draws: no order, no line, no remainder, no hash, no equal value."""
    pairs = np.unique(np.column_stack([source, values]), axis=0)
    source, values = pairs[:, 0], pairs[:, 1]
    independent = min(len(np.unique(source)), len(np.unique(values)))
    assert abs(rank_correlation(values, source)) < STANDARD_ERRORS / np.sqrt(independent), where
    assert_no_line(values, source, where, most=0.02)
    for what, mixed in {"sum": values + source, "difference": values - source, "xor": values ^ source}.items():
        assert len(np.unique(mixed)) >= 0.5 * independent, f"{where}: the {what} is the same for many"
    for modulus in (2, 10, 16, 100):
        equal = int(np.sum(values % modulus == source % modulus))
        draws = binom(len(values), 1 / modulus)
        assert min(draws.cdf(equal), draws.sf(equal - 1)) > BY_CHANCE, f"{where}: modulo {modulus}"
    assert not set(values.tolist()) & HASHES, where


def assert_undetermined(values: Int64s, source: Int64s, where: str) -> None:
    """A fact of the bank's: no more alike with the source's numbers than with those of somebody else."""
    assert abs(rank_correlation(values, source)) < 0.5, where
    pairs = np.unique(np.column_stack([source, values]), axis=0)  # a customer's many rows are one throw of the dice
    source, values = pairs[:, 0], pairs[:, 1]
    shuffled = np.random.default_rng(1).permutation(source)
    assert np.sum(values == source) <= 3 * np.sum(values == shuffled) + 20, where
    if len(np.unique(values)) >= FEW:  # whoever gave which consent, the example made of the last digit
        assert_no_line(values, source, where, most=0.5)


def assert_no_line(values: Int64s, source: Int64s, where: str, *, most: float) -> None:
    """From one number of the source to the next there is no step that is always the same."""
    ordered = np.argsort(source, kind="stable")
    steps = np.diff(values[ordered])[np.diff(source[ordered]) == 1]
    steps = steps[steps != 0]  # the next row of the same customer
    if len(steps) > FEW:
        assert np.unique(steps, return_counts=True)[1].max() < most * len(steps), f"{where}: a line"


def assert_tells_nothing(rows: pa.Table, sources: dict[str, Int64s], where: str) -> None:
    for name, values in numbers_of(rows).items():
        for of, source in sources.items():
            check = assert_random if name in RANDOM else assert_undetermined
            check(values, source, f"{where}.{name} of the {of}")


def test_no_column_of_the_data_plane_holds_or_derives_from_a_number_of_the_bank(berka: Berka) -> None:
    assert set(berka.tables) == {
        "customers", "accounts", "orders", "transactions", "loans", "cards", "customer_tags",
    }  # fmt: skip
    for table, rows in berka.tables.items():
        assert_tells_nothing(rows, berka.sources(rows), table)


def test_no_transaction_tells_its_number(berka: Berka, berka_files: Path) -> None:
    """Rows are found again in the file by account, amount and balance, where these are the only ones."""
    rows = berka.tables["transactions"]
    rows = rows.append_column("account_id", pa.array(berka.sources(rows)["account"]))
    files = [str(path) for path in berka_files.glob("trans_*.asc")]
    found = duckdb.sql(f"""
        WITH bank AS (
            SELECT CAST(any_value(trans_id) AS BIGINT) AS trans_id, CAST(account_id AS BIGINT) AS account_id,
                CAST(CAST(amount AS DECIMAL(18, 2)) * 100 AS BIGINT) AS amount,
                CAST(CAST(balance AS DECIMAL(18, 2)) * 100 AS BIGINT) AS balance
            FROM read_csv({files}, delim=';', header=true, all_varchar=true)
            GROUP BY ALL HAVING count(DISTINCT trans_id) = 1
        )
        SELECT bank.trans_id, rows.* FROM bank JOIN rows USING (account_id, amount, balance)
    """).to_arrow_table()
    assert found.num_rows > 50_000
    sources = {"transaction": found.column("trans_id").to_numpy()}
    assert_tells_nothing(found.drop_columns(["trans_id", "account_id"]), sources, "transactions")


def test_no_text_of_the_data_plane_tells_anybody_from_the_others(berka: Berka) -> None:
    for table, rows in berka.tables.items():
        for name in rows.column_names:
            if pa.types.is_string(rows.column(name).type):
                values = {value for value in rows.column(name).unique().to_pylist() if value is not None}
                assert len(values) < FEW, f"{table}.{name}"
                assert not [value for value in values if any(sign.isdigit() for sign in value)], f"{table}.{name}"


def in_control(berka: Berka, table: str) -> pa.Table:
    with berka.application.services.database.reading() as connection:
        rows = connection.execute(select(METADATA.tables[table])).mappings().all()
    return pa.Table.from_pylist([dict(row) for row in rows])


def test_registers_know_clients_by_surrogates_only(berka: Berka) -> None:
    for table in ("subjects", "consents"):
        rows = in_control(berka, table)
        assert rows.num_rows > 3_000
        assert_tells_nothing(rows, berka.sources(rows), table)


def test_another_workspace_knows_the_same_clients_by_other_numbers(berka: Berka, other: Berka) -> None:
    """A hash without a secret of this workspace would be the same in both, whatever it is made of."""
    assert sorted(berka.client_of.values()) == sorted(other.client_of.values())
    tables = {name: (berka.tables[name], rows) for name, rows in other.tables.items()}
    tables |= {name: (in_control(berka, name), in_control(other, name)) for name in ("subjects", "consents")}
    secret = (RANDOM | {"origin"}) - {"consent_id"}
    for table, (ours, theirs) in tables.items():
        assert ours.num_rows == theirs.num_rows > 500
        for name in secret & set(ours.column_names):
            shared = set(ours.column(name).to_pylist()) & set(theirs.column(name).to_pylist())
            assert not shared, f"{table}.{name}"
    surrogate = {client: number for number, client in other.client_of.items()}
    pairs = [(number, surrogate[client]) for number, client in berka.client_of.items()]
    assert abs(rank_correlation(*np.array(pairs).T)) < 5 / np.sqrt(len(pairs))


def test_no_address_that_the_example_makes_is_outside_the_vault(berka: Berka) -> None:
    """What is made of a client's number is long enough to be searched for by value."""
    made = re.compile(rb"client\d+@berka")
    services = berka.application.services
    for path in (services.folder / "data" / "warehouse").rglob("*"):
        assert not (path.is_file() and made.search(path.read_bytes())), path
    with services.database.reading() as connection:
        for table in METADATA.sorted_tables:
            assert not made.search(repr(connection.execute(select(table)).all()).encode()), table.name
