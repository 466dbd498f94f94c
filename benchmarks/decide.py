"""What a decision costs: everybody set by set (policies, value, the choice at prices), and one customer who waits.

50 offers of all regimes × 4 channels, 120 tags, scores given. The peer of the set is one DuckDB statement over the same
table that finds each customer's best value and collects no reasons; both must find the same values.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from lingque.catalog.definitions import OfferDefinition
from lingque.catalog.expressions.parse import parse_condition
from lingque.catalog.expressions.to_sql import row_sql
from lingque.catalog.expressions.types import BOOLEAN, DATE, INTEGER, NUMBER
from lingque.catalog.model import Offer
from lingque.core.clock import Instant
from lingque.core.reasons import Reason
from lingque.core.registries import DataClass, Purpose
from lingque.decide.contracts import NOTHING, Context, Exploration, Requests
from lingque.decide.decision import decide
from lingque.decide.facts import TagRows, TagTable
from lingque.decide.menu import Candidate, ChannelTerms, Menu

# permits have a benchmark of their own; these stand in for the office
from lingque.govern.contracts import _SEAL, Flags, PermitAsk, PermitSet
from lingque.warehouse.engine import Session
from lingque.warehouse.tables import DeltaTables

DEFAULT_CUSTOMERS, FULL_CUSTOMERS = 20_000, 1_000_000
CHANNELS = {"app": (0, 0.8), "sms": (6, 1.0), "email": (5, 0.9), "rm_call": (1_800, 3.0)}
OFFERS, TAGS, SINGLES = 50, 120, 2_000
TODAY = date(2026, 6, 15)
TYPES = {
    "age": INTEGER, "tolerance": INTEGER, "assessed_until": DATE, "student": BOOLEAN, "need": BOOLEAN,
    "ability": INTEGER, "visits": INTEGER, "vip": BOOLEAN, "holds_fund": BOOLEAN,
    **{f"score_{n}": NUMBER for n in range(30)},
}  # fmt: skip
CONDITIONS = (
    "visits > 1", "vip or visits > 2", "age >= 22 and age < 60", "not holds_fund", "score_1 > 0.1 or vip", "true",
)  # fmt: skip
CONTEXT = Context(moment=Instant(1_781_500_000_000_000), today=TODAY, hold_out=0.0, salt="benchmark/1")


def offers() -> list[Offer]:
    """A third each: scored products, wealth products, and the other regimes."""
    return [_offer(number) for number in range(OFFERS)]


def _offer(number: int) -> Offer:
    regime = ("deposit", "wealth", ("loan", "insurance", "service")[number // 3 % 3])[number % 3]
    rules: dict[str, Any] = {
        "wealth": {
            "suitability": {
                "risk_grade": 1 + number % 5, "tolerance": "tolerance", "valid_until": "assessed_until", "age": "age",
            }
        },
        "insurance": {"cover": {"need": "need", "ability": "ability", "premium": 20}},
        "loan": {"student": "student", "annual_rate": "4.35", "expected_loss": "60"},
    }.get(regime, {})  # fmt: skip
    condition = CONDITIONS[number % len(CONDITIONS)]
    definition = {
        "offer": f"offer_{number:02}", "label": {"zh": "产品", "en": "Offer"}, "regime": regime,
        "valid_from": "2026-01-01", "valid_to": "2027-01-01", "eligibility": condition, "currency": "CNY",
        "margin": 100 + 7 * number,
        "response": 0.02, "propensity": f"score_{number % 30}", "spread": "score_29",
        "creatives": {"email": {"zh": {"subject": "s", "body": "{annual_rate}"}}}, **rules,
    }  # fmt: skip
    return Offer(
        name=f"offer_{number:02}",
        definition=OfferDefinition.model_validate(definition),
        eligibility=parse_condition(condition, TYPES),
    )


def menu() -> Menu:
    """Every offer on every channel; a deposit asks another question of leave than the rest."""
    terms = [ChannelTerms(channel=name, cost=cost, response_factor=factor) for name, (cost, factor) in CHANNELS.items()]
    return Menu(
        [
            Candidate(
                offer=offer,
                terms=one,
                ask=2 * number + (offer.definition.regime == "deposit"),
                reach=number,
                cap=number,
            )
            for offer in offers()
            for number, one in enumerate(terms)
        ]
    )


def tags_of(customers: int) -> pa.Table:
    """Drawn, a tenth of the scores and assessments unknown."""
    random = np.random.default_rng(7)
    columns: dict[str, Any] = {
        "customer_id": np.arange(1, customers + 1, dtype=np.int64),
        "age": random.integers(18, 85, customers),
        "tolerance": pa.array(random.integers(1, 6, customers), mask=random.random(customers) < 0.1),
        "assessed_until": pa.array(
            (np.datetime64(TODAY) + random.integers(-300, 300, customers)).astype("datetime64[D]")
        ),
        "student": random.random(customers) < 0.1,
        "need": random.random(customers) < 0.4,
        "ability": random.integers(0, 5_000, customers),
        "visits": random.integers(0, 6, customers),
        "vip": random.random(customers) < 0.2,
        "holds_fund": random.random(customers) < 0.3,
    }
    for number in range(30):
        score = random.beta(1, 20, customers)
        columns[f"score_{number}"] = pa.array(score, mask=random.random(customers) < 0.1)
    for number in range(TAGS - len(columns) + 1):
        columns[f"other_{number}"] = random.random(customers, dtype=np.float32)
    return pa.table(columns)


def known_of(customers: int) -> tuple[list[PermitSet], Flags, Flags]:
    """Permits, reach and caps: each refuses some."""
    random = np.random.default_rng(8)
    ids = np.arange(1, customers + 1, dtype=np.int64)
    permits = []
    for name in CHANNELS:
        for _ in range(2):
            ask = PermitAsk(purpose=Purpose.MARKETING, channel=name, data_classes=DataClass(0), moment=CONTEXT.moment)
            refusals = {
                reason: random.random(customers) < share
                for reason, share in ((Reason.NO_CONSENT, 0.3), (Reason.UNDER_AGE, 0.02), (Reason.TAG_REFUSED, 0.01))
            }
            permits.append(PermitSet(ask=ask, customer_ids=ids, refusals=refusals, seal=_SEAL))
    return permits, random.random((4, customers)) < 0.8, random.random((4, customers)) < 0.1


def together(customers: int, session: Callable[[], Session]) -> dict[str, Any]:
    """Everybody, and the peer."""
    offered, table = menu(), tags_of(customers)
    permits, reachable, capped = known_of(customers)
    asked = Requests(
        clock="triggered",
        as_of=TODAY,
        customer_ids=table.column("customer_id").to_numpy(),
        facts=TagTable(table, session),
        permits=permits,
        reachable=reachable,
        capped=capped,
    )
    begun, cpu = time.perf_counter(), time.process_time()
    decisions = decide(asked, offered, CONTEXT)
    seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    best = np.where(decisions.chosen == NOTHING, 0, decisions.chosen_value)
    flags = {f"reach_{n}": reachable[n] for n in range(4)} | {f"capped_{n}": capped[n] for n in range(4)}
    flags |= {f"permit_{n}": one.allowed for n, one in enumerate(permits)}
    for name, values in flags.items():
        table = table.append_column(name, pa.array(values))
    peer_begun, peer_cpu = time.perf_counter(), time.process_time()
    found = _peer(table, offered)
    peer, peer_cpu = time.perf_counter() - peer_begun, time.process_time() - peer_cpu
    return {
        "seconds": seconds,
        "cpu_seconds": cpu,
        "peak_gb": peak,
        "pairs_per_second": customers * len(offered) / seconds,
        "peer": peer,
        "peer_cpu": peer_cpu,
        "same": bool((best == found).all()),
        "chosen": float((decisions.chosen != NOTHING).mean()),
    }


def _peer(table: pa.Table, offered: Menu) -> np.ndarray:
    """The best value of each customer, 0 where nothing may be proposed."""
    connection = duckdb.connect(config={"threads": 1})
    connection.register("t", table)
    columns = ", ".join(f"{_value_sql(one)}" for one in offered.candidates)
    rows = connection.sql(f"SELECT customer_id, greatest(0, {columns}) AS best FROM t").to_arrow_table()
    order = np.argsort(rows.column("customer_id").to_numpy())
    best: np.ndarray = rows.column("best").to_numpy()[order].astype(np.int64)
    return best


def _value_sql(one: Candidate) -> str:
    definition = one.offer.definition
    conditions = [
        f"reach_{one.reach}", f"NOT capped_{one.cap}", f"permit_{one.ask}", row_sql(one.offer.eligibility, as_of=TODAY),
    ]  # fmt: skip
    rule, cover = definition.suitability, definition.cover
    if rule is not None:
        conditions += [f"tolerance >= {rule.grade}", f"assessed_until >= DATE '{TODAY}'"]
        conditions += ["age < 65"] if rule.grade > 3 else []
    if cover is not None:
        conditions += ["need", f"ability >= {definition.minor(cover.premium)}"]
    if definition.student is not None:
        conditions.append("NOT student")
    response = f"least(coalesce({definition.propensity}, {definition.response}) * {one.terms.response_factor}, 1.0)"
    # to the even neighbour, as everywhere: an engine's own round() goes away from zero
    gain = f"round_even({response} * {one.margin}, 0)"
    loss = definition.expected_loss
    losses = f" - round_even({response} * {definition.minor(loss)}, 0)" if loss is not None else ""
    return f"CASE WHEN {' AND '.join(conditions)} THEN {gain}{losses} - {one.cost} ELSE 0 END"


def alone() -> dict[str, Any]:
    """One customer after the other, each a question of its own."""
    offered, customers = menu(), 200
    rows = tags_of(customers).to_pylist()
    permits, reachable, capped = known_of(customers)
    asked = [
        Requests(
            clock="asked",
            as_of=TODAY,
            customer_ids=np.array([row["customer_id"]], dtype=np.int64),
            facts=TagRows([row]),
            permits=[_of_one(one, at) for one in permits],
            reachable=reachable[:, at : at + 1],
            capped=capped[:, at : at + 1],
        )
        for at, row in enumerate(rows)
    ]
    priced = Context(**{**vars(CONTEXT), "prices": {"channel:rm_call": 4_200.0}, "capacity": {"rm_call": 150}})
    exploring = Context(**{**vars(priced), "exploration": Exploration(epsilon=0.05, thompson=True)})
    return {
        **_timed("asked", [lambda one=one: decide(one, offered, priced) for one in asked]),
        **_timed("exploring", [lambda one=one: decide(one, offered, exploring) for one in asked]),
    }


def _of_one(permits: PermitSet, at: int) -> PermitSet:
    return PermitSet(
        ask=permits.ask,
        customer_ids=permits.customer_ids[at : at + 1],
        refusals={reason: flags[at : at + 1] for reason, flags in permits.refusals.items()},
        seal=_SEAL,
    )


def _timed(name: str, calls: Sequence[Callable[[], object]]) -> dict[str, float]:
    """Milliseconds of single calls: by the wall, and of this thread alone."""
    for call in calls[:20]:
        call()
    wall, cpu = [], []
    for number in range(SINGLES):
        begun, mine = time.perf_counter_ns(), time.thread_time_ns()
        calls[number % len(calls)]()
        cpu.append(time.thread_time_ns() - mine)
        wall.append(time.perf_counter_ns() - begun)
    return {
        f"{name}_{kind}_{label}_ms": float(np.percentile(times, share)) / 1e6
        for kind, times in (("wall", wall), ("cpu", cpu))
        for label, share in (("p50", 50), ("p99", 99))
    }


def main() -> None:
    """Print the figures, and as the last line one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=DEFAULT_CUSTOMERS)
    parser.add_argument("--full", action="store_true", help=f"{FULL_CUSTOMERS:,} customers")
    arguments = parser.parse_args()
    customers = FULL_CUSTOMERS if arguments.full else arguments.customers

    single = alone()
    with tempfile.TemporaryDirectory(prefix="lingque-decide-") as folder:
        tables = DeltaTables(Path(folder))
        found = together(customers, lambda: Session(tables, memory_limit="2GB", threads=1))
    print(f"{customers:,} customers × {OFFERS * len(CHANNELS)} candidates: {found['seconds']:.1f} s", end=", ")
    print(f"{found['cpu_seconds']:.1f} s of CPU, peak {found['peak_gb']:.2f} GB; DuckDB {found['peer']:.1f} s")
    for name, value in single.items():
        print(f"{name:28} {value:.3f}")
    print(
        json.dumps(
            {
                "name": "decide",
                "size": {"customers": customers, "offers": OFFERS, "channels": len(CHANNELS), "tags": TAGS},
                "seconds": round(found["seconds"], 2),
                "cpu_seconds": round(found["cpu_seconds"], 2),
                "peak_gb": round(found["peak_gb"], 2),
                "peers": {"duckdb": round(found["peer"], 2)},
                "ratios": {"duckdb": round(found["peer_cpu"] / found["cpu_seconds"], 2)},
                "checks": {"the same best values": found["same"], "some get something": 0 < found["chosen"] < 1},
                "extra": {
                    "pairs_per_second": round(found["pairs_per_second"]),
                    **{name: round(value, 3) for name, value in single.items()},
                },
            }
        )
    )


if __name__ == "__main__":
    main()
