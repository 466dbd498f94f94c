"""Each policy alone, and all of them together."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from made_up_candidates import CONTEXT, TODAY, MadeUp, candidate, decided, menu, people, requests

from lingque.core.errors import AllocationError, WarehouseError
from lingque.core.reasons import Reason
from lingque.decide.contracts import Context, Happening, Left, Past
from lingque.decide.decision import decide
from lingque.decide.facts import day_number
from lingque.decide.policies import POLICIES, with_own
from lingque.decide.question import ALL, Axis, Policy, Question
from lingque.decide.reason_bits import WITH_BITS, bit_of, mask_of, reasons_in
from lingque.warehouse.engine import Session

Sessions = Callable[[], Session]
NO_HOLD_OUT = dataclasses.replace(CONTEXT, hold_out=0.0)
YESTERDAY, TOMORROW = TODAY - timedelta(days=1), TODAY + timedelta(days=1)
MISSING, EXPIRED, HIGH, OLD = (
    Reason.ASSESSMENT_MISSING,
    Reason.ASSESSMENT_EXPIRED,
    Reason.RISK_GRADE_TOO_HIGH,
    Reason.TOO_RISKY_AT_THIS_AGE,
)


def against(
    made_up: MadeUp | Sequence[MadeUp],
    *,
    context: Context = NO_HOLD_OUT,
    past: Past | None = None,
    customers: int = 1,
    **tags: Any,
) -> list[set[Reason]]:
    """What speaks against the first candidate, customer by customer; the choice among several left out."""
    listed = [made_up] if isinstance(made_up, MadeUp) else list(made_up)
    who = people(list(range(1, customers + 1)), **tags)
    kwargs: dict[str, Any] = {} if past is None else {"past": past}
    judgement = decided(who, listed, context, **kwargs).judgement
    return [set(reasons_in(int(bits))) for bits in judgement.reasons()[0]]


def past(*entries: tuple[int, str, Happening, date], deposits: Sequence[str] = ()) -> Past:
    """(position, offer, what, day), by position."""
    names = tuple(dict.fromkeys(offer for _, offer, _, _ in entries))
    return Past(
        offers=names,
        deposits=np.array([name in deposits for name in names], dtype=np.bool_),
        position=np.array([at for at, _, _, _ in entries], dtype=np.int64),
        offer=np.array([names.index(offer) for _, offer, _, _ in entries], dtype=np.int64),
        happening=np.array([what for _, _, what, _ in entries], dtype=np.int8),
        day=np.array([day_number(day) for _, _, _, day in entries], dtype=np.int64),
    )


def test_every_reason_has_a_bit_of_its_own_that_never_changes() -> None:
    assert len(set(WITH_BITS)) == len(WITH_BITS) <= 64
    assert [WITH_BITS.index(reason) for reason in (Reason.NO_CONSENT, Reason.NOT_REACHABLE, Reason.NOT_ELIGIBLE)] == [
        0,
        15,
        18,
    ]
    assert WITH_BITS.index(Reason.DRAWN_INSTEAD) == 42
    both = {Reason.NO_VALUE, Reason.UNDER_AGE}
    assert reasons_in(int(mask_of(both))) == (Reason.UNDER_AGE, Reason.NO_VALUE)
    with pytest.raises(KeyError):
        bit_of(Reason.NOT_APPROVED)


def test_permission_reach_and_pressure_are_taken_as_they_are() -> None:
    one = candidate(
        [1, 2, 3],
        refused={Reason.NO_CONSENT: [True, False, True], Reason.UNDER_AGE: [False, False, True]},
        reachable=[True, False, True],
        capped=[False, True, False],
    )
    assert against(one, customers=3) == [
        {Reason.NO_CONSENT},
        {Reason.NOT_REACHABLE, Reason.CONTACT_CAP},
        {Reason.NO_CONSENT, Reason.UNDER_AGE},
    ]


def wealth(grade: int, *, age: bool = True, regime: str = "wealth", **rule: Any) -> dict[str, Any]:
    names = {"tolerance": "tolerance", "valid_until": "assessed_until"} | ({"age": "age"} if age else {})
    return {"regime": regime, "suitability": {"risk_grade": grade, **names, **rule}}


@pytest.mark.parametrize(
    ("grade", "tolerance", "until", "age", "refused"),
    [
        (3, 3, TODAY, 40, set()),  # the last day is a day on which it holds
        (3, 2, TOMORROW, 40, {HIGH}),
        (3, 5, YESTERDAY, 40, {EXPIRED}),
        (3, 5, None, 40, {EXPIRED}),
        (3, None, TOMORROW, 40, {MISSING}),
        (3, None, None, 40, {MISSING}),
        (3, 2, YESTERDAY, 40, {EXPIRED, HIGH}),
        (3, 5, TOMORROW, 65, set()),
        (4, 5, TOMORROW, 64, set()),
        (4, 5, TOMORROW, 65, {OLD}),
        (4, 5, TOMORROW, None, {OLD}),
        (5, 4, TOMORROW, 80, {HIGH, OLD}),
    ],
)
def test_what_is_risky_goes_only_to_those_who_can_bear_it(
    grade: int, tolerance: int | None, until: date | None, age: int | None, refused: set[Reason]
) -> None:
    asked = {"tolerance": [tolerance], "assessed_until": [until], "age": [age]}
    assert against(candidate([1], **wealth(grade)), **asked) == [refused]
    assert against(candidate([1], **wealth(grade, regime="fund")), **asked) == [refused]


def test_of_two_grades_the_higher_one_counts() -> None:
    asked = {"tolerance": [3], "assessed_until": [TOMORROW], "age": [40]}
    assert against(candidate([1], **wealth(2, issuer_grade=4)), **asked) == [{HIGH}]
    assert against(candidate([1], **wealth(4, issuer_grade=2)), **asked) == [{HIGH}]
    assert against(candidate([1], **wealth(3, issuer_grade=2)), **asked) == [set()]


def test_a_professional_investor_may_take_any_risk_of_a_fund_and_care_for_age_remains() -> None:
    asked = {"tolerance": [None] * 3, "assessed_until": [None] * 3, "age": [40, 40, 70]}
    fund = candidate([1, 2, 3], **wealth(5, regime="fund", professional="professional"))
    assert against(fund, customers=3, professional=[True, None, True], **asked) == [set(), {MISSING}, {OLD}]


def test_age_matters_only_where_the_offer_names_it() -> None:
    asked = {"tolerance": [5], "assessed_until": [TOMORROW]}
    assert against(candidate([1], **wealth(5, age=False)), **asked) == [set()]
    assert against(candidate([1])) == [set()]


def test_insurance_goes_by_need_and_ability_to_pay() -> None:
    cover = {"need": "need", "ability": "ability", "premium": "1200"}
    one = candidate([1, 2, 3, 4], regime="insurance", cover=cover)
    assert against(one, customers=4, need=[True, False, None, True], ability=[120_000, 120_000, 120_000, 119_999]) == [
        set(),
        {Reason.NOT_NEEDED},
        {Reason.NOT_NEEDED},
        {Reason.NOT_AFFORDABLE},
    ]
    one = candidate([1], regime="insurance", cover=cover)
    assert against(one, need=[True], ability=[None]) == [{Reason.NOT_AFFORDABLE}]


def test_no_loans_to_who_may_be_a_student() -> None:
    one = candidate([1, 2, 3], regime="loan", annual_rate="4.5", student="student")
    assert against(one, customers=3, student=[True, False, None]) == [{Reason.STUDENT}, set(), {Reason.STUDENT}]


@pytest.mark.parametrize(
    ("first", "last", "refused"),
    [
        (date(2026, 6, 15), date(2026, 6, 16), False),
        (date(2026, 6, 1), date(2026, 6, 15), True),  # the day named last is the first without it
        (date(2026, 6, 16), date(2026, 7, 1), True),
        (date(2026, 1, 1), date(2027, 1, 1), False),
    ],
)
def test_an_offer_is_made_from_its_first_day_until_the_day_before_its_last(
    first: date, last: date, refused: bool
) -> None:
    expected = {Reason.OFFER_NOT_VALID} if refused else set()
    assert against(candidate([1, 2], valid_from=first, valid_to=last), customers=2) == [expected, expected]


def test_eligibility_tells_false_from_unknown(session: Sessions) -> None:
    one = candidate([1, 2, 3, 4], eligibility="visits > 1 and vip")
    who = people([1, 2, 3, 4], visits=[5, 0, None, 5], vip=[True, True, True, None])
    expected = [set(), {Reason.NOT_ELIGIBLE}, {Reason.ELIGIBILITY_UNKNOWN}, {Reason.ELIGIBILITY_UNKNOWN}]
    for engine in (session, None):
        bits = decided(who, [one], NO_HOLD_OUT, session=engine).reasons()[0]
        assert [set(reasons_in(int(one))) for one in bits] == expected


def test_eligibility_answers_in_the_order_of_the_requests(session: Sessions) -> None:
    customers = np.random.default_rng(1).permutation(20_000)
    one = candidate(customers, eligibility="visits = 1")
    decisions = decided(people(customers, visits=(customers % 3).tolist()), [one], NO_HOLD_OUT, session=session)
    refused = decisions.judged[0].refusals[Reason.NOT_ELIGIBLE]
    assert refused.tolist() == (customers % 3 != 1).tolist()


def test_what_is_used_up_is_offered_to_nobody() -> None:
    limited = candidate([1, 2], stock=3, budget="10")
    assert against(limited, customers=2) == [set(), set()], "nothing was taken yet"
    for left, reasons in (
        (Left(stock=0, budget=500), {Reason.OUT_OF_STOCK}),
        (Left(stock=-1, budget=4), {Reason.OUT_OF_STOCK, Reason.BUDGET_SPENT}),
        (Left(stock=1, budget=5), set()),
        (Left(), set()),
    ):
        context = dataclasses.replace(NO_HOLD_OUT, left={"deposit": left})
        assert against(limited, customers=2, context=context) == [reasons, reasons], left
    assert against(candidate([1], stock=0)) == [{Reason.OUT_OF_STOCK}]
    assert against(candidate([1], budget="0", cost=0)) == [{Reason.BUDGET_SPENT}]


@pytest.mark.parametrize(
    ("happening", "field", "reason"),
    [
        (Happening.CONTACT, "contact", Reason.CONTACTED_LATELY),
        (Happening.REFUSAL, "refusal", Reason.REFUSED_LATELY),
        (Happening.PURCHASE, "purchase", Reason.BOUGHT_LATELY),
    ],
)
def test_an_offer_rests_after_it_was_made_refused_or_taken_up(happening: Happening, field: str, reason: Reason) -> None:
    one = candidate([1, 2, 3, 4], cool_down={field: "30 days"})
    happened = past(
        (0, "deposit", happening, TODAY - timedelta(days=29)),
        (1, "deposit", happening, TODAY - timedelta(days=30)),
        (2, "other", happening, TODAY),
        (3, "deposit", happening, TODAY + timedelta(days=400)),  # the clock was set back since
    )
    assert against(one, past=happened, customers=4) == [{reason}, set(), set(), {reason}]
    assert against(candidate([1, 2, 3, 4]), past=happened, customers=4) == [set()] * 4


def test_what_one_holds_excludes_or_is_needed() -> None:
    fund = candidate([1, 2, 3], "fund", excludes=("plan",), holdings={"plan": "has"})
    assert against(fund, customers=3, has=[True, False, None]) == [{Reason.EXCLUDED_BY_HOLDING}, set(), set()]
    rider = candidate([1, 2, 3], "rider", needs=("plan",), holdings={"plan": "has"})
    lacking = {Reason.NEEDS_HOLDING}
    assert against(rider, customers=3, has=[True, False, None]) == [set(), lacking, lacking]
    bought = past((1, "plan", Happening.PURCHASE, TODAY - timedelta(days=2_000)))
    assert against(rider, past=bought, customers=3, has=[None] * 3) == [lacking, set(), lacking]


def test_to_exclude_goes_both_ways() -> None:
    ids = [1]
    one = candidate(ids, "one", excludes=("two",))
    two = candidate(ids, "two", holdings={"two": "has"}, holds="has")
    bought = past((0, "one", Happening.PURCHASE, TODAY))
    assert against([two, one], past=bought, has=[False]) == [{Reason.EXCLUDED_BY_HOLDING}]


def test_an_offer_gives_way_only_where_the_one_in_its_place_may_be_made() -> None:
    ids = [1, 2, 3]
    old = candidate(ids, "old", margin=900_000)
    new = candidate(ids, "new", supersedes=("old",), reachable=[True, False, False])
    new_by_text = candidate(ids, "new", supersedes=("old",), channel="sms", reachable=[False, False, True])
    gone = {Reason.SUPERSEDED}
    assert against([old, new, new_by_text], customers=3) == [gone, set(), gone]
    worthless = candidate(ids, "new", supersedes=("old",), margin=0)
    assert against([old, worthless], customers=3) == [set()] * 3
    chain = [candidate(ids, "oldest"), candidate(ids, "old", supersedes=("oldest",)), new]
    assert against(chain, customers=3) == [gone, gone, gone]


def test_a_benefit_never_follows_a_deposit() -> None:
    gift = candidate([1, 2, 3], "coffee", kind="benefit", regime="service")
    happened = past(
        (0, "deposit", Happening.CONTACT, TODAY - timedelta(days=29)),
        (1, "deposit", Happening.CONTACT, TODAY - timedelta(days=30)),
        (2, "fund", Happening.CONTACT, TODAY),
        deposits=["deposit"],
    )
    assert against(gift, past=happened, customers=3) == [{Reason.BENEFIT_WITH_DEPOSIT}, set(), set()]
    assert against(candidate([1, 2, 3], "plain", regime="service"), past=happened, customers=3) == [set()] * 3


def test_nothing_is_assumed_for_whom_the_models_are_silent_where_the_offer_wants_it_so() -> None:
    strict = candidate([1, 2, 3], propensity="score", uplift="uplift", missing_score="refuse")
    scores = {"score": [0.5, None, None], "uplift": [None, 0.5, None]}
    assert against(strict, customers=3, **scores) == [set(), set(), {Reason.SCORE_MISSING}]
    assert against(candidate([1, 2, 3], propensity="score"), customers=3, score=[0.5, None, None]) == [set()] * 3


def test_a_contact_must_be_worth_more_than_nothing() -> None:
    one = candidate([1, 2, 3], propensity="score", margin=100, cost=1)
    assert against(one, customers=3, score=[0.0, 0.01, 0.02]) == [{Reason.NO_VALUE}, {Reason.NO_VALUE}, set()]


def test_every_reason_is_collected_and_not_only_the_first() -> None:
    one = candidate(
        [1, 2, 3],
        eligibility="visits > 1",
        refused={Reason.NO_CONSENT: [True, False, False], Reason.UNDER_AGE: [True, False, False]},
        reachable=[False, False, True],
        valid_to=TODAY,
        cost=100_000,
        cool_down={"refusal": "1 year"},
    )
    happened = past((0, "deposit", Happening.REFUSAL, TODAY))
    assert against(one, customers=3, visits=[0, None, 2], past=happened) == [
        {Reason.NO_CONSENT, Reason.UNDER_AGE, Reason.NOT_REACHABLE, Reason.OFFER_NOT_VALID, Reason.NOT_ELIGIBLE,
         Reason.REFUSED_LATELY, Reason.NO_VALUE},
        {Reason.NOT_REACHABLE, Reason.OFFER_NOT_VALID, Reason.ELIGIBILITY_UNKNOWN, Reason.NO_VALUE},
        {Reason.OFFER_NOT_VALID, Reason.NO_VALUE},
    ]  # fmt: skip


def _never_on_monday(question: Question) -> Any:
    monday = question.context.today.weekday() == 0
    yield Reason.BANK_POLICY, ALL, np.full((len(question.menu), 1), monday)


def test_a_policy_of_the_banks_own_comes_after_those_of_the_house() -> None:
    own = Policy(
        name="a_quiet_monday", axis=Axis.CANDIDATE, reasons=frozenset({Reason.BANK_POLICY}), judge=_never_on_monday
    )
    assert with_own([own]) == (*POLICIES, own)
    one = candidate([1])
    asked, offered = requests(people([1]), [one]), menu([one])
    assert TODAY.weekday() == 0
    refused = decide(asked, offered, NO_HOLD_OUT, own=[own])
    assert reasons_in(int(refused.reasons()[0, 0])) == (Reason.BANK_POLICY,)
    tuesday = dataclasses.replace(NO_HOLD_OUT, today=TOMORROW)
    assert decide(asked, offered, tuesday, own=[own]).contacted.all()


def test_a_policy_gives_no_reason_that_it_does_not_name() -> None:
    own = Policy(name="hasty", axis=Axis.OFFER, reasons=frozenset({Reason.NO_VALUE}), judge=_never_on_monday)
    one = candidate([1])
    with pytest.raises(WarehouseError, match="'hasty' gives the reason BANK_POLICY, which it does not name"):
        decide(requests(people([1]), [one]), menu([one]), CONTEXT, own=[own])


def test_what_does_not_fit_together_is_said() -> None:
    one = candidate([1, 2])
    with pytest.raises(WarehouseError, match=r"a request about 3 customers has reachable of 2"):
        requests(people([1, 2, 3]), [one])
    asked = requests(people([1, 2]), [one])
    with pytest.raises(WarehouseError, match=r"has 1 rows of 'permits', and the candidates speak of 2"):
        decide(asked, menu([one, candidate([1, 2], "other")]), CONTEXT)
    with pytest.raises(AllocationError, match="'deposit' stands twice on email"):
        menu([one, one])


def test_a_tag_that_is_not_there_is_named(session: Sessions) -> None:
    one = candidate([1], propensity="score")
    other = candidate([1], eligibility="visits > 1")
    for engine in (session, None):
        with pytest.raises(WarehouseError, match="no tag 'score'"):
            decided(people([1], visits=[1]), [one], CONTEXT, session=engine)
    with pytest.raises(WarehouseError, match="no tag 'visits'"):
        decided(people([1], score=[0.5]), [other], CONTEXT)
