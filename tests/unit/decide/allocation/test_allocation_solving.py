"""Best choices against every choice tried out, and certificates against a verifier that believes nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from small_problems import best_by_trying, chosen_of, crowd, keeps_all, problem_of, problems, sets_of, worth

from lingque.decide.allocation import solver
from lingque.decide.allocation.baselines import by_priority, by_value, in_chunks
from lingque.decide.allocation.certificate import value_of
from lingque.decide.allocation.exact import Exact, solve_exactly
from lingque.decide.allocation.infeasible import Infeasible
from lingque.decide.allocation.limits import Limit, minimum_volume, offer_budget
from lingque.decide.allocation.menu import Menu
from lingque.decide.allocation.passes import run_pass
from lingque.decide.allocation.problem import Problem
from lingque.decide.allocation.solver import DEFAULT_EFFORT, Allocation, Effort, Progress, allocate
from lingque.decide.allocation.verifier import verify

CROWD = crowd(2_000, 1)


def solved(problem: Problem, effort: Effort = DEFAULT_EFFORT) -> Allocation:
    found = allocate(problem, effort)
    assert isinstance(found, Allocation)
    return found


@settings(max_examples=150)
@given(problem=problems(customers=3, kinds=6, globally=False))
def test_without_global_limits_a_pass_is_the_best_for_every_customer(problem: Problem) -> None:
    passed = run_pass(problem, np.empty(0), choose=True)
    best = sum(max(worth(problem, [some]) for some in sets_of(problem, one)) for one in range(problem.customers))
    assert passed.bound == pytest.approx(best)
    chosen = chosen_of(problem, passed.chosen)
    assert worth(problem, chosen) == pytest.approx(best)
    assert all(tuple(sorted(chosen[one])) in set(sets_of(problem, one)) for one in range(problem.customers))


@settings(max_examples=100)
@given(problem=problems())
def test_every_choice_tried_out_is_no_better_and_within_the_bound(problem: Problem) -> None:
    best, found = best_by_trying(problem), allocate(problem)
    if best is None:
        assert isinstance(found, Infeasible)
        assert found.giving, "what has to give is named"
        return
    assert isinstance(found, Allocation)
    assert found.certificate.optimal
    assert found.certificate.objective == pytest.approx(best, abs=1e-6)
    chosen = chosen_of(problem, found.choice)
    assert keeps_all(problem, chosen)
    verdict = verify(problem, found.choice, found.certificate)
    assert verdict.holds, verdict.faults
    assert verdict.bound >= best - 1e-6


@settings(max_examples=60)
@given(problem=problems())
def test_any_prices_bound_every_choice(problem: Problem) -> None:
    best = best_by_trying(problem)
    prices = np.linspace(0, 3, len(problem.rows))
    if best is not None:
        assert run_pass(problem, prices).bound >= best - 1e-6


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("most", [1, 2, 4])
def test_the_decomposition_finds_what_branch_and_bound_finds(
    seed: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = crowd(300, seed, most=most)
    exact = solve_exactly(problem, gap=1e-6)
    assert isinstance(exact, Exact)
    monkeypatch.setattr(solver, "SMALL", 0)
    found = solved(problem)
    verdict = verify(problem, found.choice, found.certificate)
    assert verdict.holds, verdict.faults
    assert found.certificate.bound == pytest.approx(exact.certificate.bound, rel=2e-3)
    assert found.certificate.objective <= exact.certificate.bound * (1 + 1e-9)
    assert found.certificate.objective == pytest.approx(exact.certificate.objective, rel=5e-3)


NEEDS = (("offer_1", "offer_7"), ("offer_2", "offer_1"), ("offer_3", "offer_0"))


@pytest.mark.parametrize("most", [2, 3])
def test_what_an_offer_needs_comes_with_it_or_is_there_before(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = crowd(300, 4, most=most, needs=NEEDS)
    exact = solve_exactly(problem, gap=1e-6)
    assert isinstance(exact, Exact)
    monkeypatch.setattr(solver, "SMALL", 0)
    found = solved(problem)
    verdict = verify(problem, found.choice, found.certificate)
    assert verdict.holds, verdict.faults
    assert found.certificate.objective <= exact.certificate.bound * (1 + 1e-9)
    assert found.certificate.objective == pytest.approx(exact.certificate.objective, rel=5e-3)
    free = solved(replace(problem, menu=replace(problem.menu, needs=()), has=None))
    assert free.certificate.objective > found.certificate.objective, "needs cost something here"
    offers = problem.menu.offer_of[problem.kinds]
    seven, together = problem.menu.offer("offer_7"), 0
    for customer, some in enumerate(chosen_of(problem, found.choice)):
        assert some == () or tuple(sorted(some)) in set(sets_of(problem, customer))
        together += {problem.menu.offer("offer_1"), seven} <= {int(offers[entry]) for entry in some}
    assert together > 0, "the case is there"


def test_a_crowd_with_needs_is_allocated_within_a_small_certified_gap() -> None:
    problem = crowd(4_000, 5, needs=NEEDS)
    found = solved(problem, Effort(gap=1e-4))
    verdict = verify(problem, found.choice, found.certificate)
    assert verdict.holds, verdict.faults
    assert verdict.gap <= 1e-3


def test_the_verifier_misses_what_is_needed() -> None:
    menu = Menu(offers=("card", "insurance"), channels=("sms",), most_per_channel=(2,), needs=(("insurance", "card"),))
    problem = problem_of(
        menu, [{0: -1.0, 1: 5.0}, {1: 5.0}, {1: 5.0}], most=2, has=np.array([[False], [True], [False]])
    )
    found = solved(problem)
    assert chosen_of(problem, found.choice) in ([(0, 1), (2,), ()], [(1, 0), (2,), ()])
    assert verify(problem, found.choice, found.certificate).holds
    alone = np.array([[0, 1], [0, -1], [0, -1]], dtype=np.int16)
    assert "customer 2 gets 'insurance' without 'card'" in verify(problem, alone, found.certificate).faults


@pytest.mark.parametrize("seed", [1, 2])
def test_a_crowd_is_allocated_within_a_small_certified_gap(seed: int) -> None:
    problem = crowd(4_000, seed)
    told: list[Progress] = []
    found = allocate(problem, Effort(gap=1e-4), progress=told.append)
    assert isinstance(found, Allocation)
    verdict = verify(problem, found.choice, found.certificate)
    assert verdict.holds, verdict.faults
    assert verdict.gap <= 1e-4
    bounds = [one.bound for one in told]
    assert bounds == sorted(bounds, reverse=True)
    assert told[-1].gap is not None
    assert told[-1].gap == pytest.approx(found.certificate.gap, abs=1e-12)


def test_a_limit_between_two_whole_contacts_is_worth_the_lower_and_a_minimum_the_upper(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(solver, "SMALL", 0)
    menu = Menu(offers=("card", "loan"), channels=("sms",))
    rows = (offer_budget(menu, "card", 8.0, each=3.0), minimum_volume(menu, "loan", 1.2))
    problem = problem_of(menu, [{0: 10.0, 1: -1.0}] * 9, rows=rows)
    found = solved(problem)
    assert found.certificate.objective == pytest.approx(2 * 10.0 - 2 * 1.0)
    assert found.certificate.gap == pytest.approx(0.0, abs=1e-12)
    assert verify(problem, found.choice, found.certificate).holds
    tighter = replace(problem, rows=(offer_budget(menu, "card", 5.9, each=3.0), rows[1]))
    assert not verify(tighter, found.choice, found.certificate).holds


def test_a_minimum_that_nobody_meets_unasked_is_met_at_a_certified_price() -> None:
    wanted = (minimum_volume(CROWD.menu, name, 60.0) for name in ("offer_6", "offer_7"))
    others = (row for row in CROWD.rows if row.limit is not Limit.MINIMUM)
    # worth less than nothing to all but a few
    kinds = CROWD.menu.offer_of[CROWD.kinds]
    problem = replace(CROWD, values=np.where(kinds >= 6, CROWD.values - 30, CROWD.values), rows=(*others, *wanted))
    found = solved(problem)
    verdict = verify(problem, found.choice, found.certificate)
    assert verdict.holds, verdict.faults
    assert verdict.gap <= 1e-5
    assert all(one.price > 0 for one in found.certificate.limits if one.limit is Limit.MINIMUM)


def test_the_same_seed_gives_the_same_choice() -> None:
    first, second = solved(CROWD), solved(CROWD)
    assert (first.choice == second.choice).all()
    assert first.certificate.bound == second.certificate.bound


def test_out_of_time_there_is_a_choice_all_the_same() -> None:
    found = solved(CROWD, Effort(seconds=0.0))
    verdict = verify(CROWD, found.choice, found.certificate)
    assert verdict.holds, verdict.faults


def test_the_baselines_keep_the_upper_limits_and_are_not_better() -> None:
    problem = replace(CROWD, rows=tuple(row for row in CROWD.rows if row.limit is not Limit.MINIMUM))
    best = solved(problem)
    for choice in (by_priority(problem), by_value(problem), in_chunks(problem, size=500)):
        assert keeps_all(problem, chosen_of(problem, choice))
        assert 0 < value_of(problem, choice) <= best.certificate.bound


def test_the_verifier_finds_what_is_wrong() -> None:
    found = solved(CROWD)
    certificate = found.certificate

    def faults(choice: np.ndarray = found.choice, **changes: object) -> str:
        return " ".join(verify(CROWD, choice, replace(certificate, **changes)).faults)

    assert faults() == ""
    assert "as certified" in faults(objective=certificate.objective * 1.01)
    assert "prove" in faults(bound=certificate.bound * 0.99)
    everything = run_pass(CROWD, np.zeros(len(CROWD.rows)), choose=True).chosen
    assert "'channel:sms' is 500, used are" in faults(everything)
    twice = found.choice.copy()
    one = int(np.argmax((found.choice[:, 0] >= 0) & (CROWD.most == 2)))
    twice[one, :2] = twice[one, 0]
    assert "same entry twice" in faults(twice)
    crowded = found.choice.copy()
    one = int(np.argmax((CROWD.most == 1) & (np.diff(CROWD.starts) > 2)))
    crowded[one, :2] = [0, 1]
    assert "more contacts than the most" in faults(crowded)
    outside = found.choice.copy()
    outside[0, 0] = 1_000
    assert "not there" in faults(outside)
    free = tuple(replace(report, price=-1.0) for report in certificate.limits)
    assert "has the price" in faults(limits=free)
    cheap = tuple(replace(report, price=0.0) for report in certificate.limits)
    assert "prove" in faults(limits=cheap)
