"""Asked and triggered decisions enter a journal before they are answered.

Revision ID: 0014
Revises: 0013
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Migrations only go forward: there is no downgrade."""
    op.create_table(
        "decision_menus",
        sa.Column("menu_id", sa.String(length=64), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("menu_id", name=op.f("pk_decision_menus")),
    )
    op.create_table(
        "decision_journal",
        sa.Column("entry_id", SERIAL, nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=False),
        sa.Column("menu_id", sa.String(length=64), nullable=False),
        sa.Column("packed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_decision_journal")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_decision_journal_customer_id"), "decision_journal", ["customer_id"], unique=False)
