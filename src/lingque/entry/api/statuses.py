"""The one place where an error or a refusal gets an HTTP status."""

from __future__ import annotations

from dataclasses import dataclass

from lingque.core.errors import (
    AllocationError,
    BusyError,
    ChannelError,
    ConfigurationError,
    ConflictError,
    DefinitionError,
    ExpressionError,
    LingqueError,
    NotFoundError,
    SourceError,
    VaultError,
    WarehouseError,
)
from lingque.core.reasons import Reason


@dataclass(frozen=True, kw_only=True)
class ErrorStatus:
    """How one class of error is answered. `retry_after` in seconds; without `told` the answer hides the message."""

    status: int
    kind: str
    title: str
    told: bool = True
    retry_after: int | None = None


UNEXPECTED = ErrorStatus(status=500, kind="internal", title="Something went wrong here", told=False)

ERROR_STATUSES: dict[type[LingqueError], ErrorStatus] = {
    NotFoundError: ErrorStatus(status=404, kind="not-found", title="There is no such thing"),
    DefinitionError: ErrorStatus(status=422, kind="definitions", title="The definitions are wrong"),
    ExpressionError: ErrorStatus(status=422, kind="expression", title="The expression is wrong"),
    SourceError: ErrorStatus(status=422, kind="source", title="A file of the bank cannot be read"),
    ConflictError: ErrorStatus(status=409, kind="conflict", title="Something of that name is there already"),
    # 503 and not 409: nothing is wrong with the request, so its answer is not kept under the idempotency key
    BusyError: ErrorStatus(status=503, kind="busy", title="The workspace is busy", retry_after=5),
    ChannelError: ErrorStatus(
        status=503, kind="channel", title="A channel cannot be used now", told=False, retry_after=60
    ),
    # Messages of these name paths and settings of the server: they are for its log.
    ConfigurationError: ErrorStatus(status=500, kind="configuration", title="The platform is not set up", told=False),
    WarehouseError: ErrorStatus(status=500, kind="warehouse", title="The data plane is not as it must be", told=False),
    VaultError: ErrorStatus(status=500, kind="vault", title="The vault is not as it must be", told=False),
    AllocationError: ErrorStatus(status=500, kind="allocation", title="The allocation makes no sense", told=False),
}

REFUSAL_STATUSES: dict[Reason, int] = {
    Reason.ROLE_NOT_ALLOWED: 403,
    Reason.OWN_WORK: 403,
    Reason.OUTSIDE_SCOPE: 403,
    Reason.UNKNOWN_CUSTOMER: 404,
    Reason.NOT_DELEGATED: 403,
    Reason.SIGN_IN_FAILED: 403,
}
OTHER_REFUSALS = 409
"""Everything else is a conflict with the present state: not approved, changed, rejected, not yet known."""


def status_of_error(error: LingqueError) -> ErrorStatus:
    """Of the nearest class in the error tree; a class that is not in the table is answered as unexpected."""
    return next(
        (ERROR_STATUSES[kind] for kind in type(error).__mro__ if kind in ERROR_STATUSES),
        UNEXPECTED,
    )


def status_of_refusal(reason: Reason) -> int:
    return REFUSAL_STATUSES.get(reason, OTHER_REFUSALS)
