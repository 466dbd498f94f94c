"""Ways in which what a bank delivers or defines can be wrong, and what is to be told of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

from commands import say
from tiny_bank import (
    AS_OF,
    CAMPAIGN,
    CUSTOMERS,
    HEADERS,
    HUA,
    LIN,
    Bank,
    transactions,
)

from lingque.core.reasons import Refusal
from lingque.flow import plan_campaign, review_campaign

NEXT_DAY = date(2026, 6, 2)


ALL = 2 * CUSTOMERS


FILE = "transactions_20260602.csv"


INGEST = ("ingest", "--as", "otto")


APPLY = ("apply", "--as", "otto")


def new_rows(count: int = 20) -> list[tuple[str, ...]]:
    """Transactions of the next day; the last of them in row `count`."""
    return [(f"N{row[0]}", *row[1:3], "2026-06-01", *row[4:]) for row in transactions()[:count]]


def lines_of(rows: list[tuple[str, ...]], *, delimiter: str = ",") -> str:
    return "".join(f"{delimiter.join(row)}\n" for row in (HEADERS["transactions"], *rows))


def spoiled(row: tuple[str, ...], **changed: str) -> tuple[str, ...]:
    return tuple({**dict(zip(HEADERS["transactions"], row, strict=True)), **changed}.values())


def delivering(*bad: tuple[str, ...]) -> Callable[[Bank], None]:
    """Nineteen good rows, and these."""
    return lambda bank: bank.deliver("transactions", [*new_rows(19), *bad], NEXT_DAY) and None


def delivering_text(content: str | bytes) -> Callable[[Bank], None]:
    return lambda bank: bank.deliver_text("transactions", content, NEXT_DAY) and None


def changing(name: str, old: str, new: str) -> Callable[[Bank], None]:
    return lambda bank: bank.replace_in(name, old, new)


def two_files_a_day(bank: Bank) -> None:
    pattern = '["transactions_{data_date}.csv"'
    bank.replace_in("sources", f"{pattern}]", f'{pattern}, "late_{{data_date}}.csv"]')
    (bank.folder / "landing" / "late_20260601.csv").write_text(lines_of([]), encoding="utf-8")
    say(bank, *APPLY)


def a_gate(bank: Bank) -> None:
    bank.replace_in("contracts", "contract: transactions\n", "contract: transactions\ngate: 90\n")
    say(bank, *APPLY)


def totals(bank: Bank) -> None:
    read = 'transactions: {files: ["transactions_{data_date}.csv"]}'
    control = '{file: "transactions_{data_date}.ok", of: transactions, totals: {amount: sum}}'
    bank.replace_in("sources", read, f"{read}\ncontrol: {control}")
    stated(bank, "20260601", rows=ALL, total=f"{CUSTOMERS * 10_500}.00")
    say(bank, *APPLY)


def stated(bank: Bank, day: str, *, rows: int, total: str) -> None:
    (bank.folder / "landing" / f"transactions_{day}.ok").write_text(f"rows={rows}\nsum={total}\n", encoding="utf-8")


def no_file_at_all(bank: Bank) -> None:
    (bank.folder / "landing" / "transactions_20260601.csv").unlink()


def without_a_column(bank: Bank) -> None:
    rows = [(*row[:6], row[7]) for row in new_rows()]
    header = [name for name in HEADERS["transactions"] if name != "amount"]
    bank.deliver_text("transactions", "".join(f"{','.join(row)}\n" for row in (header, *rows)), NEXT_DAY)


def a_total_that_is_wrong(bank: Bank) -> None:
    bank.deliver("transactions", new_rows(), NEXT_DAY)
    stated(bank, "20260602", rows=20, total="105000.01")


def put_right_in_time(bank: Bank) -> None:
    bank.deliver("transactions", new_rows(ALL), NEXT_DAY)
    stated(bank, "20260602", rows=ALL, total=f"{CUSTOMERS * 10_500}")
    (bank.folder / "landing" / "late_20260602.csv").write_text(lines_of([]), encoding="utf-8")


def planned_and_reviewed(bank: Bank) -> None:
    with bank.open() as application:
        plan = plan_campaign(application.services, CAMPAIGN, AS_OF, LIN)
        assert not isinstance(plan, Refusal)
        assert not isinstance(review_campaign(application.services, CAMPAIGN, HUA, digest=plan.digest), Refusal)


def nothing(_bank: Bank) -> None:
    """As it is."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """`told`: what the person needs to read. `bad`: of the rows that came, by row number, what is wrong with each."""

    prepare: Callable[[Bank], None] = nothing
    spoil: Callable[[Bank], None]
    told: tuple[str, ...]
    command: tuple[str, ...] = INGEST
    code: int = 1
    bad: dict[int, str] = field(default_factory=dict)
    held: bool = False
    then: tuple[str, ...] = ()


MAPPING = "mapping/transactions.sql"


BAD_DATE = spoiled(new_rows()[19], booked_on="31.05.2026")


TWICE = new_rows()[19]


TWICE_BUT_OTHER = spoiled(TWICE, amount="501.00")


STRANGER = spoiled(new_rows()[19], customer_no="KD2099-NOBODY")


NO_ACCOUNT = spoiled(new_rows()[19], account_no="6222999999")


CASES = {
    "missing file": Case(
        spoil=no_file_at_all,
        told=("source 'core_transactions'", "is named transactions_{data_date}.csv", "check the landing folder"),
    ),
    "missing file of two": Case(
        prepare=two_files_a_day,
        spoil=delivering(TWICE),
        told=("source 'core_transactions'", "late_20260602.csv is not in", "deliver the file and ingest again"),
    ),
    "wrong delimiter": Case(
        spoil=delivering_text(lines_of(new_rows(), delimiter=";")),
        told=(
            MAPPING,
            '"transaction_no"',
            "transaction_no;customer_no;account_no;booked_on",
            "is 'delimiter' wrong?",
        ),
    ),
    "broken encoding": Case(
        spoil=delivering_text(lines_of([*new_rows(19), spoiled(TWICE, category="工资")]).encode("gb18030")),
        told=(f"{FILE}, line 21: bytes that are not of the encoding", "state the right 'encoding'", "nothing of it"),
    ),
    "a wrong date": Case(
        spoil=delivering(BAD_DATE), code=0, bad={20: "booked_on: NOT_A_DATE"}, told=("booked_on: NOT_A_DATE × 1",)
    ),
    "duplicate keys": Case(
        spoil=delivering(TWICE, TWICE_BUT_OTHER),
        code=0,
        bad={20: "transaction_no: DUPLICATE_KEY", 21: "transaction_no: DUPLICATE_KEY"},
        told=("transaction_no: DUPLICATE_KEY × 2",),
    ),
    "unknown reference": Case(
        spoil=delivering(STRANGER, NO_ACCOUNT),
        code=0,
        bad={20: "customer_no: UNKNOWN_REFERENCE", 21: "account_no: UNKNOWN_REFERENCE"},
        told=("customer_no: UNKNOWN_REFERENCE × 1", "account_no: UNKNOWN_REFERENCE × 1"),
    ),
    "a column that disappeared": Case(
        spoil=without_a_column,
        told=(
            MAPPING,
            '"amount"',
            "the files have the columns transactions: transaction_no, customer_no",
            "Did a column disappear",
        ),
    ),
    "a column that changed its type": Case(
        prepare=a_gate,
        spoil=delivering_text(lines_of([spoiled(row, amount="壹万元整") for row in new_rows()])),
        code=0,
        bad=dict.fromkeys(range(1, 21), "amount: NOT_MONEY"),
        held=True,
        told=("amount: NOT_MONEY × 20", "QUALITY_BELOW_GATE 0.00"),
    ),
    "control total that does not agree": Case(
        prepare=totals,
        spoil=a_total_that_is_wrong,
        told=(
            f"{FILE} and transactions_20260602.ok do not agree",
            "the total of 'amount' must be 105000.01, and is 105000",
            "ask for both files again",
        ),
    ),
    "an unknown tag in a segment": Case(
        spoil=changing("tags", "value: latest_balance >=", "value: latest_balence >="),
        command=APPLY,
        told=(
            "definitions/tags.yaml:40: value: there is no 'latest_balence' here",
            "did you mean 'latest_balance'?",
            "nothing was applied",
        ),
    ),
    "a campaign for an unknown segment": Case(
        spoil=changing("campaigns", "segment: idle_money", "segment: idle_mony"),
        command=APPLY,
        told=("definitions/campaigns.yaml:21: segment: 'idle_mony' is no tag", "'idle_money'", "apply again"),
    ),
    "a cyclic tag": Case(
        spoil=changing("tags", "value: latest_balance >= cny(20000)", "value: idle_money and latest_balance > cny(1)"),
        command=APPLY,
        told=("definitions/tags.yaml:40: value: is built on itself: idle_money → idle_money", "apply again"),
    ),
    "a cycle of two tags": Case(
        spoil=changing(
            "tags",
            "value: latest_balance >= cny(20000)",
            "value: rich\n---\ntag: rich\nlabel: {zh: 富裕, en: Rich}\nfamily: value\nvalue: not idle_money",
        ),
        command=APPLY,
        told=("definitions/tags.yaml", "idle_money → rich → idle_money", "apply again"),
    ),
    "an expression with a type error": Case(
        spoil=changing("tags", "where: category = 'salary'", "where: category > 3"),
        command=APPLY,
        told=("definitions/tags.yaml:6: where: a text and a integer cannot be compared", "at «3»", "apply again"),
    ),
    "a campaign without a segment": Case(
        spoil=changing("campaigns", "segment: idle_money\n", ""),
        command=APPLY,
        told=("definitions/campaigns.yaml:18: segment: is missing", "it is required", "apply again"),
    ),
    "an approval by its own author": Case(
        prepare=planned_and_reviewed,
        spoil=nothing,
        command=("campaign", "approve", CAMPAIGN, "--as", "lan_too"),
        code=3,
        told=("OWN_WORK", "lan"),
        then=("campaign", "approve", CAMPAIGN, "--as", "min"),
    ),
}
