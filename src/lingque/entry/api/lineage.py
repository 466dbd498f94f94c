"""What tags are built on, and who is built on a tag or a column."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field
from starlette.responses import Response

from lingque.catalog.model import Catalog
from lingque.catalog.tracing import Thing, goes_into, thing_named, under, users_of, ways_down
from lingque.entry.api.asking import denied
from lingque.entry.api.guarded import Caller, Workspace, guarded_router
from lingque.entry.api.shapes import Labelled, Name
from lingque.entry.show_lineage import label_of, made_of
from lingque.flow.intake import catalog_of
from lingque.govern.contracts import Action

router = guarded_router("lineage")


class ThingAnswer(BaseModel):
    """A definition, or a column by `table.column`."""

    kind: Literal[
        "column", "contract", "source", "tag", "model", "list", "offer", "cap", "campaign", "placement", "programme"
    ]
    name: str
    label: Labelled

    @classmethod
    def of(cls, catalog: Catalog, thing: Thing) -> ThingAnswer:
        return cls.model_validate({"kind": thing[0], "name": thing[1], "label": Labelled.of(label_of(catalog, thing))})


class SourceColumnAnswer(BaseModel):
    """A column of what a source reads; `read` is null where the mapping does not say of which, `column` may be `*`."""

    source: str
    read: str | None
    column: str


class NodeAnswer(ThingAnswer):
    """With what it names itself, as places in `things`."""

    built_on: list[int]
    made_of: list[SourceColumnAnswer] = Field(description="of a column: the columns of the bank's files")


class LineageAnswer(BaseModel):
    """`things` is a graph, nearest first; the first is the tag itself."""

    things: list[NodeAnswer]
    data_classes: list[str] = Field(description="the union of what it is built on")
    purposes: list[str] = Field(description="the intersection")


class UserAnswer(BaseModel):
    """Somebody who is built on it."""

    user: ThingAnswer
    role: str = Field(description="the field in which it is named: segment, features, eligibility, …")
    direct: bool
    way: list[str] = Field(description="names, from the tag or column up to the user")


class UserList(BaseModel):
    """Nearest first; of nobody it can be withdrawn."""

    users: list[UserAnswer]


@router.get(
    "/tags/{tag}/lineage", operation_id="get_lineage", summary="What a tag is built on", response_model=LineageAnswer
)
def get_lineage(tag: Name, workspace: Workspace, caller: Caller) -> LineageAnswer | Response:
    """Down to the columns of the bank's files. 404 where there is no such tag."""
    refusal = denied(workspace, caller, Action.READ_DEFINITIONS, act="show_lineage", subject=f"tag {tag}")
    if refusal is not None:
        return refusal
    catalog = catalog_of(workspace.services)
    found = catalog.lineages[catalog.tag(tag).name]
    places = {thing: number for number, thing in enumerate(ways_down(catalog.uses, ("tag", tag)))}
    return LineageAnswer(
        things=[
            NodeAnswer(
                **ThingAnswer.of(catalog, thing).model_dump(),
                built_on=[places[below] for below, use in under(catalog.uses, thing) if goes_into(use)],
                made_of=[
                    SourceColumnAnswer(source=one.source, read=one.read or None, column=one.column)
                    for one in made_of(catalog, thing)
                ],
            )
            for thing in places
        ],
        data_classes=list(found.classes.names),
        purposes=[purpose.name.lower() for purpose in sorted(found.purposes)],
    )


@router.get("/tags/{tag}/users", operation_id="list_tag_users", summary="Who uses a tag", response_model=UserList)
def get_tag_users(tag: Name, workspace: Workspace, caller: Caller) -> UserList | Response:
    """Tags, models, offers and campaigns, at any remove. 404 where there is no such tag."""
    return _users(workspace, caller, tag)


@router.get(
    "/columns/{table}/{column}/users",
    operation_id="list_column_users",
    summary="Who uses a column",
    response_model=UserList,
)
def get_column_users(table: Name, column: Name, workspace: Workspace, caller: Caller) -> UserList | Response:
    """Tags, models, offers and campaigns, at any remove. 404 where no tag could read such a column."""
    return _users(workspace, caller, f"{table}.{column}")


def _users(workspace: Workspace, caller: Caller, name: str) -> UserList | Response:
    refusal = denied(workspace, caller, Action.READ_DEFINITIONS, act="show_users", subject=name)
    if refusal is not None:
        return refusal
    catalog = catalog_of(workspace.services)
    return UserList(
        users=[
            UserAnswer(
                user=ThingAnswer.of(catalog, user.key),
                role=user.role,
                direct=user.is_direct,
                way=[one for _, one in user.way],
            )
            for user in users_of(catalog, thing_named(catalog, name))
        ]
    )
