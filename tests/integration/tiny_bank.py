"""A bank of a hundred customers: definitions, files, people. All that is personal in it can be searched for."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from surrogates import same_surrogates
from tiny_definitions import CAMPAIGNS, CONTRACTS, SETTINGS, SOURCE, TAGS

from lingque.bootstrap import Application, create_workspace, open_workspace
from lingque.core.clock import instant_of
from lingque.core.errors import ChannelError
from lingque.core.reasons import Refusal
from lingque.deliver.contracts import Channel, Message
from lingque.engage.contracts import Plan
from lingque.flow import (
    People,
    apply,
    approve_campaign,
    ingest,
    plan_campaign,
    review_campaign,
    run_campaign,
    run_tags,
)
from lingque.flow.services import Services
from lingque.govern.access import User, add_user
from lingque.govern.contracts import Principal, Role
from lingque.govern.tables import audit
from lingque.settings import Settings
from lingque.store.runs import published_versions
from lingque.testing import FixedClock, MemoryChannel

CUSTOMERS = 100
DATA_DATE = date(2026, 6, 1)
AS_OF = date(2026, 6, 1)
NOW = datetime(2026, 6, 1, 2, 0, tzinfo=UTC)
CAMPAIGN = "idle_to_deposit"
CURRENT_CONSENT = "personal|financial"


HEADERS = {
    "customers": ("customer_no", "name", "email", "birth_date", "city", "opened_on"),
    "accounts": ("account_no", "customer_no", "kind", "opened_on"),
    "transactions": (
        "transaction_no",
        "customer_no",
        "account_no",
        "booked_on",
        "direction",
        "category",
        "amount",
        "balance",
    ),
    "deposits": ("deposit_no", "customer_no", "opened_on", "amount", "term_months", "online"),
    "consents": (
        "statement",
        "customer_no",
        "acted_on",
        "purpose",
        "channel",
        "data_classes",
        "action",
        "wording_version",
        "evidence",
    ),
}

USERS = (
    User(name="otto", person="otto", roles=frozenset({Role.OPERATOR})),
    User(name="lan", person="lan", roles=frozenset({Role.CAMPAIGN_MANAGER})),
    User(name="lin", person="lin", roles=frozenset({Role.CAMPAIGN_MANAGER})),
    User(name="min", person="min", roles=frozenset({Role.COMPLIANCE_OFFICER})),
    User(name="hua", person="hua", roles=frozenset({Role.CONSUMER_PROTECTION_REVIEWER})),
    User(name="hua_too", person="hua", roles=frozenset({Role.COMPLIANCE_OFFICER})),
    User(name="lan_too", person="lan", roles=frozenset({Role.COMPLIANCE_OFFICER})),
    User(name="ada", person="ada", roles=frozenset({Role.ANALYST})),
    User(name="root", person="root", roles=frozenset({Role.SYSTEM_ADMINISTRATOR})),
    User(name="sam", person="sam", roles=frozenset({Role.SECURITY_ADMINISTRATOR})),
)
PRINCIPALS = {user.name: Principal(user=user.name, person=user.person, roles=user.roles) for user in USERS}
OTTO, LAN, LIN, HUA, MIN = (PRINCIPALS[name] for name in ("otto", "lan", "lin", "hua", "min"))
PEOPLE = People(operator=OTTO, manager=LIN, reviewer=HUA, approver=MIN)


def customer_no(n: int) -> str:
    return f"KD2026{n:05}"


def account_no(n: int) -> str:
    return f"62220210{n:06}"


def email_of(n: int) -> str:
    return f"client{n:03}@mail.example"


def name_of(n: int) -> str:
    return f"客户甲乙丙丁戊{n:03}"


NO_ADDRESS, MINOR, AGE_UNKNOWN, WITHDREW = 4, 5, 6, 7


def customers(count: int = CUSTOMERS) -> list[tuple[str, ...]]:
    births = {MINOR: "2010-01-01", AGE_UNKNOWN: ""}
    return [
        (
            customer_no(n),
            name_of(n),
            "" if n == NO_ADDRESS else email_of(n),
            births.get(n, "1980-02-29"),
            "上海",
            "2020-01-01",
        )
        for n in range(count)
    ]


def accounts(count: int = CUSTOMERS) -> list[tuple[str, ...]]:
    return [(account_no(n), customer_no(n), "current", "2020-01-02") for n in range(count)]


def transactions(count: int = CUSTOMERS) -> list[tuple[str, ...]]:
    """Per customer a salary of 10,000.00 and a rent of 500.00; afterwards 30,000.00 + n on the account."""
    rows: list[tuple[str, ...]] = []
    for n in range(count):
        who = (customer_no(n), account_no(n))
        rows.append((f"TX{n:06}A", *who, "2026-05-10", "credit", "salary", "10000.00", f"{30500 + n}.00"))
        rows.append((f"TX{n:06}B", *who, "2026-05-20", "debit", "rent", "500.00", f"{30000 + n}.00"))
    return rows


def consents(count: int = CUSTOMERS) -> list[tuple[str, ...]]:
    rows = [
        consent(n, "give", "2025-01-01", "personal" if n % 10 == 8 else CURRENT_CONSENT)
        for n in range(count)
        if n % 10 != 9
    ]
    return [*rows, consent(WITHDREW, "withdraw", "2026-01-01")]


def consent(n: int, action: str, day: str, classes: str = "") -> tuple[str, ...]:
    statement = f"{customer_no(n)}/{action}/{day}"
    return (statement, customer_no(n), day, "marketing", "email", classes, action, "v1", "branch form")


def deposits() -> list[tuple[str, ...]]:
    return [("DP000000", customer_no(0), "2026-05-05", "5000", "3", "true")]


def lawful(n: int) -> bool:
    """May be contacted, wants nothing yet, and can be reached: by the rules of this bank, not by the code."""
    return n % 10 not in (8, 9) and n not in (0, NO_ADDRESS, MINOR, AGE_UNKNOWN, WITHDREW)


LAWFUL = [n for n in range(CUSTOMERS) if lawful(n)]


def write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    return path


ChannelsOf = Callable[[Settings], Mapping[str, Channel]]


@dataclass
class Bank:
    """A workspace on disk and what its tests turn: the clock and the channel."""

    folder: Path
    control: str = ""
    clock: FixedClock = field(default_factory=lambda: FixedClock(instant_of(NOW)))
    channel: MemoryChannel = field(default_factory=MemoryChannel)

    @contextmanager
    def open(self, channels: ChannelsOf | None = None) -> Iterator[Application]:
        chosen = channels or (lambda _settings: {"email": self.channel})
        with open_workspace(self.folder, clock=self.clock, channels=chosen) as application:
            yield application

    def deliver(self, contract: str, rows: Sequence[Sequence[str]], day: date = DATA_DATE) -> Path:
        path = self.folder / "landing" / f"{contract}_{day:%Y%m%d}.csv"
        return write_csv(path, HEADERS[contract], rows)

    def deliver_text(self, contract: str, text: str | bytes, day: date = DATA_DATE) -> Path:
        path = self.folder / "landing" / f"{contract}_{day:%Y%m%d}.csv"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def define(self, name: str, text: str) -> None:
        (self.folder / "definitions" / f"{name}.yaml").write_text(text, encoding="utf-8")

    def replace_in(self, name: str, old: str, new: str) -> None:
        text = (self.folder / "definitions" / f"{name}.yaml").read_text(encoding="utf-8")
        assert old in text
        self.define(name, text.replace(old, new))

    def map(self, contract: str, sql: str) -> None:
        (self.folder / "mapping" / f"{contract}.sql").write_text(sql, encoding="utf-8")


def lay_out(folder: Path) -> None:
    """Settings, definitions and mappings; no files of the bank yet."""
    folder.mkdir(parents=True)
    (folder / "lingque.toml").write_text(SETTINGS, encoding="utf-8")
    create_workspace(folder)
    bank = Bank(folder=folder)
    (folder / "mapping").mkdir()
    (folder / "landing").mkdir()
    bank.define("contracts", CONTRACTS)
    bank.define("sources", "---".join(SOURCE.format(contract=contract) for contract in HEADERS))
    bank.define("tags", TAGS)
    bank.define("campaigns", CAMPAIGNS)
    for contract, columns in HEADERS.items():
        bank.map(contract, f"SELECT _file, _row, {', '.join(columns)} FROM {contract}")


def deliver_all(bank: Bank) -> None:
    bank.deliver("customers", customers())
    bank.deliver("accounts", accounts())
    bank.deliver("transactions", transactions())
    bank.deliver("deposits", deposits())
    bank.deliver("consents", consents())


def make_defined(folder: Path) -> None:
    """People and definitions."""
    lay_out(folder)
    bank = Bank(folder=folder)
    with bank.open() as application:
        services = application.services
        with services.database.transaction() as connection:
            for user in USERS:
                add_user(connection, user, at=services.clock.now())
        assert not isinstance(apply(services, OTTO), Refusal)


def make_loaded(folder: Path) -> None:
    """And the first files loaded, the first tags computed. The surrogates are the same every time."""
    make_defined(folder)
    bank = Bank(folder=folder)
    deliver_all(bank)
    with same_surrogates(20260601), bank.open() as application:
        load_all(application.services)
        assert not isinstance(run_tags(application.services, AS_OF, OTTO), Refusal)


def make_queued(folder: Path) -> None:
    """And the campaign planned, approved and decided; but then the channel was down."""
    make_loaded(folder)
    bank = Bank(folder=folder)

    def down(_message: Message) -> None:
        raise ChannelError("down", next_step="")

    bank.channel.before_send = down
    with bank.open() as application:
        approve(application.services)
        with pytest.raises(ChannelError):
            run_campaign(application.services, CAMPAIGN, LIN)


def make_sent(folder: Path) -> None:
    """And a bad row of every customer, and the campaign planned, approved and sent."""
    make_loaded(folder)
    bank = Bank(folder=folder)
    bad = [(f"BAD{row[0]}", *row[1:6], "?", "?") for row in transactions()]
    bank.deliver("transactions", [*transactions(), *bad])
    with bank.open() as application:
        load_all(application.services)
        assert not isinstance(run_tags(application.services, AS_OF, OTTO), Refusal)
        approve(application.services)
        assert not isinstance(run_campaign(application.services, CAMPAIGN, LIN), Refusal)


def approve(services: Services) -> Plan:
    """Plan the campaign and have it reviewed and approved."""
    plan = plan_campaign(services, CAMPAIGN, AS_OF, LIN)
    assert not isinstance(plan, Refusal)
    assert not isinstance(review_campaign(services, CAMPAIGN, HUA, digest=plan.digest), Refusal)
    approved = approve_campaign(services, CAMPAIGN, MIN, digest=plan.digest)
    assert not isinstance(approved, Refusal)
    return approved


def load_all(services: Services) -> list[Any]:
    """Everything that waits; fails where a load is refused."""
    reports = list(ingest(services, OTTO))
    assert not [report for report in reports if isinstance(report, Refusal)]
    return reports


def party_of(application: Application, key: str, contract: str = "customers") -> int:
    with application.services.database.reading() as connection:
        found = application.vault.resolve(connection, namespace=f"core/{contract}", keys=[key], mint=False)
    return found[key]


def audit_of(services: Services, act: str | None = None) -> list[Any]:
    with services.database.reading() as connection:
        rows = connection.execute(select(audit).order_by(audit.c.audit_id)).all()
    return [row for row in rows if act is None or row.act == act]


def rows_of(services: Services, table: str) -> list[dict[str, Any]]:
    """The published rows of a table."""
    with services.database.reading() as connection:
        versions = published_versions(connection)
    if table not in versions:
        return []
    with services.session() as session:
        session.add_versions({table: versions[table]})
        return session.ask(f'SELECT * FROM "{table}"').to_pylist() if session.has(table) else []
