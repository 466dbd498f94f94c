"""Wrapping keys and secrets of the vault, sealed blocks of the audit trail, customers' requests, erased parties.

Revision ID: 0008
Revises: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Migrations only go forward: there is no downgrade."""
    for name in ("vault_wrapping_keys", "vault_secrets"):
        key = (
            sa.Column("wrapping_key", sa.Integer(), autoincrement=False, nullable=False)
            if name == "vault_wrapping_keys"
            else sa.Column("name", sa.String(length=32), nullable=False)
        )
        op.create_table(
            name,
            key,
            sa.Column("master_key", sa.String(length=200), nullable=False),
            sa.Column("wrapped", sa.LargeBinary(), nullable=False),
            sa.PrimaryKeyConstraint(key.name, name=op.f(f"pk_{name}")),
        )
    with op.batch_alter_table("vault_keys") as table:
        table.add_column(sa.Column("wrapping_key", sa.Integer(), nullable=True))
        table.create_foreign_key(
            op.f("fk_vault_keys_wrapping_key"), "vault_wrapping_keys", ["wrapping_key"], ["wrapping_key"]
        )
    op.create_index(op.f("ix_vault_keys_wrapping_key"), "vault_keys", ["wrapping_key"], unique=False)
    with op.batch_alter_table("vault_identifiers") as table:
        table.add_column(sa.Column("value_index", sa.LargeBinary(length=32), nullable=True))
    op.create_index(op.f("ix_vault_identifiers_value_index"), "vault_identifiers", ["value_index"], unique=False)
    op.create_table(
        "audit_blocks",
        sa.Column("block", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last_id", sa.BigInteger(), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("leaves", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("seal", sa.LargeBinary(length=32), nullable=False),
        sa.Column("sealed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("block", name=op.f("pk_audit_blocks")),
    )
    _customers_rights()


def _customers_rights() -> None:
    serial = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "rights_requests",
        sa.Column("request_id", serial, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("received_by", sa.String(length=64), nullable=False),
        sa.Column("verified", sa.String(length=200), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("closed_by", sa.String(length=64), nullable=True),
        sa.Column("outcome", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_rights_requests")),
    )
    op.create_index(op.f("ix_rights_requests_customer_id"), "rights_requests", ["customer_id"], unique=False)
    op.create_index(op.f("ix_rights_requests_state"), "rights_requests", ["state"], unique=False)
    op.create_table(
        "erasures",
        sa.Column("party_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("request_id", sa.BigInteger(), nullable=False),
        sa.Column("erased_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("party_id", name=op.f("pk_erasures")),
    )
    op.create_index(op.f("ix_erasures_customer_id"), "erasures", ["customer_id"], unique=False)
