"""The control-plane tables of `decide`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Date, Integer, SmallInteger, String, Table

from lingque.store.schema import METADATA, InstantColumn, JsonColumn

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
