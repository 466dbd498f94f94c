"""Erasing a customer in both planes, in steps each of which can be done again.

(1) One control transaction destroys the data keys and the mapping from the bank's keys, deletes the stages' rows, and
notes the surrogates in the list of the erased: from its commit on nothing can be opened or found. (2) Table by table
the data plane is written without the customer's rows and published. (3) Files that only older versions held go, and
what the control database's log still holds. (4) The certificate closes the request. A process that dies in between
leaves the request `under_way`; the same command goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from lingque.catalog.expressions.to_sql import quote
from lingque.core.clock import datetime_of
from lingque.core.ids import CustomerId, run_id
from lingque.core.reasons import Reason, Refusal
from lingque.flow.intake import catalog_of
from lingque.flow.services import Services
from lingque.flow.traces import trace_request, traced
from lingque.govern.access import principal_of, refused
from lingque.govern.contracts import Action, Person, Principal
from lingque.govern.rights.people import erased_people, kept_by_law, note_erasure, person_of, withdrawals_of
from lingque.govern.rights.requests import (
    RequestKind,
    RequestState,
    RightsRequest,
    begin,
    check_kind,
    close,
    find_request,
)
from lingque.store.runs import Run, finish_run, published_versions, runs_of
from lingque.warehouse.erasing import OfPeople

KIND = "erase"
ELSEWHERE = (
    "backups of the data plane hold rows by surrogate, which stands for nobody, until they expire",
    "backups of the control plane replay the list of the erased before they open",
    "the bank's own files in the landing folder, and batches already handed over, are the bank's to erase",
    "a keyed digest of the number in the bank's source stays: a customer who is delivered again is known to have been "
    "erased, is somebody new, and what they agreed to before counts no more",
    "quarantined rows belong to no known customer; they go by the retention of their table",
    "models hold no customer: they were learnt from tags of many, and keep no list of them",
)
"""What an erasure does not reach, said in every certificate."""


def carry_out_erasure(services: Services, request_id: int, actor: Principal) -> RightsRequest | Refusal:
    """Erase, or restrict where a law demands that the data are kept. Nobody carries out what they themselves received.

    Raises `NotFoundError` for no such request, `ConflictError` for one that is closed or asks for something else.
    """
    denied = refused(actor, Action.HANDLE_CUSTOMER_REQUESTS)
    if denied is not None:
        return traced(services, denied, actor, "erase_customer", f"request {request_id}")
    with services.database.reading() as connection:
        request = find_request(connection, request_id)
        check_kind(request, RequestKind.ERASURE)
        own = _own_work(connection, request, actor)
        person = erased_people(connection).get(request.customer_id) or person_of(connection, request.customer_id)
        hold = None if request.state is RequestState.UNDER_WAY else _hold(services, connection, person)
    if own is not None:
        return traced(services, own, actor, "erase_customer", f"request {request_id}")
    if hold is not None:
        return restrict(services, request, person, actor, state=RequestState.RESTRICTED, because=hold)
    if request.state is RequestState.RECEIVED:
        _destroy(services, request, person, actor)
    erase_rows(services, person)
    return _certify(services, request_id, actor)


def restrict(
    services: Services,
    request: RightsRequest,
    person: Person,
    actor: Principal,
    *,
    state: RequestState,
    because: Refusal | None = None,
) -> RightsRequest:
    """Keep and do not use: everything the customer agreed to is withdrawn, at once. Only a later consent of the
    customer's own gives it back."""
    outcome: dict[str, Any] = {}
    if because is not None:
        outcome["reason"] = Reason.KEPT_BY_LAW.name
        # which list it is, only compliance may see
        outcome["compliance" if because.reason is Reason.COMPLIANCE_EXCLUSION else "kept"] = because.detail
    with services.database.transaction() as connection:
        at = services.clock.now()
        entries = withdrawals_of(connection, person, origin=f"request {request.request_id}", at=at)
        outcome["consents_withdrawn"] = services.register.record_consents(connection, entries)
        trace_request(services, connection, actor, "restrict_customer", request, {"consents": len(entries)})
        return close(connection, request, state, outcome=outcome, by=actor.user, at=at)


def erase_rows(services: Services, person: Person) -> None:
    """The data plane without these rows, published, and no file that holds them. Done again it changes nothing more."""
    catalog = catalog_of(services)
    with services.database.reading() as connection:
        versions = published_versions(connection)
    for table, version in sorted(versions.items()):
        if table in services.rights.legal_hold:
            continue
        run = run_id(KIND, customer=person.customer_id, table=table, published=version)
        contract = catalog.contracts.get(table)
        column = contract.with_role("key")[0] if contract is not None and contract.kind == "state" else None
        owned = [] if column is None else _owned(services, table, version, column, person.ids)
        made, gone = services.tables.erase(table, OfPeople(ids=person.ids), run_id=run, published=version)
        if gone:
            finished = Run(
                run_id=run,
                kind=KIND,
                subject=_subject(person.customer_id, table),
                finished_at=services.clock.now(),
                summary={"rows": gone},
            )
            with services.database.transaction() as connection:
                finish_run(connection, finished, published={table: made})
                services.vault.forget_keys(connection, owned)
            version = made
        services.tables.sweep(table, version)


def _hold(services: Services, connection: Connection, person: Person) -> Refusal | None:
    if "vault" in services.rights.legal_hold:
        return Refusal(reason=Reason.KEPT_BY_LAW, detail="identity, by the setting rights.legal_hold")
    return kept_by_law(connection, person, at=services.clock.now())


def _own_work(connection: Connection, request: RightsRequest, actor: Principal) -> Refusal | None:
    if principal_of(connection, request.received_by).person != actor.person:
        return None
    return Refusal(
        reason=Reason.OWN_WORK,
        detail=f"{request.received_by} received request {request.request_id}; an erasure takes a second person",
    )


def _destroy(services: Services, request: RightsRequest, person: Person, actor: Principal) -> None:
    with services.database.transaction() as connection:
        note_erasure(connection, person, request_id=request.request_id, at=services.clock.now())
        gone = services.vault.destroy(connection, person.ids, at=services.clock.now())
        kept: dict[str, int] = {}
        for rows in services.customer_rows:
            erased = rows.erase(connection, person)
            gone |= erased.gone
            kept |= erased.kept
        trace_request(services, connection, actor, "erase_customer", request, {"rows": gone})
        begin(connection, request, {"control_plane": gone, "kept_by_surrogate": kept})


def _certify(services: Services, request_id: int, actor: Principal) -> RightsRequest:
    services.database.forget()
    with services.database.transaction() as connection:
        request = find_request(connection, request_id)
        at = services.clock.now()
        erased = {
            table: sum(
                run.summary["rows"]
                for run in runs_of(connection, kind=KIND, subject=_subject(request.customer_id, table))
            )
            for table in sorted(published_versions(connection))
        }
        held = sorted(set(services.rights.legal_hold) & set(erased))
        outcome = dict(request.outcome) | {
            "erased_at": datetime_of(at).isoformat(),
            "data_plane": {table: rows for table, rows in erased.items() if table not in held},
            "kept_by_law": held,
            "elsewhere": list(ELSEWHERE),
        }
        trace_request(services, connection, actor, "certify_erasure", request, {"data_plane": outcome["data_plane"]})
        return close(connection, request, RequestState.DONE, outcome=outcome, by=actor.user, at=at)


def _owned(services: Services, table: str, version: int, column: str, ids: Sequence[int]) -> list[int]:
    """Surrogates of what is the customer's own (accounts), whose numbers nobody may look up any more either."""
    listed = ", ".join(str(int(one)) for one in ids)
    with services.session() as session:
        session.add_versions({table: version})
        found = session.ask(
            f"SELECT DISTINCT {quote(column)} AS owned FROM {quote(table)} WHERE customer_id IN ({listed})"  # noqa: S608 - numbers
        )
    return [int(one) for one in found.column("owned").to_pylist()]


def _subject(customer_id: CustomerId, table: str) -> str:
    return f"customer {customer_id}/{table}"
