"""The control-plane tables of `ingest`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Date, Index, LargeBinary, String, Table

from lingque.store.schema import METADATA, InstantColumn, JsonColumn, SerialKey

quarantine = Table(
    "quarantine",
    METADATA,
    Column("quarantine_id", SerialKey, primary_key=True),
    Column("run_id", String(64), nullable=False, index=True),
    Column("source", String(64), nullable=False),
    Column("data_date", Date, nullable=False),
    Column("file_name", String(255), nullable=False),
    Column("row_number", BigInteger, nullable=False),
    Column("reasons", JsonColumn, nullable=False),
    Column("sealed_row", LargeBinary, nullable=False),  # a bad row may hold identifiers: only the vault opens it
)

party_links = Table(
    "party_links",
    METADATA,
    Column("link_id", SerialKey, primary_key=True),
    Column("party_id", BigInteger, nullable=False),
    Column("customer_id", BigInteger, nullable=False),
    Column("valid_from", InstantColumn, nullable=False),
    Column("valid_to", InstantColumn, nullable=False),
    Column("known_from", InstantColumn, nullable=False),
    Column("known_to", InstantColumn, nullable=False),
    Index("ix_party_links_party", "party_id"),
)
