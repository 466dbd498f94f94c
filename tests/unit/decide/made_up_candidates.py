"""Candidates without a bank: permits for any answer, offers from a few fields."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

from lingque.catalog.definitions import OfferDefinition
from lingque.catalog.expressions.parse import parse_condition
from lingque.catalog.expressions.types import BOOLEAN, DATE, INTEGER, NUMBER, money
from lingque.catalog.model import Offer
from lingque.core.clock import Instant
from lingque.core.hashing import Int64s
from lingque.core.reasons import Reason
from lingque.core.registries import DataClass, Purpose
from lingque.decide.contracts import NO_PAST, Context, DecisionClock, Past, Requests
from lingque.decide.decision import decide
from lingque.decide.decisions import Decisions
from lingque.decide.facts import Facts, TagRows, TagTable
from lingque.decide.menu import Candidate, ChannelTerms, Menu

# Permits are sealed so that no stage can make its own. These tests stand in for the office, whose own judgement needs
# a database and is tested with one; nothing else may touch the seal.
from lingque.govern.contracts import _SEAL, Flags, PermitAsk, PermitSet
from lingque.warehouse.engine import Session

TAGS = {"visits": INTEGER, "vip": BOOLEAN, "score": NUMBER, "ability": money("CNY"), "assessed_until": DATE}
TYPES = {
    "visits": pa.int64(), "vip": pa.bool_(), "tolerance": pa.int64(), "assessed_until": pa.date32(), "age": pa.int64(),
    "score": pa.float64(), "uplift": pa.float64(), "spread": pa.float64(), "loss": pa.int64(), "tired": pa.int64(),
    "student": pa.bool_(), "professional": pa.bool_(), "need": pa.bool_(), "ability": pa.int64(), "has": pa.bool_(),
}  # fmt: skip
TODAY = date(2026, 6, 15)
CONTEXT = Context(moment=Instant(1_781_500_000_000_000), today=TODAY, hold_out=0.2, salt="idle/2026-06-15")


def permits(customers: Sequence[int] | Int64s, refused: Mapping[Reason, Sequence[bool]] | None = None) -> PermitSet:
    ask = PermitAsk(purpose=Purpose.MARKETING, channel="email", data_classes=DataClass(0), moment=CONTEXT.moment)
    refusals = {reason: np.array(flags, dtype=np.bool_) for reason, flags in (refused or {}).items()}
    ids = np.array(customers, dtype=np.int64)
    return PermitSet(ask=ask, customer_ids=ids, refusals=refusals, seal=_SEAL)


@dataclass(frozen=True, kw_only=True)
class MadeUp:
    """A candidate with what is known of the customers about it alone."""

    candidate: Candidate
    permits: PermitSet
    reachable: Flags
    capped: Flags


def people(ids: Sequence[int] | Int64s, **tags: Sequence[Any]) -> tuple[Int64s, dict[str, list[Any]]]:
    """Who is asked about, and their tags."""
    return np.array(ids, dtype=np.int64), {name: list(values) for name, values in tags.items()}


def facts_of(ids: Int64s, tags: Mapping[str, Sequence[Any]], session: Callable[[], Session] | None) -> Facts:
    """As a table where there is an engine, else as rows."""
    if session is None:
        return TagRows([{name: values[at] for name, values in tags.items()} for at in range(len(ids))])
    columns: dict[str, Any] = {"customer_id": pa.array(ids, pa.int64())}
    columns |= {name: pa.array(values, TYPES[name]) for name, values in tags.items()}
    return TagTable(pa.table(columns), session)


def rows_of(rows: Sequence[Flags], n: int) -> Flags:
    """Flags row by row; none give no rows of n."""
    return np.array(rows, dtype=np.bool_) if rows else np.empty((0, n), dtype=np.bool_)


def requests(
    who: tuple[Int64s, Mapping[str, Sequence[Any]]],
    made_up: Sequence[MadeUp],
    *,
    session: Callable[[], Session] | None = None,
    clock: DecisionClock = "planned",
    past: Past = NO_PAST,
    recent: Int64s | None = None,
) -> Requests:
    ids, tags = who
    n = len(ids)
    return Requests(
        clock=clock,
        as_of=TODAY,
        customer_ids=ids,
        facts=facts_of(ids, tags, session),
        permits=[one.permits for one in made_up],
        reachable=rows_of([one.reachable for one in made_up], n),
        capped=rows_of([one.capped for one in made_up], n),
        past=past,
        recent=recent,
    )


def menu(made_up: Sequence[MadeUp]) -> Menu:
    """Every candidate with rows of its own."""
    return Menu(
        [dataclasses.replace(one.candidate, ask=number, reach=number, cap=number) for number, one in enumerate(made_up)]
    )


def decided(
    who: tuple[Int64s, Mapping[str, Sequence[Any]]],
    made_up: Sequence[MadeUp],
    context: Context,
    *,
    session: Callable[[], Session] | None = None,
    **kwargs: Any,
) -> Decisions:
    return decide(requests(who, made_up, session=session, **kwargs), menu(made_up), context)


def candidate(
    ids: Sequence[int] | Int64s,
    name: str = "deposit",
    *,
    eligibility: str = "true",
    refused: Mapping[Reason, Sequence[bool]] | None = None,
    reachable: Sequence[bool] | None = None,
    capped: Sequence[bool] | None = None,
    channel: str = "email",
    margin: int = 18_000,
    cost: int = 5,
    factor: float = 1.0,
    fatigue: int = 0,
    fatigue_tag: str | None = None,
    holdings: Mapping[str, str] | None = None,
    **definition: Any,
) -> MadeUp:
    """`margin` and `cost` (of the contact) in minor units."""
    fields = {
        "offer": name, "label": {"zh": "存款", "en": "Deposit"}, "regime": "deposit", "valid_from": date(2026, 1, 1),
        "valid_to": date(2027, 1, 1), "eligibility": eligibility, "currency": "CNY",
        "margin": str(Decimal(margin) / 100), "response": 0.05,
        "creatives": {"email": {"zh": {"subject": "存款", "body": "您好{annual_rate}"}}},
    }  # fmt: skip
    offer = Offer(
        name=name,
        definition=OfferDefinition.model_validate(
            fields
            | {key: value for key, value in definition.items() if key != "conversion_cost"}
            | ({"cost": definition["conversion_cost"]} if "conversion_cost" in definition else {})
        ),
        eligibility=parse_condition(eligibility, TAGS),
        holdings=dict(holdings or {}),
    )
    terms = ChannelTerms(channel=channel, cost=cost, response_factor=factor, fatigue=fatigue, fatigue_tag=fatigue_tag)
    n = len(ids)
    return MadeUp(
        candidate=Candidate(offer=offer, terms=terms, ask=0, reach=0, cap=0),
        permits=permits(ids, refused),
        reachable=np.ones(n, dtype=np.bool_) if reachable is None else np.array(reachable, dtype=np.bool_),
        capped=np.zeros(n, dtype=np.bool_) if capped is None else np.array(capped, dtype=np.bool_),
    )


def offer_of(made_up: MadeUp) -> Offer:
    return made_up.candidate.offer
