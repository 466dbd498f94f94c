"""Judging permits: what speaks against an act on one customer, and the same for many at once.

The two agree for every register, customer and ask (`tests/integration/test_permit_conformance.py`). Judging one looks
at the statements themselves; judging many looks at what they amount to, column by column, and falls back on the first
for those who said something after the moment that is asked about, and for a handful.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np

from lingque.core.clock import Instant
from lingque.core.hashing import Int64s
from lingque.core.reasons import Reason
from lingque.core.registries import SENSITIVE, DataClass, Purpose
from lingque.govern.consent import (
    ADULT_AGE,
    GUARDIAN_AGE,
    NO_CONSENT_NEEDED,
    Statement,
    age_reason,
    born_by,
    consent_reasons,
)
from lingque.govern.contracts import Flags, PermitAsk
from lingque.govern.picture import FEW, UNKNOWN, Columns, Facts, Picture, View

SINGLY = 4
"""So many customers are sooner judged one by one: columns cost the same for one as for fifty."""
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, kw_only=True)
class Question:
    """An ask with what follows from its moment alone: the business day, and whether nobody is to be disturbed now."""

    ask: PermitAsk
    today: date
    quiet: bool

    @property
    def needs_consent(self) -> bool:
        return self.ask.purpose not in NO_CONSENT_NEEDED


def judge_one(view: View, customer_id: int, question: Question) -> list[Reason]:
    """Every reason against it, in the order of their numbers, but quiet hours last; none: it is permitted."""
    picture = view.changed.get(customer_id, view.picture)
    position = picture.position(customer_id)
    reasons = {Reason.UNKNOWN_CUSTOMER} if position < 0 else _judged(view, picture, position, question)
    return sorted(reasons, key=lambda reason: (reason is Reason.QUIET_HOURS, reason))


def judge_many(view: View, customer_ids: Int64s, question: Question) -> dict[Reason, Flags]:
    """Per reason that holds for anybody one flag per customer (n,), in their order."""
    if len(customer_ids) <= SINGLY:
        return _one_by_one(view, customer_ids, question)
    picture, positions = view.picture, view.picture.positions(customer_ids)
    known = positions >= 0
    if not known.any():
        refusals: dict[Reason, Flags] = {Reason.UNKNOWN_CUSTOMER: ~known}
    else:
        refusals = _many(view, np.where(known, positions, 0), question)
        refusals = {reason: flags & known for reason, flags in refusals.items()}
        refusals[Reason.UNKNOWN_CUSTOMER] = ~known
    apart = _judged_apart(view, picture, customer_ids, positions, question)
    for place in apart.tolist():
        reasons = judge_one(view, int(customer_ids[place]), question)
        for flags in refusals.values():
            flags[place] = False
        for reason in reasons:
            refusals.setdefault(reason, np.zeros(len(customer_ids), dtype=np.bool_))[place] = True
    return {reason: flags for reason, flags in refusals.items() if flags.any()}


def _one_by_one(view: View, customer_ids: Int64s, question: Question) -> dict[Reason, Flags]:
    refusals: dict[Reason, Flags] = {}
    for place, customer in enumerate(customer_ids.tolist()):
        for reason in judge_one(view, customer, question):
            refusals.setdefault(reason, np.zeros(len(customer_ids), dtype=np.bool_))[place] = True
    return refusals


def _judged_apart(view: View, picture: Picture, customer_ids: Int64s, positions: Int64s, question: Question) -> Int64s:
    """Who is judged one by one: those who changed since the picture was drawn, and those who spoke after the moment."""
    apart = np.zeros(len(customer_ids), dtype=np.bool_)
    if view.changed and len(customer_ids) <= FEW:
        apart |= np.array([one in view.changed for one in customer_ids.tolist()], dtype=np.bool_)
    elif view.changed:
        apart |= np.isin(customer_ids, np.fromiter(view.changed, dtype=np.int64, count=len(view.changed)))
    if question.needs_consent and len(picture.customers):
        sheet = picture.sheet(question.ask.purpose, question.ask.channel)
        apart |= (positions >= 0) & (sheet.newest[positions] > question.ask.moment)
    return np.flatnonzero(apart)


def _judged(view: View, picture: Picture, position: int, question: Question) -> set[Reason]:
    ask = question.ask
    if not question.needs_consent:
        return set()
    days = int(picture.born[position])
    born = None if days == UNKNOWN else _EPOCH + timedelta(days=days)
    reasons: set[Reason] = set(
        consent_reasons(
            _statements(picture, position, ask),
            ask.data_classes,
            ask.moment,
            under_guardian=born is not None and born > born_by(question.today, GUARDIAN_AGE),
            waived=view.waived(ask.purpose, ask.moment),
        )
    )
    age = age_reason(born, question.today, ask.purpose, automated=ask.grounds.automated)
    if age is not None:
        reasons.add(age)
    if ask.purpose is Purpose.MARKETING and ask.grounds.automated and _refuses(picture, position, ask.moment):
        reasons.add(Reason.AUTOMATED_DECISION_REFUSED)
    if ask.grounds.tags and _refused_tags(picture, position, ask):
        reasons.add(Reason.TAG_REFUSED)
    reasons |= _exclusions(view, picture, position, ask.moment)
    if question.quiet:
        reasons.add(Reason.QUIET_HOURS)
    return reasons


def _statements(picture: Picture, position: int, ask: PermitAsk) -> list[Statement]:
    rows, columns = picture.statements.of(position), picture.statements.columns
    channel, purpose = picture.channels.get(ask.channel, -1), int(ask.purpose)
    about = zip(columns["purpose"][rows].tolist(), columns["channel"][rows].tolist(), strict=True)
    return [
        Statement(
            given=bool(columns["given"][row]),
            classes=DataClass(int(columns["data_classes"][row])),
            acted_at=Instant(int(columns["acted_at"][row])),
            expires_at=Instant(int(columns["expires_at"][row])),
            by_guardian=bool(columns["by_guardian"][row]),
        )
        for row, one in enumerate(about, start=rows.start)
        if one == (purpose, channel)
    ]


def _refuses(picture: Picture, position: int, moment: int) -> bool:
    rows, columns = picture.automated.of(position), picture.automated.columns
    if rows.start == rows.stop:
        return False
    said = [
        refused
        for refused, acted in zip(columns["refused"][rows].tolist(), columns["acted_at"][rows].tolist(), strict=True)
        if acted <= moment
    ]
    return bool(said and said[-1])


def _refused_tags(picture: Picture, position: int, ask: PermitAsk) -> bool:
    rows, columns = picture.tags.of(position), picture.tags.columns
    if rows.start == rows.stop:
        return False
    said = zip(*(columns[name][rows].tolist() for name in ("tag", "refused", "acted_at")), strict=True)
    wanted = {code for tag, code in picture.tag_codes.items() if tag in ask.grounds.tags}
    # in the order of time: the newest word on a tag is what stays
    newest = {tag: refused for tag, refused, acted in said if acted <= ask.moment and tag in wanted}
    return any(newest.values())


def _exclusions(view: View, picture: Picture, position: int, moment: int) -> set[Reason]:
    """Which sort of list keeps the customer out. Which list it was is no part of the answer."""
    rows, columns = picture.memberships.of(position), picture.memberships.columns
    if rows.start == rows.stop:
        return set()
    names = ("list_name", "added_at", "removed_at", "expires_at")
    reason_of = {picture.list_codes.get(name, -1): reason for name, reason in view.list_reasons.items()}
    return {
        reason_of[code]
        for code, added, removed, expires in zip(*(columns[one][rows].tolist() for one in names), strict=True)
        if code in reason_of and added <= moment < min(removed, expires)
    }


def _many(view: View, at: Int64s, question: Question) -> dict[Reason, Flags]:
    """The same, column by column, for known customers at these positions."""
    ask, picture = question.ask, view.picture
    if not question.needs_consent:
        return {}
    refusals = _consent_flags(view, at, question)
    born = picture.born[at]
    if ask.purpose is Purpose.MARKETING:
        refusals[Reason.AGE_UNKNOWN] = born == UNKNOWN
        if ask.grounds.automated:
            refusals[Reason.UNDER_AGE] = born > _days(born_by(question.today, ADULT_AGE))
            refusals[Reason.AUTOMATED_DECISION_REFUSED] = _flags(picture.automated, at, _refusing, ask.moment)
    if ask.grounds.tags:
        tags = _codes(picture.tag_codes, ask.grounds.tags)
        refusals[Reason.TAG_REFUSED] = _flags(picture.tags, at, _refusing_tags, tags, ask.moment)
    for reason in (Reason.ON_EXCLUSION_LIST, Reason.COMPLIANCE_EXCLUSION):
        lists = _codes(picture.list_codes, (name for name, sort in view.list_reasons.items() if sort is reason))
        refusals[reason] = _flags(picture.memberships, at, _on_lists, lists, ask.moment)
    if question.quiet:
        refusals[Reason.QUIET_HOURS] = np.ones(len(at), dtype=np.bool_)
    return refusals


def _consent_flags(view: View, at: Int64s, question: Question) -> dict[Reason, Flags]:
    ask, picture = question.ask, view.picture
    waived = view.waived(ask.purpose, ask.moment)
    sheet = picture.sheet(ask.purpose, ask.channel)
    refusals: dict[Reason, Flags] = {}
    if DataClass.PERSONAL not in waived:
        valid = sheet.until[DataClass.PERSONAL][at] > ask.moment
        granted, ever = sheet.granted[at], sheet.ever[at]
        refusals[Reason.CONSENT_EXPIRED] = ~valid & granted
        refusals[Reason.CONSENT_WITHDRAWN] = ~valid & ~granted & ever
        refusals[Reason.NO_CONSENT] = ~valid & ~granted & ~ever
        child = picture.born[at] > _days(born_by(question.today, GUARDIAN_AGE))
        refusals[Reason.NO_GUARDIAN_CONSENT] = valid & child & ~sheet.by_guardian[at]
    missing = np.zeros(len(at), dtype=np.bool_)
    for one in DataClass(ask.data_classes & SENSITIVE & ~waived):
        missing |= sheet.until[one][at] <= ask.moment
    refusals[Reason.NO_CONSENT_FOR_DATA_CLASS] = missing
    return refusals


def _flags(facts: Facts, at: Int64s, concerned: Callable[..., Int64s], *asked: Any) -> Flags:
    """Of the customers at these positions (n,), those concerned. Of a few, only their own rows are looked at.

    `concerned` is given whose each row is, in order, the rows' columns, and what is asked, and answers with whose.
    """
    flags = np.zeros(len(at), dtype=np.bool_)
    if not len(facts.at):
        return flags
    if len(at) <= FEW:
        owners, rows = facts.among(at)
        if len(rows):
            columns = {name: column[rows] for name, column in facts.columns.items()}
            flags[concerned(owners, columns, *asked)] = True
        return flags
    everybody = np.zeros(len(facts.starts) - 1, dtype=np.bool_)
    everybody[concerned(facts.at, facts.columns, *asked)] = True
    return everybody[at]


def _refusing(whose: Int64s, said: Columns, moment: int) -> Int64s:
    """Those whose newest word on automated decisions, by that moment, was no."""
    until = said["acted_at"] <= moment
    return _newest_no(whose[until], said["refused"][until])


def _refusing_tags(whose: Int64s, said: Columns, tags: Int64s, moment: int) -> Int64s:
    """Those who deleted one of the tags that are looked at."""
    about = np.isin(said["tag"], tags) & (said["acted_at"] <= moment)
    whose, tag, refused = whose[about], said["tag"][about], said["refused"][about]
    order = np.lexsort((tag, whose))  # of one customer and tag in the order in which it was said
    width = 1 + int(tag.max(initial=0))
    return _newest_no((whose * width + tag)[order], refused[order]) // width


def _newest_no(at: Int64s, refused: Flags) -> Int64s:
    last = np.append(at[1:] != at[:-1], True) if len(at) else np.zeros(0, dtype=np.bool_)
    return at[last & refused]


def _on_lists(whose: Int64s, on: Columns, lists: Int64s, moment: int) -> Int64s:
    within = (on["added_at"] <= moment) & (on["removed_at"] > moment) & (on["expires_at"] > moment)
    return whose[within & np.isin(on["list_name"], lists)]


def _codes(codes: Mapping[str, int], names: Iterable[str]) -> Int64s:
    """The numbers of those of the names that have one."""
    return np.array([codes[name] for name in names if name in codes], dtype=np.int64)


def _days(day: date) -> int:
    return (day - _EPOCH).days
