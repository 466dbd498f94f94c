"""Commands on the values of manual tags."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from lingque.core.labels import Label
from lingque.entry.cli.application import HERE, UserOption, WorkspaceOption, accepted, console, opened
from lingque.entry.cli.lists import print_report
from lingque.entry.cli.tags import tags_app
from lingque.flow.customer_files import CustomerFile
from lingque.flow.manual_tags import CustomerNumber, import_tag, set_tag

NameArgument = Annotated[str, typer.Argument(help="The tag; its definition says `manual`.")]
CustomerOption = Annotated[str, typer.Option("--customer", help="The customer's number in the source system.")]
SystemOption = Annotated[str, typer.Option(help="The source system that gave the number.")]
ExpiresOption = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], help="The day on which the value is good no more. Default: the definition's."),
]


@tags_app.command("set")
def set_command(
    name: NameArgument,
    value: Annotated[str, typer.Argument(help="The value; money in major units, a day as 2026-01-31.")],
    customer: CustomerOption,
    system: SystemOption,
    user: UserOption,
    expires: ExpiresOption = None,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Give one customer a value of a manual tag. It hides what was given before.

    Examples:

        lingque tags set preferred_language en --customer 1787 --system core_banking --as lan

        lingque tags set hobby golf --customer 1787 --system core_banking --expires 2027-01-01 --as lan
    """
    _change(name, value, CustomerNumber(number=customer, system=system), user, expires, workspace)


@tags_app.command("unset")
def unset(
    name: NameArgument,
    customer: CustomerOption,
    system: SystemOption,
    user: UserOption,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Take back the value that one customer has of a manual tag. That it was given stays on record.

    Examples:

        lingque tags unset hobby --customer 1787 --system core_banking --as lan
    """
    _change(name, None, CustomerNumber(number=customer, system=system), user, None, workspace)


@tags_app.command("import")
def import_command(
    name: NameArgument,
    file: Annotated[Path, typer.Argument(help="A CSV file with a header.")],
    column: Annotated[str, typer.Option(help="The column that holds the customer numbers.")],
    value_column: Annotated[str, typer.Option("--value", help="The column that holds the values.")],
    system: SystemOption,
    user: UserOption,
    expires: ExpiresOption = None,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Give the customers of a file its values of a manual tag. What cannot be used is reported by row, never by value.

    Examples:

        lingque tags import hobby survey.csv --column customer_no --value hobby --system core_banking --as lan
    """
    with opened(workspace, user) as session, session.application.writing() as services:
        source = CustomerFile(path=file, column=column, system=system)
        done = import_tag(
            services, session.application.vault, name, source, value_column, session.actor, expires_on=_day(expires)
        )
        print_report(accepted(done, session.language), session.language, Label(zh="新赋值", en="newly given"),
                     Label(zh="原值相同", en="had it already"))  # fmt: skip


def _change(
    name: str, value: str | None, customer: CustomerNumber, user: str, expires: datetime | None, workspace: Path
) -> None:
    with opened(workspace, user) as session, session.application.writing() as services:
        done = set_tag(
            services, session.application.vault, name, customer, value, session.actor, expires_on=_day(expires)
        )
        changed = accepted(done, session.language)
        label = Label(zh="已更改", en="changed") if changed else Label(zh="原已如此", en="it was so already")
        console.print(label.in_language(session.language))


def _day(moment: datetime | None) -> date | None:
    return None if moment is None else moment.date()
