"""What becomes of contacts on their way: delivered or not, noticed or not, welcome or not."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from lingque.core.hashing import Float64s, Int64s
from lingque.twin.days import DAY, HOUR, day_at, hour_at, midnight
from lingque.twin.responding.catalogue import CHANNELS, EMAIL, RM_CALL
from lingque.twin.responding.chance import nth_of_equals, uniform, waiting
from lingque.twin.responding.contacts import NOT_YET, Contacts
from lingque.twin.responding.dispositions import Dispositions
from lingque.twin.responding.parameters import ResponseParameters

_NIGHT_ENDS, _NIGHT_BEGINS = 8, 21
_OPENS, _CLOSES = 9, 18
_AT_NIGHT_NOTICED, _AT_NIGHT_ANNOYS = 0.5, 4.0
_AFTER_OPTING_OUT = 10.0
"""How much more often a contact after an opt-out leads to a complaint."""
_DILIGENCE_SPREAD = 0.3
_UNTIL_PUT_OFF = 2.0
"""Mean hours from the delivery to an opt-out or a complaint."""

_FAILING, _DELIVERED_AFTER, _NOTICED_AFTER, _WEIGHT, _NUISANCE = (
    np.array([getattr(one, name) for one in CHANNELS])
    for name in ("failing", "delivered_after", "noticed_after", "weight", "nuisance")
)
_WORKING_HOURS = np.array([one.working_hours for one in CHANNELS])


class Fate(IntEnum):
    """What became of a contact; `PENDING` until it is settled."""

    PENDING = 0
    DELIVERED = 1
    """For a call: it was made."""
    BOUNCED = 2
    FAILED = 3
    NOT_MADE = 4
    """The manager let the call be."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Hearing:
    """One entry per contact in every field. Instants are `NOT_YET` for what never happens."""

    fate: Int64s
    """Values of `Fate`."""
    settled_at: Int64s
    noticed_at: Int64s
    """When a message was opened or a call answered."""
    curiosity: Float64s
    """By lot: a message is clicked where this is below the share that applies."""
    opted_out_at: Int64s
    complained_at: Int64s
    load: Float64s
    """How much the contacts before it weigh on it; 1 is one text message or call right before it."""


def hear(contacts: Contacts, dispositions: Dispositions, *, parameters: ResponseParameters, seed: int) -> Hearing:
    """What becomes of contacts that are ordered by customer and instant."""
    who, channel, at = contacts.customer, contacts.channel, contacts.at
    number = dispositions.number[who]
    named = (number, channel, contacts.offer, contacts.creative, at)
    about = (*named, nth_of_equals(*named))

    def luck(subject: str) -> Float64s:
        return uniform(seed, subject, *about)

    def hours(subject: str, mean: Float64s) -> Int64s:
        return np.asarray(waiting(luck(subject), mean) * HOUR, dtype=np.int64)

    fate = _fates(parameters, channel, number, dispositions.branch[who], seed=seed, luck=luck("delivery"))
    arrived = fate == Fate.DELIVERED
    settled = at + hours("delivered after", _DELIVERED_AFTER[channel])
    settled = np.where(_WORKING_HOURS[channel], _in_working_hours(settled), settled)
    load = _loads(contacts, np.where(arrived, _WEIGHT[channel], 0.0), half_life=parameters.fatigue_days * DAY)
    at_night = _at_night(settled)
    annoys = dispositions.touchiness[who] * _NUISANCE[channel] * (1 + load) * np.where(at_night, _AT_NIGHT_ANNOYS, 1.0)

    wants_out = arrived & (luck("opts out") < parameters.opt_out_share * annoys)
    opted_out = np.where(wants_out, settled + hours("opts out after", np.full(len(who), _UNTIL_PUT_OFF)), NOT_YET)
    out_since = _earliest(opted_out, who, channel)
    deaf = at >= out_since

    noticing = dispositions.attention[who, channel] * np.where(at_night, _AT_NIGHT_NOTICED, 1.0)
    notices = arrived & ~deaf & (luck("notices") < noticing)
    complaining = parameters.complaint_share * annoys * np.where(deaf, _AFTER_OPTING_OUT, 1.0)
    complains = arrived & (luck("complains") < complaining)
    return Hearing(
        fate=fate,
        settled_at=settled,
        noticed_at=np.where(notices, settled + hours("noticed after", _NOTICED_AFTER[channel]), NOT_YET),
        curiosity=luck("clicks"),
        opted_out_at=np.where(opted_out == out_since, opted_out, NOT_YET),
        complained_at=np.where(
            complains, settled + hours("complains after", np.full(len(who), _UNTIL_PUT_OFF)), NOT_YET
        ),
        load=load,
    )


def load_left(contacts: Contacts, hearing: Hearing, *, at: int, n: int, parameters: ResponseParameters) -> Float64s:
    """(n,) by customer: what contacts that arrived still weigh at that instant."""
    weight = np.where(hearing.fate == Fate.DELIVERED, _WEIGHT[contacts.channel], 0.0)
    left = weight * np.exp2(-(at - contacts.at) / (parameters.fatigue_days * DAY))
    return np.bincount(contacts.customer, weights=left, minlength=n).astype(np.float64)


def _fates(
    parameters: ResponseParameters, channel: Int64s, number: Int64s, branch: Int64s, *, seed: int, luck: Float64s
) -> Int64s:
    share = parameters.execution_share
    spread = min(_DILIGENCE_SPREAD, share, 1 - share)
    diligence = share + 2 * spread * (uniform(seed, "diligence", branch) - 0.5)
    fate = np.full(len(channel), Fate.DELIVERED, dtype=np.int64)
    fate[luck < parameters.failed_share * _FAILING[channel]] = Fate.FAILED
    fate[(channel == EMAIL) & bounces(parameters, number, seed=seed)] = Fate.BOUNCED
    fate[(channel == RM_CALL) & (luck >= diligence)] = Fate.NOT_MADE
    return fate


def bounces(parameters: ResponseParameters, number: Int64s, *, seed: int) -> NDArray[np.bool_]:
    """Whether the e-mail address of each customer (number in the bank) accepts mail no longer."""
    return uniform(seed, "bounces", number) < parameters.email_bounce_share


def _at_night(instants: Int64s) -> NDArray[np.bool_]:
    hour = hour_at(instants)
    return (hour < _NIGHT_ENDS) | (hour >= _NIGHT_BEGINS)


def _in_working_hours(instants: Int64s) -> Int64s:
    """What falls between closing and opening is spread over the next working day in the same order."""
    since_closing = (instants - midnight(day_at(instants)) - _CLOSES * HOUR) % DAY
    closed = DAY - (_CLOSES - _OPENS) * HOUR
    share = since_closing / closed
    moved = instants - since_closing + closed + (share * (_CLOSES - _OPENS) * HOUR).astype(np.int64)
    return np.where(since_closing < closed, moved, instants)


def _loads(contacts: Contacts, weight: Float64s, *, half_life: float) -> Float64s:
    """What the contacts before each one weigh on it: every one its weight, halved in each half-life since."""
    load = np.zeros(len(contacts))
    first = np.flatnonzero(np.append([True], contacts.customer[1:] != contacts.customer[:-1]))
    counts = np.diff(np.append(first, len(contacts)))
    # the second contact of everybody, then the third of all: as many steps as the busiest customer has contacts
    for step in range(1, int(counts.max(initial=0))):
        here = first[counts > step] + step
        before = here - 1
        passed = (contacts.at[here] - contacts.at[before]) / half_life
        load[here] = (load[before] + weight[before]) * np.exp2(-passed)
    return load


def _earliest(instants: Int64s, who: Int64s, channel: Int64s) -> Int64s:
    """The earliest of the same customer and channel."""
    group = who * len(CHANNELS) + channel
    earliest = np.full(int(group.max(initial=0)) + 1, NOT_YET)
    np.minimum.at(earliest, group, instants)
    found: Int64s = earliest[group]
    return found
