"""Tags of customers: the live ones of one, and values that people give, by the platform's own numbers of customers."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from fastapi import Path
from pydantic import BaseModel, Field
from starlette.responses import Response

from lingque.catalog.definitions.shared import NAME
from lingque.core.clock import datetime_of
from lingque.core.ids import CustomerId
from lingque.core.reasons import Refusal
from lingque.entry.api.decisions import CustomerNumber, TagValue, tag_value
from lingque.entry.api.guarded import Caller, Workspace, guarded_router
from lingque.entry.api.problems import refusal_response
from lingque.entry.api.shapes import Day, Request
from lingque.flow.intake import catalog_of
from lingque.flow.live import show_live
from lingque.flow.manual_tags import Given, give_tag

router = guarded_router("tags")

TagName = Annotated[str, Path(pattern=NAME, description="name of the tag; its definition says 'manual'")]
Value = Annotated[str, Field(max_length=200)]
ORIGIN = "API"


class TableAnswer(BaseModel):
    """Of the events of a table that are kept: for how many days, the latest, and whether that is all there is."""

    table: str
    kept_days: int
    newest: datetime | None
    is_newest: bool


class LiveAnswer(BaseModel):
    """A customer's live tags at a moment, and what was known when they were worked out."""

    customer_id: str = Field(description="a string: it has more digits than every reader of JSON keeps of a number")
    at: datetime
    tags: list[TagValue]
    daily_as_of: date | None = Field(description="the morning of which the daily tags are that live ones read")
    filled_at: datetime | None = Field(description="when events were last taken in; null: there is no live tag")
    tables: list[TableAnswer]


class GivenValue(Request):
    """One customer's value, as text: money in major units, a day as YYYY-MM-DD, true or false. Null: taken back."""

    customer_id: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,18}$")]
    value: Value | None


class GiveRequest(Request):
    """Values of a manual tag. Of a customer who stands there twice the last one counts."""

    values: Annotated[list[GivenValue], Field(min_length=1, max_length=10_000)]
    expires_on: Day | None = Field(
        default=None, description="the day on which they are good no more; default: as the definition says"
    )


class GivenAnswer(BaseModel):
    """What became of them."""

    rows: int
    changed: int = Field(description="customers for whom it changed anything")
    unknown: list[int] = Field(description="rows, from 1, whose customer nobody knows")
    invalid: list[int] = Field(description="rows whose value the tag cannot have")

    @classmethod
    def of(cls, given: Given) -> GivenAnswer:
        return cls(rows=given.rows, changed=given.changed, unknown=list(given.unknown), invalid=list(given.invalid))


@router.get(
    "/customers/{customer_id}/live-tags",
    operation_id="get_live_tags",
    summary="One customer's tags at this moment",
    response_model=LiveAnswer,
)
def get_live_tags(customer_id: CustomerNumber, workspace: Workspace, caller: Caller) -> LiveAnswer | Response:
    """404 where nothing is known of the customer, or nothing was made ready; the trail keeps who looked."""
    services = workspace.services
    found = show_live(services, CustomerId(customer_id), caller)
    if isinstance(found, Refusal):
        return refusal_response(found)
    catalog, fresh = catalog_of(services), found.freshness
    return LiveAnswer(
        customer_id=str(customer_id),
        at=datetime_of(found.at),
        tags=[tag_value(name, value, catalog) for name, value in found.values.items()],
        daily_as_of=fresh.as_of,
        filled_at=None if fresh.filled_at is None else datetime_of(fresh.filled_at),
        tables=[
            TableAnswer(
                table=one.table,
                kept_days=one.kept_days,
                newest=None if one.newest is None else datetime_of(one.newest),
                is_newest=one.is_newest,
            )
            for one in fresh.tables
        ],
    )


@router.post(
    "/tags/{name}/values",
    operation_id="give_tag_values",
    summary="Give customers values of a manual tag, or take them back",
    response_model=GivenAnswer,
)
def post_values(name: TagName, body: GiveRequest, workspace: Workspace, caller: Caller) -> GivenAnswer | Response:
    """A value hides what was given before, also when it expires. It counts from the next snapshot on."""
    values = [(CustomerId(int(one.customer_id)), one.value) for one in body.values]
    with workspace.writing() as services:
        given = give_tag(services, name, values, caller, origin=ORIGIN, expires_on=body.expires_on)
    return refusal_response(given) if isinstance(given, Refusal) else GivenAnswer.of(given)
