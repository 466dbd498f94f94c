"""All that readers of a workspace see."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from tiny_bank import (
    Bank,
    rows_of,
)

from lingque.deliver.tables import deliveries
from lingque.engage.tables import campaign_states
from lingque.govern.tables import approvals, consents, subjects, vault_identifiers, vault_surrogates
from lingque.store.runs import published_versions


def content(bank: Bank) -> dict[str, Any]:
    """All that readers see, word for word: published versions and what they hold, and the registers."""
    registers = (subjects, consents, vault_identifiers, vault_surrogates, approvals, campaign_states, deliveries)
    with bank.open() as application:
        services = application.services
        with services.database.reading() as connection:
            held: dict[str, Any] = {
                table.name: sorted(map(repr, connection.execute(select(table)).all())) for table in registers
            }
            versions = published_versions(connection)
        with services.session() as session:
            session.add_versions(versions)
            rows = {name: (version, session.ask(f'SELECT * FROM "{name}"')) for name, version in versions.items()}
        return held | rows


def count_of_rows(bank: Bank) -> int:
    """Of transactions, published."""
    with bank.open() as application:
        return len(rows_of(application.services, "transactions"))
