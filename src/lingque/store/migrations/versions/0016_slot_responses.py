"""Responses to what placements showed.

Revision ID: 0016
Revises: 0015
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Migrations only go forward: there is no downgrade."""
    op.create_table(
        "slot_responses",
        sa.Column("contact_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("response", sa.SmallInteger(), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("placement", sa.String(length=64), nullable=False),
        sa.Column("offer", sa.String(length=64), nullable=False),
        sa.Column("decision_id", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("contact_id", "position", "response", name=op.f("pk_slot_responses")),
    )
    op.create_index(op.f("ix_slot_responses_customer_id"), "slot_responses", ["customer_id"], unique=False)
    op.create_index("ix_slot_responses_placement_at", "slot_responses", ["placement", "at"], unique=False)
