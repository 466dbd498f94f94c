"""The demo: the whole way on a generated bank, ending with what only a generated bank can tell: the truth.

The bank's customers answer by opening deposits. Who received a mail is read from the mailbox, as in life; the platform
never learns who they are, and the simulated bank never learns the platform's ids.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from importlib.resources import as_file, files
from pathlib import Path
from typing import TypeVar

from rich.console import Console, RenderableType
from rich.panel import Panel

from lingque.bootstrap import Application, create_workspace, open_workspace, smtp_only
from lingque.core.errors import ConfigurationError
from lingque.core.labels import Label, Language
from lingque.core.reasons import Refusal
from lingque.deliver.contracts import Channel
from lingque.entry import show, show_report
from lingque.entry.mailbox import Mailbox, open_mailbox
from lingque.entry.report.filling import page_of
from lingque.flow import People
from lingque.flow.campaigns import approve_campaign, plan_campaign, report_campaign, run_campaign
from lingque.flow.intake import apply, catalog_of, ingest, run_tags
from lingque.govern.access import User, add_user
from lingque.govern.contracts import Principal, Role
from lingque.settings import FILE, Settings
from lingque.twin.bank import Twin
from lingque.twin.parameters import TwinParameters

T = TypeVar("T")

CAMPAIGN = "idle_money_to_deposit"
OUTCOME_DAYS = 30
PEOPLE = (
    User(name="otto", person="otto", roles=frozenset({Role.OPERATOR})),
    User(name="lan", person="lan", roles=frozenset({Role.CAMPAIGN_MANAGER})),
    User(name="min", person="min", roles=frozenset({Role.COMPLIANCE_OFFICER})),
)


def run_demo(folder: Path, *, language: Language, customers: int, seed: int, console: Console) -> None:
    """Make a bank in the folder and run one campaign on it. Raises `ConfigurationError` where the folder exists."""
    if folder.exists():
        raise ConfigurationError(f"{folder} exists already", next_step="remove it, or name another folder")
    began = time.monotonic()
    tell = _Teller(console, language)
    twin = Twin.make(TwinParameters(customers=customers, seed=seed))
    lay_out(folder, language)
    with tell.step(zh=f"生成一家 {customers:,} 位客户的银行", en=f"generate a bank of {customers:,} customers"):
        twin.write_extracts(folder / "landing")
    mailbox = Mailbox(folder / "mailbox", bouncing=twin.bouncing)
    with (
        open_mailbox(mailbox) as port,
        open_workspace(folder, channels=lambda settings: _to_port(settings, port)) as application,
        application.writing(),
    ):
        _from_files_to_effect(application, twin, mailbox, tell)
    seconds = time.monotonic() - began
    tell.text(
        zh=f"用时 {seconds:.0f} 秒。工作区：{folder}；邮件：{folder / 'mailbox'}；",
        en=f"{seconds:.0f} seconds. Workspace: {folder}; mails: {folder / 'mailbox'};",
    )
    tell.text(
        zh=f"继续查看：lingque campaign explain {CAMPAIGN} --as min -w {folder}",
        en=f"look further: lingque campaign explain {CAMPAIGN} --as min -w {folder}",
    )


def _from_files_to_effect(application: Application, twin: Twin, mailbox: Mailbox, tell: _Teller) -> None:
    services = application.services
    as_of = twin.parameters.as_of
    people = _people(application)
    with tell.step(zh="定义生效", en="apply definitions"):
        _done(apply(services, people.operator))
    with tell.step(zh="载入银行文件", en="load the bank's files"):
        table = show.ingest_table(tell.language)
        for loaded in ingest(services, people.operator):
            show.add_ingest(table, _done(loaded))
    tell.show(table)
    catalog = catalog_of(services)
    with tell.step(zh=f"计算 {as_of} 的标签", en=f"compute tags as of {as_of}"):
        snapshot = _done(run_tags(services, as_of, people.operator))
    tell.show(show.snapshot(snapshot, catalog, tell.language))
    with tell.step(zh="编制方案（不发送）", en="plan the campaign (nothing is sent)"):
        plan = _done(plan_campaign(services, CAMPAIGN, as_of, people.manager))
    tell.show(show.plan(plan, catalog, tell.language))

    own = approve_campaign(services, CAMPAIGN, people.manager, digest=plan.digest)
    if isinstance(own, Refusal):
        tell.text(zh=f"✋ 自己审批：{own.reason.label.zh}", en=f"✋ approving one's own work: {own.reason.label.en}")
    with tell.step(zh="由合规人员审批", en="approved by the compliance officer"):
        _done(approve_campaign(services, CAMPAIGN, people.approver, digest=plan.digest))
    with tell.step(zh="执行已批准的方案", en="run what was approved"):
        _done(run_campaign(services, CAMPAIGN, people.manager))

    reached = [mail.address for mail in mailbox.mails]
    with tell.step(
        zh=f"{OUTCOME_DAYS} 天后：客户作出反应，银行送来新文件", en=f"{OUTCOME_DAYS} days later: the bank's next files"
    ):
        twin.write_followup(twin.respond(reached, on=as_of), services.landing)
        for loaded in ingest(services, people.operator):
            _done(loaded)
    horizon = services.calendar.start_of(as_of + timedelta(days=OUTCOME_DAYS + 2))
    report = _done(report_campaign(services, CAMPAIGN, people.manager, known_by=horizon))
    # the effect is that of the campaign on everybody it chose to contact; those who bounced could not react
    truth = twin.true_effect(reached).effect * len(reached) / max(sum(report.fates.by_status.values()), 1)
    tell.show(Panel(show_report.report(page_of(report, catalog, truth=truth), tell.language), padding=(1, 2)))


class _Teller:
    """Prints the story, with a spinner on anything that takes time."""

    def __init__(self, console: Console, language: Language) -> None:
        self.console = console
        self.language = language

    def text(self, *, zh: str, en: str) -> None:
        self.console.print(Label(zh=zh, en=en).in_language(self.language), highlight=False, soft_wrap=True)

    def show(self, what: RenderableType) -> None:
        self.console.print(what)

    @contextmanager
    def step(self, *, zh: str, en: str) -> Iterator[None]:
        words = Label(zh=zh, en=en).in_language(self.language)
        began = time.monotonic()
        with self.console.status(words):
            yield
        self.console.print(f"[bold green]✓[/] {words} [dim]{time.monotonic() - began:.1f}s[/]", highlight=False)


def _done(outcome: T | Refusal) -> T:
    """The outcome. The demo's own steps are never refused; if one is, the demo is broken and says so."""
    if isinstance(outcome, Refusal):
        raise ConfigurationError(f"the demo was refused: {outcome}", next_step="please report this")
    return outcome


def lay_out(folder: Path, language: Language) -> None:
    """Copy the demo's definitions into the folder and make it a workspace."""
    with as_file(files("lingque.entry") / "demo_bank") as template:
        shutil.copytree(template, folder)
    settings = folder / FILE
    words = settings.read_text(encoding="utf-8").replace('language = "zh"', f'language = "{language}"')
    settings.write_text(words, encoding="utf-8")
    create_workspace(folder)


def _to_port(settings: Settings, port: int) -> dict[str, Channel]:
    smtp = settings.smtp.model_copy(update={"host": "127.0.0.1", "port": port})
    return dict(smtp_only(settings.model_copy(update={"smtp": smtp})))


def _people(application: Application) -> People:
    services = application.services
    with services.database.transaction() as connection:
        for user in PEOPLE:
            add_user(connection, user, at=services.clock.now())
    operator, manager, approver = (Principal(user=u.name, person=u.person, roles=u.roles) for u in PEOPLE)
    return People(operator=operator, manager=manager, approver=approver)
