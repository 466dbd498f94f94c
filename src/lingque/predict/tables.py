"""The control-plane table of `predict`."""

from __future__ import annotations

from sqlalchemy import Column, Integer, String, Table, UniqueConstraint

from lingque.store.schema import METADATA, InstantColumn, JsonColumn, SerialKey

models = Table(
    "models",
    METADATA,
    Column("model_version_id", SerialKey, primary_key=True),
    Column("model", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("run_id", String(64), nullable=False),
    Column("closure", String(64), nullable=False),
    Column("trained_at", InstantColumn, nullable=False),
    Column("trained_by", String(64), nullable=False),
    Column("known_by", InstantColumn, nullable=False),
    Column("artefact_digest", String(64), nullable=False),
    Column("artefact", JsonColumn, nullable=False),
    Column("card", JsonColumn, nullable=False),
    UniqueConstraint("model", "version"),
)
