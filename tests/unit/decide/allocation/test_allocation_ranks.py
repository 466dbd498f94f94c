"""Ranks: what comes first gives way to nothing that follows."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_problems import chosen_of, crews, crowd, keeps_all, problem_of, problems, sets_of, with_managers, worth

from lingque.core.errors import AllocationError
from lingque.decide.allocation.counting import Counted, count_as_one, count_most
from lingque.decide.allocation.infeasible import Infeasible
from lingque.decide.allocation.limits import Limit, Row, channel_capacity, minimum_volume
from lingque.decide.allocation.menu import Menu
from lingque.decide.allocation.passes import run_pass
from lingque.decide.allocation.problem import Crew, Problem, smallest_kinds
from lingque.decide.allocation.ranks import Rank, Ranked, allocate_by_rank
from lingque.decide.allocation.solver import Allocation, Effort, allocate
from lingque.decide.allocation.verifier import verify

MENU = Menu(offers=("notice", "loan", "fund"), channels=("sms",))
NOTICE = Rank(name="service", offers=("notice",))


@settings(max_examples=60)
@given(problem=problems(kinds=3))
def test_first_as_many_of_the_rank_as_can_be_then_what_is_worth_most(problem: Problem) -> None:
    first = problem.menu.offers[0]
    every = itertools.product(*(list(sets_of(problem, customer)) for customer in range(problem.customers)))
    offers = problem.menu.offer_of[problem.kinds]
    kept = [chosen for chosen in every if keeps_all(problem, chosen)]
    found = allocate_by_rank(problem, [Rank(name="of rank one", offers=(first,))])
    if not kept:
        assert isinstance(found, Infeasible)
        return
    assert isinstance(found, Ranked)
    counted = [(sum(offers[entry] == 0 for some in one for entry in some), worth(problem, one)) for one in kept]
    contacts, best = max(counted)
    assert found.served[0].contacts == contacts
    assert found.served[0].at_most >= contacts
    assert found.allocation.certificate.objective == pytest.approx(best, abs=1e-6)
    assert verify(found.problem, found.allocation.choice, found.allocation.certificate).holds


@settings(max_examples=60)
@given(data=st.data())
def test_what_is_counted_over_customers_who_are_alike_is_the_most_that_there_can_be(data: st.DataObject) -> None:
    problem = data.draw(problems(kinds=3))
    if data.draw(st.booleans()):
        problem = replace(problem, crews=data.draw(crews(problem)))
    counts = np.array(data.draw(st.lists(st.booleans(), min_size=problem.menu.kinds, max_size=problem.menu.kinds)))
    every = itertools.product(*(list(sets_of(problem, customer)) for customer in range(problem.customers)))
    kept = [chosen for chosen in every if keeps_all(problem, chosen)]
    of_it = counts[problem.kinds]
    found = count_most(problem, counts)
    if not kept:
        assert found is None
        return
    most = max(sum(bool(of_it[entry]) for some in one for entry in some) for one in kept)
    if found is None:
        assert problem.costs is not None
        return
    chosen = chosen_of(problem, found.choice)
    assert sum(bool(of_it[entry]) for some in chosen for entry in some) == most
    assert keeps_all(problem, chosen)
    for customer, some in enumerate(chosen):
        assert set(some) in [set(one) for one in sets_of(problem, customer)]
    counted = replace(problem, values=of_it.astype(np.float32))
    assert run_pass(counted, found.prices, unit_prices=found.unit_prices).bound >= most - 1e-6
    pooled = count_as_one(problem, counts)
    if pooled is not None:
        assert run_pass(counted, pooled.prices, unit_prices=pooled.unit_prices).bound >= most - 1e-6
        upper = tuple(row for row in problem.rows if row.limit is not Limit.MINIMUM)
        assert keeps_all(replace(problem, rows=upper), chosen_of(problem, pooled.choice))


@pytest.mark.parametrize("hours", [[0.0, 2.0], [2.0, 0.0]])
def test_a_minimum_makes_no_hours_where_a_unit_has_none(hours: list[float]) -> None:
    card = Menu(offers=("card",), channels=("sms",))
    managers = Crew(name="managers", unit_of=np.array([0, 1]), use=np.array([2.0]), hours=np.array(hours))
    problem = problem_of(card, [{0: 1.0}, {0: 1.0}], rows=[minimum_volume(card, "card", 1.0)], crews=(managers,))
    pooled = count_as_one(problem, np.array([True]))
    assert pooled is not None
    assert keeps_all(replace(problem, rows=()), chosen_of(problem, pooled.choice))


def test_branches_and_managers_counted_as_one_bound_the_number_where_they_are_too_many() -> None:
    problem = crowd(2_000, 3, branches=40)
    for one in (problem, with_managers(problem, managers=20, minutes=[10, 20, 30])):
        counts = np.isin(one.menu.offer_of, (4, 5))
        found, pooled = count_most(one, counts), count_as_one(one, counts)
        assert found is not None
        assert pooled is not None
        contacts = sum(bool(counts[one.kinds[entry]]) for some in chosen_of(one, found.choice) for entry in some)
        alike = replace(one, values=counts[one.kinds].astype(np.float32))
        assert contacts > 90
        for counted in (pooled, found):
            bound = run_pass(alike, counted.prices, unit_prices=counted.unit_prices).bound
            assert contacts <= bound + 1e-6
            assert bound < contacts + 1


def test_where_few_numbers_fit_the_rank_keeps_its_count_and_the_others_still_get_what_is_worth_most() -> None:
    random = np.random.default_rng(5)
    customers = 700
    menu = Menu(offers=("notice", "loan", "fund"), channels=("sms", "call"))
    worth_of = np.exp(random.normal(3, 1, (customers, 1)) + random.normal(1, 1, (customers, 6)))
    there = random.random((customers, 6)) < 0.6
    # as hold-outs of different size make them
    weight = np.array([1.0, 1.0, 0.8421, 0.8421, 0.9474, 0.9474])
    sms, fund = np.tile([1.0, 0.0], 3), np.repeat([0.0, 0.0, 1.0], 2)
    rows = (
        Row(limit=Limit.CHANNEL, subject="sms", use=sms * weight, amount=147.0),
        Row(limit=Limit.CHANNEL, subject="call", use=(1 - sms) * weight, amount=36.0),
        Row(limit=Limit.BUDGET, subject="", use=np.where(sms > 0, 6.0, 1800.0) * weight, amount=55_263.0),
        Row(limit=Limit.MINIMUM, subject="fund", use=fund * weight, amount=15.0),
    )
    problem = Problem(
        menu=menu,
        starts=np.concatenate(([0], np.cumsum(there.sum(axis=1)))),
        kinds=smallest_kinds(np.nonzero(there)[1], menu),
        values=worth_of[there].astype(np.float32),
        most=np.ones(customers, dtype=np.uint8),
        rows=rows,
    )
    found = allocate_by_rank(problem, [NOTICE])
    counted = count_most(problem, menu.offer_of == 0)
    assert isinstance(found, Ranked)
    assert isinstance(counted, Counted)
    assert found.served[0].contacts == found.served[0].at_most > 150
    verdict = verify(found.problem, found.allocation.choice, found.allocation.certificate)
    assert verdict.holds, verdict.faults
    assert found.allocation.certificate.gap < 0.25
    known = float(problem.values[[entry for some in chosen_of(problem, counted.choice) for entry in some]].sum())
    assert found.allocation.certificate.objective > 2 * known


def test_service_goes_to_whom_it_costs_the_others_least_and_its_price_says_what_it_costs() -> None:
    values = [{0: 0.0, 1: 9.0}, {0: 0.0, 1: 5.0}, {0: -1.0, 2: 2.0}, {1: 4.0}]
    problem = problem_of(MENU, values, rows=[channel_capacity(MENU, "sms", 3)])
    found = allocate_by_rank(problem, [NOTICE])
    assert isinstance(found, Ranked)
    assert (found.served[0].contacts, found.served[0].at_most) == (3, 3)
    assert chosen_of(problem, found.allocation.choice) == [(0,), (2,), (4,), ()]
    two = allocate_by_rank(replace(problem, rows=(channel_capacity(MENU, "sms", 2),)), [NOTICE])
    assert isinstance(two, Ranked)
    assert two.served[0].contacts == 2
    assert two.allocation.certificate.objective == 0


def test_of_a_crowd_no_service_message_gives_way_and_what_is_left_is_used() -> None:
    problem = crowd(4_000, 2)
    service = Rank(name="service", offers=("offer_5", "offer_4"))
    found = allocate_by_rank(problem, [service, Rank(name="care", offers=("offer_6",))], Effort(gap=1e-3))
    alone = allocate(problem, Effort(gap=1e-3))
    assert isinstance(found, Ranked)
    assert isinstance(alone, Allocation)
    verdict = verify(found.problem, found.allocation.choice, found.allocation.certificate)
    assert verdict.holds, verdict.faults
    first, second = found.served
    assert first.contacts == first.at_most
    assert second.contacts == second.at_most
    certificate = found.allocation.certificate
    assert certificate.price_of["minimum:service"] > 0
    assert certificate.objective < alone.certificate.objective
    assert keeps_all(problem, chosen_of(problem, found.allocation.choice))


def test_ranks_that_make_no_sense_are_named() -> None:
    problem = problem_of(MENU, [{0: 1.0, 1: 2.0}], rows=[minimum_volume(MENU, "loan", 0)])
    for wrong, named in (
        ([NOTICE, Rank(name="more", offers=("loan", "notice"))], "'notice' is in two ranks"),
        ([Rank(name="loan", offers=("loan",))], "a minimum 'loan' already"),
        ([NOTICE, replace(NOTICE, offers=("fund",))], "a minimum 'service' already"),
        ([Rank(name="none", offers=())], "has no offers"),
        ([Rank(name="one", offers=("lone",))], "no offer 'lone'"),
    ):
        with pytest.raises(AllocationError, match=named):
            allocate_by_rank(problem, wrong)


def test_nobody_of_the_rank_is_there() -> None:
    found = allocate_by_rank(problem_of(MENU, [{1: 2.0}]), [NOTICE])
    assert isinstance(found, Ranked)
    assert found.served[0].contacts == found.served[0].at_most == 0
    assert np.array_equal(found.allocation.choice, [[0]])
