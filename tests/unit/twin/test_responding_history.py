"""Answers depend on the seed, the customer and the contacts so far; on nothing else."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date

import numpy as np
import pytest
from answering import BEGINS, END, answering, any_needs, town
from hypothesis import given, settings
from hypothesis import strategies as st

from lingque.core.hashing import Int64s
from lingque.twin.days import DAY, HOUR, day_at, day_number, hour_at, midnight
from lingque.twin.needs import Needs
from lingque.twin.population import HABITS, Population
from lingque.twin.responding.catalogue import CHANNEL_NAMES, CREATIVES, OFFER_NAMES
from lingque.twin.responding.chance import nth_of_equals, uniform
from lingque.twin.responding.contacts import NOT_YET, Contacts
from lingque.twin.responding.dispositions import Dispositions
from lingque.twin.responding.hearing import Fate
from lingque.twin.responding.model import ResponseModel
from lingque.twin.responding.outcomes import Conversions, Responses
from lingque.twin.responding.parameters import ResponseParameters

N = 60
NEEDS = any_needs(N, each=6)
TOUCHY = {"opt_out_share": 0.1, "complaint_share": 0.1, "failed_share": 0.2, "execution_share": 0.7}


@pytest.fixture(scope="module")
def model() -> ResponseModel:
    return answering(N, NEEDS, **TOUCHY)


@st.composite
def histories(draw: st.DrawFn) -> Contacts:
    """Up to 80 contacts within half a year, to few enough customers that they meet one another."""
    count = draw(st.integers(0, 80))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    days = draw(st.sampled_from([1, 20, 180]))
    return Contacts(
        customer=random.integers(0, draw(st.sampled_from([1, 5, N])), count),
        channel=random.integers(0, len(CHANNEL_NAMES), count),
        offer=random.integers(0, len(OFFER_NAMES), count),
        creative=random.integers(0, len(CREATIVES), count),
        # whole hours, so that contacts of one instant, and equal ones, come up
        at=BEGINS + random.integers(0, 24 * days, count) * HOUR,
    )


def rows(responses: Responses) -> list[tuple[int, ...]]:
    """One for each contact."""
    names = [one.name for one in fields(Responses) if one.name not in ("until", "conversions")]
    columns = [getattr(responses, name).tolist() for name in names if name != "conversion"]
    return list(zip(*columns, strict=True))


def sales(responses: Responses, contacts: Contacts) -> set[tuple[int, ...]]:
    """By the contact itself, not its position."""
    one = responses.conversions
    names = [field.name for field in fields(Conversions) if field.name != "contact"]
    columns = [getattr(one, name).tolist() for name in names]
    made_on = [tuple(getattr(contacts, f.name)[at] for f in fields(Contacts)) if at >= 0 else () for at in one.contact]
    return set(zip(*columns, made_on, strict=True))


def known_at(instant: int, responses: Responses) -> list[tuple[int, ...]]:
    """The rows as they looked then."""
    settled = responses.settled_at < instant
    cut = replace(responses, fate=np.where(settled, responses.fate, Fate.PENDING))
    for name in ("settled_at", "noticed_at", "clicked_at", "opted_out_at", "complained_at"):
        instants = getattr(cut, name)
        cut = replace(cut, **{name: np.where(instants < instant, instants, NOT_YET)})
    return rows(cut)


@settings(deadline=None, max_examples=60)
@given(histories(), st.lists(st.integers(1, 24 * 200), min_size=1, max_size=4))
def test_period_by_period_is_all_at_once(model: ResponseModel, contacts: Contacts, hours: list[int]) -> None:
    everything = model.respond(contacts, until=END)
    for cut in sorted(BEGINS + hour * HOUR for hour in hours):
        so_far = np.flatnonzero(contacts.at < cut)
        answers = model.respond(contacts.take(so_far), until=cut)
        then = known_at(cut, everything)
        assert rows(answers) == [then[one] for one in so_far]
        assert sales(answers, contacts.take(so_far)) == {
            sale for sale, at in zip_sales(everything, contacts) if at < cut
        }


def zip_sales(responses: Responses, contacts: Contacts) -> list[tuple[tuple[int, ...], int]]:
    where = [field.name for field in fields(Conversions) if field.name != "contact"].index("at")
    return [(sale, sale[where]) for sale in sales(responses, contacts)]


@settings(deadline=None, max_examples=40)
@given(histories(), st.data())
def test_nobody_elses_contacts_change_an_answer_nor_does_their_order(
    model: ResponseModel, contacts: Contacts, data: st.DataObject
) -> None:
    everything = model.respond(contacts, until=END)
    shuffled = np.array(data.draw(st.permutations(range(len(contacts)))), dtype=np.int64)
    some = shuffled[np.isin(contacts.customer[shuffled], data.draw(st.sets(st.integers(0, N - 1))))]
    answers = model.respond(contacts.take(some), until=END)
    all_rows = rows(everything)
    equal_ones = nth_of_equals(*(getattr(contacts, one.name) for one in fields(Contacts)))
    # equal contacts are told apart by their order alone
    if not equal_ones.any():
        assert rows(answers) == [all_rows[one] for one in some]
    assert sorted(rows(answers)) == sorted(all_rows[one] for one in some)
    reached = set(contacts.customer[some].tolist())
    unasked = model.respond(Contacts.none(), until=END)
    assert sales(answers, contacts.take(some)) == {
        *(sale for sale in sales(everything, contacts) if sale[0] in reached),
        *(sale for sale in sales(unasked, Contacts.none()) if sale[0] not in reached),
    }


@settings(deadline=None, max_examples=25)
@given(histories(), st.integers(1, N - 1))
def test_cut_into_blocks_the_bank_answers_alike(model: ResponseModel, contacts: Contacts, border: int) -> None:
    managed = np.flatnonzero(np.isin(np.arange(N), [1, 5, 40, 55]))
    whole = block(0, N, managed, model.parameters)
    everything = rows(whole.respond(contacts, until=END))
    sold = sales(whole.respond(contacts, until=END), contacts)
    for first, after in ((0, border), (border, N)):
        part = block(first, after, managed, model.parameters)
        here = np.flatnonzero((contacts.customer >= first) & (contacts.customer < after))
        sent = contacts.take(here)
        local = replace(sent, customer=sent.customer - first)
        answers = part.respond(local, until=END)
        assert rows(answers) == [everything[one] for one in here]
        back = replace(answers.conversions, customer=answers.conversions.customer + first)
        assert sales(replace(answers, conversions=back), sent) == {one for one in sold if first <= one[0] < after}


def block(first: int, after: int, managed: Int64s, parameters: ResponseParameters) -> ResponseModel:
    """The customers from the one up to the other, as a bank of their own."""
    people = Population(**{one.name: getattr(town(N), one.name)[first:after] for one in fields(Population)})
    mine = np.flatnonzero((NEEDS.customer >= first) & (NEEDS.customer < after))
    needs = Needs(**{one.name: getattr(NEEDS, one.name)[mine] for one in fields(Needs)})
    theirs = managed[(managed >= first) & (managed < after)] - first
    dispositions = Dispositions.make(parameters, people, seed=1, managed=theirs, first=first)
    mine_alone = replace(needs, customer=needs.customer - first)
    return ResponseModel.make(parameters, dispositions, mine_alone, seed=1, begins=BEGINS)


def test_the_seed_decides_everything(model: ResponseModel) -> None:
    contacts = Contacts.to(np.arange(N), channel="sms", offer="wealth_r2", at=BEGINS + 10 * HOUR)
    again = answering(N, NEEDS, **TOUCHY)
    assert rows(again.respond(contacts, until=END)) == rows(model.respond(contacts, until=END))
    other = answering(N, NEEDS, seed=2, **TOUCHY)
    assert rows(other.respond(contacts, until=END)) != rows(model.respond(contacts, until=END))


def test_common_chance_a_sale_without_contact_is_lost_only_by_harm_and_won_only_by_effect() -> None:
    """Outcomes with and without contact differ in the direction of the effect alone."""
    model = answering(5000, any_needs(5000, each=2))
    contacts = Contacts.to(np.arange(5000), channel="rm_call", offer="wealth_r2", at=BEGINS + 10 * HOUR)
    both = model.potential_outcomes(contacts)
    bought = [
        set(zip(s.customer.tolist(), s.at.tolist(), strict=True))
        for s in (model.respond(one, until=END).conversions for one in (contacts, Contacts.none()))
    ]
    change = {
        (c, at): more - less
        for c, at, more, less in zip(
            both.customer.tolist(), both.decides.tolist(), both.contacted, both.not_contacted, strict=True
        )
    }
    assert bought[0] - bought[1]
    assert bought[1] - bought[0]
    assert all(change[one] > 0 for one in bought[0] - bought[1])
    assert all(change[one] < 0 for one in bought[1] - bought[0])


def test_chance_is_even_and_independent_between_subjects_and_neighbours() -> None:
    n = 40_000
    number = np.arange(n)
    one, other, twice = uniform(1, "a", number), uniform(1, "b", number), uniform(1, "a", number, number)
    bound = 4 / np.sqrt(n)
    assert one.min() > 0
    assert one.max() < 1
    for numbers in (one, other, twice):
        assert abs(numbers.mean() - 0.5) < bound * np.sqrt(1 / 12)
        deciles = np.bincount((numbers * 10).astype(int), minlength=10)
        assert ((deciles - n / 10) ** 2 / (n / 10)).sum() < 33.7  # chi-squared with 9 degrees of freedom, 1 in 10,000
    for left, right in ((one, other), (one, twice), (one[1:], one[:-1]), (one, uniform(2, "a", number))):
        assert abs(np.corrcoef(left, right)[0, 1]) < bound
    assert not np.array_equal(uniform(1, "a", number, number + 1), uniform(1, "a", number + 1, number))


def test_the_day_in_china_begins_at_sixteen_hours_of_the_day_before() -> None:
    day = np.array([day_number(date(2026, 6, 1))])
    assert midnight(day)[0] == 1_780_243_200_000_000  # 2026-05-31T16:00:00Z
    assert day_at(midnight(day))[0] == day[0]
    assert day_at(midnight(day) - 1)[0] == day[0] - 1
    assert hour_at(midnight(day) + 23 * HOUR)[0] == 23


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"customer": N}, "1 of the 2 contacts are of no known customer; there are 60"),
        ({"customer": -1}, "no known customer"),
        ({"channel": 6}, "no known channel; there are 6"),
        ({"offer": 14}, "no known offer; there are 14"),
        ({"creative": 3}, "no known creative; there are 3"),
        ({"at": BEGINS - 1}, "1 of the 2 contacts are before the simulated bank begins"),
        ({"at": BEGINS + 10 * DAY}, "1 of the 2 contacts are not before the end of what is asked"),
    ],
)
def test_a_contact_that_cannot_be_is_refused(model: ResponseModel, changes: dict[str, int], words: str) -> None:
    good = Contacts.to([1], channel="sms", offer="wealth_r2", at=BEGINS)
    wrong = replace(good, **{name: np.array([value]) for name, value in changes.items()})
    asks = [model.respond, model.true_effect]
    for ask in asks:
        with pytest.raises(ValueError, match=words):
            ask(good.and_then(wrong), until=BEGINS + 10 * DAY)


def test_unknown_names_and_strangers_are_refused(model: ResponseModel) -> None:
    with pytest.raises(ValueError, match="no channel 'pigeon'; there are email, sms"):
        Contacts.to([1], channel="pigeon", offer="wealth_r2", at=BEGINS)
    with pytest.raises(ValueError, match="no offer 'gold'; there are deposit_renewal"):
        Contacts.to([1], channel="sms", offer="gold", at=BEGINS)
    with pytest.raises(ValueError, match="no creative 'loud'"):
        Contacts.to([1], channel="sms", offer="wealth_r2", at=BEGINS, creative="loud")
    with pytest.raises(ValueError, match="at least one contact"):
        model.true_effect(Contacts.none(), until=END)
    with pytest.raises(ValueError, match="1 of the 360 needs are of no known customer; there are 60"):
        answering(N, replace(NEEDS, customer=np.append(NEEDS.customer[1:], N)))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sms_effect": 0.6}, "sms_effect is 0.6; allowed is a number from 0.0 to 0.5"),
        ({"sleeping_dog_share": -0.1}, "sleeping_dog_share"),
        ({"memory_days": float("nan")}, "memory_days is nan"),
        ({"complaint_cost": 1.5}, "complaint_cost is 1.5; allowed is a whole number"),
        ({"targeting_bias": True}, "targeting_bias is True"),
        ({"fatigue_days": "14"}, "fatigue_days is '14'"),
    ],
)
def test_a_parameter_outside_its_range_is_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ResponseParameters(**changes)  # type: ignore[arg-type]


def test_what_was_decided_before_the_bank_begins_is_over() -> None:
    early = replace(NEEDS, begins_day=NEEDS.begins_day - 400, ends_day=NEEDS.ends_day - 400)
    model = answering(N, early)
    assert not len(model.respond(Contacts.none(), until=END).conversions)
    assert len(answering(N, NEEDS).respond(Contacts.none(), until=END).conversions)


def test_habits_stand_in_the_order_of_the_channels() -> None:
    assert HABITS == CHANNEL_NAMES
    assert town(N).channel_habit.shape == (N, len(CHANNEL_NAMES))
