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
from lingque.core.clock import BusinessCalendar, Instant, datetime_of, instant_of
from lingque.deliver.contracts import AnyChannel
from lingque.entry.mailbox import Mailbox
from lingque.settings import Settings
from lingque.twin.bank import Twin
from lingque.twin.responding.catalogue import Channel
from lingque.twin.responding.hearing import Fate
from lingque.twin.responses import Answered, Contacted, TrueEffect

OUTCOME_DAYS = 60
CALL_DAYS = 5
"""By then managers have made the calls that they make at all."""
SENT_AT = time(10)


class StoryClock:
    """The time of the story: mid-morning of a business day, until the story moves on."""

    def __init__(self, calendar: BusinessCalendar, day: date) -> None:
        self._calendar = calendar
        self.move_to(day)

    def move_to(self, day: date) -> None:
        self._now = instant_of(datetime.combine(day, SENT_AT, tzinfo=self._calendar.time_zone))

    def now(self) -> Instant:
        return self._now


def channels_to(folder: Path, port: int) -> Callable[[Settings], Mapping[str, AnyChannel]]:
    """The channels of the workspace, its mail server being the one that listens on that port."""

    def channels(settings: Settings) -> Mapping[str, AnyChannel]:
        smtp = settings.smtp.model_copy(update={"host": "127.0.0.1", "port": port})
        return all_channels(settings.model_copy(update={"smtp": smtp}), folder)

    return channels


@dataclass(frozen=True, kw_only=True)
class Sent:
    """One contact that left the bank, and the key by which the platform knows it."""

    key: str
    contact: Contacted


@dataclass(frozen=True, kw_only=True)
class World:
    """Everybody who is not the platform."""

    twin: Twin
    calendar: BusinessCalendar
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

    def sent(self, catalog: Catalog, campaign: str, *, on: date) -> list[Sent]:
        """All that left the bank that morning: mails that were accepted, texts, and calls that managers are to make."""
        at = self.calendar.instant_at(datetime.combine(on, SENT_AT))
        return [
            *self._mails(catalog, campaign, at),
            *(self._handed_over("sms", at)),
            *(self._handed_over("rm_call", at)),
        ]

    def receipts(self, channel: Channel, sent: list[Sent], *, until: date) -> Path:
        """What the gateway or the managers say by the evening of that day: which texts arrived and who refused more of
        them, and which calls were made."""
        answers = self.twin.respond([one.contact for one in sent], until=until).answers
        rows = [
            statement
            for one, answered in zip(sent, answers, strict=True)
            if one.contact.channel == channel
            for statement in _statements(one.key, answered, by_people=channel == "rm_call")
        ]
        return _write(self.folder / f"receipts_{channel}.csv", rows)

    def go_on(self, sent: list[Sent]) -> None:
        """Sixty days pass; the bank's systems deliver what the customers did."""
        until = self.twin.parameters.as_of + timedelta(days=OUTCOME_DAYS + 1)
        self.twin.write_followup(self.twin.respond([one.contact for one in sent], until=until), self.landing)

    def truth(self, sent: list[Sent]) -> TrueEffect:
        return self.twin.true_effect([one.contact for one in sent])

    def _mails(self, catalog: Catalog, campaign: str, at: Instant) -> Iterator[Sent]:
        language = catalog.campaign(campaign).language
        offers = {
            offer.definition.creatives["email"][language].subject: name
            for name, offer in catalog.offers.items()
            if "email" in offer.definition.creatives
        }
        for mail in self.mailbox.mails:
            offer = offers[str(mail.mail["Subject"])]
            contact = Contacted(address=mail.address, channel="email", offer=offer, at=at)
            yield Sent(key=mail.message_id, contact=contact)

    def _handed_over(self, channel: Literal["sms", "rm_call"], at: Instant) -> Iterator[Sent]:
        for row in self.handed_over(channel):
            contact = Contacted(address=row["phone"], channel=channel, offer=_offer(row), at=at)
            yield Sent(key=row["key"], contact=contact)


def outcomes_in(file: Path) -> Counter[str]:
    """How many receipts of each kind."""
    return Counter(row["outcome"] for row in _rows(file))


def _statements(key: str, answered: Answered, *, by_people: bool) -> Iterator[tuple[str, str, str]]:
    """Calls that managers let be are not told of: a work-list only shows them open."""
    outcomes = {Fate.DELIVERED: "done" if by_people else "delivered", Fate.FAILED: "failed"}
    if answered.fate in outcomes and answered.settled_at is not None:
        yield key, outcomes[answered.fate], datetime_of(answered.settled_at).isoformat()
    if answered.opted_out_at is not None:
        yield key, "opted_out", datetime_of(answered.opted_out_at).isoformat()


def _offer(row: Mapping[str, str]) -> str:
    """The key of a message names its offer: wave-customer-offer-step-channel."""
    return row["key"].split("-")[2]


def _rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as opened:
        return list(csv.DictReader(opened))


def _write(file: Path, rows: list[tuple[str, str, str]]) -> Path:
    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(("key", "outcome", "at"))
        writer.writerows(rows)
    return file
