"""Policies: each a pure function from a candidate to reasons, in a fixed order. All reasons are collected.

1. permission  (`govern`'s answer, taken as it is)
2. reach       NOT_REACHABLE
3. pressure    CONTACT_CAP
4. validity    OFFER_NOT_VALID
5. eligibility NOT_ELIGIBLE, ELIGIBILITY_UNKNOWN
6. suitability ASSESSMENT_MISSING, ASSESSMENT_EXPIRED, RISK_GRADE_TOO_HIGH, TOO_RISKY_AT_THIS_AGE
7. worth       NO_VALUE
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lingque.catalog.expressions.to_sql import row_sql
from lingque.core.hashing import Int64s
from lingque.core.reasons import Reason
from lingque.decide.contracts import Candidate, Context, Requests
from lingque.govern.contracts import Flags
from lingque.warehouse.engine import Session

ELDERLY_AGE = 65
ELDERLY_RISK_GRADE = 3
"""From that age on nothing above that grade is proposed, whatever the assessment says."""

Refusals = Iterator[tuple[Reason, Flags]]


def refusals_of(
    requests: Requests, candidate: Candidate, value: Int64s, context: Context, session: Callable[[], Session]
) -> Mapping[Reason, Flags]:
    """Every reason against the candidate, per customer; reasons that hold for nobody are left out."""
    everything = [
        *permission(candidate),
        *reach(candidate),
        *pressure(candidate),
        *validity(candidate, context, len(value)),
        *eligibility(requests, candidate, session),
        *suitability(requests, candidate, context),
        *worth(value),
    ]
    return {reason: flags for reason, flags in everything if flags.any()}


def permission(candidate: Candidate) -> Refusals:
    """What `govern` has against it."""
    yield from candidate.permits.refusals.items()


def reach(candidate: Candidate) -> Refusals:
    """No address for the channel."""
    yield Reason.NOT_REACHABLE, ~candidate.reachable


def pressure(candidate: Candidate) -> Refusals:
    """One more contact would exceed a cap."""
    yield Reason.CONTACT_CAP, candidate.capped


def validity(candidate: Candidate, context: Context, customers: int) -> Refusals:
    """The offer is made from its first day until the day before its last."""
    definition = candidate.offer.definition
    offered = definition.valid_from <= context.today < definition.valid_to
    yield Reason.OFFER_NOT_VALID, np.full(customers, not offered, dtype=np.bool_)


def eligibility(requests: Requests, candidate: Candidate, session: Callable[[], Session]) -> Refusals:
    """False is a refusal; null is one of its own, because somebody may want to fill the gap."""
    with session() as engine:
        # the row's number goes along: an engine owes nobody an order
        numbered = requests.tags.append_column("_position", pa.array(np.arange(requests.tags.num_rows), pa.int64()))
        engine.add_arrow("request_tags", numbered)
        condition = row_sql(candidate.offer.eligibility, as_of=requests.as_of)
        answer = engine.ask(f"SELECT _position, {condition} AS eligible FROM request_tags")
    eligible = answer.take(pc.sort_indices(answer, [("_position", "ascending")])).column("eligible")
    unknown: Flags = pc.is_null(eligible).to_numpy()
    true: Flags = pc.fill_null(eligible, False).to_numpy()
    yield Reason.NOT_ELIGIBLE, ~true & ~unknown
    yield Reason.ELIGIBILITY_UNKNOWN, unknown


def suitability(requests: Requests, candidate: Candidate, context: Context) -> Refusals:
    """A risky product goes only to those whose assessment, still valid, says that they can bear its risk (金融机构产品
    适当性管理办法). An assessment without a last day has expired, and an unknown age counts as a high one."""
    rule = candidate.offer.definition.suitability
    if rule is None:
        return
    tolerance, until = requests.tags.column(rule.tolerance), requests.tags.column(rule.valid_until)
    missing = _true(pc.is_null(tolerance))
    valid = _true(pc.greater_equal(until, pa.scalar(context.today, pa.date32())))
    yield Reason.ASSESSMENT_MISSING, missing
    yield Reason.ASSESSMENT_EXPIRED, ~missing & ~valid
    yield Reason.RISK_GRADE_TOO_HIGH, _true(pc.less(tolerance, rule.risk_grade))
    if rule.age is not None and rule.risk_grade > ELDERLY_RISK_GRADE:
        yield Reason.TOO_RISKY_AT_THIS_AGE, ~_true(pc.less(requests.tags.column(rule.age), ELDERLY_AGE))


def worth(value: Int64s) -> Refusals:
    """A contact that is not expected to earn its cost is pestering."""
    yield Reason.NO_VALUE, value <= 0


def _true(column: pa.ChunkedArray) -> Flags:
    flags: Flags = pc.fill_null(column, False).to_numpy()
    return flags
