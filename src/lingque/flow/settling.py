"""A contact that was made, or will not be, settles all that was reserved for it: contact pressure, stock, budget."""

from __future__ import annotations

from sqlalchemy import Connection

from lingque.deliver.contracts import ContactLedger


class SettledTogether:
    """Several ledgers as one, in their order and in the caller's transaction."""

    def __init__(self, *ledgers: ContactLedger) -> None:
        self._ledgers = ledgers

    def commit(self, connection: Connection, wave_id: int, customer_id: int, step: int) -> None:
        for ledger in self._ledgers:
            ledger.commit(connection, wave_id, customer_id, step)

    def release(self, connection: Connection, wave_id: int, customer_id: int, step: int) -> None:
        for ledger in self._ledgers:
            ledger.release(connection, wave_id, customer_id, step)
