"""The one metadata that all control-plane tables stand on, and the column types they share."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Integer, MetaData
from sqlalchemy.types import TypeEngine

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

InstantColumn = BigInteger
"""UTC microseconds, as everywhere (`lingque.core.clock`)."""

JsonColumn = JSON

# SQLite gives a rowid only to a column declared exactly INTEGER; PostgreSQL needs the 64-bit type said.
SerialKey: TypeEngine[int] = BigInteger().with_variant(Integer, "sqlite")
