"""Decisions that are asked for: what to show somebody who is here, and what became of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, ValidationError, model_validator
from pydantic_core import to_json
from starlette.requests import ClientDisconnect
from starlette.responses import Response as HttpResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from lingque.core.clock import datetime_of
from lingque.core.errors import NotFoundError
from lingque.core.ids import CustomerId
from lingque.core.labels import Language
from lingque.core.reasons import Reason, Refusal
from lingque.deliver.slots import Response
from lingque.entry.api.asked_together import AskedTogether
from lingque.entry.api.authentication import Authenticator, unknown_caller
from lingque.entry.api.document import ASKED_ANEW
from lingque.entry.api.guarded import PREFIX, Caller, GuardedRoute, Workspace, guarded_router
from lingque.entry.api.problems import ANSWERED, answered_error, error_response, refusal_response
from lingque.entry.api.shapes import Labelled, Name, ReasonAnswer
from lingque.entry.api.shapes import Request as Body
from lingque.flow.responding import respond
from lingque.flow.showing import Answer, Filled, Item, Part, Visit, Why
from lingque.govern.access import refused
from lingque.govern.contracts import Action, Principal

_LARGEST = 2**63 - 1
_ONE_WEEK = 7 * 86_400.0


class AskedRoute(GuardedRoute):
    """A command that is new each time it is asked: no idempotency key, and nothing between the request and its answer
    but what it takes. Who calls is asked together with everything else."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, HttpResponse]]:
        async def handle(request: Request) -> HttpResponse:
            answer: HttpResponse = await self.endpoint(request)
            return answer

        return handle


class AskedFirst:
    """Has the route answer before the framework searches all routes for it: what is asked most often is to wait for
    nothing. Everybody else goes on; behind another prefix of paths this one does too."""

    def __init__(self, app: ASGIApp, route: AskedRoute) -> None:
        self._app = app
        self._route = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != self._route.path or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        scope["route"] = self._route
        try:
            response = await self._route.endpoint(Request(scope, receive, send))
        except ANSWERED as error:
            response = answered_error(error)
        await response(scope, receive, send)


class Asked(Body):
    """Who is here, and which placements of the screen are to be filled."""

    customer_id: Annotated[str, Field(pattern="^[1-9][0-9]{0,18}$")] | None = Field(
        default=None, description="the platform's own number of the customer; null: somebody nobody knows"
    )
    placements: list[Name] = Field(min_length=1, max_length=10, json_schema_extra={"uniqueItems": True})
    language: Language | None = Field(default=None, description="null: the placement's own")
    deadline_ms: int | None = Field(default=None, ge=0, le=10_000, description="null: the shortest of the placements'")
    explain: bool = Field(default=False, description="also tell what spoke against each offer; takes read_customer")

    @model_validator(mode="after")
    def _once(self) -> Self:
        if len(set(self.placements)) < len(self.placements):
            raise ValueError("a placement is named twice")
        return self


class ItemAnswer(BaseModel):
    """One thing to show, the first on top."""

    offer: str
    label: Labelled
    subject: str
    body: str
    personal: bool = Field(description="chosen for the customer; false: shown to everybody")
    decision_id: str
    token: str = Field(description="comes back with what became of it")


class AgainstAnswer(BaseModel):
    """All that spoke against an offer."""

    offer: str
    reasons: list[ReasonAnswer]


class FilledAnswer(BaseModel):
    """What one placement shows."""

    placement: str
    decision_id: str
    why: Why | None = Field(description="why nothing was chosen for the customer; null: something was")
    missing: list[Part] = Field(description="parts that were down or too slow")
    items: list[ItemAnswer]
    against: list[AgainstAnswer]


class DecisionAnswer(BaseModel):
    """In the order of the placements asked for."""

    at: datetime
    placements: list[FilledAnswer]


class ToldResponse(Body):
    """What became of one thing. All but `not_shown` mean that it was seen."""

    token: str = Field(min_length=1, max_length=1_000)
    response: Literal["shown", "clicked", "accepted", "refused", "not_shown"]


class TakenAnswer(BaseModel):
    """`taken`: false where it was told before, or the customer is not there any more."""

    taken: bool


def _decided_by() -> dict[str, Any]:
    schema = Asked.model_json_schema()
    return {ASKED_ANEW: True, "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


asked_router = APIRouter(prefix=PREFIX, route_class=AskedRoute, tags=["decisions"])
router = guarded_router("decisions")


@asked_router.post(
    "/decide",
    operation_id="ask_decision",
    summary="What to show somebody who is here, on one or several placements",
    response_model=DecisionAnswer,
    openapi_extra=_decided_by(),
)
async def ask_decision(request: Request) -> HttpResponse:
    """Answered in time with what there is: a part that is down or slow is named, and what everybody is shown stands
    in. Whether a customer is known is never said. Asking again is another decision."""
    received = time.monotonic()
    try:
        asked = _understood(request, await _body(request.receive))
    except RequestValidationError:
        # who calls comes first, here as everywhere
        authenticator: Authenticator = request.app.state.authenticator
        if await run_in_threadpool(authenticator.principal, request.method, request.headers) is None:
            return unknown_caller()
        raise
    together: AskedTogether = request.app.state.asked_together
    # of a header sent twice the first counts, as everywhere
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(request.scope["headers"])}
    outcome = await together.ask(headers, _visit(asked, together, received))
    if outcome.principal is None:
        return unknown_caller()
    request.state.principal = outcome.principal
    match outcome.answer:
        case NotFoundError() as missing:
            return error_response(missing)
        case Refusal() as refusal:
            return refusal_response(refusal)
        case Answer() as answer:
            return HttpResponse(to_json(_answer(answer, outcome.principal)), media_type="application/json")
        case None:
            return unknown_caller()


ASKED = next(route for route in asked_router.routes if isinstance(route, AskedRoute))


@router.put(
    "/decide/responses",
    operation_id="respond_to_decision",
    summary="What became of something that was shown",
    response_model=TakenAnswer,
)
def respond_to_decision(body: ToldResponse, workspace: Workspace, caller: Caller) -> TakenAnswer | HttpResponse:
    """Once is enough, and telling it again changes nothing. 404 for a token that is none of ours."""
    taken = respond(workspace.services, body.token, Response[body.response.upper()], caller)
    return refusal_response(taken) if isinstance(taken, Refusal) else TakenAnswer(taken=taken)


async def _body(receive: Receive) -> bytes:
    """As the framework reads it, which takes a generator and a request as long as this one's decision."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _understood(request: Request, body: bytes) -> Asked:
    if request.scope["query_string"]:
        raise RequestValidationError([{"type": "extra_forbidden", "loc": ("query", ""), "msg": ""}])
    try:
        return Asked.model_validate_json(body)
    except ValidationError as error:
        raise RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in error.errors()]) from None


def _visit(asked: Asked, together: AskedTogether, received: float) -> Visit:
    placements = tuple(asked.placements)
    milliseconds = together.asking.deadline_of(placements) if asked.deadline_ms is None else asked.deadline_ms
    # a number too large for any customer is that of nobody
    customer = None if asked.customer_id is None else CustomerId(min(int(asked.customer_id), _LARGEST))
    return Visit(
        customer_id=customer,
        placements=placements,
        ends_at=received + (_ONE_WEEK if milliseconds is None else milliseconds / 1000),
        language=asked.language,
        explain=asked.explain,
    )


def _answer(answer: Answer, principal: Principal) -> dict[str, Any]:
    return {"at": datetime_of(answer.at), "placements": [_filled(one, principal) for one in answer.placements]}


def _filled(one: Filled, principal: Principal) -> dict[str, Any]:
    masked = bool(one.against) and refused(principal, Action.SEE_COMPLIANCE_REASONS) is not None
    return {
        "placement": one.placement,
        "decision_id": one.decision_id,
        "why": one.why,
        "missing": one.missing,
        "items": [_item(item) for item in one.items],
        "against": [
            {"offer": offer, "reasons": [ReasonAnswer.of(reason) for reason in _told(reasons, masked=masked)]}
            for offer, reasons in one.against.items()
        ],
    }


def _told(reasons: tuple[Reason, ...], *, masked: bool) -> list[Reason]:
    return list(dict.fromkeys(reason.for_customer if masked else reason for reason in reasons))


def _item(item: Item) -> dict[str, Any]:
    return {
        "offer": item.offer,
        "label": {"zh": item.label.zh, "en": item.label.en},
        "subject": item.subject,
        "body": item.body,
        "personal": item.personal,
        "decision_id": item.decision_id,
        "token": item.token,
    }
