"""Definitions: what applying those in the workspace's folder would change."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field
from starlette.responses import Response

from lingque.entry.api.asking import denied
from lingque.entry.api.guarded import Caller, Workspace, guarded_router
from lingque.flow.intake import diff
from lingque.govern.contracts import Action

router = guarded_router("definitions")


class FieldChangeAnswer(BaseModel):
    """One field before and after; null where it is not stated."""

    field: str
    old: Any
    new: Any


class DefinitionName(BaseModel):
    """Which definition."""

    kind: str
    name: str


class DifferenceAnswer(BaseModel):
    """One definition that is new, changed or withdrawn."""

    kind: str
    name: str
    what: Literal["new", "changed", "withdrawn"]
    fields: list[FieldChangeAnswer] = Field(description="of a changed one")
    users: list[DefinitionName] = Field(description="what is built on it, at any remove: its approvals lapse")


class DifferenceList(BaseModel):
    """Empty where nothing would change."""

    differences: list[DifferenceAnswer]


@router.get(
    "/definitions/diff",
    operation_id="diff_definitions",
    summary="What applying the definitions would change",
    response_model=DifferenceList,
)
def get_diff(workspace: Workspace, caller: Caller) -> DifferenceList | Response:
    """Changes nothing. 422 with every problem where they could not be applied."""
    refusal = denied(workspace, caller, Action.APPLY_DEFINITIONS, act="diff_definitions", subject="definitions")
    if refusal is not None:
        return refusal
    return DifferenceList(
        differences=[
            DifferenceAnswer(
                kind=one.kind,
                name=one.name,
                what=one.what,
                fields=[FieldChangeAnswer(field=each.field, old=each.old, new=each.new) for each in one.fields],
                users=[DefinitionName(kind=kind, name=name) for kind, name in one.users],
            )
            for one in diff(workspace.services)
        ]
    )
