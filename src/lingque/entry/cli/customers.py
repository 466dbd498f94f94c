"""Commands on one customer."""

from __future__ import annotations

from typing import Annotated

import typer

from lingque.core.ids import CustomerId
from lingque.entry import show_customer
from lingque.entry.cli.application import HERE, UserOption, WorkspaceOption, accepted, console, opened
from lingque.flow.customer_360 import customer_360
from lingque.flow.intake import catalog_of

customers_app = typer.Typer(name="customers", help="Look at one customer.", no_args_is_help=True)


@customers_app.command("show")
def show(
    customer: Annotated[int, typer.Argument(help="The customer, by the platform's own number.")],
    user: UserOption,
    why: Annotated[str | None, typer.Option(help="A tag: the rows or tags that made its value.")] = None,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Everything known of one customer: who (masked), holdings, behaviour, what falls due, tags, contacts, leave.

    Only of customers within one's scope; each look is one entry of the audit trail. 'lingque rights find' finds a
    customer's number.

    Examples:

        lingque customers show 5577006791947779410 --as mei

        lingque customers show 5577006791947779410 --why salary_3m --as mei
    """
    with opened(workspace, user) as session:
        services = session.application.services
        found = accepted(customer_360(services, CustomerId(customer), session.actor), session.language)
        catalog = catalog_of(services)
        if why is None:
            console.print(show_customer.everything(found, catalog, services.calendar, session.language))
        else:
            catalog.tag(why)
            console.print(show_customer.why(found, why, catalog, services.calendar, session.language))
