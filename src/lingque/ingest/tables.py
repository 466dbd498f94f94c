"""The control-plane tables of `ingest`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Date, Float, Index, LargeBinary, String, Table, Text

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
    Column("file_digest", String(64)),  # of the file the row stood in; a correction holds for that content only
    Column("superseded_by", String(64)),  # the later run on the same data; empty: this is what there is to mend
    Index("ix_quarantine_open", "source", "data_date", "superseded_by"),
)

corrections = Table(
    "corrections",
    METADATA,
    Column("correction_id", SerialKey, primary_key=True),
    Column("source", String(64), nullable=False),
    Column("data_date", Date, nullable=False),
    Column("file_name", String(255), nullable=False),
    Column("row_number", BigInteger, nullable=False),
    Column("file_digest", String(64), nullable=False),
    Column("sealed_values", LargeBinary),  # what stands in place of what was delivered; empty: the row is dismissed
    Column("comment", Text, nullable=False),
    Column("made_by", String(64), nullable=False),
    Column("made_at", InstantColumn, nullable=False),
    Index("ix_corrections_of_delivery", "source", "data_date"),
)

quality = Table(
    "quality",
    METADATA,
    Column("quality_id", SerialKey, primary_key=True),
    Column("run_id", String(64), nullable=False, unique=True),
    Column("source", String(64), nullable=False),
    Column("contract", String(64), nullable=False),
    Column("data_date", Date, nullable=False),
    Column("score", Float, nullable=False),
    Column("dimensions", JsonColumn, nullable=False),
    Column("counts", JsonColumn, nullable=False),
    Column("held", Boolean, nullable=False),
    Column("judged_at", InstantColumn, nullable=False),
    Column("released_by", String(64)),
    Column("release_comment", Text),
    Column("released_at", InstantColumn),
    Index("ix_quality_of_source", "source", "data_date"),
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
