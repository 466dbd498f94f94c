"""Two probes for whoever runs the process. Neither says anything about what is inside."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response

from lingque.core.errors import LingqueError
from lingque.entry.api.guarded import Workspace
from lingque.entry.api.problems import LOG, request_problem

router = APIRouter(tags=["operation"])


class Alive(BaseModel):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Ready(BaseModel):
    """The control database answers and has this version's schema."""

    status: Literal["ready"] = "ready"


@router.get("/healthz", operation_id="get_health", summary="Is the process alive?")
async def get_health() -> Alive:
    """Always 200: a process that cannot answer this should be started anew."""
    return Alive()


@router.get("/readyz", operation_id="get_readiness", summary="Can it serve?", response_model=Ready)
def get_readiness(workspace: Workspace) -> Ready | Response:
    """503 where the control database does not answer or has another version's schema; the log says which."""
    try:
        workspace.services.database.check_schema()
    except (LingqueError, SQLAlchemyError) as error:
        LOG.warning("not ready: %s", type(error).__name__, exc_info=error)
        return request_problem(
            503,
            "not-ready",
            "Not ready",
            "The control database cannot be used; the log of the server says why.",
            headers={"Retry-After": "5"},
        )
    return Ready()
