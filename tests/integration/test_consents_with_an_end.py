"""A delivery of consents may say until when they hold, and that a guardian gave them."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from tiny_bank import HEADERS, OTTO, Bank, consents, customer_no, deliver_all, party_of

from lingque.core.errors import DefinitionError
from lingque.core.reasons import Refusal
from lingque.flow import apply, ingest
from lingque.govern import tables

COLUMNS = (*HEADERS["consents"], "expires_on", "by_guardian")


def declare(bank: Bank, *, expires: str = "date", guardian: str = "boolean") -> None:
    """Two more columns in contract and mapping."""
    last = "  evidence: {type: text}\n"
    more = f"  expires_on: {{type: {expires}}}\n  by_guardian: {{type: {guardian}}}\n"
    bank.replace_in("contracts", last, last + more)
    bank.map("consents", f"SELECT _file, _row, {', '.join(COLUMNS)} FROM consents")


def test_the_register_knows_the_end_and_the_guardian(defined_bank: Bank) -> None:
    declare(defined_bank)
    deliver_all(defined_bank)
    lines = [",".join(COLUMNS)]
    for number, row in enumerate(consents()):
        lines.append(",".join([*row, *(("2026-12-31", "true") if number == 0 else ("", ""))]))
    defined_bank.deliver_text("consents", "\n".join(lines) + "\n")
    with defined_bank.open() as application:
        services = application.services
        assert not isinstance(apply(services, OTTO), Refusal)
        for report in ingest(services, OTTO):
            assert not isinstance(report, Refusal)
            assert report.quarantined == 0, report
        with services.database.reading() as connection:
            rows = connection.execute(select(tables.consents)).all()
        (ending,) = [row for row in rows if row.expires_at is not None]
        assert services.calendar.day_of(ending.expires_at).isoformat() == "2026-12-31"
        assert [row.party_id for row in rows if row.by_guardian] == [ending.party_id]
        assert ending.party_id == party_of(application, customer_no(int(consents()[0][1][-5:])))


@pytest.mark.parametrize("types", [{"expires": "text"}, {"guardian": "text"}])
def test_both_have_the_type_that_they_must(types: dict[str, str], defined_bank: Bank) -> None:
    declare(defined_bank, **types)
    with defined_bank.open() as application, pytest.raises(DefinitionError, match="of kind consent has the type"):
        apply(application.services, OTTO)
