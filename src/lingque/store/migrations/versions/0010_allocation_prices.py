"""Prices of limits, as facts with a version.

Revision ID: 0010
Revises: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Migrations only go forward: there is no downgrade."""
    op.create_table(
        "allocation_prices",
        sa.Column("scope", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("prices", sa.JSON(), nullable=False),
        sa.Column("staff_prices", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "version", name=op.f("pk_allocation_prices")),
    )
