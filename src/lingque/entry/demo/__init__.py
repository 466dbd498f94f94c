"""The demo: keeping maturing deposits (到期承接), the whole way on a generated bank, the truth beside the estimate.

What happens outside the platform (customers, the text-message gateway, relationship managers) is in `world`; what
the platform does, step by step, in `story`.
"""

from __future__ import annotations

import shutil
import time
from importlib.resources import as_file, files
from pathlib import Path

from rich.console import Console

from lingque.bootstrap import create_workspace, open_workspace
from lingque.core.clock import BusinessCalendar
from lingque.core.errors import ConfigurationError
from lingque.core.labels import Language
from lingque.entry.demo.story import CAMPAIGN, PEOPLE, REPORT_PAGE, tell_story
from lingque.entry.demo.telling import Teller
from lingque.entry.demo.world import StoryClock, World, channels_to
from lingque.entry.mailbox import Mailbox, open_mailbox
from lingque.settings import FILE, load_settings
from lingque.twin.bank import Twin
from lingque.twin.parameters import TwinParameters
from lingque.twin.responding.parameters import ResponseParameters
from lingque.twin.systems.all import EXTRACTS

SPENDING_PER_MONTH = 1.5
"""Fewer bookings than people make: the story is about deposits, and has to be told in three minutes."""

__all__ = ["CAMPAIGN", "PEOPLE", "lay_out", "run_demo"]


def run_demo(folder: Path, *, language: Language, customers: int, seed: int, console: Console) -> None:
    """Make a bank in the folder and run its campaign. Raises `ConfigurationError` where the folder exists."""
    if folder.exists():
        raise ConfigurationError(f"{folder} exists already", next_step="remove it, or name another folder")
    began = time.monotonic()
    teller = Teller(console, language)
    lay_out(folder, language)
    with teller.step(zh=f"生成一家 {customers:,} 位客户的银行", en=f"generate a bank of {customers:,} customers"):
        parameters = TwinParameters(
            customers=customers,
            seed=seed,
            spending_per_month=SPENDING_PER_MONTH,
            card_purchases_per_month=SPENDING_PER_MONTH,
            # the better rate of its offer is 0.05 points; at the usual 0.20 it costs more than most contacts bring
            responding=ResponseParameters(generosity=0.25),
        )
        twin = Twin.make(parameters)
        twin.write_extracts(folder / "landing", EXTRACTS)
        twin.write_lists(folder / "lists")
    calendar = BusinessCalendar(load_settings(folder).workspace.zone)
    clock = StoryClock(calendar, twin.parameters.as_of)
    mailbox = Mailbox(folder / "mailbox", bouncing=twin.bouncing)
    with (
        open_mailbox(mailbox) as port,
        open_workspace(folder, clock=clock, channels=channels_to(folder, port)) as application,
        application.writing(),
    ):
        world = World(twin=twin, calendar=calendar, mailbox=mailbox, folder=folder)
        tell_story(application, world, clock, teller)
    seconds = time.monotonic() - began
    teller.text(
        zh=f"用时 {seconds:.0f} 秒。工作区 {folder}；报告页面 {folder / REPORT_PAGE}；邮件 {folder / 'mailbox'}；"
        f"短信与客户经理名单 {folder / 'outgoing'}",
        en=f"{seconds:.0f} seconds. Workspace {folder}; report page {folder / REPORT_PAGE}; "
        f"mails {folder / 'mailbox'}; text messages and work-lists {folder / 'outgoing'}",
    )
    teller.text(
        zh=f"继续查看：lingque campaign explain {CAMPAIGN} --as min -w {folder}\n"
        f"全部标签：lingque tags gallery --out gallery --as ada -w {folder}",
        en=f"look further: lingque campaign explain {CAMPAIGN} --as min -w {folder}\n"
        f"all tags: lingque tags gallery --out gallery --as ada -w {folder}",
    )


def lay_out(folder: Path, language: Language) -> None:
    """Copy the demo's definitions into the folder and make it a workspace."""
    with as_file(files("lingque.entry.demo") / "bank") as template:
        shutil.copytree(template, folder)
    settings = folder / FILE
    words = settings.read_text(encoding="utf-8").replace('language = "zh"', f'language = "{language}"')
    settings.write_text(words, encoding="utf-8")
    create_workspace(folder)
