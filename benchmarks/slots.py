"""What it costs to ask what to show: in process and over HTTP, journalled and reserved before each answer.

    python -m benchmarks.slots [--customers N] [--requests N] [--full]

One placement of 50 offers over 120 tags. Durability: SQLite with WAL and `synchronous = FULL`, requests that come
together in one commit, each answered after it. The server is a process of its own; rates are per second of its CPU, and
times in process are CPU times, for the machine may be busy. The peer is the same server's answer to GET /healthz: what
HTTP costs without a decision.

Half load is half of the rate carried by the clock, not by the CPU second: client, disk and whoever else is there take
their share of the machine. By the client an answer's time begins when the request was due, or where a connection was
free by then, when it was sent: the client's own timer wakes up to a millisecond late. The server's time is what its log
says. A steady load of half the rate that is wanted of a core is measured besides: it is the same on every machine.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import gc
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from sqlalchemy import func, select

from lingque.bootstrap import Application, create_workspace, open_workspace
from lingque.core.clock import SystemClock
from lingque.core.ids import CustomerId
from lingque.core.reasons import Refusal
from lingque.decide.tables import contact_ledger, decision_journal
from lingque.entry.cli.servers import collect_seldom
from lingque.flow import apply, ingest, run_tags
from lingque.flow.asking import Asking
from lingque.flow.showing import Answer, Visit
from lingque.govern.access import User, add_user
from lingque.govern.api_keys import new_api_key
from lingque.govern.contracts import Principal, Role
from lingque.govern.tables import subjects

OFFERS, TAGS = 50, 120
OPERATOR = Principal(user="op", person="op", roles=frozenset({Role.OPERATOR}))
CONTRACTS = """
contract: customers
label: {zh: 客户, en: Customers}
kind: party
load: full
columns:
  customer_no: {type: text, role: key}
  opened_on: {type: date, role: valid_from}
  birth_date: {type: date, required: true, classes: [personal]}
---
contract: payments
label: {zh: 支付, en: Payments}
kind: event
load: full
columns:
  payment_no: {type: text, role: key}
  customer_no: {type: text, role: party}
  paid_on: {type: date, role: event_time}
  amount: {type: money, currency: CNY, required: true, classes: [personal]}
---
contract: consents
label: {zh: 同意, en: Consents}
kind: consent
load: full
columns:
  consent_no: {type: text, role: key}
  customer_no: {type: text, role: party}
  acted_on: {type: date, role: event_time}
  purpose: {type: text, required: true}
  channel: {type: text, required: true}
  data_classes: {type: text}
  action: {type: text, required: true}
  wording_version: {type: text, required: true}
  evidence: {type: text, required: true}
"""
COLUMNS = {
    "customers": ("customer_no", "opened_on", "birth_date"),
    "payments": ("payment_no", "customer_no", "paid_on", "amount"),
    "consents": (
        "consent_no", "customer_no", "acted_on", "purpose", "channel", "data_classes", "action", "wording_version",
        "evidence",
    ),
}  # fmt: skip
CAP = """
cap: app
label: {zh: 手机银行, en: App}
channels: [app]
at_most: 1000000
within: 7 days
"""


STEADY = 750
"""Decisions a second: half of what is wanted of one core."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """What a run over HTTP found: seconds per answer, answers per second of the server's CPU and of the clock."""

    seconds: list[float]
    per_cpu_second: float
    per_second: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=1_000)
    parser.add_argument("--requests", type=int, default=1_000)
    parser.add_argument("--full", action="store_true", help="10,000 customers, 20,000 requests")
    arguments = parser.parse_args()
    customers, requests = (10_000, 20_000) if arguments.full else (arguments.customers, arguments.requests)
    began, cpu = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory(prefix="lingque-slots-") as folder:
        path = Path(folder) / "workspace"
        with open_made(path, customers) as application:
            key = set_up(application)
            ids = known(application)
            alone, together = in_process(application, ids, requests)
        with Server(path, Path(folder) / "log") as server:
            gc.freeze()  # the client would look through all of it for rubbish, and count that as the server's time
            asyncio.run(server.load(key, ids, 100, at_once=8))
            bare = asyncio.run(server.load(None, ids, requests, at_once=32))
            full = asyncio.run(server.load(key, ids, requests, at_once=32))
            half = asyncio.run(server.load(key, ids, requests, at_once=32, per_second=full.per_second / 2))
            served = server.served(requests)
            steady = asyncio.run(server.load(key, ids, requests, at_once=32, per_second=STEADY))
            served_steadily = server.served(requests)
        with open_workspace(path) as application:
            journalled, reserved = counted(application)
    asked = 3 * requests + 100 + len(alone) + len(together)
    figures = {
        "in_process_p50_ms": percentile(alone, 50), "in_process_p99_ms": percentile(alone, 99),
        "together_of_32_ms_each": percentile(together, 50) / 32, "http_per_cpu_second": round(full.per_cpu_second),
        "http_per_second": round(full.per_second),
        "http_half_load_p50_ms": percentile(half.seconds, 50), "http_half_load_p99_ms": percentile(half.seconds, 99),
        "http_half_load_served_p50_ms": percentile(served, 50), "http_half_load_served_p99_ms": percentile(served, 99),
        f"http_{STEADY}_a_second_p50_ms": percentile(steady.seconds, 50),
        f"http_{STEADY}_a_second_p99_ms": percentile(steady.seconds, 99),
        f"http_{STEADY}_a_second_served_p99_ms": percentile(served_steadily, 99),
    }  # fmt: skip
    for name, value in figures.items():
        print(f"{name:30} {value:10,.3f}")
    print(
        json.dumps(
            {
                "name": "slots",
                "size": {"customers": customers, "requests": requests, "offers": OFFERS, "tags": TAGS},
                "seconds": round(time.perf_counter() - began, 2),
                "cpu_seconds": round(time.process_time() - cpu, 2),
                "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 3),
                "peers": {"healthz": round(requests / bare.per_cpu_second, 3)},
                "ratios": {"healthz": round(full.per_cpu_second / bare.per_cpu_second, 3)},
                "checks": {"each_is_journalled": journalled >= asked, "each_is_reserved": reserved >= asked // 2},
                "extra": figures,
            }
        )
    )


def open_made(path: Path, customers: int) -> AbstractContextManager[Application]:
    create_workspace(path)
    write(path, customers)
    return open_workspace(path)


def write(folder: Path, customers: int) -> None:
    """Definitions, mappings and files."""
    tags = [
        f"tag: t{number}\nlabel: {{zh: 标签, en: Tag}}\nfamily: payments\nfrom: payments\nwindow: {number + 1} days\n"
        f"value: {'count(*)' if number % 2 else 'sum(amount)'}\n"
        for number in range(TAGS)
    ]
    offers = [
        f"offer: o{number}\nlabel: {{zh: 产品, en: Offer}}\nregime: service\ntopic: topic_{number % 8}\n"
        f"valid_from: 2020-01-01\nvalid_to: 2100-01-01\ncurrency: CNY\nmargin: {100 + number}\nresponse: 0.1\n"
        + eligible(number)
        + "creatives:\n  app:\n    zh: {body: 看看这个}\n"
        for number in range(OFFERS)
    ]
    placement = (
        "placement: home\nlabel: {zh: 首页, en: Home}\nchannel: app\nhold_out: 0\ndeadline_ms: 10000\n"
        f"offers: [{', '.join(f'o{number}' for number in range(OFFERS))}]\n"
    )
    sources = [
        f"source: bank_{name}\nsystem: bank\ncontract: {name}\ndata_date: 2100-01-01\nreads:\n"
        f"  {name}: {{files: [{name}.csv]}}\nmapping: mapping/{name}.sql\n"
        for name in COLUMNS
    ]
    text = "---\n".join([CONTRACTS, *sources, *tags, *offers, CAP, placement])
    (folder / "definitions" / "bank.yaml").write_text(text, encoding="utf-8")
    (folder / "mapping").mkdir()
    (folder / "landing").mkdir()
    for name, columns in COLUMNS.items():
        sql = f"SELECT _file, _row, {', '.join(columns)} FROM {name}"
        (folder / "mapping" / f"{name}.sql").write_text(sql, encoding="utf-8")
    today = date.today()  # noqa: DTZ011  the workspace's clock is the machine's
    write_csv(folder, "customers", ((f"C{n}", "2020-01-01", "1980-05-05") for n in range(customers)))
    write_csv(
        folder,
        "payments",
        ((f"P{n}", f"C{n // 3}", (today - timedelta(days=n % 90 + 2)).isoformat(), "50") for n in range(3 * customers)),
    )
    write_csv(
        folder,
        "consents",
        ((f"S{n}", f"C{n}", "2025-01-01", "marketing", "app", "", "give", "w", "e") for n in range(customers)),
    )


def eligible(number: int) -> str:
    """A condition over five tags; together the offers look at all."""
    names = [f"t{(number * 5 + place) % TAGS}" for place in range(5)]
    return "eligibility: " + " or ".join(f"{name} >= {0 if int(name[1:]) % 2 else 'cny(0)'}" for name in names) + "\n"


def write_csv(folder: Path, name: str, rows: Iterable[tuple[str, ...]]) -> None:
    with (folder / "landing" / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS[name])
        writer.writerows(rows)


def set_up(application: Application) -> str:
    """Everything loaded; the key of the app."""
    services = application.services
    now = services.clock.now()
    with services.database.transaction() as connection:
        for name, role in (("op", Role.OPERATOR), ("app", Role.CHANNEL_SYSTEM)):
            add_user(connection, User(name=name, person=name, roles=frozenset({role})), at=now)
        key = new_api_key(connection, "app", at=now)
    applied = apply(services, OPERATOR)
    if isinstance(applied, Refusal):
        raise SystemExit(str(applied))
    for report in ingest(services, OPERATOR):
        if isinstance(report, Refusal) or report.quarantined:
            raise SystemExit(f"nothing to measure: {report}")
    run_tags(services, services.calendar.day_of(SystemClock().now()), OPERATOR)
    return key


def known(application: Application) -> list[int]:
    with application.services.database.reading() as connection:
        return list(connection.execute(select(subjects.c.customer_id)).scalars())


def in_process(application: Application, ids: list[int], requests: int) -> tuple[list[float], list[float]]:
    """CPU seconds of answers alone, and of 32 together."""
    asking = Asking(application.services)

    def timed(customers: list[int]) -> float:
        visits = [Visit(customer_id=CustomerId(one), placements=("home",), ends_at=float("inf")) for one in customers]
        start = time.process_time()
        answers = asking.answer(visits)
        spent = time.process_time() - start
        if not all(isinstance(one, Answer) and one.placements[0].items for one in answers):
            raise SystemExit(f"nothing was chosen: {answers[0]}")
        return spent

    for place in range(300):  # the register is drawn as a picture once it is asked often
        timed([ids[place % len(ids)]])
    collect_seldom()  # as the server does
    alone = [timed([ids[place % len(ids)]]) for place in range(min(requests, 1_000))]
    groups = [[ids[(32 * group + place) % len(ids)] for place in range(32)] for group in range(20)]
    return alone, [timed(group) for group in groups]


def counted(application: Application) -> tuple[int, int]:
    with application.services.database.reading() as connection:
        return (
            connection.execute(select(func.count()).select_from(decision_journal)).scalar_one(),
            connection.execute(select(func.count()).select_from(contact_ledger)).scalar_one(),
        )


def percentile(seconds: list[float], which: int) -> float:
    """In milliseconds."""
    return round(float(np.percentile(np.array(seconds) * 1_000, which)), 3)


class Server:
    """The API in a process of its own."""

    def __init__(self, folder: Path, log: Path) -> None:
        self._log = log
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        command = [sys.executable, "-m", "lingque", "serve", "-w", str(folder), "--port", str(self._port)]
        with log.open("wb") as file:
            self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=file)

    def __enter__(self) -> Server:
        for _ in range(1_800):
            try:
                socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
            except OSError:
                time.sleep(0.1)
            else:
                return self
        raise SystemExit("the server does not start")

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(30)

    def served(self, last: int) -> list[float]:
        """Seconds that the last so many decisions took, as the server's log has them."""
        lines = self._log.read_text(encoding="utf-8").splitlines()
        told = [json.loads(line[line.index("{") :])["milliseconds"] for line in lines if '"/v1/decide"' in line]
        return [one / 1_000 for one in told[-last:]]

    def _cpu(self) -> float:
        fields = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    async def load(
        self, key: str | None, ids: list[int], requests: int, *, at_once: int, per_second: float | None = None
    ) -> Load:
        """Keep so many connections busy, or send so many a second; without a key GET /healthz is asked for."""
        seconds: list[float] = []
        numbers = iter(range(requests))
        began, cpu = time.perf_counter(), self._cpu()

        async def one() -> None:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            for number in numbers:
                due = began if per_second is None else began + number / per_second
                start = due
                if per_second is None or due > time.perf_counter():
                    await asyncio.sleep(max(due - time.perf_counter(), 0))
                    start = time.perf_counter()
                writer.write(asked(key, ids[number % len(ids)]))
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-l")
                )
                body = await reader.readexactly(length)
                seconds.append(time.perf_counter() - start)
                if not head.startswith(b"HTTP/1.1 200") or (key is not None and b'"personal":true' not in body):
                    raise SystemExit(f"not what was asked for: {head!r} {body!r}")
            writer.close()

        await asyncio.gather(*(one() for _ in range(at_once)))
        return Load(
            seconds=seconds,
            per_cpu_second=requests / max(self._cpu() - cpu, 0.01),
            per_second=requests / (time.perf_counter() - began),
        )


def asked(key: str | None, customer: int) -> bytes:
    if key is None:
        return b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    body = json.dumps({"customer_id": str(customer), "placements": ["home"]}).encode()
    head = (
        f"POST /v1/decide HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


if __name__ == "__main__":
    main()
