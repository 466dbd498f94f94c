"""Who allowed the bank to write to them, since when, with which data, and how that is proved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from lingque.twin.parameters import TwinParameters
from lingque.twin.population import Population, day_number

_OLDEST_DAYS = 3 * 365
_NEW_WORDING_DAYS = 18 * 30


@dataclass(frozen=True, kw_only=True)
class ConsentRecord:
    """One act of one customer about marketing by e-mail. Days are days since 1970-01-01."""

    customer: int
    data_classes: tuple[str, ...]
    action: Literal["give", "withdraw"]
    acted_day: int
    wording_version: str
    evidence: str


def record_consents(parameters: TwinParameters, population: Population) -> tuple[ConsentRecord, ...]:
    """By customer; a withdrawal follows the consent that it withdraws, on a later day."""
    n = parameters.customers
    end = day_number(parameters.as_of)
    gave = parameters.stream("consent").random(n) < parameters.consent_share
    financial = parameters.stream("consent to financial data").random(n) < parameters.financial_consent_share
    withdrew = parameters.stream("withdrawal").random(n) < parameters.withdrawal_share
    earliest = np.maximum(population.opened_day, end - _OLDEST_DAYS)
    given = parameters.stream("consent given").integers(earliest, end - 1)
    withdrawn = parameters.stream("consent withdrawn").integers(given + 1, end)
    by_app = population.digital > 0.3

    records: list[ConsentRecord] = []
    for customer in np.flatnonzero(gave).tolist():
        acts: list[tuple[Literal["give", "withdraw"], int]] = [("give", int(given[customer]))]
        if withdrew[customer]:
            acts.append(("withdraw", int(withdrawn[customer])))
        records.extend(
            ConsentRecord(
                customer=customer,
                data_classes=("personal", "financial") if financial[customer] else ("personal",),
                action=action,
                acted_day=day,
                wording_version="v2" if acts[0][1] >= end - _NEW_WORDING_DAYS else "v1",
                evidence="mobile app" if by_app[customer] else "branch form",
            )
            for action, day in acts
        )
    return tuple(records)
