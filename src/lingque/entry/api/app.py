"""The API put together. A new issue adds its router to `ROUTERS`."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi import APIRouter, FastAPI
from starlette.routing import BaseRoute

import lingque
from lingque.bootstrap import Application
from lingque.entry.api import (
    campaigns,
    consent_imports,
    customer_360,
    customers,
    data,
    decide,
    decisions,
    definitions,
    document,
    explanations,
    finding,
    health,
    keeping,
    lineage,
    lists,
    me,
    messages,
    models,
    opt_out_page,
    people,
    preference_page,
    reports,
    reveals,
    rights,
    segments,
    sessions,
    tags,
)
from lingque.entry.api.asked_together import AskedTogether
from lingque.entry.api.authentication import Authenticator, KeysAndSessions
from lingque.entry.api.guarded import GuardedRoute
from lingque.entry.api.once import AnswersOnce
from lingque.entry.api.problems import answer_errors
from lingque.entry.api.sign_in_limit import SignInLimit
from lingque.entry.api.wrapping import AccessLog, BodyLimit, LastResort, SecurityHeaders
from lingque.flow.asking import Asking

ROUTERS: tuple[APIRouter, ...] = (
    decide.asked_router,  # asked most often: found first
    decide.router,
    document.router,
    health.router,
    me.router,
    sessions.public,
    sessions.router,
    people.router,
    customers.router,
    customer_360.router,
    reveals.router,
    consent_imports.router,
    campaigns.router,
    reports.router,
    decisions.router,
    explanations.router,
    messages.router,
    lists.router,
    segments.router,
    finding.router,
    models.router,
    data.router,
    tags.router,
    definitions.router,
    lineage.router,
    rights.router,
    keeping.router,
    opt_out_page.router,
    preference_page.router,
)

PUBLIC = frozenset({document.PATH, "/healthz", "/readyz", sessions.PATH, opt_out_page.PATH, preference_page.PATH})
"""The only templates that are answered without a key."""


def create_app(application: Application, *, authenticator: Authenticator | None = None) -> FastAPI:
    """The API of an opened workspace, which must stay open as long as it is served.

    Callers are known by API key or session unless another authenticator is given. Raises `TypeError` where a route is
    neither guarded nor public.
    """
    app = document.DocumentedApi(
        title="Lingque 灵鹊",
        version=lingque.__version__,
        summary="Retail-bank marketing: plan, approve, measure; refuse in one step.",
        openapi_url=None,  # served by a route of ours
        docs_url=None,  # FastAPI's pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,  # one thing has one address
        # spans would name paths, in which tokens stand; and whether to make any is asked with every request
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.application = application
    services = application.services
    app.state.authenticator = authenticator or KeysAndSessions(
        services.database, services.clock, application.session_limits
    )
    app.state.sign_in_limit = SignInLimit(services.clock, failures=application.settings.access.failures_per_minute)
    app.state.answers = AnswersOnce(application.services.database, application.services.clock)
    app.state.asked_together = AskedTogether(services, Asking(services), app.state.authenticator)
    answer_errors(app)
    for router in ROUTERS:
        refuse_unguarded(router.routes)
        app.include_router(router)
    # the last one added is the outermost
    app.add_middleware(decide.AskedFirst, route=decide.ASKED)
    for wrapping in (BodyLimit, LastResort, SecurityHeaders, AccessLog):
        app.add_middleware(wrapping)
    return app


def refuse_unguarded(routes: Iterable[BaseRoute]) -> None:
    """Denied by default: raise `TypeError` for a route that asks nobody who they are and is not in `PUBLIC`."""
    for route in routes:
        path = getattr(route, "path", repr(route))
        if not isinstance(route, GuardedRoute) and path not in PUBLIC:
            raise TypeError(f"route {path} is neither guarded nor public; make its router by guarded_router()")
