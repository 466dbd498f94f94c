"""The simulated bank as a whole."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from lingque.twin import extracts
from lingque.twin.consents import ConsentRecord, record_consents
from lingque.twin.extracts import Dirt
from lingque.twin.ledger import Ledger
from lingque.twin.parameters import TwinParameters
from lingque.twin.population import Population
from lingque.twin.responses import WINDOW_DAYS, Fates, Responses, TrueEffect, true_effect


@dataclass(frozen=True, kw_only=True, eq=False)
class Twin:
    """One simulated bank. `population` (traits, p0, p1) is for tests only: no bank could read it."""

    parameters: TwinParameters
    population: Population
    ledger: Ledger
    consents: tuple[ConsentRecord, ...]
    dirt: Dirt
    bouncing: frozenset[str]
    """Addresses on file that accept no mail; a simulated mail server refuses them."""
    _fates: Fates
    _position: dict[str, int]

    @classmethod
    def make(cls, parameters: TwinParameters) -> Twin:
        """The bank of these parameters: equal parameters give equal banks."""
        population = Population.make(parameters)
        ledger = Ledger.make(parameters, population)
        position = {email: number for number, email in enumerate(population.email) if email}
        bounces = parameters.stream("bounces").random(parameters.customers) < parameters.email_bounce_share
        return cls(
            parameters=parameters,
            population=population,
            ledger=ledger,
            consents=record_consents(parameters, population),
            dirt=Dirt(
                impossible_dates=parameters.dirt_impossible_dates,
                non_numeric_amounts=parameters.dirt_non_numeric_amounts,
                unknown_customers=parameters.dirt_unknown_customers,
                repeated_rows=parameters.dirt_repeated_rows,
            ),
            bouncing=frozenset(email for email, number in position.items() if bounces[number]),
            _fates=Fates.make(parameters, balance=ledger.balance),
            _position=position,
        )

    def write_extracts(self, folder: Path) -> list[Path]:
        """The five files of the day `as_of`, all or none. A folder that is not empty: `FileExistsError`."""
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise FileExistsError(f"{folder} is not an empty folder; name one that is empty or does not exist yet")
        existed = folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        rows = {
            "customers": extracts.customer_rows(self.population),
            "accounts": extracts.account_rows(self.population, self.ledger),
            "transactions": extracts.transaction_rows(self.parameters, self.population, self.ledger, self.dirt),
            "deposits": extracts.deposit_rows(self.population, self.ledger),
            "consents": extracts.consent_rows(self.population, self.consents),
        }
        named = {extracts.file_name(source, self.parameters.as_of): lines for source, lines in rows.items()}
        try:
            return extracts.publish(folder, named)
        except BaseException:
            if not existed:
                with suppress(OSError):
                    folder.rmdir()
            raise

    def respond(self, reached: Collection[str], *, on: date) -> Responses:
        """Who opens a term deposit within 30 days after `on`, if these addresses received a message then.

        Everybody has an outcome, fixed by the seed and by whether they were reached themselves; neither the
        day nor anybody else in `reached` changes it. The caller is believed about who was reached, bouncing
        addresses included. An address that no customer has, or a day before `as_of` (whose deposits are in
        the extracts already), raises `ValueError`.
        """
        if on < self.parameters.as_of:
            raise ValueError(f"{on} lies in the history, which ends before {self.parameters.as_of}")
        mask = np.zeros(self.parameters.customers, dtype=np.bool_)
        mask[self._positions(reached)] = True
        return self._fates.respond(self.population, mask, on=on)

    def write_followup(self, responses: Responses, folder: Path) -> list[Path]:
        """The deposits opened since, as the extract of the first day after the 30: `on` + 31 days.

        Into a folder that exists (`FileNotFoundError`); a file of that name raises `FileExistsError`.
        """
        if not folder.is_dir():
            raise FileNotFoundError(f"{folder} is not a folder; write the extracts there first")
        name = extracts.file_name("deposits", responses.on + timedelta(days=WINDOW_DAYS + 1))
        return extracts.publish(folder, {name: extracts.new_deposit_rows(responses)})

    def true_effect(self, emails: Collection[str]) -> TrueEffect:
        """Over exactly the customers of these addresses, each once; unknown or no addresses: `ValueError`."""
        return true_effect(self.population, self._positions(emails))

    def _positions(self, emails: Collection[str]) -> list[int]:
        unknown = sorted(set(emails) - self._position.keys())
        if unknown:
            raise ValueError(
                f"{len(unknown)} of the addresses belong to no customer of this bank, first {unknown[0]!r}"
            )
        return sorted(self._position[email] for email in set(emails))
