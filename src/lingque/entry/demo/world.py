"""What happens outside the platform: mails arrive, the gateway sends texts, managers call, and customers make up their
minds.

The simulated bank never learns the platform's ids: whom a contact reached is told by its address, as in life. The
platform never learns who they are: what they do comes back as the bank's next files.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Literal

from lingque.bootstrap import all_channels
from lingque.catalog.model import Catalog
from lingque.core.clock import BusinessCalendar, Instant, instant_of
from lingque.deliver.contracts import AnyChannel
from lingque.entry.mailbox import Mailbox
from lingque.settings import Settings
from lingque.twin.bank import Twin
from lingque.twin.responses import Contacted, TrueEffect

OUTCOME_DAYS = 60
DECLINED_OF_TEN, LEFT_OF_TEN = 1, 1
"""Of ten calls that managers are to make: how many they decline, and how many they never get to."""


class StoryClock:
    """The time of the story: mid-morning of a business day, until the story moves on."""

    def __init__(self, calendar: BusinessCalendar, day: date) -> None:
        self._calendar = calendar
        self.move_to(day)

    def move_to(self, day: date) -> None:
        self._now = instant_of(datetime.combine(day, time(10), tzinfo=self._calendar.time_zone))

    def now(self) -> Instant:
        return self._now


def channels_to(folder: Path, port: int) -> Callable[[Settings], Mapping[str, AnyChannel]]:
    """The channels of the workspace, its mail server being the one that listens on that port."""

    def channels(settings: Settings) -> Mapping[str, AnyChannel]:
        smtp = settings.smtp.model_copy(update={"host": "127.0.0.1", "port": port})
        return all_channels(settings.model_copy(update={"smtp": smtp}), folder)

    return channels


@dataclass(frozen=True, kw_only=True)
class World:
    """Everybody who is not the platform."""

    twin: Twin
    mailbox: Mailbox
    folder: Path

    @property
    def landing(self) -> Path:
        return self.folder / "landing"

    def handed_over(self, channel: Literal["sms", "rm_call"]) -> list[dict[str, str]]:
        """The rows of what was handed over for a channel, without what was cancelled since."""
        listed = [row for file in sorted((self.folder / "outgoing").rglob(f"{channel}*.csv")) for row in _rows(file)]
        cancelled = {row["key"] for file in (self.folder / "outgoing").rglob("cancelled_*.csv") for row in _rows(file)}
        return [row for row in listed if row["key"] not in cancelled]

    def receipts_of_texts(self, at: date) -> Path:
        """The gateway says what became of every text: all arrived."""
        rows = [(row["key"], "delivered", f"{at} 10:05:00") for row in self.handed_over("sms")]
        return _write(self.folder / "receipts_sms.csv", rows)

    def receipts_of_calls(self, at: date) -> Path:
        """Managers say whom they called: most, not all."""
        rows = []
        for number, row in enumerate(self.handed_over("rm_call")):
            if number % 10 < LEFT_OF_TEN:
                continue
            outcome = "declined" if number % 10 < LEFT_OF_TEN + DECLINED_OF_TEN else "done"
            rows.append((row["key"], outcome, f"{at} 10:30:00"))
        return _write(self.folder / "receipts_calls.csv", rows)

    def contacts(self, catalog: Catalog, campaign: str, *, on: date, called: Path) -> list[Contacted]:
        """Who was really reached, by which channel, with which offer."""
        return [
            *self._by_mail(catalog, campaign, on),
            *(
                Contacted(address=row["phone"], channel="sms", offer=_offer(row), on=on)
                for row in self.handed_over("sms")
            ),
            *self._by_call(called, on),
        ]

    def go_on(self, contacts: list[Contacted]) -> None:
        """Sixty days pass; the bank's systems deliver what the customers did."""
        until = self.twin.parameters.as_of + timedelta(days=OUTCOME_DAYS + 1)
        self.twin.write_followup(self.twin.respond(contacts, until=until), self.landing)

    def truth(self, contacts: list[Contacted]) -> TrueEffect:
        return self.twin.true_effect(contacts)

    def _by_mail(self, catalog: Catalog, campaign: str, on: date) -> Iterator[Contacted]:
        language = catalog.campaign(campaign).language
        offers = {
            offer.definition.creatives["email"][language].subject: name
            for name, offer in catalog.offers.items()
            if "email" in offer.definition.creatives
        }
        for mail in self.mailbox.mails:
            offer = offers[str(mail.mail["Subject"])]
            yield Contacted(address=mail.address, channel="email", offer=_known(offer), on=on)

    def _by_text(self, on: date) -> Iterator[Contacted]:
        for row in self.handed_over("sms"):
            yield Contacted(address=row["phone"], channel="sms", offer=_offer(row), on=on)

    def _by_call(self, called: Path, on: date) -> Iterator[Contacted]:
        done = {row["key"] for row in _rows(called) if row["outcome"] == "done"}
        for row in self.handed_over("rm_call"):
            if row["key"] in done:
                yield Contacted(address=row["phone"], channel="rm_call", offer=_offer(row), on=on)


def outcomes_in(file: Path) -> Counter[str]:
    """How many receipts of each kind."""
    return Counter(row["outcome"] for row in _rows(file))


def _offer(row: Mapping[str, str]) -> Literal["deposit_renewal", "wealth_r2"]:
    """The key of a message names its offer: wave-customer-offer-step-channel."""
    return _known(row["key"].split("-")[2])


def _known(offer: str) -> Literal["deposit_renewal", "wealth_r2"]:
    return "wealth_r2" if offer == "wealth_r2" else "deposit_renewal"


def _rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as opened:
        return list(csv.DictReader(opened))


def _write(file: Path, rows: list[tuple[str, str, str]]) -> Path:
    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(("key", "outcome", "at"))
        writer.writerows(rows)
    return file
