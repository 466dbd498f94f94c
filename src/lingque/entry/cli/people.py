"""Commands on users: they act for whoever may write to the workspace's folder, the administrator of the machine."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Connection

from lingque.bootstrap import open_workspace
from lingque.core.clock import Instant, datetime_of
from lingque.core.reasons import Refusal
from lingque.entry import show
from lingque.entry.cli.application import HERE, UserOption, WorkspaceOption, console, end_refused, opened
from lingque.flow.people import delegate_to
from lingque.flow.services import Services
from lingque.govern.access import KnownUser, User, add_user, all_users, find_user, grant_roles, set_disabled
from lingque.govern.api_keys import keys_of, new_api_key, revoke_key
from lingque.govern.contracts import Action, Role, Scope, ScopeKind
from lingque.govern.sessions import end_sessions_of

users_app = typer.Typer(
    name="users",
    help="Users, passwords and API keys. Whoever can write to the workspace's folder can: that is the administrator.",
    no_args_is_help=True,
)

NameArgument = Annotated[str, typer.Argument(help="The user's name.")]
RoleOption = Annotated[list[Role], typer.Option(help="A role; may be given several times.")]
ScopeOption = Annotated[
    str,
    typer.Option(
        help="How far the roles reach: bank, organisation:CODE, organisation (where the bank's files say the person "
        "works), or own:STAFF-NUMBER."
    ),
]


@users_app.command("add")
def add(
    name: NameArgument,
    role: RoleOption,
    person: Annotated[str, typer.Option(help="The human being, for example a staff number. Default: the name.")] = "",
    scope: ScopeOption = "bank",
    workspace: WorkspaceOption = HERE,
) -> None:
    """Add a user. Two users of one person can never approve each other's work.

    Examples:

        lingque users add eva --role campaign_manager

        lingque users add jan --role compliance_officer --person E10392

        lingque users add mei --role relationship_manager --scope own:S00017
    """
    reach = _scope(scope)

    def added(services: Services, connection: Connection) -> Refusal | None:
        user = User(name=name, person=person or name, roles=frozenset(role), scope=reach)
        return add_user(connection, user, at=services.clock.now())

    detail: dict[str, object] = {"roles": sorted(r.value for r in role), "scope": scope}
    _act(workspace, "add_user", name, added, detail=detail)
    console.print(f"✓ {name}: {', '.join(r.value for r in role)}", highlight=False)


@users_app.command("roles")
def roles(name: NameArgument, role: RoleOption, scope: ScopeOption = "bank", workspace: WorkspaceOption = HERE) -> None:
    """Give a user these roles in the place of those they had.

    Examples:

        lingque users roles eva --role campaign_manager --role analyst

        lingque users roles bo --role branch_manager --scope organisation:B0007
    """
    reach = _scope(scope)

    def granted(_services: Services, connection: Connection) -> Refusal | None:
        return grant_roles(connection, name, frozenset(role), reach)

    detail: dict[str, object] = {"roles": sorted(r.value for r in role), "scope": scope}
    _act(workspace, "grant_roles", name, granted, detail=detail)
    console.print(f"✓ {name}: {', '.join(r.value for r in role)}", highlight=False)


@users_app.command("list")
def list_command(workspace: WorkspaceOption = HERE) -> None:
    """Print the users with their roles, how far these reach, and whether they can sign in.

    Examples:

        lingque users list
    """
    with open_workspace(workspace) as application:
        with application.services.database.reading() as connection:
            found = all_users(connection)
        chinese = application.settings.workspace.language == "zh"
        head = ("用户", "人员", "角色", "范围", "状态") if chinese else ("user", "person", "roles", "scope", "state")
        made = show.table(*head)
        now = application.services.clock.now()
        for known in found:
            user = known.user
            held = ", ".join(sorted(role.value for role in user.roles))
            made.add_row(user.name, user.person, held, _told(user.scope), _state(known, now, chinese=chinese))
        console.print(made)


@users_app.command("password")
def password(name: NameArgument, workspace: WorkspaceOption = HERE) -> None:
    """Give a user a password, lift a lock, and end the user's sessions. It is asked for: a shell keeps what is typed.

    Examples:

        lingque users password eva
    """
    new: str = typer.prompt("New password", hide_input=True, confirmation_prompt=True)

    def given(services: Services, connection: Connection) -> Refusal | None:
        refusal = services.passwords.set(connection, name, new)
        if refusal is None:
            end_sessions_of(connection, name, at=services.clock.now())
        return refusal

    _act(workspace, "give_password", name, given)
    console.print(f"✓ {name}", highlight=False)


@users_app.command("disable")
def disable(name: NameArgument, workspace: WorkspaceOption = HERE) -> None:
    """Nothing that the user has opens anything from now on: no key, no session, no password.

    Examples:

        lingque users disable eva
    """
    _set_state(workspace, name, disabled=True)


@users_app.command("enable")
def enable(name: NameArgument, workspace: WorkspaceOption = HERE) -> None:
    """Let a disabled user work again.

    Examples:

        lingque users enable eva
    """
    _set_state(workspace, name, disabled=False)


@users_app.command("key")
def key(
    name: NameArgument,
    days: Annotated[int | None, typer.Option(min=1, max=3660, help="How long it opens. Default: for ever.")] = None,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Make an API key for a user. It is shown once and kept only as a digest.

    Examples:

        lingque users key eva

        lingque users key eva --days 90
    """
    made: list[str] = []

    def added(services: Services, connection: Connection) -> None:
        now = services.clock.now()
        ends = None if days is None else Instant(now + timedelta(days=days) // timedelta(microseconds=1))
        made.append(new_api_key(connection, name, at=now, expires_at=ends))

    _act(workspace, "add_api_key", name, added)
    console.print(made[0], highlight=False, soft_wrap=True)


@users_app.command("keys")
def keys(name: NameArgument, workspace: WorkspaceOption = HERE) -> None:
    """Print a user's API keys: their ids, never what opens.

    Examples:

        lingque users keys eva
    """
    with open_workspace(workspace) as application:
        with application.services.database.reading() as connection:
            find_user(connection, name)
            found = keys_of(connection, name)
        chinese = application.settings.workspace.language == "zh"
        head = ("密钥", "创建 (UTC)", "到期 (UTC)", "已吊销") if chinese else ("key", "made", "expires", "revoked")
        made = show.table(*head)
        for one in found:
            ends = "" if one.expires_at is None else f"{datetime_of(one.expires_at):%Y-%m-%d %H:%M}"
            gone = "" if one.revoked_at is None else f"{datetime_of(one.revoked_at):%Y-%m-%d %H:%M}"
            made.add_row(one.key_id, f"{datetime_of(one.added_at):%Y-%m-%d %H:%M}", ends, gone)
        console.print(made)


@users_app.command("revoke")
def revoke(
    name: NameArgument,
    key_id: Annotated[str, typer.Argument(help="The key's id, as 'lingque users keys' tells it.")],
    workspace: WorkspaceOption = HERE,
) -> None:
    """Revoke an API key: it opens nothing from now on.

    Examples:

        lingque users revoke eva 0f3a9c1d22b7
    """

    def revoked(services: Services, connection: Connection) -> None:
        revoke_key(connection, name, key_id, at=services.clock.now())

    _act(workspace, "revoke_key", name, revoked, detail={"key": key_id})
    console.print(f"✓ {key_id}", highlight=False)


@users_app.command("delegate")
def delegate(
    to_user: Annotated[str, typer.Argument(help="Who is to decide.")],
    action: Annotated[Action, typer.Option(help="What they are to decide on.")],
    until: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The day from which on they may not.")],
    user: UserOption,
    begins: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="The first day. Default: today.")
    ] = None,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Let somebody decide in one's place, for a quarter at most. Nobody's own work is decided on this way either.

    Examples:

        lingque users delegate hua_too --action approve_campaign --until 2026-07-01 --as min
    """
    with opened(workspace, user) as session, session.application.writing() as services:
        first = services.calendar.day_of(services.clock.now()) if begins is None else begins.date()
        refusal = delegate_to(
            services,
            session.actor,
            to_user,
            action,
            begins_at=services.calendar.start_of(first),
            ends_at=services.calendar.start_of(until.date()),
        )
        if refusal is not None:
            end_refused(refusal, session.language)
        console.print(f"✓ {to_user}: {action.value}", highlight=False)


def _set_state(workspace: Path, name: str, *, disabled: bool) -> None:
    def done(services: Services, connection: Connection) -> None:
        set_disabled(connection, name, disabled=disabled, at=services.clock.now())
        end_sessions_of(connection, name, at=services.clock.now())

    _act(workspace, "disable_user" if disabled else "enable_user", name, done)
    console.print(f"✓ {name}", highlight=False)


def _act(
    workspace: Path,
    act: str,
    name: str,
    done: Callable[[Services, Connection], Refusal | None],
    *,
    detail: dict[str, object] | None = None,
) -> None:
    """The act and its trace in one transaction; a refusal ends the command."""
    with open_workspace(workspace) as application, application.writing() as services:
        with services.database.transaction() as connection:
            refusal = done(services, connection)
            if refusal is None:
                services.audit.record(
                    connection, actor="administrator", act=act, subject=f"user {name}", detail=detail or {}
                )
        if refusal is not None:
            end_refused(refusal, application.settings.workspace.language)


def _scope(text: str) -> Scope:
    kind, _, of = text.partition(":")
    if kind not in set(ScopeKind):
        raise typer.BadParameter("bank, organisation, organisation:CODE or own:STAFF-NUMBER", param_hint="--scope")
    return Scope(kind=ScopeKind(kind), of=of)


def _told(scope: Scope) -> str:
    return f"{scope.kind.value}:{scope.of}" if scope.of else scope.kind.value


def _state(known: KnownUser, now: Instant, *, chinese: bool) -> str:
    if known.disabled_at is not None:
        return "已停用" if chinese else "disabled"
    if known.locked_until > now:
        return "锁定中" if chinese else "has to wait"
    if not known.has_password:
        return "无口令" if chinese else "no password"
    return ""
