"""What the tests of customers' requests share."""

from __future__ import annotations

from typing import Any

import pytest
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
