"""What would have to change for an offer to be made after all: per reason, as concretely as it is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from lingque.catalog.expressions.tree import names_in
from lingque.catalog.model import Offer
from lingque.core.clock import BusinessCalendar, datetime_of
from lingque.core.labels import Label
from lingque.core.money import Money
from lingque.core.reasons import Reason
from lingque.core.registries import Purpose
from lingque.decide.pressure.ledger import CapUse


@dataclass(frozen=True, kw_only=True)
class Remedy:
    """One reason against a candidate, and what would have to change. `needs` is None where nothing can be done about
    it, or nobody may know what."""

    reason: Reason
    needs: Label | None


@dataclass(frozen=True, kw_only=True)
class Case:
    """A candidate as it was decided about, and what is known around it. Amounts in minor units.

    `chosen_net` is what the chosen candidate was worth less its price, `tags` what the customer's tags were, `caps` how
    full the caps are now. `offer` is None where it is not defined any more.
    """

    offer: Offer | None
    channel: Label
    currency: str
    purpose: Purpose
    value: int
    price: float
    chosen_net: float | None
    tags: Mapping[str, Any]
    caps: Sequence[CapUse]
    calendar: BusinessCalendar


def remedies(case: Case, reasons: Sequence[Reason]) -> tuple[Remedy, ...]:
    """Per reason, in their order."""
    return tuple(Remedy(reason=reason, needs=_needs(case, reason)) for reason in reasons)


def _needs(case: Case, reason: Reason) -> Label | None:
    of_any = _OF_ANY.get(reason)
    if of_any is not None:
        return of_any(case)
    of_offer = _OF_OFFER.get(reason)
    return None if of_offer is None or case.offer is None else of_offer(case, case.offer)


def _consent(case: Case) -> Label:
    purpose, channel = case.purpose.label, case.channel
    return Label(
        zh=f"客户就“{purpose.zh}”同意经{channel.zh}联系", en=f"the customer's consent to {purpose.en} by {channel.en}"
    )


def _sensitive(case: Case) -> Label:
    return Label(
        zh=f"客户就“{case.purpose.label.zh}”对敏感信息的单独同意",
        en=f"the customer's separate consent to the use of sensitive data for {case.purpose.label.en}",
    )


def _reachable(case: Case) -> Label:
    return Label(zh=f"可用的{case.channel.zh}联系方式", en=f"an address for {case.channel.en}")


def _worth(case: Case) -> Label:
    more = _money(case, 1 - case.value)
    return Label(zh=f"预期价值须再高 {more}", en=f"an expected value that is {more} higher")


def _room(case: Case) -> Label:
    price, more = _money(case, round(case.price)), _money(case, round(max(case.price - case.value, 0)))
    return Label(
        zh=f"更多渠道容量、库存或预算；目前每次触达的影子价格为 {price}（还差 {more}）",
        en=f"more capacity, stock or budget: a contact has to be worth more than {price} ({more} are missing)",
    )


def _time(case: Case) -> Label:
    price, more = _money(case, round(case.price)), _money(case, round(max(case.price - case.value, 0)))
    return Label(
        zh=f"负责人员更多的工时；目前每次触达（含所需工时）的影子价格为 {price}（还差 {more}）",
        en=f"more hours of whoever would make it: with its time a contact has to be worth more than {price} ({more} are"
        " missing)",
    )


def _better(case: Case) -> Label | None:
    if case.chosen_net is None:
        return None
    more = _money(case, max(round(case.chosen_net - (case.value - case.price)), 0))
    return Label(zh=f"价值须比入选方案高，还差 {more}", en=f"to be worth more than what was chosen: {more} are missing")


def _cap(case: Case) -> Label | None:
    full = [use for use in case.caps if use.full]
    if not full:
        return Label(zh="目前已有余量", en="there is room by now")
    texts = [_freed(case, use) for use in full]
    return Label(zh="；".join(text.zh for text in texts), en="; ".join(text.en for text in texts))


def _freed(case: Case, use: CapUse) -> Label:
    label, count = use.cap.label.label(), f"{use.used}/{use.cap.at_most}"
    if use.frees_at is None:
        when = Label(zh="待已预留的触达执行或释放", en="when contacts that are reserved are made or dropped")
    else:
        at = f"{datetime_of(use.frees_at).astimezone(case.calendar.time_zone):%Y-%m-%d %H:%M:%S}"
        when = Label(zh=f"{at} 起有余量", en=f"room from {at}")
    return Label(zh=f"{label.zh}（{count}）：{when.zh}", en=f"{label.en} ({count}): {when.en}")


def _valid(_case: Case, offer: Offer) -> Label:
    first, after = offer.definition.valid_from, offer.definition.valid_to
    return Label(zh=f"有效期为 {first} 至 {after}（不含）", en=f"it is offered from {first} until before {after}")


def _eligible(case: Case, offer: Offer) -> Label:
    known = {name: case.tags.get(name) for name in sorted(names_in(offer.eligibility))}
    values = ", ".join(f"{name} = {_shown(value)}" for name, value in known.items())
    condition = offer.definition.eligibility
    return Label(zh=f"须满足 {condition}（当时 {values}）", en=f"{condition} (then {values})")


def _known(case: Case, offer: Offer) -> Label:
    missing = ", ".join(name for name in sorted(names_in(offer.eligibility)) if case.tags.get(name) is None)
    return Label(zh=f"补全 {missing}", en=f"a value of {missing}")


def _grade(case: Case, offer: Offer) -> Label | None:
    rule = offer.definition.suitability
    if rule is None:
        return None
    has = _shown(case.tags.get(rule.tolerance))
    return Label(
        zh=f"风险承受等级达到 {rule.grade}（当时为 {has}）", en=f"a risk tolerance of {rule.grade} or more (then {has})"
    )


def _assessed(case: Case, offer: Offer) -> Label | None:
    rule = offer.definition.suitability
    if rule is None:
        return None
    until = _shown(case.tags.get(rule.valid_until))
    return Label(zh=f"重新进行风险测评（有效期至 {until}）", en=f"a new risk assessment (the last held until {until})")


def _holding(_case: Case, offer: Offer) -> Label:
    needed = ", ".join(offer.definition.needs)
    return Label(zh=f"先持有 {needed}", en=f"to hold {needed} first")


def _money(case: Case, minor: int) -> str:
    return str(Money(minor=minor, currency=case.currency))


def _shown(value: Any) -> str:
    if value is None:
        return "—"
    return value.isoformat() if isinstance(value, date) else str(value)


_OF_ANY: dict[Reason, Callable[[Case], Label | None]] = {
    Reason.NO_CONSENT: _consent,
    Reason.CONSENT_WITHDRAWN: _consent,
    Reason.CONSENT_EXPIRED: _consent,
    Reason.NO_CONSENT_FOR_DATA_CLASS: _sensitive,
    Reason.NOT_REACHABLE: _reachable,
    Reason.NO_VALUE: _worth,
    Reason.NO_CAPACITY: _room,
    Reason.NO_HOURS: _time,
    Reason.BETTER_OFFER: _better,
    Reason.CONTACT_CAP: _cap,
}
_OF_OFFER: dict[Reason, Callable[[Case, Offer], Label | None]] = {
    Reason.OFFER_NOT_VALID: _valid,
    Reason.NOT_ELIGIBLE: _eligible,
    Reason.ELIGIBILITY_UNKNOWN: _known,
    Reason.RISK_GRADE_TOO_HIGH: _grade,
    Reason.ASSESSMENT_MISSING: _assessed,
    Reason.ASSESSMENT_EXPIRED: _assessed,
    Reason.NEEDS_HOLDING: _holding,
}
