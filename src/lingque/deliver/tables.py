"""The control-plane tables of `deliver`: the outbox."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, SmallInteger, String, Table, Text

from lingque.store.schema import METADATA, InstantColumn, SerialKey

contents = Table(
    "contents",
    METADATA,
    Column("content_digest", String(64), primary_key=True),
    Column("subject", String(200), nullable=False),
    Column("body", Text, nullable=False),
    Column("language", String(2), nullable=False),
)

deliveries = Table(
    "deliveries",
    METADATA,
    Column("delivery_id", SerialKey, primary_key=True),
    Column("wave_id", BigInteger, nullable=False),
    Column("customer_id", BigInteger, nullable=False),
    Column("offer", String(64), nullable=False),
    Column("step", SmallInteger, nullable=False),
    Column("channel", String(32), nullable=False),
    Column("message_key", String(160), nullable=False, unique=True),
    Column("purpose", SmallInteger, nullable=False),
    Column("data_classes", Integer, nullable=False),
    Column("content_digest", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("attempts", SmallInteger, nullable=False),
    Column("reason", SmallInteger, nullable=True),
    Column("note", String(200), nullable=False),
    Column("queued_at", InstantColumn, nullable=False),
    Column("changed_at", InstantColumn, nullable=False),
    Index("ix_deliveries_work", "status", "channel", "delivery_id"),
    Index("ix_deliveries_wave", "wave_id", "status"),
)
