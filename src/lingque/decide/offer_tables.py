"""The control-plane tables of offers: what is left of them, and what happened between them and customers."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Date, Index, SmallInteger, String, Table

from lingque.store.schema import METADATA, InstantColumn

offer_counters = Table(
    "offer_counters",
    METADATA,
    Column("offer", String(64), primary_key=True),
    # what reservations hold and what contacts used, of pieces and of money in minor units
    Column("pieces_reserved", BigInteger, nullable=False),
    Column("pieces_used", BigInteger, nullable=False),
    Column("money_reserved", BigInteger, nullable=False),
    Column("money_used", BigInteger, nullable=False),
)

offer_reservations = Table(
    "offer_reservations",
    METADATA,
    Column("wave_id", BigInteger, primary_key=True, autoincrement=False),
    Column("customer_id", BigInteger, primary_key=True, autoincrement=False),
    Column("step", SmallInteger, primary_key=True, autoincrement=False),
    Column("offer", String(64), nullable=False),
    Column("money", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("expires_at", InstantColumn, nullable=True),
    Index("ix_offer_reservations_expiry", "state", "expires_at"),
    Index("ix_offer_reservations_customer_id", "customer_id"),
)

offer_history = Table(
    "offer_history",
    METADATA,
    Column("customer_id", BigInteger, primary_key=True, autoincrement=False),
    Column("offer", String(64), primary_key=True),
    Column("happening", SmallInteger, primary_key=True, autoincrement=False),
    # the newest one only: nothing that looks back asks for more
    Column("day", Date, nullable=False),
    Index("ix_offer_history_offer", "offer", "customer_id"),
)
