"""Commands on users."""

from __future__ import annotations

from typing import Annotated

import typer

from lingque.bootstrap import open_workspace
from lingque.entry.cli.application import HERE, WorkspaceOption, console
from lingque.govern.access import User, add_user
from lingque.govern.api_keys import new_api_key
from lingque.govern.contracts import Role

users_app = typer.Typer(
    name="users",
    help="Add users and API keys. Whoever can write to the workspace's folder can: that is the administrator.",
    no_args_is_help=True,
)


@users_app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="The user's name.")],
    role: Annotated[list[Role], typer.Option(help="A role; may be given several times.")],
    person: Annotated[str, typer.Option(help="The human being, for example a staff number. Default: the name.")] = "",
    workspace: WorkspaceOption = HERE,
) -> None:
    """Add a user. Two users of one person can never approve each other's work.

    Examples:

        lingque users add eva --role campaign_manager

        lingque users add jan --role compliance_officer --person E10392
    """
    with open_workspace(workspace) as application, application.writing() as services:
        with services.database.transaction() as connection:
            user = User(name=name, person=person or name, roles=frozenset(role))
            add_user(connection, user, at=services.clock.now())
            services.audit.record(
                connection,
                actor="administrator",
                act="add_user",
                subject=f"user {name}",
                detail={"roles": sorted(r.value for r in role)},
            )
        console.print(f"✓ {name}: {', '.join(r.value for r in role)}", highlight=False)


@users_app.command("key")
def key(name: Annotated[str, typer.Argument(help="The user's name.")], workspace: WorkspaceOption = HERE) -> None:
    """Make an API key for a user. It is shown once and kept only as a digest.

    Examples:

        lingque users key eva
    """
    with open_workspace(workspace) as application, application.writing() as services:
        with services.database.transaction() as connection:
            made = new_api_key(connection, name, at=services.clock.now())
            services.audit.record(
                connection, actor="administrator", act="add_api_key", subject=f"user {name}", detail={}
            )
        console.print(made, highlight=False, soft_wrap=True)
