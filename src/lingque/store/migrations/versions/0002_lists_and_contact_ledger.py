"""Customer lists and the ledger of contact pressure.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Migrations only go forward: there is no downgrade."""
    op.create_table(
        "list_members",
        sa.Column("membership_id", SERIAL, nullable=False),
        sa.Column("list_name", sa.String(length=64), nullable=False),
        sa.Column("party_id", sa.BigInteger(), nullable=False),
        sa.Column("delivered", sa.Boolean(), nullable=False),
        sa.Column("origin", sa.String(length=128), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.Column("added_by", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("removed_at", sa.BigInteger(), nullable=False),
        sa.Column("removed_by", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("membership_id", name=op.f("pk_list_members")),
    )
    op.create_index(op.f("ix_list_members_party_id"), "list_members", ["party_id"], unique=False)
    op.create_index("ix_list_members_list", "list_members", ["list_name", "removed_at"], unique=False)
    op.create_table(
        "contact_ledger",
        sa.Column("wave_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("customer_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("step", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("purpose", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("wave_id", "customer_id", "step", name=op.f("pk_contact_ledger")),
    )
    op.create_index(op.f("ix_contact_ledger_customer_id"), "contact_ledger", ["customer_id"], unique=False)
