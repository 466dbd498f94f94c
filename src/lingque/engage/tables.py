"""The control-plane tables of `engage`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, SmallInteger, String, Table, Text

from lingque.store.schema import METADATA, InstantColumn, JsonColumn, SerialKey

campaign_plans = Table(
    "campaign_plans",
    METADATA,
    Column("wave_id", SerialKey, primary_key=True),
    Column("campaign", String(64), nullable=False, index=True),
    Column("digest", String(64), nullable=False, index=True),
    Column("approval_digest", String(64), nullable=False, index=True),
    Column("stages", JsonColumn, nullable=False),
    Column("forecast", JsonColumn, nullable=False),
    Column("planned_by", String(64), nullable=False),
    Column("planned_at", InstantColumn, nullable=False),
)

campaign_states = Table(
    "campaign_states",
    METADATA,
    Column("state_id", SerialKey, primary_key=True),
    Column("wave_id", BigInteger, ForeignKey("campaign_plans.wave_id"), nullable=False, index=True),
    Column("state", String(16), nullable=False),
    Column("actor", String(64), nullable=False),
    Column("at", InstantColumn, nullable=False),
    Column("comment", Text, nullable=False, server_default=""),
)

contacts = Table(
    "contacts",
    METADATA,
    # integers and in order: a hashed key falls to a quarter of the speed by ten million rows
    Column("wave_id", BigInteger, primary_key=True, autoincrement=False),
    Column("customer_id", BigInteger, primary_key=True, autoincrement=False),
    Column("offer_number", Integer, primary_key=True, autoincrement=False),
    Column("step", SmallInteger, primary_key=True, autoincrement=False),
    Column("offer", String(64), nullable=False),
    Column("channel", String(32), nullable=False),
    Column("written_at", InstantColumn, nullable=False),
)
