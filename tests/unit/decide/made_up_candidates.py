"""Candidates without a bank: permits for any answer, offers from a few fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from lingque.catalog.definitions import OfferDefinition
from lingque.catalog.expressions.parse import parse_condition
from lingque.catalog.expressions.types import BOOLEAN, INTEGER
from lingque.catalog.model import Offer
from lingque.core.clock import Instant
from lingque.core.hashing import Int64s
from lingque.core.reasons import Reason
from lingque.core.registries import DataClass, Purpose
from lingque.decide.contracts import Candidate, Context, Requests

# Permits are sealed so that no stage can make its own. These tests stand in for the office, whose own judgement needs
# a database and is tested with one; nothing else may touch the seal.
from lingque.govern.contracts import _SEAL, PermitAsk, PermitSet

TAGS = {"visits": INTEGER, "vip": BOOLEAN}
TYPES = {
    "visits": pa.int64(), "vip": pa.bool_(), "tolerance": pa.int64(), "assessed_until": pa.date32(), "age": pa.int64(),
    "score": pa.float64(),
}  # fmt: skip
TODAY = date(2026, 6, 15)
CONTEXT = Context(moment=Instant(1_781_500_000_000_000), today=TODAY, hold_out=0.2, salt="idle/2026-06-15")


def permits(customers: Sequence[int] | Int64s, refused: Mapping[Reason, Sequence[bool]] | None = None) -> PermitSet:
    ask = PermitAsk(purpose=Purpose.MARKETING, channel="email", data_classes=DataClass(0), moment=CONTEXT.moment)
    refusals = {reason: np.array(flags, dtype=np.bool_) for reason, flags in (refused or {}).items()}
    ids = np.array(customers, dtype=np.int64)
    return PermitSet(ask=ask, customer_ids=ids, refusals=refusals, seal=_SEAL)


def requests(customers: Sequence[int] | Int64s, **tags: Sequence[Any]) -> Requests:
    columns: dict[str, Any] = {"customer_id": pa.array(customers, pa.int64())}
    for name, values in tags.items():
        columns[name] = pa.array(values, TYPES[name])
    return Requests(clock="planned", as_of=TODAY, tags=pa.table(columns))


def candidate(
    customers: Sequence[int] | Int64s,
    name: str = "deposit",
    *,
    eligibility: str = "true",
    refused: Mapping[Reason, Sequence[bool]] | None = None,
    reachable: Sequence[bool] | None = None,
    capped: Sequence[bool] | None = None,
    channel: str = "email",
    margin: int = 18_000,
    cost: int = 5,
    **definition: Any,
) -> Candidate:
    """`margin` and `cost` in minor units; they win over what the definition says, as the plan's do."""
    fields = {
        "offer": name, "label": {"zh": "存款", "en": "Deposit"}, "regime": "deposit", "valid_from": date(2026, 1, 1),
        "valid_to": date(2027, 1, 1), "eligibility": eligibility, "currency": "CNY", "margin": "180", "response": 0.05,
        "creatives": {"email": {"zh": {"subject": "存款", "body": "您好"}}},
    }  # fmt: skip
    offer = Offer(
        name=name,
        definition=OfferDefinition.model_validate(fields | definition),
        eligibility=parse_condition(eligibility, TAGS),
    )
    return Candidate(
        offer=offer,
        channel=channel,
        permits=permits(customers, refused),
        reachable=np.ones(len(customers), dtype=np.bool_) if reachable is None else np.array(reachable, dtype=np.bool_),
        capped=np.zeros(len(customers), dtype=np.bool_) if capped is None else np.array(capped, dtype=np.bool_),
        margin=margin,
        cost=cost,
    )
