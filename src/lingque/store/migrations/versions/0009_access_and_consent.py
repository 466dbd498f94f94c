"""Who may do what, and what customers agreed to: sign-in, scopes, delegation; refusals, legal bases, a version.

Revision ID: 0009
Revises: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Migrations only go forward: there is no downgrade."""
    _access()
    _approvals()
    _consent()
    _deliveries()


def _access() -> None:
    with op.batch_alter_table("users") as table:
        table.add_column(sa.Column("scope_kind", sa.String(length=16), nullable=False, server_default="bank"))
        table.add_column(sa.Column("scope_of", sa.String(length=64), nullable=False, server_default=""))
        table.add_column(sa.Column("password_hash", sa.String(length=200), nullable=True))
        table.add_column(sa.Column("failed_sign_ins", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("locked_until", sa.BigInteger(), nullable=False, server_default="0"))
        table.add_column(sa.Column("disabled_at", sa.BigInteger(), nullable=True))
    with op.batch_alter_table("api_keys") as table:
        table.add_column(sa.Column("expires_at", sa.BigInteger(), nullable=True))
        table.add_column(sa.Column("revoked_at", sa.BigInteger(), nullable=True))
    op.create_table(
        "sessions",
        sa.Column("session_digest", sa.String(length=64), nullable=False),
        sa.Column("user_name", sa.String(length=64), nullable=False),
        sa.Column("begun_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("session_digest", name="pk_sessions"),
        sa.ForeignKeyConstraint(["user_name"], ["users.user_name"], name="fk_sessions_user_name"),
    )
    op.create_index("ix_sessions_user_name", "sessions", ["user_name"])
    op.create_table(
        "organisations",
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("level", sa.String(length=16), nullable=False),
        sa.Column("parent_code", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("code", name="pk_organisations"),
    )


def _approvals() -> None:
    with op.batch_alter_table("approvals") as table:
        table.add_column(sa.Column("on_behalf_of", sa.String(length=64), nullable=False, server_default=""))
    op.create_table(
        "delegations",
        sa.Column("delegation_id", SERIAL, nullable=False),
        sa.Column("from_user", sa.String(length=64), nullable=False),
        sa.Column("to_user", sa.String(length=64), nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("begins_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("delegation_id", name="pk_delegations"),
        sa.ForeignKeyConstraint(["from_user"], ["users.user_name"], name="fk_delegations_from_user"),
        sa.ForeignKeyConstraint(["to_user"], ["users.user_name"], name="fk_delegations_to_user"),
    )


def _consent() -> None:
    with op.batch_alter_table("consents") as table:
        table.add_column(sa.Column("by_guardian", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "automated_refusals",
        sa.Column("refusal_id", SERIAL, nullable=False),
        sa.Column("party_id", sa.BigInteger(), nullable=False),
        sa.Column("refused", sa.Boolean(), nullable=False),
        sa.Column("acted_at", sa.BigInteger(), nullable=False),
        sa.Column("wording_version", sa.String(length=64), nullable=False),
        sa.Column("evidence", sa.String(length=200), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("refusal_id", name="pk_automated_refusals"),
    )
    op.create_index("ix_automated_refusals_party_id", "automated_refusals", ["party_id"])
    op.create_table(
        "refused_tags",
        sa.Column("refusal_id", SERIAL, nullable=False),
        sa.Column("party_id", sa.BigInteger(), nullable=False),
        sa.Column("tag", sa.String(length=64), nullable=False),
        sa.Column("refused", sa.Boolean(), nullable=False),
        sa.Column("acted_at", sa.BigInteger(), nullable=False),
        sa.Column("evidence", sa.String(length=200), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("refusal_id", name="pk_refused_tags"),
    )
    op.create_index("ix_refused_tags_party_id", "refused_tags", ["party_id"])
    op.create_table(
        "legal_bases",
        sa.Column("basis_id", SERIAL, nullable=False),
        sa.Column("purpose", sa.SmallInteger(), nullable=False),
        sa.Column("data_classes", sa.Integer(), nullable=False),
        sa.Column("article", sa.String(length=64), nullable=False),
        sa.Column("document", sa.String(length=200), nullable=False),
        sa.Column("begins_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("recorded_by", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("basis_id", name="pk_legal_bases"),
    )
    version = op.create_table(
        "register_version",
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("version", name="pk_register_version"),
    )
    op.bulk_insert(version, [{"version": 1}])
    op.create_table(
        "register_changes",
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("version", "customer_id", name="pk_register_changes"),
    )


def _deliveries() -> None:
    with op.batch_alter_table("deliveries") as table:
        table.add_column(sa.Column("grounds_digest", sa.String(length=64), nullable=False, server_default=""))
    op.create_table(
        "grounds",
        sa.Column("grounds_digest", sa.String(length=64), nullable=False),
        sa.Column("automated", sa.Boolean(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("grounds_digest", name="pk_grounds"),
    )
