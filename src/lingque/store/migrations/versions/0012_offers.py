"""What is left of offers, and what happened between them and customers.

Revision ID: 0012
Revises: 0011
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Migrations only go forward: there is no downgrade."""
    op.create_table(
        "offer_counters",
        sa.Column("offer", sa.String(length=64), nullable=False),
        sa.Column("pieces_reserved", sa.BigInteger(), nullable=False),
        sa.Column("pieces_used", sa.BigInteger(), nullable=False),
        sa.Column("money_reserved", sa.BigInteger(), nullable=False),
        sa.Column("money_used", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("offer", name=op.f("pk_offer_counters")),
    )
    op.create_table(
        "offer_reservations",
        sa.Column("wave_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("customer_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("step", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("offer", sa.String(length=64), nullable=False),
        sa.Column("money", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("wave_id", "customer_id", "step", name=op.f("pk_offer_reservations")),
    )
    op.create_index("ix_offer_reservations_expiry", "offer_reservations", ["state", "expires_at"], unique=False)
    op.create_index("ix_offer_reservations_customer_id", "offer_reservations", ["customer_id"], unique=False)
    op.create_table(
        "offer_history",
        sa.Column("customer_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("offer", sa.String(length=64), nullable=False),
        sa.Column("happening", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", "offer", "happening", name=op.f("pk_offer_history")),
    )
    op.create_index("ix_offer_history_offer", "offer_history", ["offer", "customer_id"], unique=False)
    op.create_index("ix_deliveries_customer", "deliveries", ["customer_id", "offer"], unique=False)
