from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from delivered import morning

from lingque.core.hashing import Float64s
from lingque.twin.bank import Twin
from lingque.twin.days import day_at, day_number
from lingque.twin.parameters import TwinParameters
from lingque.twin.placements import Departures
from lingque.twin.responding.catalogue import OFFERS
from lingque.twin.responding.hearing import Fate
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
    assert answers == again.respond(contacts, until=LAST)
    backwards = twin.respond(contacts[::-1], until=LAST)
    assert (backwards.kept, backwards.answers[::-1]) == (answers.kept, answers.answers)


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
        [Contacted(address=address[one], channel="sms", offer="wealth_r2", at=morning(AS_OF)) for one in both]
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
    decides = day_at(twin.model.occasions.decides)  # one of everybody, in their order
    waits = decides[due(twin)] - matures
    assert (waits.min(), waits.max()) == (1, 28)


def test_nobody_hears_what_comes_after_the_decision(twin: Twin, by_phone: Contact) -> None:
    nobody = twin.respond([], until=LAST)
    too_late = by_phone(at=morning(AS_OF + timedelta(days=OUTCOME_DAYS)))
    assert twin.respond(too_late, until=LAST).kept == nobody.kept
    assert twin.true_effect(too_late).effect == 0
    in_july = AS_OF + timedelta(days=30)
    late = twin.respond(by_phone(at=morning(in_july)), until=LAST)
    early = [one for one in late.kept if one.decided_on < in_july]
    assert early == [one for one in nobody.kept if one.decided_on < in_july]
    assert late.kept != nobody.kept
    assert 0 < twin.true_effect(by_phone(at=morning(in_july))).effect < twin.true_effect(by_phone()).effect


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


def test_only_offers_of_deposits_and_investments_change_what_is_placed(twin: Twin, by_phone: Contact) -> None:
    nobody = twin.respond([], until=LAST).kept
    codes = {"deposit_renewal": "TD12R", "wealth_r2": "WM2A", "fund_r3": "WM3A", "fund_r4": "WM4A"}
    for offer in OFFERS:
        kept = twin.respond(by_phone(offer=offer.name), until=LAST).kept
        if offer.name not in codes:
            assert kept == nobody, offer.name
        else:
            before = {one.customer_no for one in nobody}
            won = {one.product_code for one in kept if one.customer_no not in before}
            assert won == {codes[offer.name]}


def test_what_they_place_agrees_with_the_truth() -> None:
    """Over twelve banks of 1,500 customers; 4 standard errors."""
    placed, expected, spread = 0.0, 0.0, 0.0
    for seed in range(12):
        twin = Twin.make(
            TwinParameters(
                seed=seed, customers=1500, months=1, spending_per_month=0, missing_phone_share=0, maturing_share=0.5
            )
        )
        contacts = [
            Contacted(address=phone, channel="rm_call", offer="deposit_renewal", at=morning(AS_OF))
            for phone in twin.population.phone
        ]
        truth = twin.true_effect(contacts)
        assert truth.effect > 0
        expected += truth.balance_contacted * truth.n
        held = [
            one.amount.minor * ((AS_OF + timedelta(days=OUTCOME_DAYS)) - one.decided_on).days / OUTCOME_DAYS
            for one in twin.respond(contacts, until=LAST).kept
        ]
        placed += sum(held)
        spread += sum(one * one for one in held)
    assert abs(placed - expected) < 4 * np.sqrt(spread)


def test_what_stays_with_the_bank_agrees_with_the_truth() -> None:
    """Money that would have left and did not, over twelve banks of 1,500 customers; 4 standard errors."""
    stayed, expected, spread = 0.0, 0.0, 0.0
    for seed in range(12):
        twin = Twin.make(
            TwinParameters(
                seed=seed, customers=1500, months=1, spending_per_month=0, missing_phone_share=0, maturing_share=0.5
            )
        )
        contacts = [
            Contacted(address=phone, channel="rm_call", offer="deposit_renewal", at=morning(AS_OF))
            for phone in twin.population.phone
        ]
        chances = twin.true_chances(contacts)
        expected += float(chances.assets_gained.sum())
        left = [
            np.bincount(gone.owner, weights=_lost(gone), minlength=len(chances.customer_no))
            for gone in (twin.respond(sent, until=LAST).departures for sent in ([], contacts))
        ]
        difference = left[0] - left[1]
        stayed += float(difference.sum())
        spread += float((difference**2).sum())
    assert expected > 0
    assert abs(stayed - expected) < 4 * np.sqrt(spread)


def _lost(gone: Departures) -> Float64s:
    """Of the daily average over the 60 days."""
    days: Float64s = np.maximum(day_number(AS_OF) + OUTCOME_DAYS - gone.day, 0) * gone.amount / OUTCOME_DAYS
    return days


@pytest.fixture(scope="module")
def large() -> Twin:
    """Large enough to see what the demo will see."""
    return Twin.make(TwinParameters(customers=8000, months=1, spending_per_month=0.0))


def effects(twin: Twin, customers: list[int], **how: object) -> float:
    plain = Contacted(address="", channel="email", offer="deposit_renewal", at=morning(AS_OF))
    contacts = [
        replace(plain, address=twin.population.phone[one], **how)  # type: ignore[arg-type]
        for one in customers
        if twin.population.phone[one]
    ]
    return twin.true_effect(contacts).effect


def test_a_call_does_most_and_a_mail_least_for_either_offer(large: Twin) -> None:
    for offer in ("deposit_renewal", "wealth_r2"):
        email, sms, call = (effects(large, due(large), channel=one, offer=offer) for one in ("email", "sms", "rm_call"))
        assert 0.02 < email < sms < 0.06
        assert 0.06 < call < 0.12


def test_idle_money_alone_is_seldom_placed_and_children_place_none(large: Twin) -> None:
    others = [one for one in range(8000) if large.placed.maturing[one] < 0]
    children = [one for one in others if large.population.age[one] < 18]
    unasked = {one.customer_no for one in large.respond([], until=LAST).kept}
    numbers = large.population.customer_no
    assert 0.01 < np.mean([numbers[one] in unasked for one in others]) < 0.05
    assert 0.55 < np.mean([numbers[one] in unasked for one in due(large)]) < 0.68
    assert 0 < effects(large, others, channel="rm_call") < 0.02
    assert children
    assert not unasked & {numbers[one] for one in children}
    assert effects(large, children, channel="rm_call") == 0


def test_what_became_of_each_contact_is_told_as_far_as_it_is_known(twin: Twin, by_phone: Contact) -> None:
    contacts = by_phone()
    first, last = (twin.respond(contacts, until=until).answers for until in (AS_OF, LAST))
    assert len(first) == len(last) == len(contacts)
    assert {one.fate for one in first} == {Fate.PENDING, Fate.DELIVERED, Fate.NOT_MADE}
    assert {one.fate for one in last} == {Fate.DELIVERED, Fate.NOT_MADE}
    for early, late in zip(first, last, strict=True):
        assert early.fate in (Fate.PENDING, late.fate)
        assert early.settled_at in (None, late.settled_at)
        assert late.settled_at is not None
        assert late.settled_at > morning(AS_OF)
        assert (late.noticed_at is None) or late.fate == Fate.DELIVERED
    made = np.mean([one.fate == Fate.DELIVERED for one in last])
    assert 0.7 < made < 0.9


def test_what_cannot_be_understood_is_refused_without_naming_anybody(twin: Twin, by_phone: Contact) -> None:
    [good] = by_phone([5])
    for changes, words in (
        ({"address": "13912345678"}, "1 of the 2 addresses belong to no customer"),
        ({"address": ""}, "belong to no customer"),
        ({"channel": "pigeon"}, "know no channel 'pigeon'"),
        ({"offer": "gold"}, "know no offer 'gold'"),
        ({"at": morning(AS_OF - timedelta(days=1))}, "1 of the 2 contacts are before the simulated bank begins"),
        ({"at": morning(LAST + timedelta(days=1))}, "1 of the 2 contacts are not before the end of what is asked"),
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
