"""Ingest is scored against a bank whose every bad row is known: what is wrong is found, and nothing else."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from sqlalchemy import select

from lingque.bootstrap import Application, open_workspace
from lingque.core.reasons import Refusal
from lingque.entry.demo import lay_out
from lingque.flow import apply, ingest
from lingque.govern.access import User, add_user
from lingque.govern.contracts import Principal, Role
from lingque.ingest.contracts import IngestReport
from lingque.ingest.tables import quarantine
from lingque.twin.making import make_bank
from lingque.twin.presets import parameters_of

PARAMETERS = replace(
    parameters_of("tiny", months=2),
    spending_per_month=2.0,
    missing_share=0.002,
    malformed_share=0.002,
    repeated_share=0.005,
)
SECOND_READERS = {
    "core_deposit_openings": {"customer_no", "opened_on"},
    "wealth_purchases": {"client_no", "bought_on"},
}
"""Sources that read a file once more, and the columns in which it can be wrong for them; a copy that is wrong elsewhere
is a repeated row to them."""
ROLES = frozenset({Role.OPERATOR, Role.ANALYST, Role.CAMPAIGN_MANAGER})


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Application, list[IngestReport], Path]]:
    made = tmp_path_factory.mktemp("made") / "bank"
    make_bank(PARAMETERS, made)
    workspace = tmp_path_factory.mktemp("workspace") / "bank"
    lay_out(workspace, "en")
    (made / "landing").rename(workspace / "landing")
    with (workspace / "definitions" / "sources.yaml").open(encoding="utf-8") as file:
        scored = {one["source"] for one in yaml.safe_load_all(file)}
    with open_workspace(workspace) as application, application.writing():
        services = application.services
        otto = Principal(user="otto", person="otto", roles=ROLES)
        with services.database.transaction() as connection:
            for name in ("otto", "ada", "lan", "min"):
                add_user(connection, User(name=name, person=name, roles=ROLES), at=services.clock.now())
        assert not isinstance(apply(services, otto), Refusal)
        # what other systems deliver is joined on the way: a bad row of one file may be no row, or several, of the table
        reports = [one for one in ingest(services, otto) if not isinstance(one, Refusal) and one.source in scored]
        assert {one.source for one in reports} == scored
        yield application, reports, made / "truth" / "dirt_20260531.csv"


def told(truth: Path, source: str = "") -> dict[str, dict[int, str]]:
    """File of the landing → row → what is wrong with it; what comes late is as good as what comes in time."""
    found: dict[str, dict[int, str]] = defaultdict(dict)
    with truth.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["file"].startswith("landing/") and row["kind"] != "late":
                sees = source not in SECOND_READERS or row["detail"] in SECOND_READERS[source]
                found[row["file"].removeprefix("landing/")][int(row["row"])] = row["kind"] if sees else "repeated"
    return found


def test_every_bad_row_is_in_the_quarantine_and_no_good_one(
    loaded: tuple[Application, list[IngestReport], Path],
) -> None:
    application, reports, truth = loaded
    with application.services.database.reading() as connection:
        rows = connection.execute(select(quarantine.c.source, quarantine.c.file_name, quarantine.c.row_number)).all()
    found: dict[tuple[str, str], set[int]] = defaultdict(set)
    for source, file, number in rows:
        found[source, Path(file).name].add(number)
    scored = Counter[str]()
    for report in reports:
        dirt = told(truth, report.source)
        for file in report.files:
            name = Path(file).name
            wrong = {row for row, kind in dirt[name].items() if kind != "repeated"}
            assert found[report.source, name] == wrong, (report.source, name)
            scored.update(dirt[name][row] for row in wrong)
    assert scored.keys() == {"missing", "malformed", "unknown"}
    assert min(scored["missing"], scored["malformed"]) > 20


def test_as_many_rows_are_repeated_as_the_truth_says(loaded: tuple[Application, list[IngestReport], Path]) -> None:
    _, reports, truth = loaded
    repeated = Counter[str]()
    for report in reports:
        dirt = told(truth, report.source)
        expected = sum(kind == "repeated" for file in report.files for kind in dirt[Path(file).name].values())
        assert report.repeated == expected, (report.source, report.data_date)
        assert report.read == report.accepted + report.repeated + report.quarantined
        repeated[report.source] += expected
    assert sum(repeated.values()) > 50
    assert len([source for source, count in repeated.items() if count]) > 6
