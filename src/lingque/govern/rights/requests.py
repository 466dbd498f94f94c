"""The queue of customers' requests. A request is never deleted: it is the proof that it was answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, insert, select, update

from lingque.core.clock import Instant
from lingque.core.errors import ConflictError, NotFoundError
from lingque.core.ids import CustomerId
from lingque.core.labels import Label
from lingque.govern.tables import rights_requests


class RequestKind(StrEnum):
    """What is asked for."""

    ACCESS = "access"
    PORTABILITY = "portability"
    EXPLANATION = "explanation"
    CORRECTION = "correction"
    RESTRICTION = "restriction"
    ERASURE = "erasure"

    @property
    def label(self) -> Label:
        return _KIND_LABELS[self]


class RequestState(StrEnum):
    """Where it stands. `restricted`: an erasure that a law forbade, so that the data are kept and not used."""

    RECEIVED = "received"
    UNDER_WAY = "under_way"
    DONE = "done"
    RESTRICTED = "restricted"
    REFUSED = "refused"

    @property
    def label(self) -> Label:
        return _STATE_LABELS[self]


_KIND_LABELS = {
    RequestKind.ACCESS: Label(zh="查阅、复制", en="access"),
    RequestKind.PORTABILITY: Label(zh="转移", en="portability"),
    RequestKind.EXPLANATION: Label(zh="自动化决策说明", en="explanation of automated decisions"),
    RequestKind.CORRECTION: Label(zh="更正", en="correction"),
    RequestKind.RESTRICTION: Label(zh="限制处理", en="restriction"),
    RequestKind.ERASURE: Label(zh="删除", en="erasure"),
}
_STATE_LABELS = {
    RequestState.RECEIVED: Label(zh="已受理", en="received"),
    RequestState.UNDER_WAY: Label(zh="处理中", en="under way"),
    RequestState.DONE: Label(zh="已办结", en="done"),
    RequestState.RESTRICTED: Label(zh="依法保留、限制处理", en="kept by law, restricted"),
    RequestState.REFUSED: Label(zh="已拒绝", en="refused"),
}
OPEN = (RequestState.RECEIVED, RequestState.UNDER_WAY)


@dataclass(frozen=True, kw_only=True)
class RightsRequest:
    """One request. `verified` says how it was made sure who asks; `outcome` is empty until it is closed."""

    request_id: int
    kind: RequestKind
    customer_id: CustomerId
    state: RequestState
    received_at: Instant
    due_on: date
    received_by: str
    verified: str
    closed_at: Instant | None
    closed_by: str | None
    outcome: Mapping[str, Any]

    @property
    def is_open(self) -> bool:
        return self.state in OPEN


def receive(
    connection: Connection,
    kind: RequestKind,
    customer_id: CustomerId,
    *,
    verified: str,
    by: str,
    at: Instant,
    due_on: date,
) -> RightsRequest:
    """Put a request into the queue. Raises `ConflictError` where the same one is open already."""
    same = [one for one in requests_of(connection, customer_id) if one.kind is kind and one.is_open]
    if same:
        raise ConflictError(f"request {same[0].request_id} asks for the same and is open", next_step="answer that one")
    made = connection.execute(
        insert(rights_requests).values(
            kind=kind.value,
            customer_id=customer_id,
            state=RequestState.RECEIVED.value,
            received_at=at,
            due_on=due_on,
            received_by=by,
            verified=verified,
            outcome={},
        )
    )
    (number,) = made.inserted_primary_key or (0,)
    return find_request(connection, int(number))


def find_request(connection: Connection, request_id: int) -> RightsRequest:
    """Raises `NotFoundError` where there is none."""
    row = connection.execute(select(rights_requests).where(rights_requests.c.request_id == request_id)).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no request {request_id}", next_step="'lingque rights list' shows them")
    return _request(row)


def requests_of(connection: Connection, customer_id: CustomerId) -> list[RightsRequest]:
    """Every request of a customer, in order."""
    rows = select(rights_requests).where(rights_requests.c.customer_id == customer_id)
    return [_request(row) for row in connection.execute(rows.order_by(rights_requests.c.request_id))]


def queue(connection: Connection, *, everything: bool = False) -> list[RightsRequest]:
    """What is open, the one due first before the others; or every request there was."""
    rows = select(rights_requests).order_by(rights_requests.c.due_on, rights_requests.c.request_id)
    if not everything:
        rows = rows.where(rights_requests.c.state.in_([state.value for state in OPEN]))
    return [_request(row) for row in connection.execute(rows)]


def check_kind(request: RightsRequest, *kinds: RequestKind) -> None:
    """Raises `ConflictError` where the request is closed or asks for something else."""
    if not request.is_open:
        raise _closed(request)
    if request.kind not in kinds:
        raise ConflictError(
            f"request {request.request_id} asks for {request.kind.value}",
            next_step="'lingque rights --help' shows the command for each kind",
        )


def begin(connection: Connection, request: RightsRequest, outcome: Mapping[str, Any]) -> None:
    """Somebody has begun to carry it out, and it will be carried to its end; `outcome` is what was done so far."""
    _move(connection, request, state=RequestState.UNDER_WAY.value, outcome=dict(outcome))


def close(
    connection: Connection,
    request: RightsRequest,
    state: RequestState,
    *,
    outcome: Mapping[str, Any],
    by: str,
    at: Instant,
) -> RightsRequest:
    """Say how it ended. `outcome` holds counts, names of tables and reasons, never personal data."""
    _move(connection, request, state=state.value, outcome=dict(outcome), closed_by=by, closed_at=at)
    return find_request(connection, request.request_id)


def _move(connection: Connection, request: RightsRequest, **values: Any) -> None:
    moved = connection.execute(
        update(rights_requests)
        .where(
            rights_requests.c.request_id == request.request_id,
            rights_requests.c.state.in_([state.value for state in OPEN]),
        )
        .values(**values)
    )
    if moved.rowcount != 1:
        raise _closed(request)


def _closed(request: RightsRequest) -> ConflictError:
    return ConflictError(f"request {request.request_id} is closed", next_step="'lingque rights show' says how it ended")


def _request(row: Any) -> RightsRequest:
    return RightsRequest(
        request_id=row.request_id,
        kind=RequestKind(row.kind),
        customer_id=CustomerId(row.customer_id),
        state=RequestState(row.state),
        received_at=Instant(row.received_at),
        due_on=row.due_on,
        received_by=row.received_by,
        verified=row.verified,
        closed_at=None if row.closed_at is None else Instant(row.closed_at),
        closed_by=row.closed_by,
        outcome=row.outcome,
    )
