"""The figures of a bank on disk, from what its systems deliver and the truth beside it, file by file."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet
from numpy.typing import NDArray

from lingque.core.hashing import Int64s
from lingque.twin.categories import CATEGORIES, CODES
from lingque.twin.days import day_number
from lingque.twin.figures import LOOKED_DAYS, SPENT, Figures, counted
from lingque.twin.life import history_days
from lingque.twin.needs import NEED_KINDS
from lingque.twin.parameters import TwinParameters
from lingque.twin.population import CHURN_STAGES, LIFE_STAGES
from lingque.twin.presets import parameters_in
from lingque.twin.seasons import SPRING_FESTIVALS
from lingque.twin.systems.transactions import LAYOUT

_WIDTH = max(first + length for first, length in LAYOUT.values())
_AT_ONCE = 250_000
_MIXER = np.uint64(0x9E3779B97F4A7C15)
_NAMES = tuple(name for name in CATEGORIES if name not in CODES)


def figures_in(folder: Path) -> Figures:
    """Of a folder that `make_bank` wrote. A file that is not there raises `FileNotFoundError`, parameters that cannot
    be read `ValueError`."""
    parameters = parameters_in(folder / "parameters.yaml")
    made = _Made(folder=folder, parameters=parameters, wrong=_wrong_rows(folder, parameters))
    first, after = history_days(parameters)
    booked = made.booked(first, after)
    traits = pyarrow.parquet.read_table(made.truth("traits", "parquet"))
    customers = made.table("core_customers")
    births = _days(customers.column("birth_date"))
    needs = pyarrow.csv.read_csv(made.truth("needs", "csv"))
    begins = _days(needs.column("begins_on"))
    kinds = _positions(needs.column("need"), NEED_KINDS)
    return Figures(
        customers=parameters.customers,
        transactions=int(booked.by_day.sum()),
        first_day=first,
        ages=_ages(births, after),
        incomes=traits.column("income").to_numpy() / 100,
        assets=made.assets(customers.column("customer_no")) / 100,
        life_stages=counted(LIFE_STAGES, _positions(traits.column("life_stage"), LIFE_STAGES)),
        churn_stages=counted(CHURN_STAGES, _positions(traits.column("churn_stage"), CHURN_STAGES)),
        spent={name: booked.spent[name] / 100 for name in SPENT},
        bookings_by_day=booked.by_day,
        shopping_by_day=booked.shopping_by_day,
        festivals=tuple(day_number(one) - first for one in SPRING_FESTIVALS if first <= day_number(one) < after),
        paydays=booked.paydays,
        needs=counted(NEED_KINDS, kinds[(begins >= first) & (begins < after)]),
        visits_around_needs=made.visits(needs.column("customer_no"), kinds, begins, after),
    )


@dataclass(kw_only=True)
class _Booked:
    by_day: Int64s
    shopping_by_day: Int64s
    paydays: Int64s = field(default_factory=lambda: np.zeros(31, dtype=np.int64))
    spent: dict[str, int] = field(default_factory=lambda: defaultdict(int))


@dataclass(frozen=True, kw_only=True)
class _Made:
    folder: Path
    parameters: TwinParameters
    wrong: dict[str, Int64s]
    """By file: the rows that are repeated or wrong, from 0."""

    def truth(self, name: str, suffix: str) -> Path:
        [path] = sorted((self.folder / "truth").glob(f"{name}_2*.{suffix}")) or [self.folder / "truth" / name]
        return path

    def files(self, extract: str, suffix: str) -> Iterator[Path]:
        """What was sent again stands in place of what was sent first."""
        paths = sorted((self.folder / "landing").glob(f"{extract}_2*.{suffix}"))
        if not paths:
            raise FileNotFoundError(f"{self.folder / 'landing'} has no {extract} files")
        for path in paths:
            again = self.folder / "resent" / path.name
            yield again if again.exists() else path

    def keeps(self, path: Path, count: int) -> NDArray[np.bool_]:
        keep = np.ones(count, dtype=np.bool_)
        keep[self.wrong.get(f"{path.parent.name}/{path.name}", np.zeros(0, dtype=np.int64))] = False
        return keep

    def table(self, extract: str) -> pa.Table:
        """All clean rows of an extract, as text."""
        parts = []
        for path in self.files(extract, "csv"):
            with path.open(encoding="utf-8-sig", newline="") as file:
                names = next(csv.reader(file))
            read = pyarrow.csv.read_csv(
                path,
                read_options=pyarrow.csv.ReadOptions(column_names=names, skip_rows=1),
                convert_options=pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
            )
            parts.append(read.filter(pa.array(self.keeps(path, read.num_rows))))
        return pa.concat_tables(parts)

    def booked(self, first: int, after: int) -> _Booked:
        booked = _Booked(
            by_day=np.zeros(after - first, dtype=np.int64), shopping_by_day=np.zeros(after - first, dtype=np.int64)
        )
        for path in self.files("core_transactions", "dat"):
            lines = np.memmap(path, dtype=np.uint8, mode="r").reshape(-1, _WIDTH)
            keeps = self.keeps(path, len(lines))
            for begin in range(0, len(lines), _AT_ONCE):
                here = lines[begin : begin + _AT_ONCE][keeps[begin : begin + _AT_ONCE]]
                _add(booked, here, first)
        return booked

    def assets(self, customer_no: pa.ChunkedArray) -> Int64s:
        """Current accounts, deposits and wealth products on the data date, in the order of the customers."""
        held = np.zeros(len(customer_no), dtype=np.int64)
        balances = self.table("core_balances")
        now = balances.filter(pyarrow.compute.equal(balances.column("end_date"), "9999-12-31"))
        deposits = self.table("core_deposits")
        running = deposits.filter(pyarrow.compute.equal(deposits.column("status"), "open"))
        links = self.table("core_cross_references")
        for path in self.files("wealth_holdings", "parquet"):
            bought = pyarrow.parquet.read_table(path)
            bought = bought.filter(pa.array(self.keeps(path, bought.num_rows)))
            bought = bought.filter(pyarrow.compute.equal(bought.column("status"), "held"))
            client = pyarrow.compute.index_in(bought.column("client_no"), value_set=links.column("key"))
            owner = links.column("customer_no").take(client)
            amount = pyarrow.compute.multiply(bought.column("amount"), pa.scalar(100)).cast(pa.int64())
            _hold(held, customer_no, owner, amount.to_numpy())
        _hold(held, customer_no, now.column("customer_no"), _fen(now.column("balance")))
        _hold(held, customer_no, running.column("customer_no"), _fen(running.column("amount")))
        return held

    def visits(self, customer_no: pa.ChunkedArray, kind: Int64s, begins: Int64s, after: int) -> Int64s:
        """In the app around the last maturity of each customer around which all days are logged."""
        logged = min(self.parameters.log_months, self.parameters.months)
        start = int((np.datetime64(after, "D").astype("datetime64[M]") - logged).astype("datetime64[D]").astype(int))
        start += after - int(np.datetime64(after, "D").astype("datetime64[M]").astype("datetime64[D]").astype(int))
        due = kind == NEED_KINDS.index("deposit_maturity")
        due &= (begins >= start + LOOKED_DAYS) & (begins < after - LOOKED_DAYS)
        names = customer_no.filter(pa.array(due)).combine_chunks()
        known = pyarrow.compute.unique(names)
        of_customer = np.zeros(len(known), dtype=np.int64)
        of_customer[pyarrow.compute.index_in(names, value_set=known).to_numpy()] = begins[due]
        counts = np.zeros(2 * LOOKED_DAYS + 1, dtype=np.int64)
        for path in self.files("app_events", "jsonl"):
            if not path.stat().st_size:
                continue
            read = pyarrow.json.read_json(
                path,
                parse_options=pyarrow.json.ParseOptions(
                    explicit_schema=pa.schema([("customer_no", pa.string()), ("at", pa.string())]),
                    unexpected_field_behavior="ignore",
                ),
            )
            read = read.filter(pa.array(self.keeps(path, read.num_rows)))
            who = pyarrow.compute.index_in(read.column("customer_no"), value_set=known)
            seen = who.is_valid()
            day = _days(pyarrow.compute.utf8_slice_codeunits(read.column("at").filter(seen), 0, 10))
            away = day - of_customer[who.filter(seen).to_numpy()]
            counts += np.bincount(away[np.abs(away) <= LOOKED_DAYS] + LOOKED_DAYS, minlength=len(counts))
        return counts


def _add(booked: _Booked, lines: NDArray[np.uint8], first: int) -> None:
    compact = _digits(lines, "booked_on")
    months = np.array([f"{one:06d}" for one in np.unique(compact // 100).tolist()])
    starts = np.array([np.datetime64(f"{one[:4]}-{one[4:]}-01", "D").astype(np.int64) for one in months.tolist()])
    day = starts[np.searchsorted(months.astype(np.int64), compact // 100)] + compact % 100 - 1 - first
    category = _CATEGORY_OF_KEY[np.searchsorted(_KEYS, _keys(lines[:, _cut("category")]))]
    amount = _digits(lines, "amount")
    booked.by_day += np.bincount(day, minlength=len(booked.by_day))
    shopping = category == _NAMES.index("online_shopping")
    booked.shopping_by_day += np.bincount(day[shopping], minlength=len(booked.by_day))
    salaries = compact[category == _NAMES.index("salary")] % 100
    booked.paydays += np.bincount(salaries, minlength=32)[1:]
    for position, name in enumerate(_NAMES):
        if name in SPENT:
            booked.spent[name] += int(amount[category == position].sum())


def _cut(name: str) -> slice:
    begin, length = LAYOUT[name]
    return slice(begin - 1, begin - 1 + length)


def _digits(lines: NDArray[np.uint8], name: str) -> Int64s:
    """The whole number of all digits in a field, without the point and the spaces before it."""
    field = lines[:, _cut(name)]
    number = np.zeros(len(field), dtype=np.int64)
    for place in range(field.shape[1]):
        is_digit = (field[:, place] >= ord("0")) & (field[:, place] <= ord("9"))
        number = np.where(is_digit, number * 10 + (field[:, place] - ord("0")), number)
    return number


def _keys(fields: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """One number for each text of sixteen bytes; those of the categories differ."""
    halves = np.ascontiguousarray(fields).view(np.uint64)
    mixed: NDArray[np.uint64] = halves[:, 0] * _MIXER ^ halves[:, 1]
    return mixed


def _of_names() -> tuple[NDArray[np.uint64], Int64s]:
    texts = b"".join(name.encode().ljust(LAYOUT["category"][1]) for name in _NAMES)
    keys = _keys(np.frombuffer(texts, dtype=np.uint8).reshape(len(_NAMES), -1))
    order = np.argsort(keys)
    return keys[order], order.astype(np.int64)


_KEYS, _CATEGORY_OF_KEY = _of_names()


def _hold(held: Int64s, customer_no: pa.ChunkedArray, owner: pa.ChunkedArray, fen: Int64s) -> None:
    where = pyarrow.compute.index_in(owner, value_set=customer_no)
    np.add.at(held, where.to_numpy(), fen)


def _fen(texts: pa.ChunkedArray) -> Int64s:
    numbers: Int64s = pyarrow.compute.replace_substring(texts, ".", "").cast(pa.int64()).to_numpy()
    return numbers


def _days(texts: pa.ChunkedArray) -> Int64s:
    numbers: Int64s = texts.cast(pa.date32()).cast(pa.int32()).cast(pa.int64()).to_numpy()
    return numbers


def _ages(births: Int64s, today: int) -> Int64s:
    """Whole years on that day."""
    born, now = births.astype("datetime64[D]"), np.datetime64(today, "D")
    months = (now.astype("datetime64[M]") - born.astype("datetime64[M]")).astype(np.int64)
    later_in_month = (born - born.astype("datetime64[M]")) > (now - now.astype("datetime64[M]"))
    years: Int64s = (months - later_in_month) // 12
    return years


def _positions(texts: pa.ChunkedArray, names: tuple[str, ...]) -> Int64s:
    numbers: Int64s = pyarrow.compute.index_in(texts, value_set=pa.array(names)).cast(pa.int64()).to_numpy()
    return numbers


def _wrong_rows(folder: Path, parameters: TwinParameters) -> dict[str, Int64s]:
    rows: dict[str, list[int]] = defaultdict(list)
    data_date = str(np.datetime64(day_number(parameters.as_of) - 1, "D")).replace("-", "")
    with (folder / "truth" / f"dirt_{data_date}.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["kind"] not in ("late", "corrected"):
                rows[row["file"]].append(int(row["row"]) - 1)
    return {name: np.array(numbers, dtype=np.int64) for name, numbers in rows.items()}
