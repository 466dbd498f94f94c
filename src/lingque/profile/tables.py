"""The control-plane tables of `profile`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, String, Table, Text

from lingque.store.schema import METADATA, InstantColumn, SerialKey

tag_values = Table(
    "tag_values",
    METADATA,
    # one row per value given or taken back (null); the newest of a party holds, and nothing is ever deleted
    Column("value_id", SerialKey, primary_key=True),
    Column("tag", String(64), nullable=False),
    Column("party_id", BigInteger, nullable=False),
    Column("value", Text, nullable=True),
    Column("origin", String(128), nullable=False),
    Column("given_at", InstantColumn, nullable=False),
    Column("given_by", String(64), nullable=False),
    Column("expires_at", InstantColumn, nullable=False),
    Index("ix_tag_values_tag", "tag", "party_id", "value_id"),
)
