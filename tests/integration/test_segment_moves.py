"""Segments over time and as audiences: who entered and left and why, frozen onto lists, reached channel by channel."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from tiny_bank import (
    AS_OF,
    CUSTOMERS,
    LAN,
    LAWFUL,
    MIN,
    OTTO,
    PRINCIPALS,
    Bank,
    audit_of,
    customer_no,
    party_of,
    write_csv,
)  # fmt: skip
from typer.testing import CliRunner, Result

from lingque.core.errors import ConflictError, NotFoundError
from lingque.core.ids import CustomerId
from lingque.core.reasons import Reason, Refusal
from lingque.decide.contracts import Step
from lingque.entry.cli.lists import lists_app
from lingque.entry.cli.segments import segments_app
from lingque.flow import apply, run_tags
from lingque.flow.freezing import Frozen, freeze_segment
from lingque.flow.reach import Reach, reach_of
from lingque.flow.segment_history import History, customer_in_segment, segment_history
from lingque.flow.segments import Counted, count_segment
from lingque.govern.lists import history as acts_on
from lingque.govern.lists import members

pytestmark = pytest.mark.any_database

MORE = """
tag: paid_lately
label: {zh: 近期有工资且余额较高, en: Paid lately and rich}
family: value
value: salary_14d > cny(0) and latest_balance >= cny(30050)
---
tag: salary_14d
label: {zh: 近14天代发工资, en: Salary within 14 days}
family: payments
from: transactions
where: category = 'salary'
window: 14 days
value: sum(amount)
---
tag: on_spring_list
label: {zh: 春季名单, en: Spring audience}
family: relationship
list: spring
---
list: spring
label: {zh: 春季名单, en: Spring audience}
owner: lan
effect: audience
classes: [personal, financial]
---
list: narrow
label: {zh: 未注明类别, en: States no class}
owner: lan
effect: audience
"""
BEFORE, AFTER = date(2026, 5, 15), date(2026, 5, 28)


@pytest.fixture
def moved(bank: Bank) -> Bank:
    """Snapshots of three days: the salary of 10 May is within 14 days on the second only."""
    bank.define("more", MORE)
    with bank.open() as application:
        assert not isinstance(apply(application.services, OTTO), Refusal)
        for day in (date(2026, 5, 10), BEFORE, AFTER, AS_OF):
            assert not isinstance(run_tags(application.services, day, OTTO), Refusal)
    return bank


def invoke(bank: Bank, *arguments: str, user: str = "lan") -> Result:
    return CliRunner().invoke(segments_app, [*arguments, "--as", user, "-w", str(bank.folder)])


def test_who_entered_and_left_a_segment_and_why(moved: Bank) -> None:
    with moved.open() as application:
        services = application.services
        found = segment_history(services, "paid_lately", LAN)
        assert isinstance(found, History)
        first, second, third = found.moves
        # on 15 May 50 of the hundred have 30,500 + n on the account and their salary within 14 days
        assert (first.members, first.entered, first.left, first.new) == (100, 100, 0, 0)
        assert {one.text: one.entered for one in first.causes} == {
            "salary_14d > cny(0)": 100, "latest_balance >= cny(30050)": 100,
        }  # fmt: skip
        assert (second.then, second.members, second.left) == (AFTER, 0, 100)
        assert {one.text: one.left for one in second.causes} == {
            "salary_14d > cny(0)": 100, "latest_balance >= cny(30050)": 50,
        }  # fmt: skip
        assert (third.entered, third.left) == (0, 0)

        customer = CustomerId(party_of(application, customer_no(3)))
        standings = customer_in_segment(services, "paid_lately", customer, MIN, since=BEFORE)
        assert not isinstance(standings, Refusal)
        assert [one.member for one in standings] == [True, False, False]
        assert standings[1].changed == {"salary_14d": (1_000_000, 0), "latest_balance": (3_050_300, 3_000_300)}
        assert audit_of(services)[-1].act == "read_membership"
        denied = customer_in_segment(services, "paid_lately", customer, PRINCIPALS["ada"])
        assert isinstance(denied, Refusal)
        with pytest.raises(NotFoundError, match="1 snapshots with segment"):
            segment_history(services, "paid_lately", LAN, since=AS_OF)
        with pytest.raises(NotFoundError, match="no segment 'salary_14d'"):
            segment_history(services, "salary_14d", LAN)

    # a day on which the segment was defined otherwise is passed over, and said
    moved.define("more", MORE.replace("cny(30050)", "cny(30060)"))
    with moved.open() as application:
        assert not isinstance(apply(application.services, OTTO), Refusal)
        for day in (BEFORE, AS_OF):
            assert not isinstance(run_tags(application.services, day, OTTO), Refusal)
    printed = invoke(moved, "history", "paid_lately").stdout
    assert "2026-05-10, 2026-05-28" in printed
    assert "salary_14d > cny(0) (+0 −100)" in printed
    one = invoke(moved, "history", "paid_lately", "--customer", str(customer), user="min").stdout
    assert " CNY → 0.00 CNY" in one


def test_a_segment_is_frozen_onto_a_list_that_states_what_it_was_chosen_by(moved: Bank) -> None:
    day = AS_OF + timedelta(days=40)
    with moved.open() as application:
        services = application.services
        done = freeze_segment(
            services, "paid_lately", "spring", LAN, as_of=BEFORE, expires_on=day, reason="spring round"
        )
        assert done == Frozen(as_of=BEFORE, members=100, added=100)
        again = freeze_segment(services, "latest_balance >= cny(30090)", "spring", LAN)
        assert again == Frozen(as_of=AS_OF, members=10, added=0)
        with services.database.reading() as connection:
            on = members(connection, "spring", at=services.clock.now())
            acts = acts_on(connection, ["spring"], at=services.clock.now())
        assert len(on) == CUSTOMERS
        assert {(act.origin.split()[0], act.reason, act.still_on) for act in acts} == {
            ("segment", "spring round", 90), ("condition", "", 10),
        }  # fmt: skip
        # the list is a tag of those classes from the next snapshot on, and may be counted like any other
        assert not isinstance(run_tags(services, AS_OF + timedelta(days=1), OTTO), Refusal)
        counted = count_segment(services, "on_spring_list", LAN)
        assert isinstance(counted, Counted)
        assert (counted.count, counted.lineage.classes.names) == (CUSTOMERS, ("personal", "financial"))

        narrow = freeze_segment(services, "paid_lately", "narrow", LAN)
        assert isinstance(narrow, Refusal)
        assert narrow.reason is Reason.PURPOSE_NOT_ALLOWED
        assert "does not state the classes financial" in narrow.detail
        with pytest.raises(ConflictError, match="looks at list 'spring' itself"):
            freeze_segment(services, "on_spring_list or idle_money", "spring", LAN)
        somebody_else = freeze_segment(services, "paid_lately", "spring", PRINCIPALS["lin"])
        assert isinstance(somebody_else, Refusal)
        assert audit_of(services)[-1].act == "refused_freeze_segment"


def test_reach_falls_step_by_step_and_channel_by_channel(moved: Bank) -> None:
    with moved.open() as application:
        found = reach_of(application.services, "idle_money", ["term_deposit"], LAN)
        assert isinstance(found, Reach)
        left = dict(found.any_channel.left)
        assert (left[Step.AUDIENCE], left[Step.REACHABLE]) == (CUSTOMERS, len(LAWFUL))
        assert list(left.values()) == sorted(left.values(), reverse=True)
        assert [(one.channel, dict(one.left)[Step.REACHABLE]) for one in found.channels] == [("email", len(LAWFUL))]
        with pytest.raises(NotFoundError, match="no offer 'term_depsit'"):
            reach_of(application.services, "idle_money", ["term_depsit"], LAN)
        denied = reach_of(application.services, "idle_money", ["term_deposit"], OTTO)
        assert isinstance(denied, Refusal)
    printed = invoke(moved, "reach", "idle_money", "--offer", "term_deposit").stdout
    assert f"{len(LAWFUL)}" in printed


def test_a_list_of_another_bank_says_so_and_puts_nobody_on(moved: Bank, tmp_path: Path) -> None:
    path = tmp_path / "theirs.csv"
    write_csv(path, ("customer_no",), [(f"OTHER{n}",) for n in range(5)])
    command = ["upload", "spring", str(path), "--column", "customer_no", "--system", "core", "--as", "lan"]
    done = CliRunner().invoke(lists_app, [*command, "--reason", "swap", "-w", str(moved.folder)])
    assert done.exit_code == 0
    assert "或名单属于其他银行" in done.stdout
    assert "OTHER" not in done.stdout
    with moved.open() as application, application.services.database.reading() as connection:
        assert not len(members(connection, "spring", at=application.services.clock.now()))
