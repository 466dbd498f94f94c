"""The control-plane tables of `deliver`: the outbox, the batches handed over, and what came back."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from lingque.store.schema import METADATA, InstantColumn, JsonColumn, SerialKey

contents = Table(
    "contents",
    METADATA,
    Column("content_digest", String(64), primary_key=True),
    Column("subject", String(200), nullable=False),
    Column("body", Text, nullable=False),
    Column("language", String(2), nullable=False),
)

# what messages rest on; "" in `deliveries` stands for an automated decision of which no tags were kept
grounds = Table(
    "grounds",
    METADATA,
    Column("grounds_digest", String(64), primary_key=True),
    Column("automated", Boolean, nullable=False),
    Column("tags", JsonColumn, nullable=False),
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
    Column("grounds_digest", String(64), nullable=False, server_default=""),
    Column("status", String(16), nullable=False),
    Column("attempts", SmallInteger, nullable=False),
    Column("reason", SmallInteger, nullable=True),
    Column("note", String(200), nullable=False),
    Column("queued_at", InstantColumn, nullable=False),
    Column("changed_at", InstantColumn, nullable=False),
    Column("route", Text, nullable=False, server_default=""),
    Column("label", Text, nullable=False, server_default=""),
    Column("why", Text, nullable=False, server_default=""),
    Column("due", Date, nullable=True),
    Column("batch_id", String(80), nullable=True, index=True),
    Index("ix_deliveries_work", "status", "channel", "delivery_id"),
    Index("ix_deliveries_wave", "wave_id", "status"),
    Index("ix_deliveries_customer", "customer_id", "offer"),
)

batches = Table(
    "batches",
    METADATA,
    Column("batch_id", String(80), primary_key=True),
    Column("channel", String(32), nullable=False),
    Column("wave_id", BigInteger, nullable=False),
    Column("made_at", InstantColumn, nullable=False),
    # something left it after it may have been handed over, and the receiver has not been told yet
    Column("to_recall", Boolean, nullable=False),
)

receipts = Table(
    "receipts",
    METADATA,
    Column("receipt_id", SerialKey, primary_key=True),
    Column("message_key", String(160), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("at", InstantColumn, nullable=False),
    Column("origin_file", String(200), nullable=False),
    Column("origin_row", Integer, nullable=False),
    # what somebody wrote about a customer is sealed, as every identifier is
    Column("sealed_note", LargeBinary, nullable=True),
    Column("recorded_at", InstantColumn, nullable=False),
    # by content: the same statement under another file name is still the same
    UniqueConstraint("message_key", "outcome", "at", name="uq_receipts_statement"),
)
