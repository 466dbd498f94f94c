"""Values of tags that people or files give.

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Migrations only go forward: there is no downgrade."""
    op.create_table(
        "tag_values",
        sa.Column("value_id", SERIAL, nullable=False),
        sa.Column("tag", sa.String(length=64), nullable=False),
        sa.Column("party_id", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("origin", sa.String(length=128), nullable=False),
        sa.Column("given_at", sa.BigInteger(), nullable=False),
        sa.Column("given_by", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("value_id", name=op.f("pk_tag_values")),
    )
    op.create_index("ix_tag_values_tag", "tag_values", ["tag", "party_id", "value_id"], unique=False)
