"""One customer, within the caller's scope: masked, revealed with a reason, and what they state to staff."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Path
from pydantic import BaseModel, Field, StringConstraints
from starlette.responses import Response

from lingque.core.clock import datetime_of
from lingque.core.ids import CustomerId
from lingque.core.reasons import Refusal
from lingque.core.registries import DataClass, Purpose
from lingque.entry.api.decisions import CustomerNumber
from lingque.entry.api.guarded import Caller, Workspace, guarded_router
from lingque.entry.api.preference_page import address_of
from lingque.entry.api.problems import refusal_response
from lingque.entry.api.sessions import Done
from lingque.entry.api.shapes import Comment, Day, Request
from lingque.flow.customers import (
    CustomerCard,
    Said,
    preference_link,
    record_consent,
    record_decision_refusal,
    record_legal_basis,
    reveal,
    show_customer,
)
from lingque.govern.preferences import SaidOnce
from lingque.govern.reveals import IdentifierKind
from lingque.govern.statements import LegalBasis

router = guarded_router("customers")

ClassName = Literal["personal", "financial", "credit_bureau", "health", "location", "biometric", "minor", "identifier"]
PurposeName = Literal["service", "marketing", "risk", "sharing", "analytics"]
ChannelWord = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Short = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
KindOfIdentifier = Annotated[IdentifierKind, Path(description="which identifier")]


class StatementAnswer(BaseModel):
    """One entry of the register of consents; no class named means all."""

    purpose: PurposeName
    channel: str
    data_classes: list[str]
    given: bool
    by_guardian: bool
    acted_at: datetime
    expires_at: datetime | None
    wording_version: str
    evidence: str

    @classmethod
    def of(cls, said: SaidOnce) -> StatementAnswer:
        return cls.model_validate(
            {
                "purpose": said.purpose.name.lower(),
                "channel": said.channel,
                "data_classes": list(said.data_classes.names),
                "given": said.given,
                "by_guardian": said.by_guardian,
                "acted_at": datetime_of(said.acted_at),
                "expires_at": None if said.expires_at is None else datetime_of(said.expires_at),
                "wording_version": said.wording_version,
                "evidence": said.evidence,
            }
        )


class CustomerAnswer(BaseModel):
    """A customer as anybody who answers for them may see them."""

    customer_id: str = Field(description="a string: it has more digits than every reader of JSON keeps of a number")
    branch: str = Field(description="empty: not known")
    manager: str = Field(description="staff number of who looks after them; empty: nobody")
    identifiers: dict[IdentifierKind, str] = Field(description="masked; those that there are")
    refuses_automated: bool
    refused_tags: list[str]
    statements: list[StatementAnswer] = Field(description="in the order in which they count")

    @classmethod
    def of(cls, card: CustomerCard) -> CustomerAnswer:
        return cls(
            customer_id=str(card.customer_id),
            branch=card.home.branch,
            manager=card.home.manager,
            identifiers=card.identifiers,
            refuses_automated=card.preferences.refuses_automated,
            refused_tags=sorted(card.preferences.refused_tags),
            statements=[StatementAnswer.of(one) for one in card.said],
        )


class RevealRequest(Request):
    """Why it is looked at."""

    reason: Annotated[Comment, Field(min_length=5), StringConstraints(strip_whitespace=True)] = Field(
        description="for the audit trail; no personal data, for the trail keeps it"
    )


class RevealAnswer(BaseModel):
    """The identifier in full."""

    value: str


class ConsentRequest(Request):
    """What the customer stated; now, in front of the caller. No class named means all."""

    purpose: PurposeName
    channel: ChannelWord = Field(description="of the purpose 'sharing' the partner")
    data_classes: Annotated[list[ClassName], Field(max_length=len(DataClass))] = Field(default=[])
    given: bool
    by_guardian: bool = False
    wording_version: Short
    evidence: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")] = Field(
        description="where and how it was stated: the form, the call"
    )
    days: int | None = Field(default=None, ge=1, le=3660, description="how long it holds; null: until withdrawn")


class DecisionRefusalRequest(Request):
    """Whether the customer refuses to be decided on by a machine."""

    refused: bool
    wording_version: Short
    evidence: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]


class Recorded(BaseModel):
    """How many of the customer's parties it was recorded for."""

    parties: int


class LinkAnswer(BaseModel):
    """The customer's own page, for a week."""

    url: str


class LegalBasisRequest(Request):
    """On what else than separate consent a purpose may use these classes."""

    purpose: PurposeName
    data_classes: Annotated[list[ClassName], Field(min_length=1, max_length=len(DataClass))]
    article: Short = Field(description="of which law, such as PIPL 13(2)")
    document: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")] = Field(
        description="where the opinion is filed"
    )
    first_day: Day
    until: Day


@router.get(
    "/customers/{customer_id}", operation_id="get_customer", summary="One customer", response_model=CustomerAnswer
)
def get_customer(customer_id: CustomerNumber, workspace: Workspace, caller: Caller) -> CustomerAnswer | Response:
    """403 OUTSIDE_SCOPE for a customer of somebody else, there or not."""
    card = show_customer(workspace.services, CustomerId(customer_id), caller)
    return refusal_response(card) if isinstance(card, Refusal) else CustomerAnswer.of(card)


@router.put(
    "/customers/{customer_id}/reveals/{kind}",
    operation_id="reveal_identifier",
    summary="See an identifier in full",
    response_model=RevealAnswer,
)
def put_reveal(
    customer_id: CustomerNumber, kind: KindOfIdentifier, body: RevealRequest, workspace: Workspace, caller: Caller
) -> RevealAnswer | Response:
    """Each look is one entry of the audit trail. No POST: answers of those are kept, and this one must not be."""
    found = reveal(workspace.services, CustomerId(customer_id), kind, caller, reason=body.reason)
    return refusal_response(found) if isinstance(found, Refusal) else RevealAnswer(value=found)


@router.post(
    "/customers/{customer_id}/consents",
    operation_id="record_consent",
    summary="Record what a customer stated",
    response_model=Recorded,
)
def post_consent(
    customer_id: CustomerNumber, body: ConsentRequest, workspace: Workspace, caller: Caller
) -> Recorded | Response:
    """Effective at once, for messages that wait too."""
    said = Said(
        purpose=Purpose[body.purpose.upper()],
        channel=body.channel,
        data_classes=DataClass.union(DataClass[name.upper()] for name in body.data_classes),
        given=body.given,
        by_guardian=body.by_guardian,
        wording_version=body.wording_version,
        evidence=body.evidence,
        days=body.days,
    )
    return _recorded(record_consent(workspace.services, CustomerId(customer_id), said, caller))


@router.post(
    "/customers/{customer_id}/decision-refusals",
    operation_id="record_decision_refusal",
    summary="Record that a customer refuses automated decisions, or no longer does",
    response_model=Recorded,
)
def post_decision_refusal(
    customer_id: CustomerNumber, body: DecisionRefusalRequest, workspace: Workspace, caller: Caller
) -> Recorded | Response:
    """Such a customer is not left out: what is proposed without looking at them remains."""
    return _recorded(
        record_decision_refusal(
            workspace.services,
            CustomerId(customer_id),
            caller,
            no=body.refused,
            wording_version=body.wording_version,
            evidence=body.evidence,
        )
    )


@router.put(
    "/customers/{customer_id}/preference-link",
    operation_id="make_preference_link",
    summary="A link to the customer's own page",
    response_model=LinkAnswer,
)
def put_preference_link(customer_id: CustomerNumber, workspace: Workspace, caller: Caller) -> LinkAnswer | Response:
    """To be given to that customer only."""
    token = preference_link(workspace.services, CustomerId(customer_id), caller)
    if isinstance(token, Refusal):
        return refusal_response(token)
    return LinkAnswer(url=workspace.settings.sender.opt_out_base + address_of(token))


@router.post(
    "/legal-bases",
    operation_id="record_legal_basis",
    summary="Record another legal basis than separate consent",
    response_model=Done,
)
def post_legal_basis(body: LegalBasisRequest, workspace: Workspace, caller: Caller) -> Done | Response:
    """409 CONSENT_REQUIRED for the consent itself where the law lets nothing stand for it."""
    calendar = workspace.services.calendar
    basis = LegalBasis(
        purpose=Purpose[body.purpose.upper()],
        data_classes=DataClass.union(DataClass[name.upper()] for name in body.data_classes),
        article=body.article,
        document=body.document,
        begins_at=calendar.start_of(body.first_day),
        ends_at=calendar.start_of(body.until),
    )
    refusal = record_legal_basis(workspace.services, basis, caller)
    return Done() if refusal is None else refusal_response(refusal)


def _recorded(parties: int | Refusal) -> Recorded | Response:
    return refusal_response(parties) if isinstance(parties, Refusal) else Recorded(parties=parties)
