"""Customers' requests: received, found in the queue, answered, corrected, restricted, refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from lingque.core.errors import ConflictError
from lingque.core.ids import CustomerId, PartyId
from lingque.core.reasons import Refusal
from lingque.flow.erasing import restrict
from lingque.flow.intake import catalog_of
from lingque.flow.services import Services
from lingque.flow.traces import trace_request, traced
from lingque.govern.access import refused
from lingque.govern.contracts import Action, Principal
from lingque.govern.rights.people import Returned, customers_of, person_of, returned_people
from lingque.govern.rights.requests import (
    RequestKind,
    RequestState,
    RightsRequest,
    check_kind,
    close,
    find_request,
    queue,
    receive,
)


def find_customers(
    services: Services, kind: str, value: str, actor: Principal, *, system: str = ""
) -> list[CustomerId] | Refusal:
    """Who has that telephone number, mail address or name; or, with `system`, that number in a source system.

    By blind index: nothing is opened, and what was asked for stands nowhere.
    """
    denied = refused(actor, Action.HANDLE_CUSTOMER_REQUESTS)
    if denied is not None:
        return traced(services, denied, actor, "find_customer", kind)
    party = catalog_of(services).contract_of_kind("party")
    with services.database.transaction() as connection:
        if system and party is not None:
            namespace = f"{system}/{party.contract}"
            numbers = services.vault.resolve(connection, namespace=namespace, keys=[value], mint=False)
            parties = [PartyId(number) for number in numbers.values()]
        else:
            parties = services.vault.find(connection, kind=kind, value=value)
        found = customers_of(connection, parties)
        detail: dict[str, object] = {"by": f"number in {system}" if system else kind, "found": len(found)}
        services.audit.record(connection, actor=actor.user, act="find_customer", subject="customers", detail=detail)
    return found


def receive_request(
    services: Services, kind: RequestKind, customer_id: CustomerId, actor: Principal, *, verified: str
) -> RightsRequest | Refusal:
    """Put a request into the queue; `verified` says how it was made sure who asks.

    Raises `NotFoundError` for no such customer, `ConflictError` where the same request is open already.
    """
    denied = refused(actor, Action.HANDLE_CUSTOMER_REQUESTS)
    if denied is not None:
        return traced(services, denied, actor, "receive_request", f"customer {customer_id}")
    at = services.clock.now()
    due_on = services.calendar.day_of(at) + timedelta(days=services.rights.deadline_days)
    with services.database.transaction() as connection:
        person_of(connection, customer_id)
        request = receive(connection, kind, customer_id, verified=verified, by=actor.user, at=at, due_on=due_on)
        trace_request(services, connection, actor, "receive_request", request, {"kind": kind.value})
    return request


def requests_queue(services: Services, actor: Principal, *, everything: bool = False) -> list[RightsRequest] | Refusal:
    """What is open, the one due first before the others; or every request there was."""
    denied = refused(actor, Action.HANDLE_CUSTOMER_REQUESTS)
    if denied is not None:
        return traced(services, denied, actor, "read_requests", "requests")
    with services.database.reading() as connection:
        return [_visible(one, actor) for one in queue(connection, everything=everything)]


def show_request(services: Services, request_id: int, actor: Principal) -> RightsRequest | Refusal:
    """One request; closed, it is the certificate. Which secret list forbade an erasure is shown to compliance only."""
    denied = refused(actor, Action.HANDLE_CUSTOMER_REQUESTS)
    if denied is not None:
        return traced(services, denied, actor, "read_request", f"request {request_id}")
    with services.database.reading() as connection:
        return _visible(find_request(connection, request_id), actor)


def refuse_request(services: Services, request_id: int, actor: Principal, *, comment: str) -> RightsRequest | Refusal:
    """Close a request without granting it; the customer is owed the reason (PIPL art. 50)."""
    denied = refused(actor, Action.HANDLE_CUSTOMER_REQUESTS)
    if denied is not None:
        return traced(services, denied, actor, "refuse_request", f"request {request_id}")
    with services.database.transaction() as connection:
        request = find_request(connection, request_id)
        if request.state is RequestState.UNDER_WAY:
            raise ConflictError(
                f"request {request_id} is being carried out already", next_step="'lingque rights erase' goes on with it"
            )
        trace_request(services, connection, actor, "refuse_request", request, {})
        at = services.clock.now()
        return close(connection, request, RequestState.REFUSED, outcome={"comment": comment}, by=actor.user, at=at)


def carry_out_restriction(services: Services, request_id: int, actor: Principal) -> RightsRequest | Refusal:
    """Nothing that needs a consent is done with this customer's data any more. Raises as an erasure does."""
    denied = refused(actor, Action.HANDLE_CUSTOMER_REQUESTS)
    if denied is not None:
        return traced(services, denied, actor, "restrict_customer", f"request {request_id}")
    with services.database.reading() as connection:
        request = find_request(connection, request_id)
        check_kind(request, RequestKind.RESTRICTION)
        person = person_of(connection, request.customer_id)
    return restrict(services, request, person, actor, state=RequestState.DONE)


def carry_out_correction(
    services: Services, request_id: int, values: Mapping[str, str | None], actor: Principal
) -> RightsRequest | Refusal:
    """Identifiers as the customer states them (None: forget it), in the place of those kept.

    The next full delivery of the bank's source brings what the bank's system holds: it must be corrected there as well,
    and the outcome says so. Raises as an erasure does.
    """
    denied = refused(actor, Action.HANDLE_CUSTOMER_REQUESTS)
    if denied is not None:
        return traced(services, denied, actor, "correct_customer", f"request {request_id}")
    with services.database.transaction() as connection:
        request = find_request(connection, request_id)
        check_kind(request, RequestKind.CORRECTION)
        person = person_of(connection, request.customer_id)
        holders = services.vault.holders(connection, person.parties)
        for kind, value in values.items():
            having = [party for party in person.parties if kind in holders.get(party, ())]
            services.vault.put(connection, [(party, kind, value) for party in having or person.parties[:1]])
        trace_request(services, connection, actor, "correct_customer", request, {"kinds": sorted(values)})
        outcome = {"corrected": sorted(values), "also": "correct it in the bank's source system"}
        return close(connection, request, RequestState.DONE, outcome=outcome, by=actor.user, at=services.clock.now())


def returned_customers(services: Services, actor: Principal) -> list[Returned] | Refusal:
    """Who was erased and has been delivered again by a source: to be erased there, or to be asked anew."""
    denied = refused(actor, Action.HANDLE_CUSTOMER_REQUESTS)
    if denied is not None:
        return traced(services, denied, actor, "read_returned", "customers")
    with services.database.reading() as connection:
        return returned_people(connection)


def close_answered(services: Services, request_id: int, actor: Principal) -> RightsRequest | Refusal:
    """The copy, the package or the explanation has been handed to the customer."""
    denied = refused(actor, Action.HANDLE_CUSTOMER_REQUESTS)
    if denied is not None:
        return traced(services, denied, actor, "answer_request", f"request {request_id}")
    with services.database.transaction() as connection:
        request = find_request(connection, request_id)
        check_kind(request, RequestKind.ACCESS, RequestKind.PORTABILITY, RequestKind.EXPLANATION)
        trace_request(services, connection, actor, "answer_request", request, {})
        outcome = {"answered": "handed over"}
        return close(connection, request, RequestState.DONE, outcome=outcome, by=actor.user, at=services.clock.now())


def _visible(request: RightsRequest, actor: Principal) -> RightsRequest:
    if refused(actor, Action.SEE_COMPLIANCE_REASONS) is None:
        return request
    return replace(request, outcome={name: value for name, value in request.outcome.items() if name != "compliance"})
