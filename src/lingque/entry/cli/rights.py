"""Commands on customers' requests. What identifies a customer is asked for and not shown: no shell remembers it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from lingque.core.clock import datetime_of
from lingque.core.ids import CustomerId
from lingque.entry import show
from lingque.entry.cli.application import HERE, UserOption, WorkspaceOption, accepted, console, opened
from lingque.entry.rights_page import rights_page
from lingque.flow.disclosing import package_for
from lingque.flow.erasing import carry_out_erasure
from lingque.flow.rights import (
    carry_out_correction,
    carry_out_restriction,
    close_answered,
    find_customers,
    receive_request,
    refuse_request,
    requests_queue,
    returned_customers,
    show_request,
)
from lingque.govern.rights.requests import RequestKind, RightsRequest

rights_app = typer.Typer(
    name="rights", help="What customers ask for: copies, explanations, corrections, erasure.", no_args_is_help=True
)

RequestArgument = Annotated[int, typer.Argument(help="The request, as 'lingque rights list' shows it.")]


@rights_app.command("find")
def find(
    kind: Annotated[str, typer.Argument(help="phone, email or name; with --system any word.")],
    user: UserOption,
    system: Annotated[str, typer.Option(help="Find by the customer number of this source system.")] = "",
    workspace: WorkspaceOption = HERE,
) -> None:
    """Find a customer by what is asked for then, without opening anything. Prints the surrogate.

    Examples:

        lingque rights find phone --as min

        lingque rights find number --system core_banking --as min
    """
    value = typer.prompt(kind, hide_input=True)
    with opened(workspace, user) as session:
        services = session.application.services
        for customer in accepted(find_customers(services, kind, value, session.actor, system=system), session.language):
            console.print(str(customer), highlight=False)


@rights_app.command("receive")
def receive(
    kind: Annotated[RequestKind, typer.Argument(help="What is asked for.")],
    customer: Annotated[int, typer.Argument(help="The customer, by surrogate.")],
    verified: Annotated[str, typer.Option(help="How it was made sure who asks; no personal data.")],
    user: UserOption,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Put a request into the queue; it is due within the days of the setting `rights.deadline_days`.

    Examples:

        lingque rights receive erasure 4611686018427387904 --verified "identity card, branch 12" --as min
    """
    with opened(workspace, user) as session, session.application.writing() as services:
        made = receive_request(services, kind, CustomerId(customer), session.actor, verified=verified)
        request = accepted(made, session.language)
        session.say(
            zh=f"✓ 请求 {request.request_id},须于 {request.due_on} 前答复",
            en=f"✓ request {request.request_id}, due on {request.due_on}",
        )


@rights_app.command("list")
def list_requests(
    user: UserOption,
    everything: Annotated[bool, typer.Option("--all", help="Closed ones too.")] = False,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Print the queue, what is due first before the rest.

    Examples:

        lingque rights list --as min
    """
    with opened(workspace, user) as session:
        services = session.application.services
        found = accepted(requests_queue(services, session.actor, everything=everything), session.language)
        today = services.calendar.day_of(services.clock.now())
        zh = session.language == "zh"
        made = show.table(
            *(("请求", "事项", "客户", "状态", "期限") if zh else ("request", "kind", "customer", "state", "due"))
        )
        for one in found:
            late = one.is_open and one.due_on < today
            made.add_row(
                str(one.request_id),
                one.kind.label.in_language(session.language),
                str(one.customer_id),
                one.state.label.in_language(session.language),
                f"[bold red]{one.due_on} !" if late else str(one.due_on),
            )
        console.print(made)


@rights_app.command("show")
def show_one(request: RequestArgument, user: UserOption, workspace: WorkspaceOption = HERE) -> None:
    """Print a request as JSON; of a closed one this is the certificate.

    Examples:

        lingque rights show 1 --as min
    """
    with opened(workspace, user) as session:
        found = accepted(show_request(session.application.services, request, session.actor), session.language)
        _print(found)


@rights_app.command("answer")
def answer(
    request: RequestArgument,
    folder: Annotated[Path, typer.Argument(help="Where the copy is put: JSON and a page. Only its owner may read it.")],
    user: UserOption,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Answer a request for access, portability or explanation, and close it. The files hold personal data.

    Examples:

        lingque rights answer 1 /media/handover --as min
    """
    with opened(workspace, user) as session, session.application.writing() as services:
        package = accepted(package_for(services, request, session.actor), session.language)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        text = json.dumps(package, ensure_ascii=False, indent=2)
        for name, content in (("json", text), ("html", rights_page(package, session.language))):
            _write(folder / f"request-{request}.{name}", content)
        accepted(close_answered(services, request, session.actor), session.language)
        session.say(zh=f"✓ 已写入 {folder}", en=f"✓ written to {folder}")


@rights_app.command("correct")
def correct(
    request: RequestArgument,
    kind: Annotated[str, typer.Argument(help="name, phone, email or address.")],
    user: UserOption,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Correct an identifier; the new value is asked for. Correct it in the bank's source system as well.

    Examples:

        lingque rights correct 2 phone --as min
    """
    value = typer.prompt(kind, hide_input=True, default="", show_default=False)
    with opened(workspace, user) as session, session.application.writing() as services:
        _print(
            accepted(carry_out_correction(services, request, {kind: value or None}, session.actor), session.language)
        )


@rights_app.command("restrict")
def restrict(request: RequestArgument, user: UserOption, workspace: WorkspaceOption = HERE) -> None:
    """Carry out a restriction: everything that the customer agreed to is withdrawn.

    Examples:

        lingque rights restrict 3 --as min
    """
    with opened(workspace, user) as session, session.application.writing() as services:
        _print(accepted(carry_out_restriction(services, request, session.actor), session.language))


@rights_app.command("erase")
def erase(request: RequestArgument, user: UserOption, workspace: WorkspaceOption = HERE) -> None:
    """Carry out an erasure in both planes, or go on with one that was broken off. It cannot be undone.

    It takes another person than the one who received the request. Where a law demands that the data are kept, it
    becomes a restriction.

    Examples:

        lingque rights erase 4 --as jan
    """
    with opened(workspace, user) as session, session.application.writing() as services:
        _print(accepted(carry_out_erasure(services, request, session.actor), session.language))


@rights_app.command("returned")
def returned(user: UserOption, workspace: WorkspaceOption = HERE) -> None:
    """Print who was erased and has been delivered again: correct the source, or treat them as somebody new.

    What they agreed to before they were erased counts no more.

    Examples:

        lingque rights returned --as min
    """
    with opened(workspace, user) as session:
        found = accepted(returned_customers(session.application.services, session.actor), session.language)
        zh = session.language == "zh"
        made = show.table(*(("客户", "删除时间 (UTC)") if zh else ("customer", "erased (UTC)")))
        for one in found:
            made.add_row(str(one.customer_id), f"{datetime_of(one.erased_at):%Y-%m-%d %H:%M}")
        console.print(made)


@rights_app.command("refuse")
def refuse(
    request: RequestArgument,
    comment: Annotated[str, typer.Option(help="The reason, which the customer is owed; no personal data.")],
    user: UserOption,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Close a request without granting it.

    Examples:

        lingque rights refuse 5 --comment "asked for by somebody else" --as min
    """
    with opened(workspace, user) as session, session.application.writing() as services:
        _print(accepted(refuse_request(services, request, session.actor, comment=comment), session.language))


def _print(request: RightsRequest) -> None:
    shown = {
        "request": request.request_id,
        "kind": request.kind.value,
        "customer": request.customer_id,
        "state": request.state.value,
        "due_on": request.due_on.isoformat(),
        "received_by": request.received_by,
        "closed_by": request.closed_by,
        "outcome": dict(request.outcome),
    }
    console.print_json(json.dumps(shown, ensure_ascii=False))


def _write(path: Path, content: str) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
