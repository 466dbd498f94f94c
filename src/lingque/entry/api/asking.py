"""What several routes ask before they answer: may the caller, does a body say nothing, and when does a day end."""

from __future__ import annotations

from datetime import date, timedelta

from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.responses import Response

from lingque.bootstrap import Application
from lingque.core.clock import Instant
from lingque.entry.api.problems import refusal_response
from lingque.flow.services import Services
from lingque.flow.traces import traced
from lingque.govern.access import refused
from lingque.govern.contracts import Action, Principal


def denied(workspace: Application, caller: Principal, action: Action, *, act: str, subject: str) -> Response | None:
    """The answer to a caller who may not, of which the trail keeps a trace; None for one who may."""
    refusal = refused(caller, action)
    if refusal is None:
        return None
    return refusal_response(traced(workspace.services, refusal, caller, act, subject))


async def no_body(request: Request) -> None:
    """For a command that takes none: what is sent and not read would be ignored in silence."""
    if (await request.body()).strip() not in (b"", b"{}"):
        raise RequestValidationError([{"type": "value_error", "loc": ("body",), "msg": "This command takes no body"}])


def end_of(services: Services, day: date | None) -> Instant | None:
    """The end of that business day; None for no day and for one that is not over: everything known so far."""
    if day is None or day >= services.calendar.day_of(services.clock.now()):
        return None
    return services.calendar.start_of(day + timedelta(days=1))
