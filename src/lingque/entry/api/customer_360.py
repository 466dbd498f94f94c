"""Everything known of one customer in one answer, masked, within the caller's scope."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, Field
from starlette.responses import Response

from lingque.catalog.definitions import DataContract
from lingque.catalog.model import Catalog
from lingque.core.clock import END_OF_TIME, Instant, datetime_of
from lingque.core.ids import CustomerId
from lingque.core.reasons import Refusal
from lingque.entry.api.customers import CustomerAnswer
from lingque.entry.api.decisions import CustomerNumber, MessageAnswer
from lingque.entry.api.guarded import Caller, Workspace, guarded_router
from lingque.entry.api.problems import refusal_response
from lingque.entry.api.shapes import Labelled, ReasonAnswer
from lingque.flow.customer_360 import Customer360, Leave, TableShown, TagShown, customer_360
from lingque.flow.intake import catalog_of

router = guarded_router("customers")

Plain = bool | int | float | str | None
"""Money in minor units, a day as YYYY-MM-DD, a moment in ISO 8601."""


class TableAnswer(BaseModel):
    """Rows of one table, the newest first."""

    table: str
    label: Labelled
    count: int = Field(description="of all rows there are; those named may be fewer")
    rows: list[dict[str, Plain]]


class WhyAnswer(BaseModel):
    """What made a value: rows of a table (how many, and the newest), or other tags."""

    how: Literal["rows", "tags", "model", "list", "manual"]
    table: str
    rows: int
    newest: list[dict[str, Plain]]
    inputs: dict[str, Plain]


class KnownTag(BaseModel):
    """A tag of the newest snapshot; null: not known."""

    tag: str
    label: Labelled
    family: str
    type: str
    value: Plain
    why: WhyAnswer


class DueAnswer(BaseModel):
    """A day to come that something held states."""

    table: str
    column: str
    day: date


class LeaveAnswer(BaseModel):
    """May the customer be written to for marketing on this channel, now; a contact that looks at nothing of theirs."""

    channel: str
    allowed: bool
    reason: ReasonAnswer | None


class Customer360Answer(BaseModel):
    """Who, what they hold and did, what falls due, tags with their reasons, contacts, leave."""

    customer: CustomerAnswer
    as_of: date | None = Field(description="day of the snapshot of the tags; null: the customer is in none")
    household: list[str] | None = Field(
        description="others who live together with them, within the caller's scope; null: nobody knows"
    )
    held: list[TableAnswer]
    happened: list[TableAnswer]
    due: list[DueAnswer]
    tags: list[KnownTag]
    messages: list[MessageAnswer]
    leave: list[LeaveAnswer]


@router.get(
    "/customers/{customer_id}/360", operation_id="get_customer_360", summary="Everything known of one customer",
    response_model=Customer360Answer,
)  # fmt: skip
def get_customer_360(customer_id: CustomerNumber, workspace: Workspace, caller: Caller) -> Customer360Answer | Response:
    """403 OUTSIDE_SCOPE for a customer of somebody else, there or not. Each look is one entry of the audit trail."""
    found = customer_360(workspace.services, CustomerId(customer_id), caller)
    if isinstance(found, Refusal):
        return refusal_response(found)
    return _answer(found, catalog_of(workspace.services))


def _answer(found: Customer360, catalog: Catalog) -> Customer360Answer:
    return Customer360Answer(
        customer=CustomerAnswer.of(found.card),
        as_of=found.as_of,
        household=None if found.household is None else [str(one) for one in found.household],
        held=[_table(one) for one in found.held],
        happened=[_table(one) for one in found.happened],
        due=[DueAnswer(table=one.table, column=one.column, day=one.day) for one in found.due],
        tags=[_tag(one, catalog) for one in found.tags],
        messages=[MessageAnswer.of(one) for one in found.messages],
        leave=[_leave(one) for one in found.leave],
    )


def _table(shown: TableShown) -> TableAnswer:
    contract = shown.contract
    return TableAnswer(
        table=contract.contract,
        label=Labelled.of(contract.label.label()),
        count=shown.count,
        rows=[_row(contract, row) for row in shown.rows],
    )


def _row(contract: DataContract, row: Mapping[str, Any]) -> dict[str, Plain]:
    """What the bank's contract names, without the platform's own columns: a surrogate says nothing to anybody."""
    references = contract.with_role("reference")
    shown = {name: _plain(row.get(name)) for name in contract.stored if name not in references}
    return {contract.time_column: _moment(row[contract.time_column]), **shown}


def _tag(shown: TagShown, catalog: Catalog) -> KnownTag:
    tag = catalog.tag(shown.tag)
    why = shown.why
    contract = catalog.contracts.get(why.table)
    return KnownTag(
        tag=tag.name,
        label=Labelled.of(tag.definition.label.label()),
        family=tag.definition.family,
        type=str(tag.type),
        value=_plain(shown.value),
        why=WhyAnswer(
            how=why.how,
            table=why.table,
            rows=why.rows,
            newest=[] if contract is None else [_row(contract, row) for row in why.newest],
            inputs={name: _plain(value) for name, value in why.inputs.items()},
        ),
    )


def _leave(shown: Leave) -> LeaveAnswer:
    reason = None if shown.reason is None else ReasonAnswer.of(shown.reason)
    return LeaveAnswer(channel=shown.channel, allowed=reason is None, reason=reason)


def _moment(value: int) -> str | None:
    return None if value >= END_OF_TIME else datetime_of(Instant(value)).isoformat()


def _plain(value: Any) -> Plain:
    found: Plain = value.isoformat() if isinstance(value, date | datetime) else value
    return found
