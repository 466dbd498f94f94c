"""The simulated bank as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from lingque.twin import core_extracts, crm_extracts, wealth_extracts
from lingque.twin.assessments import Assessments
from lingque.twin.behaviour import Accounts, Plan
from lingque.twin.consents import Consents
from lingque.twin.days import day_number, midnight
from lingque.twin.files import publish
from lingque.twin.ledger import BalanceSpans, Standing, Transactions, book
from lingque.twin.organisation import Staff, managed_customers
from lingque.twin.parameters import TwinParameters
from lingque.twin.placements import Placed, Placements
from lingque.twin.population import Population
from lingque.twin.products import PostedRate, posted_rates
from lingque.twin.responding.dispositions import Dispositions
from lingque.twin.responding.hearing import bounces
from lingque.twin.responding.model import ResponseModel
from lingque.twin.responses import FUTURE_DAYS, Contacted, MoneyAfter, Responses, TrueEffect, needs_after
from lingque.twin.sessions import Sessions
from lingque.twin.transaction_extract import Dirt, Resent, TransactionFiles, resent


@dataclass(frozen=True, kw_only=True, eq=False)
class Twin:
    """One simulated bank. `population` and `model` are for tests only: no bank could read them."""

    parameters: TwinParameters
    population: Population
    model: ResponseModel
    posted_rates: tuple[PostedRate, ...]
    accounts: Accounts
    placed: Placed
    """Deposits and wealth holdings up to the morning of `as_of`."""
    transactions: Transactions
    """Of the history."""
    consents: Consents
    dirt: Dirt
    resent: Resent
    bouncing: frozenset[str]
    """Addresses on file that accept no mail; a simulated mail server refuses them."""
    _standing: Standing
    _position: dict[str, int]

    @classmethod
    def make(cls, parameters: TwinParameters) -> Twin:
        """The bank of these parameters: equal parameters give equal banks."""
        population = Population.make(parameters)
        managed = managed_customers(parameters, population.wealth)
        posted = posted_rates(parameters.as_of)
        dispositions = Dispositions.make(parameters.responding, population, seed=parameters.seed, managed=managed)
        placed = Placed.make(parameters, population, dispositions, posted)
        accounts = Accounts.make(parameters, population)
        plan = Plan.of_history(parameters, population, accounts, placed.placements, placed.departures)
        transactions, standing = book(plan, accounts=accounts, standing=Standing.empty(accounts))
        model = ResponseModel.make(
            parameters.responding,
            dispositions,
            needs_after(parameters, population, placed),
            seed=parameters.seed,
            begins=int(midnight(np.array(day_number(parameters.as_of)))),
        )
        dead = bounces(parameters.responding, dispositions.number, seed=parameters.seed)
        emails = {email: number for number, email in enumerate(population.email) if email}
        phones = {phone: number for number, phone in enumerate(population.phone) if phone}
        return cls(
            parameters=parameters,
            population=population,
            model=model,
            posted_rates=posted,
            accounts=accounts,
            placed=placed,
            transactions=transactions,
            consents=Consents.make(parameters, population),
            dirt=Dirt(
                impossible_dates=parameters.dirt_impossible_dates,
                non_numeric_balances=parameters.dirt_non_numeric_balances,
                unknown_customers=parameters.dirt_unknown_customers,
                repeated_rows=parameters.dirt_repeated_rows,
            ),
            resent=resent(transactions),
            bouncing=frozenset(email for email, number in emails.items() if dead[number]),
            _standing=standing,
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

    def write_extracts(self, folder: Path) -> list[Path]:
        """What every system delivers for the data date, all files or none.

        A folder that is not empty: `FileExistsError`.
        """
        parameters, population, day = self.parameters, self.population, f"{self.data_date:%Y%m%d}"
        staff = Staff.make(
            parameters, wealth=population.wealth, branch=population.branch, opened_day=population.opened_day
        )
        sessions = Sessions.make(parameters, population, self.model.dispositions, self.placed)
        files: dict[str, Iterable[bytes]] = {
            f"core_customers_{day}.csv": core_extracts.customers(population),
            f"core_accounts_{day}.csv": core_extracts.accounts(population, self.accounts),
            f"core_organisations_{day}.csv": core_extracts.organisations(),
            **self._transaction_files.history(self.transactions, self.dirt, data_date=self.data_date, resent=False),
            **self._holdings(self.placed.placements, self.transactions, self.data_date),
            f"wealth_products_{day}.csv": wealth_extracts.products(self.posted_rates),
            f"wealth_risk_assessments_{day}.csv": wealth_extracts.risk_assessments(
                population, Assessments.make(parameters, population)
            ),
            f"app_events_{day}.jsonl": crm_extracts.app_events(population, sessions),
            f"crm_consents_{day}.csv": crm_extracts.consents(population, self.consents),
            f"crm_assignments_{day}.csv": crm_extracts.assignments(population, staff),
            f"crm_staff_{day}.csv": crm_extracts.staff(staff),
        }
        return _into_empty(folder, files)

    def write_resent(self, folder: Path) -> list[Path]:
        """The transactions of the data date sent again, as `Twin.resent` says, with their control file.

        Into a folder that exists; files of these names are replaced.
        """
        _must_exist(folder)
        files = self._transaction_files.history(self.transactions, self.dirt, data_date=self.data_date, resent=True)
        return publish(folder, files, replace=True)

    def write_lists(self, folder: Path) -> list[Path]:
        """`complaints.csv` and `aml_watch.csv`, which a person uploads.

        A folder that is not empty: `FileExistsError`.
        """
        return _into_empty(
            folder,
            {
                "complaints.csv": crm_extracts.complaints(self.parameters, self.population),
                "aml_watch.csv": crm_extracts.aml_watch(self.parameters, self.population),
            },
        )

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
        """What the bank's systems deliver for the data date `responses.until`: all deposits, all balances, all
        holdings, and one file of the transactions from `as_of` on.

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

    def _write_after(self, responses: Responses, folder: Path, *, first: date, day: date) -> list[Path]:
        _must_exist(folder)
        placements = self.placed.placements.and_also(responses.placements)
        plan = Plan.of_future(
            self.parameters, self.population, self.accounts, placements, responses.departures, days=FUTURE_DAYS
        )
        after, _ = book(plan, accounts=self.accounts, standing=self._standing)
        last = day_number(day)
        known = self.transactions.and_then(after.take((after.day <= last).nonzero()[0]))
        files: dict[str, Iterable[bytes]] = {
            **self._transaction_files.between(after, first=day_number(first), data_date=day),
            **self._holdings(placements, known, day),
        }
        return publish(folder, files)

    def _holdings(self, placements: Placements, transactions: Transactions, day: date) -> dict[str, Iterable[bytes]]:
        """The tables that say everything anew each day."""
        population, accounts = self.population, self.accounts
        return {
            **core_extracts.deposits(population, accounts, placements, data_date=day),
            f"core_balances_{day:%Y%m%d}.csv": core_extracts.balances(
                population, accounts, BalanceSpans.of(transactions)
            ),
            f"wealth_holdings_{day:%Y%m%d}.parquet": wealth_extracts.holdings(
                population, accounts, placements, data_date=day
            ),
        }

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

    @property
    def _transaction_files(self) -> TransactionFiles:
        return TransactionFiles(self.parameters, self.population, self.accounts)


def _into_empty(folder: Path, files: dict[str, Iterable[bytes]]) -> list[Path]:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder} is not an empty folder; name one that is empty or does not exist yet")
    existed = folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return publish(folder, files)
    except BaseException:
        if not existed:
            with suppress(OSError):
                folder.rmdir()
        raise


def _must_exist(folder: Path) -> None:
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is not a folder; write the extracts there first")
