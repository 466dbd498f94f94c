"""Lists of customers: which there are and how many are on each, never who."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field
from starlette.responses import Response

from lingque.core.reasons import Refusal
from lingque.entry.api.guarded import Caller, Workspace, guarded_router
from lingque.entry.api.problems import refusal_response
from lingque.entry.api.shapes import Labelled
from lingque.flow.lists import show_lists

router = guarded_router("lists")


class ListSummary(BaseModel):
    """A list and what it does."""

    name: str
    label: Labelled
    owner: str
    effect: Literal["exclude", "audience"]
    secret: bool
    members: int = Field(description="on it now; one put on by a person and by a delivery counts twice")


class ListsAnswer(BaseModel):
    """The lists that the caller may see, by name."""

    lists: list[ListSummary]


@router.get("/lists", operation_id="list_lists", summary="The lists of customers", response_model=ListsAnswer)
def get_lists(workspace: Workspace, caller: Caller) -> ListsAnswer | Response:
    """Secret lists are shown to compliance only. Lists are changed at the command line, where the files are."""
    shown = show_lists(workspace.services, caller)
    if isinstance(shown, Refusal):
        return refusal_response(shown)
    return ListsAnswer(
        lists=[
            ListSummary(
                name=entry.definition.list,
                label=Labelled.of(entry.definition.label.label()),
                owner=entry.definition.owner,
                effect=entry.definition.effect,
                secret=entry.definition.secret,
                members=entry.members,
            )
            for entry in shown
        ]
    )
