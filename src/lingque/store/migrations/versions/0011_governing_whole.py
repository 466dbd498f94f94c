"""Imports of consents and reveals in bulk that wait for a second person; staff; who was erased and came back.

Revision ID: 0011
Revises: 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Migrations only go forward: there is no downgrade."""
    _consent_imports()
    _reveals()
    _places()
    _erased()


def _consent_imports() -> None:
    op.create_table(
        "consent_imports",
        sa.Column("import_id", SERIAL, nullable=False),
        sa.Column("subject", sa.String(length=128), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("statements", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("submitted_by", sa.String(length=64), nullable=False),
        sa.Column("submitted_at", sa.BigInteger(), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("recorded", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("import_id", name="pk_consent_imports"),
    )
    op.create_index("ix_consent_imports_state", "consent_imports", ["state"])
    op.create_table(
        "staged_consents",
        sa.Column("import_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("party_id", sa.BigInteger(), nullable=False),
        sa.Column("purpose", sa.SmallInteger(), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("data_classes", sa.Integer(), nullable=False),
        sa.Column("by_guardian", sa.Boolean(), nullable=False),
        sa.Column("acted_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("wording_version", sa.String(length=64), nullable=False),
        sa.Column("evidence", sa.String(length=200), nullable=False),
        sa.Column("origin", sa.String(length=128), nullable=False),
        sa.PrimaryKeyConstraint("import_id", "position", name="pk_staged_consents"),
    )
    op.create_index("ix_staged_consents_origin", "staged_consents", ["origin"])
    op.create_index("ix_staged_consents_party_id", "staged_consents", ["party_id"])


def _reveals() -> None:
    op.create_table(
        "reveal_batches",
        sa.Column("batch_id", SERIAL, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("purpose", sa.SmallInteger(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("customers", sa.Integer(), nullable=False),
        sa.Column("requested_by", sa.String(length=64), nullable=False),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("batch_id", name="pk_reveal_batches"),
    )
    op.create_table(
        "reveal_members",
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("batch_id", "customer_id", name="pk_reveal_members"),
    )
    op.create_index("ix_reveal_members_customer_id", "reveal_members", ["customer_id"])


def _places() -> None:
    with op.batch_alter_table("organisations") as table:
        table.add_column(sa.Column("closed", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "staff_places",
        sa.Column("staff_no", sa.String(length=64), nullable=False),
        sa.Column("org_code", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("staff_no", name="pk_staff_places"),
    )


def _erased() -> None:
    op.create_table(
        "vault_tombstones",
        sa.Column("key_index", sa.LargeBinary(length=32), nullable=False),
        sa.Column("erased_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key_index", name="pk_vault_tombstones"),
    )
    op.create_table(
        "returned_parties",
        sa.Column("party_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("erased_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("party_id", name="pk_returned_parties"),
    )
