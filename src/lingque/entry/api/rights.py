"""Customers' requests: the queue, the customer's copy, erasure, correction, restriction, how a request ended."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal, Self

from fastapi import Depends, Path, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from lingque.core.clock import datetime_of
from lingque.core.ids import CustomerId
from lingque.core.reasons import Refusal
from lingque.entry.api.asking import no_body
from lingque.entry.api.guarded import Caller, Workspace, guarded_router
from lingque.entry.api.problems import refusal_response
from lingque.entry.api.shapes import Comment, Labelled, Request
from lingque.flow.disclosing import package_for
from lingque.flow.erasing import carry_out_erasure
from lingque.flow.rights import (
    carry_out_correction,
    carry_out_restriction,
    close_answered,
    find_customers,
    receive_request,
    refuse_request,
    requests_queue,
    returned_customers,
    show_request,
)
from lingque.govern.rights.requests import RequestKind, RequestState, RightsRequest

router = guarded_router("rights")

MOST = 2**63 - 1
IdentifierWord = Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,31}$")]
Identifying = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
RequestNumber = Annotated[int, Path(ge=1, le=MOST, description="number of the request")]


class NewRequest(Request):
    """What a customer asks for, and how it was made sure who asks."""

    kind: RequestKind
    customer_id: str = Field(pattern=r"^[1-9][0-9]{0,17}$|^[1-8][0-9]{18}$", description="the surrogate")
    verified: Comment = Field(min_length=1, max_length=200, description="no personal data")


class RefusalRequest(Request):
    """Why the request is not granted: the customer is owed the reason."""

    comment: Comment = Field(min_length=1)


class FindRequest(Request):
    """By what the customer is looked for; with a system, by their number there."""

    kind: IdentifierWord = Field(description="name, phone, email or address; with a system any word")
    value: Identifying
    system: Annotated[str, Field(max_length=64, pattern=r"^[A-Za-z0-9_-]*$")] = ""


class FoundAnswer(BaseModel):
    """By blind index: nothing was opened."""

    customers: list[str]


class ReturnedCustomer(BaseModel):
    """Somebody new, by a number under which somebody was erased."""

    customer_id: str
    erased_at: datetime


class ReturnedAnswer(BaseModel):
    """By the moment of the erasure."""

    returned: list[ReturnedCustomer]


class CorrectionRequest(Request):
    """An identifier as the customer states it, in the place of what was kept; null: forget it."""

    kind: Literal["name", "phone", "email", "address"]
    value: Identifying | None


class RequestAnswer(BaseModel):
    """A request; closed, its outcome is the certificate."""

    number: int
    kind: RequestKind
    label: Labelled
    customer_id: str = Field(description="a string: it has more digits than every reader of JSON keeps of a number")
    state: RequestState
    received_at: datetime
    received_by: str
    verified: str
    due_on: date
    closed_at: datetime | None
    closed_by: str | None
    outcome: dict[str, Any]

    @classmethod
    def of(cls, request: RightsRequest) -> Self:
        return cls(
            number=request.request_id,
            kind=request.kind,
            label=Labelled.of(request.kind.label),
            customer_id=str(request.customer_id),
            state=request.state,
            received_at=datetime_of(request.received_at),
            received_by=request.received_by,
            verified=request.verified,
            due_on=request.due_on,
            closed_at=None if request.closed_at is None else datetime_of(request.closed_at),
            closed_by=request.closed_by,
            outcome=dict(request.outcome),
        )


class RequestsAnswer(BaseModel):
    """The queue, what is due first before the rest."""

    requests: list[RequestAnswer]


@router.get(
    "/rights/requests", operation_id="list_requests", summary="Customers' requests", response_model=RequestsAnswer
)
def get_requests(
    workspace: Workspace, caller: Caller, *, closed: Annotated[bool, Query(description="closed ones too")] = False
) -> RequestsAnswer | Response:
    found = requests_queue(workspace.services, caller, everything=closed)
    if isinstance(found, Refusal):
        return refusal_response(found)
    return RequestsAnswer(requests=[RequestAnswer.of(one) for one in found])


@router.post("/rights/requests", operation_id="receive_request", summary="Take a request", response_model=RequestAnswer)
def post_request(workspace: Workspace, caller: Caller, body: NewRequest) -> RequestAnswer | Response:
    """It is due within the days of the setting `rights.deadline_days`."""
    customer = CustomerId(int(body.customer_id))
    with workspace.writing() as services:
        return _answered(receive_request(services, body.kind, customer, caller, verified=body.verified))


@router.get(
    "/rights/requests/{number}", operation_id="get_request", summary="One request", response_model=RequestAnswer
)
def get_request(workspace: Workspace, caller: Caller, number: RequestNumber) -> RequestAnswer | Response:
    return _answered(show_request(workspace.services, number, caller))


@router.get(
    "/rights/requests/{number}/package",
    operation_id="get_package",
    summary="What the customer is to be given",
    response_model=dict[str, Any],
)
def get_package(workspace: Workspace, caller: Caller, number: RequestNumber) -> dict[str, Any] | Response:
    """Holds personal data, and every time leaves a trace: hand it to the customer and to nobody else."""
    found = package_for(workspace.services, number, caller)
    return refusal_response(found) if isinstance(found, Refusal) else found


@router.post(
    "/rights/requests/{number}/answers",
    operation_id="answer_request",
    summary="The customer has been given it",
    response_model=RequestAnswer,
    dependencies=[Depends(no_body)],
)
def post_answer(workspace: Workspace, caller: Caller, number: RequestNumber) -> RequestAnswer | Response:
    with workspace.writing() as services:
        return _answered(close_answered(services, number, caller))


@router.post(
    "/rights/requests/{number}/refusals",
    operation_id="refuse_request",
    summary="Close a request without granting it",
    response_model=RequestAnswer,
)
def post_refusal(
    workspace: Workspace, caller: Caller, number: RequestNumber, body: RefusalRequest
) -> RequestAnswer | Response:
    with workspace.writing() as services:
        return _answered(refuse_request(services, number, caller, comment=body.comment))


@router.post(
    "/rights/requests/{number}/erasures",
    operation_id="erase_customer",
    summary="Erase the customer in both planes",
    response_model=RequestAnswer,
    dependencies=[Depends(no_body)],
)
def post_erasure(workspace: Workspace, caller: Caller, number: RequestNumber) -> RequestAnswer | Response:
    """It cannot be undone, and takes another person than who received the request. Broken off, it goes on when asked
    again. Where a law demands that the data are kept, it becomes a restriction."""
    with workspace.writing() as services:
        return _answered(carry_out_erasure(services, number, caller))


@router.post(
    "/rights/requests/{number}/restrictions",
    operation_id="restrict_customer",
    summary="Withdraw everything that the customer agreed to",
    response_model=RequestAnswer,
    dependencies=[Depends(no_body)],
)
def post_restriction(workspace: Workspace, caller: Caller, number: RequestNumber) -> RequestAnswer | Response:
    with workspace.writing() as services:
        return _answered(carry_out_restriction(services, number, caller))


@router.put(
    "/rights/requests/{number}/correction",
    operation_id="correct_customer",
    summary="Correct an identifier",
    response_model=RequestAnswer,
)
def put_correction(
    workspace: Workspace, caller: Caller, number: RequestNumber, body: CorrectionRequest
) -> RequestAnswer | Response:
    """No POST: of those a digest of the body is kept, and a telephone number can be guessed from one."""
    with workspace.writing() as services:
        return _answered(carry_out_correction(services, number, {body.kind: body.value}, caller))


@router.put("/rights/customers", operation_id="find_customers", summary="Find who asks", response_model=FoundAnswer)
def put_customers(workspace: Workspace, caller: Caller, body: FindRequest) -> FoundAnswer | Response:
    """A PUT, for what is looked for stands in no address and no log. What was asked for is kept nowhere."""
    found = find_customers(workspace.services, body.kind, body.value, caller, system=body.system)
    if isinstance(found, Refusal):
        return refusal_response(found)
    return FoundAnswer(customers=[str(one) for one in found])


@router.get(
    "/rights/returned",
    operation_id="list_returned",
    summary="Who was erased and has been delivered again",
    response_model=ReturnedAnswer,
)
def get_returned(workspace: Workspace, caller: Caller) -> ReturnedAnswer | Response:
    """What they agreed to before counts no more."""
    found = returned_customers(workspace.services, caller)
    if isinstance(found, Refusal):
        return refusal_response(found)
    return ReturnedAnswer(
        returned=[
            ReturnedCustomer(customer_id=str(one.customer_id), erased_at=datetime_of(one.erased_at)) for one in found
        ]
    )


def _answered(outcome: RightsRequest | Refusal) -> RequestAnswer | Response:
    return refusal_response(outcome) if isinstance(outcome, Refusal) else RequestAnswer.of(outcome)
