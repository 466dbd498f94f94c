"""The simulated bank as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from lingque.twin import columns, watch_lists
from lingque.twin.blocks import Block, blocks_of
from lingque.twin.days import day_number, midnight
from lingque.twin.deliveries import Cut, Days, cuts, deliver, whole_history
from lingque.twin.extracts import Extract
from lingque.twin.landing import Landing
from lingque.twin.needs import Needs
from lingque.twin.parameters import TwinParameters
from lingque.twin.part import Part
from lingque.twin.placements import Placed
from lingque.twin.population import Population
from lingque.twin.products import PostedRate, posted_rates
from lingque.twin.responding.dispositions import Dispositions
from lingque.twin.responding.hearing import bounces
from lingque.twin.responding.model import ResponseModel
from lingque.twin.responses import (
    FUTURE_DAYS,
    Contacted,
    MoneyAfter,
    Responses,
    TrueChances,
    TrueEffect,
    needs_after,
)
from lingque.twin.systems.all import FIRST_LOAD, FOLLOW_UP
from lingque.twin.systems.transactions import AGAIN, Dirt, Resent


@dataclass(frozen=True, kw_only=True, eq=False)
class Twin:
    """One simulated bank, in memory. `population`, `needs` and `model` are for tests only: no bank could read them."""

    parameters: TwinParameters
    parts: tuple[Part, ...]
    population: Population
    needs: Needs
    placed: Placed
    """Deposits and wealth holdings up to the morning of `as_of`."""
    model: ResponseModel
    posted_rates: tuple[PostedRate, ...]
    bouncing: frozenset[str]
    """Addresses on file that accept no mail; a simulated mail server refuses them."""
    _position: dict[str, int]

    @classmethod
    def make(cls, parameters: TwinParameters) -> Twin:
        """The bank of these parameters: equal parameters give equal banks."""
        parts = tuple(Part.make(block) for block in blocks_of(parameters))
        firsts = [part.block.first for part in parts]
        population = Population.joined([part.population for part in parts])
        dispositions = Dispositions.joined([part.dispositions for part in parts])
        afterwards = Needs.joined([needs_after(part.block, part.population, part.placed) for part in parts], firsts)
        dead = bounces(parameters.responding, dispositions.number, seed=parameters.seed)
        emails = {email: number for number, email in enumerate(population.email) if email}
        phones = {phone: number for number, phone in enumerate(population.phone) if phone}
        return cls(
            parameters=parameters,
            parts=parts,
            population=population,
            needs=Needs.joined([part.needs for part in parts], firsts),
            placed=Placed.joined([part.placed for part in parts], firsts),
            model=ResponseModel.make(
                parameters.responding,
                dispositions,
                afterwards,
                seed=parameters.seed,
                begins=int(midnight(np.array(day_number(parameters.as_of)))),
            ),
            posted_rates=posted_rates(parameters.as_of),
            bouncing=frozenset(email for email, number in emails.items() if dead[number]),
            _position=emails | phones,
        )

    @property
    def data_date(self) -> date:
        """Of the first extracts: the last day of the history."""
        return self.parameters.as_of - timedelta(days=1)

    @property
    def last_day(self) -> date:
        """The last day that the bank can be taken to."""
        return self.parameters.as_of + timedelta(days=FUTURE_DAYS - 1)

    @property
    def dirt(self) -> Dirt:
        """What is wrong among the transactions of the history."""
        every = [Dirt.of(part) for part in self.parts]
        return sum(every[1:], every[0])

    @property
    def resent(self) -> Resent:
        every = [Resent.of(part) for part in self.parts]
        return Resent(
            added=tuple(number for one in every for number in one.added),
            corrected=tuple(number for one in every for number in one.corrected),
        )

    def write_extracts(self, folder: Path, extracts: Sequence[Extract] = FIRST_LOAD) -> list[Path]:
        """What the systems deliver for the data date, all files or none, the whole history in one file of each kind.

        A folder that is not empty: `FileExistsError`.
        """
        return self._write(folder, "empty", self.parts, extracts, whole_history(self.parameters))

    def write_resent(self, folder: Path) -> list[Path]:
        """The transactions of the data date sent again, as `Twin.resent` says, with their control file.

        Into a folder that exists; files of these names are replaced.
        """
        return self._write(folder, "replace", self.parts, (AGAIN,), whole_history(self.parameters))

    def write_lists(self, folder: Path) -> list[Path]:
        """`complaints.csv` and `aml_watch.csv`, which a person uploads.

        A folder that is not empty: `FileExistsError`.
        """
        with Landing(folder=folder, into="empty") as landing:
            listed: tuple[tuple[str, Callable[[Block, Population], list[str]]], ...] = (
                ("complaints.csv", watch_lists.complaints),
                ("aml_watch.csv", watch_lists.aml_watch),
            )
            for name, members in listed:
                for part in self.parts:
                    rows = {"customer_no": members(part.block, part.population)}
                    landing.add(name, columns.csv_rows(rows), header=columns.header(rows))
        return landing.written

    def respond(self, contacts: Sequence[Contacted], *, until: date) -> Responses:
        """What becomes of these contacts, and who places money here from `as_of` to the end of `until`, if exactly
        these were sent.

        Everybody has an outcome, fixed by the seed and by the contacts sent to them; nobody else's contacts change
        it. An address that no customer has, an unknown channel, offer or creative, an instant before `as_of` or after
        `until`, and an `until` after `last_day` raise `ValueError`.
        """
        if not self.parameters.as_of <= until <= self.last_day:
            raise ValueError(f"until is {until}; allowed is {self.parameters.as_of} to {self.last_day}")
        return self._money.respond(contacts, until=until)

    def write_followup(self, responses: Responses, folder: Path) -> list[Path]:
        """What the bank's systems deliver for the data date `responses.until`: all deposits, balances, holdings,
        assessments and cross-references, and one file of the transactions from `as_of` on.

        Into a folder that exists (`FileNotFoundError`); a file of that name raises `FileExistsError`.
        """
        return self._write_after(responses, folder, first=self.parameters.as_of, day=responses.until)

    def write_day(self, folder: Path, day: date, responses: Responses | None = None) -> list[Path]:
        """The same of one day after the history, with the transactions of that day alone.

        Without responses, nobody was contacted. Transaction numbers hold for equal responses only. Folder and
        files as with `write_followup`; a day before `as_of` or after what is known raises `ValueError`.
        """
        answers = responses or self.respond([], until=self.last_day)
        if not self.parameters.as_of <= day <= answers.until:
            raise ValueError(f"{day} is not between {self.parameters.as_of} and {answers.until}")
        return self._write_after(answers, folder, first=day, day=day)

    def true_effect(self, contacts: Sequence[Contacted]) -> TrueEffect:
        """Over exactly the customers of these contacts, each once. Contacts as in `respond`; none: `ValueError`."""
        return self._money.true_effect(contacts)

    def true_chances(self, contacts: Sequence[Contacted]) -> TrueChances:
        """Of everybody, if exactly these contacts are sent. Contacts as in `respond`."""
        return self._money.chances(contacts)

    def true_profit(self, contacts: Sequence[Contacted]) -> float:
        """Incremental profit of these contacts, in fen. Contacts as in `respond`; none: `ValueError`."""
        return self._money.profit(contacts)

    def _write_after(self, responses: Responses, folder: Path, *, first: date, day: date) -> list[Path]:
        went_on = (
            part.going_on(
                responses.placements.of_block(part.block.first, part.block.customers),
                responses.departures.of_block(part.block.first, part.block.customers),
                days=FUTURE_DAYS,
            )
            for part in self.parts
        )
        days = (Days(first=day_number(first), last=day_number(day)),)
        return self._write(folder, "new", went_on, FOLLOW_UP, days)

    def _write(
        self, folder: Path, into: str, parts: Iterable[Part], extracts: Sequence[Extract], days: Sequence[Days]
    ) -> list[Path]:
        def every() -> Iterable[Cut]:
            for part in parts:
                yield from cuts(part, extracts, days)

        with Landing(folder=folder, into=into) as landing:
            deliver(landing, every())
        return landing.written

    @property
    def _money(self) -> MoneyAfter:
        return MoneyAfter(
            model=self.model,
            population=self.population,
            placed=self.placed,
            posted=self.posted_rates,
            today=day_number(self.parameters.as_of),
            reached_by=self._position,
        )
