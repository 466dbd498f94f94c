"""What became of what a placement showed: contacts are committed or released, and what happened is remembered."""

from __future__ import annotations

from typing import cast

from sqlalchemy import Connection, select

from lingque.core.errors import NotFoundError
from lingque.core.ids import CustomerId
from lingque.core.reasons import Refusal
from lingque.decide.contracts import Happening
from lingque.decide.history import Happened, record_happened
from lingque.decide.pressure.ledger import ContactPressure
from lingque.decide.stocks import OfferStocks
from lingque.deliver.slots import NOBODY, Response, Shown, record_response
from lingque.flow.services import Services
from lingque.flow.traces import traced
from lingque.govern.access import refused
from lingque.govern.contracts import Action, Principal
from lingque.govern.tables import subjects

_HAPPENED = {
    Response.SHOWN: Happening.CONTACT,
    Response.REFUSED: Happening.REFUSAL,
    Response.ACCEPTED: Happening.PURCHASE,
}


def respond(services: Services, token: str, response: Response, actor: Principal) -> bool | Refusal:
    """Take down what a channel tells; false where it was told before, or the customer is not there any more.

    Whatever is told but NOT_SHOWN means that it was seen: the contact counts from then on. Raises `NotFoundError` for
    a token that is none of ours.
    """
    denied = refused(actor, Action.ASK_DECISION)
    if denied is not None:
        return traced(services, denied, actor, "respond_to_decision", "decision")
    shown = _read(services, token)
    with services.database.transaction() as connection:
        if shown.customer_id != NOBODY and not _is_there(connection, CustomerId(shown.customer_id)):
            return False
        now = services.clock.now()
        if not record_response(connection, shown, response, at=now):
            return False
        if shown.customer_id == NOBODY:
            return True
        key = (-shown.contact_id, shown.customer_id, shown.position)
        pressure, stocks = ContactPressure(services.clock), OfferStocks()
        if response is Response.NOT_SHOWN:
            pressure.release(connection, *key)
            stocks.release(connection, *key)
            return True
        pressure.commit(connection, *key)
        # a piece is kept for whoever looks on, taken by whoever accepts
        if response is Response.ACCEPTED:
            stocks.commit(connection, *key)
        elif response is Response.REFUSED:
            stocks.release(connection, *key)
        happened = [Happening.CONTACT, *([_HAPPENED[response]] if response in _HAPPENED else [])]
        today = services.calendar.day_of(now)
        record_happened(
            connection,
            [
                Happened(customer_id=shown.customer_id, offer=shown.offer, happening=one, day=today)
                for one in dict.fromkeys(happened)
            ],
        )
        return True


def _read(services: Services, token: str) -> Shown:
    fields = services.slot_tokens.read(token)
    if fields is None:
        raise NotFoundError("nothing was shown under that token", next_step="send the token that came with the item")
    contact_id, position, customer, placement, offer, decision_id = fields
    return Shown(
        contact_id=cast(int, contact_id),
        position=cast(int, position),
        customer_id=cast(int, customer),
        placement=cast(str, placement),
        offer=cast(str, offer),
        decision_id=cast(str, decision_id),
    )


def _is_there(connection: Connection, customer_id: CustomerId) -> bool:
    """As the customer or, before a merge, as one of its parties."""
    mine = (subjects.c.customer_id == customer_id) | (subjects.c.party_id == customer_id)
    return connection.execute(select(subjects.c.party_id).where(mine).limit(1)).first() is not None
