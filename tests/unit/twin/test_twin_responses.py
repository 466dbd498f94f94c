from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from lingque.twin.attitudes import CHANNELS, OFFERS, Kind
from lingque.twin.bank import Twin
from lingque.twin.parameters import TwinParameters
from lingque.twin.responses import OUTCOME_DAYS, Contacted, Responses

AS_OF = date(2026, 6, 1)
LAST = date(2026, 8, 1)
Contact = Callable[..., list[Contacted]]


def who(responses: Responses) -> set[str]:
    return {one.customer_no for one in responses.kept}


def due(twin: Twin) -> list[int]:
    return np.flatnonzero(twin.placed.maturing >= 0).tolist()


def test_asking_twice_gives_equal_answers(twin: Twin, by_phone: Contact) -> None:
    contacts = by_phone()[:300]
    again = Twin.make(twin.parameters)
    answers = twin.respond(contacts, until=LAST)
    assert twin.respond(contacts[::-1], until=LAST) == answers == again.respond(contacts, until=LAST)


def test_whom_else_the_bank_reaches_never_changes_an_answer(twin: Twin, by_phone: Contact) -> None:
    """Nor what they place, when, and how much of it."""
    everybody = by_phone()
    none, all_ = twin.respond([], until=LAST), twin.respond(everybody, until=LAST)
    assert who(none) != who(all_)
    number = dict(zip(twin.population.phone, twin.population.customer_no, strict=True))
    for seed in range(10):
        chosen = np.random.default_rng(seed).permutation(len(everybody))[:400]
        reached = [everybody[one] for one in chosen]
        numbers = {number[one.address] for one in reached}
        answers = twin.respond(reached, until=LAST)
        assert set(answers.kept) == {one for one in all_.kept if one.customer_no in numbers} | {
            one for one in none.kept if one.customer_no not in numbers
        }


def test_a_customer_is_known_by_phone_and_by_email_alike(twin: Twin) -> None:
    people = twin.population
    both = [one for one in range(1000) if people.phone[one] and people.email[one]]
    by = [
        [Contacted(address=address[one], channel="sms", offer="wealth_r2", on=AS_OF) for one in both]
        for address in (people.phone, people.email)
    ]
    assert twin.respond(by[0], until=LAST) == twin.respond(by[1], until=LAST)
    assert twin.true_effect(by[0]) == twin.true_effect(by[1])
    twice = twin.true_effect([*by[0], *by[1]])
    assert twice.n == len(both)
    assert twice.effect != twin.true_effect(by[0]).effect


def test_all_is_decided_within_the_days_and_after_the_deposit_matured(twin: Twin, by_phone: Contact) -> None:
    responses = twin.respond(by_phone(), until=LAST)
    days = [(one.decided_on - AS_OF).days for one in responses.kept]
    assert min(days) >= 1
    assert max(days) < OUTCOME_DAYS
    matures = twin.placed.placements.end_day[twin.placed.maturing[due(twin)]]
    waits = twin.fates.decision_day[due(twin)] - matures
    assert (waits.min(), waits.max()) == (1, 28)


def test_nobody_hears_what_comes_on_the_day_of_the_decision_or_later(twin: Twin, by_phone: Contact) -> None:
    nobody = twin.respond([], until=LAST)
    assert twin.respond(by_phone(on=AS_OF + timedelta(days=OUTCOME_DAYS)), until=LAST) == nobody
    in_july = AS_OF + timedelta(days=30)
    late = twin.respond(by_phone(on=in_july), until=LAST)
    early = [one for one in late.kept if one.decided_on <= in_july]
    assert early == [one for one in nobody.kept if one.decided_on <= in_july]
    assert late != nobody
    assert 0 < twin.true_effect(by_phone(on=in_july)).effect < twin.true_effect(by_phone()).effect


def test_what_is_not_decided_yet_is_not_told(twin: Twin, by_phone: Contact) -> None:
    contacts = by_phone()
    all_ = twin.respond(contacts, until=LAST)
    until = AS_OF + timedelta(days=20)
    some = twin.respond(contacts, until=until)
    assert some.kept == tuple(one for one in all_.kept if one.decided_on <= until)
    assert 0 < len(some.kept) < len(all_.kept)


def test_the_money_kept_is_that_of_the_deposit_and_goes_where_it_was_led(twin: Twin, by_phone: Contact) -> None:
    numbers = twin.population.customer_no
    principal = {numbers[one]: int(twin.placed.placements.payout[twin.placed.maturing[one]]) for one in due(twin)}
    unasked = {one.customer_no: one for one in twin.respond([], until=LAST).kept}
    for offer, code in (("deposit_renewal", "TD12R"), ("wealth_r2", "WM2A")):
        for one in twin.respond(by_phone(offer=offer), until=LAST).kept:
            assert one.amount.currency == "CNY"
            assert one.amount.minor % 100_000 == 0
            if one.customer_no in principal:
                assert 0.6 * principal[one.customer_no] - 100_000 < one.amount.minor <= principal[one.customer_no]
            if one.customer_no not in unasked:
                has_phone = twin.population.phone[numbers.index(one.customer_no)]
                assert not has_phone or one.product_code == code
            else:
                assert one.amount == unasked[one.customer_no].amount
                assert one.product_code in (code, unasked[one.customer_no].product_code)
    assert {one.regime for one in unasked.values()} == {"deposit", "wealth"}
    assert "TD12R" not in {one.product_code for one in unasked.values()}


def test_observed_shares_and_balances_agree_with_the_truth() -> None:
    """Over twelve banks of 1,500 customers: in all kinds of customers, and in what they place."""
    found: dict[tuple[bool, int], list[float]] = defaultdict(list)
    variance: dict[tuple[bool, int], float] = defaultdict(float)
    placed, expected, spread = 0.0, 0.0, 0.0
    for seed in range(12):
        twin = Twin.make(
            TwinParameters(
                seed=seed, customers=1500, months=1, spending_per_month=0, missing_phone_share=0, maturing_share=0.5
            )
        )
        contacts = [
            Contacted(address=phone, channel="rm_call", offer="deposit_renewal", on=AS_OF)
            for phone in twin.population.phone
        ]
        for reached in (contacts, []):
            answers = twin.respond(reached, until=LAST)
            kept = np.isin(np.array(twin.population.customer_no), list(who(answers)))
            for kind in Kind:
                some = np.flatnonzero((twin.attitudes.kind == kind) & (twin.placed.maturing >= 0))
                truth = twin.true_effect([contacts[one] for one in some.tolist()])
                p = truth.contacted if reached else truth.not_contacted
                found[bool(reached), kind].append(float(kept[some].sum() - p * len(some)))
                variance[bool(reached), kind] += p * (1 - p) * len(some)
        truth = twin.true_effect(contacts)
        expected += truth.balance_contacted * truth.n
        answers = twin.respond(contacts, until=LAST)
        held = [
            one.amount.minor * ((AS_OF + timedelta(days=OUTCOME_DAYS)) - one.decided_on).days / OUTCOME_DAYS
            for one in answers.kept
        ]
        placed += sum(held)
        spread += sum(one * one for one in held)
    for cell, errors in found.items():
        assert abs(sum(errors)) < 3.5 * np.sqrt(variance[cell]), cell
    assert abs(placed - expected) < 3.5 * np.sqrt(spread)


@pytest.fixture(scope="module")
def large() -> Twin:
    """Large enough to see what the demo will see."""
    return Twin.make(TwinParameters(customers=8000, months=1, spending_per_month=0.0))


def effects(twin: Twin, customers: list[int], *waves: dict[str, object]) -> float:
    plain = Contacted(address="", channel="email", offer="deposit_renewal", on=AS_OF)
    contacts = [
        replace(plain, address=twin.population.phone[one], **wave)  # type: ignore[arg-type]
        for one in customers
        if twin.population.phone[one]
        for wave in waves
    ]
    return twin.true_effect(contacts).effect


def test_a_call_does_most_and_a_mail_least_for_either_offer(large: Twin) -> None:
    assert 0.55 < large.fates.unasked()[due(large)].mean() < 0.65
    for offer in OFFERS:
        email, sms, call = (effects(large, due(large), {"channel": channel, "offer": offer}) for channel in CHANNELS)
        assert 0.03 < email < 0.05
        assert 0.04 < sms < 0.06
        assert 0.10 < call < 0.14
        assert email < sms


def test_the_world_has_all_kinds_of_customers(large: Twin) -> None:
    kinds = Counter(large.attitudes.kind[due(large)].tolist())
    shares = {Kind(kind): count / kinds.total() for kind, count in kinds.items()}
    assert shares[Kind.PERSUADABLE] > 0.5
    assert 0.15 < shares[Kind.SURE_THING] < 0.30
    assert 0.06 < shares[Kind.LOST_CAUSE] < 0.2
    assert 0.04 < shares[Kind.SLEEPING_DOG] < 0.1
    for kind in Kind:
        some = [one for one in due(large) if large.attitudes.kind[one] == kind]
        for channel in CHANNELS:
            effect = effects(large, some, {"channel": channel})
            if kind in (Kind.SURE_THING, Kind.LOST_CAUSE):
                assert effect == 0
            else:
                assert (effect > 0.03) is (kind == Kind.PERSUADABLE)
                assert (effect < -0.05) is (kind == Kind.SLEEPING_DOG)
    # what one likes another does not: the best offer differs between customers
    gain = large.attitudes.gain[[one for one in due(large) if large.attitudes.kind[one] == Kind.PERSUADABLE]]
    assert 0.3 < (gain[:, 0, 0] > gain[:, 0, 1]).mean() < 0.7


def test_a_second_contact_adds_little_and_annoys(large: Twin) -> None:
    first, second = {"channel": "sms"}, {"channel": "sms", "on": AS_OF + timedelta(days=1)}
    for kind, sign in ((Kind.PERSUADABLE, 1), (Kind.SLEEPING_DOG, -1)):
        some = [one for one in due(large) if large.attitudes.kind[one] == kind]
        once, twice = effects(large, some, first), effects(large, some, first, second)
        assert 0 < sign * (twice - once) < 0.5 * sign * once
    annoyed = large.population.annoyance
    upset = [one for one in due(large) if annoyed[one] > 0.85 and large.attitudes.kind[one] == Kind.PERSUADABLE]
    assert effects(large, upset, first, second) < effects(large, upset, first)


def test_idle_money_alone_is_seldom_placed_and_children_place_none(large: Twin) -> None:
    others = [one for one in range(8000) if large.placed.maturing[one] < 0]
    children = [one for one in others if large.population.age[one] < 18]
    assert 0.01 < large.fates.unasked()[others].mean() < 0.05
    assert 0 < effects(large, others, {"channel": "rm_call"}) < 0.02
    assert children
    assert not large.fates.unasked()[children].any()
    assert effects(large, children, {"channel": "rm_call"}) == 0


def test_without_an_effect_a_contact_keeps_nobody() -> None:
    nothing = dict.fromkeys(("email_effect", "sms_effect", "call_effect", "sleeping_dog_harm"), 0.0)
    twin = Twin.make(TwinParameters(customers=500, **nothing))
    contacts = [
        Contacted(address=phone, channel="rm_call", offer="deposit_renewal", on=AS_OF)
        for phone in twin.population.phone
        if phone
    ]
    assert who(twin.respond(contacts, until=LAST)) == who(twin.respond([], until=LAST))
    assert twin.true_effect(contacts).effect == 0.0
    assert twin.true_effect(contacts).balance_effect == 0.0


def test_what_cannot_be_understood_is_refused_without_naming_anybody(twin: Twin, by_phone: Contact) -> None:
    [good] = by_phone([5])
    for changes, words in (
        ({"address": "13912345678"}, "1 of the 2 addresses belong to no customer"),
        ({"address": ""}, "belong to no customer"),
        ({"channel": "pigeon"}, "understand no 'pigeon'"),
        ({"offer": "gold"}, "understand no 'email' about 'gold'"),
        ({"on": AS_OF - timedelta(days=1)}, "2026-05-31 is not between"),
        ({"on": LAST + timedelta(days=1)}, "2026-08-02 is not between"),
    ):
        wrong = replace(good, channel="email") if "offer" in changes else good
        wrong = replace(wrong, **changes)
        for ask in (lambda contacts: twin.respond(contacts, until=LAST), twin.true_effect):
            with pytest.raises(ValueError, match=words) as caught:
                ask([good, wrong])
            assert "13912345678" not in str(caught.value)
    with pytest.raises(ValueError, match="at least one contact"):
        twin.true_effect([])
    for until in (AS_OF - timedelta(days=1), LAST + timedelta(days=1)):
        with pytest.raises(ValueError, match="allowed is 2026-06-01 to 2026-08-01"):
            twin.respond([], until=until)


def test_bouncing_addresses_are_some_of_those_on_file(twin: Twin) -> None:
    assert twin.bouncing < {email for email in twin.population.email if email}
    assert 6 <= len(twin.bouncing) <= 45
