"""The control-plane tables of `decide`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, SmallInteger, String, Table

from lingque.core.clock import END_OF_TIME
from lingque.store.schema import METADATA, InstantColumn, JsonColumn, SerialKey

contact_ledger = Table(
    "contact_ledger",
    METADATA,
    # the customer first: whoever counts one customer's contacts finds them side by side
    Column("customer_id", BigInteger, primary_key=True, autoincrement=False),
    Column("wave_id", BigInteger, primary_key=True, autoincrement=False),
    Column("step", SmallInteger, primary_key=True, autoincrement=False),
    Column("channel", String(32), nullable=False),
    Column("topic", String(64)),
    Column("purpose", SmallInteger, nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("at", InstantColumn, nullable=False),
    Column("expires_at", InstantColumn, nullable=False),
    sqlite_with_rowid=False,
)
EXPIRING = (contact_ledger.c.state == 1) & (contact_ledger.c.expires_at < END_OF_TIME)
Index(
    "ix_contact_ledger_expiring",
    contact_ledger.c.expires_at,
    sqlite_where=EXPIRING,
    postgresql_where=EXPIRING,
)

allocation_prices = Table(
    "allocation_prices",
    METADATA,
    Column("scope", String(64), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("at", InstantColumn, nullable=False),
    Column("source", String(64), nullable=False),
    Column("prices", JsonColumn, nullable=False),
    Column("staff_prices", JsonColumn, nullable=False),
)

decision_menus = Table(
    "decision_menus",
    METADATA,
    Column("menu_id", String(64), primary_key=True),
    Column("content", JsonColumn, nullable=False),
)

decision_journal = Table(
    "decision_journal",
    METADATA,
    Column("entry_id", SerialKey, primary_key=True),
    Column("customer_id", BigInteger, nullable=False, index=True),
    Column("decided_at", InstantColumn, nullable=False),
    Column("menu_id", String(64), nullable=False),
    Column("packed", LargeBinary, nullable=False),
    # a number that was moved away must never be given again: decisions are named by it
    sqlite_autoincrement=True,
)
