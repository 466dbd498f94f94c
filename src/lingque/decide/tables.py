"""The control-plane table of `decide`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Date, SmallInteger, String, Table

from lingque.store.schema import METADATA

contact_ledger = Table(
    "contact_ledger",
    METADATA,
    Column("wave_id", BigInteger, primary_key=True, autoincrement=False),
    Column("customer_id", BigInteger, primary_key=True, autoincrement=False, index=True),
    Column("step", SmallInteger, primary_key=True, autoincrement=False),
    Column("channel", String(32), nullable=False),
    Column("purpose", SmallInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("day", Date, nullable=False),
)
