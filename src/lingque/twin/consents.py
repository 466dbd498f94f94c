"""Who allowed the bank to approach them, how, since when, with which data, and how that is proved."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from lingque.core.hashing import Int64s
from lingque.twin.blocks import Block
from lingque.twin.days import day_number
from lingque.twin.population import Population

GIVE, WITHDRAW = 0, 1
ACTIONS = ("give", "withdraw")
CONSENT_CHANNELS = ("email", "sms", "rm_call")

_OLDEST_DAYS = 3 * 365
_NEW_WORDING_DAYS = 18 * 30


@dataclass(frozen=True, kw_only=True, eq=False)
class Consents:
    """Acts about marketing, one entry each, by customer, channel and day."""

    customer: Int64s
    channel: Int64s
    """Position in `CONSENT_CHANNELS`."""
    action: Int64s
    """Position in `ACTIONS`."""
    acted_day: Int64s
    financial: Int64s
    """1 where the use of financial data is allowed as well."""
    new_wording: Int64s
    by_app: Int64s

    @classmethod
    def make(cls, block: Block, population: Population) -> Consents:
        """A withdrawal follows the consent that it withdraws, on a later day."""
        n = block.customers
        end = day_number(block.parameters.as_of)
        # half of it is the person's own, so that who gave one consent tends to have given the others
        willingness = block.stream("consent").standard_normal(n)
        financial = block.stream("consent to financial data").random(n) < block.parameters.financial_consent_share
        earliest = np.maximum(population.opened_day, end - _OLDEST_DAYS)
        shares = (
            block.parameters.email_consent_share,
            block.parameters.sms_consent_share,
            block.parameters.call_consent_share,
        )
        parts = []
        for channel, (name, share) in enumerate(zip(CONSENT_CHANNELS, shares, strict=True)):
            own = block.stream(f"consent to {name}").standard_normal(n)
            limit = NormalDist(sigma=2**0.5).inv_cdf(min(max(share, 1e-12), 1 - 1e-12))
            gave = np.flatnonzero(willingness + own < limit)
            withdrew = block.stream(f"withdrawal of {name}").random(n) < block.parameters.withdrawal_share
            given = block.stream(f"consent to {name} given").integers(earliest, end - 1)
            withdrawn = block.stream(f"consent to {name} withdrawn").integers(given + 1, end)
            left = gave[withdrew[gave]]
            parts.append((gave, np.full(len(gave), channel), np.full(len(gave), GIVE), given[gave], given[gave]))
            parts.append(
                (left, np.full(len(left), channel), np.full(len(left), WITHDRAW), withdrawn[left], given[left])
            )
        customer, channel_of, action, acted, given_day = map(np.concatenate, zip(*parts, strict=True))
        order = np.lexsort((acted, channel_of, customer))
        return cls(
            customer=customer[order],
            channel=channel_of[order],
            action=action[order],
            acted_day=acted[order],
            financial=financial[customer[order]].astype(np.int64),
            new_wording=(given_day[order] >= end - _NEW_WORDING_DAYS).astype(np.int64),
            by_app=(population.digital[customer[order]] > 0.3).astype(np.int64),
        )
