"""A decision made again, from what was logged: no model runs, no leave is asked, nothing is counted.

What speaks against a candidate (consents, caps, stock, eligibility) is taken from the log. What a candidate is worth is
computed anew from the scores that the decision looked at, and so is all that follows: arbitration, chance, who is held
out. The result must be the log's own, column by column. That is promised for the same code on the same kind of machine.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import pyarrow as pa

from lingque.catalog.model import Offer
from lingque.core.clock import Instant
from lingque.core.errors import WarehouseError, nearest
from lingque.core.hashing import Int64s
from lingque.core.reasons import Reason
from lingque.decide.contracts import Context, Exploration, Hours, Left, Requests
from lingque.decide.decision import settle
from lingque.decide.decisions import Decisions
from lingque.decide.facts import Facts
from lingque.decide.judging import Judgement
from lingque.decide.menu import Candidate, ChannelTerms, Menu
from lingque.decide.question import Axis
from lingque.decide.reason_bits import Bits, bit_of
from lingque.decide.value import scores_of

LATER = frozenset(
    {
        Reason.BETTER_OFFER,
        Reason.DRAWN_INSTEAD,
        Reason.NO_CAPACITY,
        Reason.NO_HOURS,
        Reason.HELD_OUT,
        Reason.NO_VALUE,
    }
)
"""Reasons that are found anew; the others are taken as logged."""

Record = dict[str, Any]
"""Nothing but text, numbers, lists and dictionaries: what stands beside the log of a run."""


def record_of(decisions: Decisions) -> Record:
    """What the log's rows do not say: the context, the menu's order and terms, and which code decided where."""
    menu = [{"offer": one.offer.name, **asdict(one.terms)} for one in decisions.menu.candidates]
    return context_record(decisions) | {"menu": menu}


def context_record(decisions: Decisions) -> Record:
    """The same without the menu."""
    context = decisions.context
    exploration = context.exploration
    return {
        "moment": int(context.moment),
        "today": context.today.isoformat(),
        "as_of": decisions.requests.as_of.isoformat(),
        "clock": decisions.requests.clock,
        "hold_out": context.hold_out,
        "salt": context.salt,
        "capacity": dict(context.capacity),
        "left": {name: [left.stock, left.budget] for name, left in context.left.items()},
        "prices": dict(context.prices),
        "exploration": None if exploration is None else asdict(exploration),
        "allotted": context.allotted,
        "hours": [asdict(one) for one in context.hours],
        "code": code_version(),
        "machine": platform.machine(),
    }


@cache
def code_version() -> str:
    """Names the code that decides: the sources of this package, and the library that does its arithmetic."""
    found = hashlib.sha256(np.__version__.encode())
    waiting = [files("lingque.decide")]
    while waiting:
        place = waiting.pop()
        entries = sorted(place.iterdir(), key=lambda entry: entry.name)
        waiting += [entry for entry in entries if entry.is_dir()]
        for entry in entries:
            if entry.name.endswith(".py"):
                found.update(entry.name.encode() + entry.read_bytes())
    return found.hexdigest()[:16]


def made_elsewhere(record: Record) -> tuple[str, ...]:
    """In what the decision's code and machine differ from the present ones."""
    present = {"code": code_version(), "machine": platform.machine()}
    return tuple(f"{name} {record[name]} then, {now} now" for name, now in present.items() if record[name] != now)


def decide_again(record: Record, rows: pa.Table, offers: Mapping[str, Offer], ids: Int64s, facts: Facts) -> Decisions:
    """`rows` of the log; `ids` whom it speaks of, and their `facts`, in one order; `offers` as they were defined.

    Raises `WarehouseError` where the log does not speak of each of them and each candidate once.
    """
    menu = Menu([_candidate(one, number, offers) for number, one in enumerate(record["menu"])])
    where = _places(rows, menu, ids)
    fatigue = np.zeros((len(menu), len(ids)), dtype=np.int64)
    fatigue[where] = rows.column("fatigue").to_numpy()
    stated = menu.fatigue[:, None]
    requests = Requests(
        clock=record["clock"],
        as_of=date.fromisoformat(record["as_of"]),
        customer_ids=ids,
        facts=facts,
        permits=(),
        reachable=np.zeros((0, len(ids)), dtype=np.bool_),
        capped=np.zeros((0, len(ids)), dtype=np.bool_),
        # the contacts made lately are read from what they cost in good will
        recent=np.where(stated > 0, fatigue // np.maximum(stated, 1), 0),
    )
    nothing = {axis: np.zeros((len(menu), len(ids)), dtype=np.uint64) for axis in Axis}
    unknown = np.full((1, len(ids)), np.nan)
    judgement = Judgement(
        menu=menu,
        requests=requests,
        bits=nothing | {Axis.CANDIDATE: _bits(rows, where, nothing[Axis.CANDIDATE].shape)},
        scores=scores_of(menu, np.concatenate([facts.numbers(menu.tags), unknown])),
    )
    return settle(judgement, _context(record))


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One thing that came out otherwise: of a customer's candidate, the column of the log."""

    customer_id: int
    offer: str
    channel: str
    column: str
    logged: Any
    again: Any


def differences(logged: pa.Table, again: pa.Table, *, most: int = 20) -> list[Difference]:
    """Where two logs of the same decisions differ, the first so many."""
    keys = ("customer_id", "offer", "channel")
    order = [(name, "ascending") for name in keys]
    first, second = logged.sort_by(order), again.sort_by(order)
    found: list[Difference] = []
    for column in again.column_names:
        mine, other = first.column(column), second.column(column)
        if mine.combine_chunks().equals(other.combine_chunks().cast(mine.type)):
            continue
        for row, (one, two) in enumerate(zip(mine.to_pylist(), other.to_pylist(), strict=True)):
            if one != two and len(found) < most:
                customer, offer, channel = (first.column(name)[row].as_py() for name in keys)
                found.append(
                    Difference(customer_id=customer, offer=offer, channel=channel, column=column, logged=one, again=two)
                )
    return found


def _candidate(one: Record, number: int, offers: Mapping[str, Offer]) -> Candidate:
    terms = {name: value for name, value in one.items() if name != "offer"}
    if one["offer"] not in offers:
        raise WarehouseError(
            f"offer '{one['offer']}', which was decided about, is not defined any more",
            next_step=f"apply its definition again; {nearest(one['offer'], list(offers))}",
        )
    return Candidate(offer=offers[one["offer"]], terms=ChannelTerms(**terms), ask=0, reach=number, cap=0)


def _places(rows: pa.Table, menu: Menu, ids: Int64s) -> tuple[Int64s, Int64s]:
    """Per row of the log, which candidate and which customer it speaks of."""
    place = {(one.offer.name, one.channel): number for number, one in enumerate(menu.candidates)}
    pairs = zip(rows.column("offer").to_pylist(), rows.column("channel").to_pylist(), strict=True)
    candidate = np.array([place.get(pair, -1) for pair in pairs], dtype=np.int64)
    order = np.argsort(ids)
    customers = rows.column("customer_id").to_numpy()
    at = np.minimum(np.searchsorted(ids, customers, sorter=order), max(len(ids) - 1, 0))
    position = order[at] if len(ids) else at
    whole = len(candidate) == len(menu) * len(ids)
    if not whole or (candidate < 0).any() or (ids[position] != customers).any():
        raise WarehouseError(
            f"the log has {len(candidate)} rows for {len(ids)} customers and {len(menu)} candidates",
            next_step="rows were erased or purged: what is left of the run cannot be decided again",
        )
    return candidate, position


def _bits(rows: pa.Table, where: tuple[Int64s, Int64s], shape: tuple[int, ...]) -> Bits:
    bits: Bits = np.zeros(shape, dtype=np.uint64)
    column = rows.column("reasons").combine_chunks()
    lengths = np.diff(column.offsets.to_numpy())
    numbers = column.flatten().to_numpy()
    row = np.repeat(np.arange(len(lengths)), lengths)
    for number in np.unique(numbers).tolist():
        if Reason(number) not in LATER:
            here = row[numbers == number]
            bits[where[0][here], where[1][here]] |= bit_of(Reason(number))
    return bits


def _context(record: Record) -> Context:
    exploration = record["exploration"]
    return Context(
        moment=Instant(record["moment"]),
        today=date.fromisoformat(record["today"]),
        hold_out=record["hold_out"],
        salt=record["salt"],
        capacity=record["capacity"],
        left={name: Left(stock=stock, budget=budget) for name, (stock, budget) in record["left"].items()},
        prices=record["prices"],
        exploration=None if exploration is None else Exploration(**exploration),
        # older ones were written without
        allotted=record.get("allotted", False),
        hours=tuple(Hours(**one) for one in record.get("hours", ())),
    )


def offers_of(record: Record) -> Sequence[str]:
    """The offers that were decided about, each once."""
    return tuple(dict.fromkeys(one["offer"] for one in record["menu"]))
