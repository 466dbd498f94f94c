"""Trained models and their cards.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Migrations only go forward: there is no downgrade."""
    op.create_table(
        "models",
        sa.Column("model_version_id", SERIAL, nullable=False),
        sa.Column("model", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("closure", sa.String(length=64), nullable=False),
        sa.Column("trained_at", sa.BigInteger(), nullable=False),
        sa.Column("trained_by", sa.String(length=64), nullable=False),
        sa.Column("known_by", sa.BigInteger(), nullable=False),
        sa.Column("artefact_digest", sa.String(length=64), nullable=False),
        sa.Column("artefact", sa.JSON(), nullable=False),
        sa.Column("card", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("model_version_id", name=op.f("pk_models")),
        sa.UniqueConstraint("model", "version", name=op.f("uq_models_model_version")),
    )
