"""What the tests of customers' requests share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import select
from tiny_bank import (
    MIN,
    PRINCIPALS,
    customer_no,
    party_of,
    rows_of,
)

from lingque.bootstrap import Application
from lingque.core.ids import CustomerId
from lingque.core.reasons import Refusal
from lingque.core.registries import DataClass, Purpose
from lingque.flow.rights import (
    receive_request,
)
from lingque.flow.services import Services
from lingque.govern.contracts import Permit, PermitAsk
from lingque.govern.rights.requests import RequestKind, RightsRequest
from lingque.govern.tables import erasures, list_members, subjects, vault_identifiers, vault_keys
from lingque.profile.bitmaps import Bitmaps
from lingque.store.runs import published_versions

JAN = PRINCIPALS["hua_too"]


WHO = 12
"""A customer who was contacted or held out."""


ON_SQLITE = pytest.mark.parametrize("controls", ["sqlite"], indirect=True)


def done(outcome: Any) -> Any:
    assert not isinstance(outcome, Refusal), outcome
    return outcome


def receive(application: Application, kind: RequestKind, n: int = WHO) -> RightsRequest:
    customer = CustomerId(party_of(application, customer_no(n)))
    request = done(receive_request(application.services, kind, customer, MIN, verified="identity card"))
    assert isinstance(request, RightsRequest)
    return request


def rows_about(services: Services, ids: set[int]) -> dict[str, int]:
    """In the data plane, per table."""
    with services.database.reading() as connection:
        versions = published_versions(connection)
    return {
        table: sum(bool({row.get("customer_id"), row.get("party_id")} & ids) for row in rows_of(services, table))
        for table in versions
    }


def leave(application: Application, customer: int, purpose: Purpose) -> Permit | Refusal:
    services = application.services
    classes = DataClass.PERSONAL if purpose is Purpose.MARKETING else DataClass(0)
    ask = PermitAsk(purpose=purpose, channel="email", data_classes=classes, moment=services.clock.now())
    with services.database.reading() as connection:
        return services.permits.permit(connection, CustomerId(customer), ask)


def assert_gone(application: Application, folder: Path, customer: int) -> None:
    """Of who was asked for nothing is left but decisions, which the law wants kept."""
    services = application.services
    with services.database.reading() as connection:
        for table, column in (
            (vault_keys, "party_id"), (vault_identifiers, "party_id"), (subjects, "party_id"),
            (list_members, "party_id"),
        ):  # fmt: skip
            assert connection.execute(select(table).where(table.c[column] == customer)).all() == [], table.name
        assert connection.execute(select(erasures.c.party_id)).scalars().all() == [customer]
        found = application.vault.resolve(connection, namespace="core/customers", keys=[customer_no(WHO)], mint=False)
        assert found == {}
    about = rows_about(services, {customer})
    assert about.pop("decisions", 0) > 0
    assert set(about.values()) == {0}
    for path in (folder / "data" / "warehouse").rglob("*.parquet"):
        columns = [name for name in ("customer_id", "party_id") if name in pq.read_schema(path).names]
        rows = pq.read_table(path, columns=columns)
        if "decisions" not in path.parts:
            assert not any(customer in rows.column(name).to_pylist() for name in columns), path
    for path in (folder / "data" / "warehouse").rglob("*.rows"):
        rows = pa.ipc.open_file(path).read_all()
        assert customer not in rows.column("customer_id").to_pylist(), path
    for path in (folder / "data" / "warehouse").rglob("*.bits"):
        assert customer not in Bitmaps(path).ids.tolist(), path
