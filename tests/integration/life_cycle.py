"""What the tests of a campaign's life share."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from tiny_bank import (
    CAMPAIGN,
    LIN,
    OTTO,
    Bank,
    approve,
)

from lingque.bootstrap import Application
from lingque.core.reasons import Reason, Refusal
from lingque.deliver.contracts import Fates, Message
from lingque.engage.service import newest_plan
from lingque.engage.tables import contacts
from lingque.flow.intake import apply
from lingque.flow.running import run_campaign
from lingque.flow.services import Services

MICROSECONDS_A_DAY = 86_400_000_000


def changed(bank: Bank, application: Application, *pairs: tuple[str, str]) -> Services:
    """The campaign's definition with these lines in place of those, applied."""
    for old, new in pairs:
        bank.replace_in("campaigns", old, new)
    assert not isinstance(apply(application.services, OTTO), Refusal)
    return application.services


def piloted(bank: Bank, application: Application) -> Services:
    services = changed(bank, application, ("hold_out: 0.5", "hold_out: 0.25\npilot: {share: 0.3}"))
    approve(services)
    assert isinstance(run_campaign(services, CAMPAIGN, LIN), Fates)
    return services


def state(services: Services) -> str:
    with services.database.reading() as connection:
        return newest_plan(connection, CAMPAIGN).state


def contacted(services: Services) -> list[int]:
    with services.database.reading() as connection:
        return sorted(connection.execute(select(contacts.c.customer_id)).scalars())


def reason_of(outcome: Any) -> Reason:
    assert isinstance(outcome, Refusal)
    return outcome.reason


class After:
    """Lets something happen when so many messages have been sent."""

    def __init__(self, count: int, act: Any) -> None:
        self.left = count
        self.act = act

    def __call__(self, _message: Message) -> None:
        self.left -= 1
        if self.left == 0:
            self.act()
