"""The tables of the first landing.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Migrations only go forward: there is no downgrade."""
    op.create_table(
        "approvals",
        sa.Column("approval_id", SERIAL, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("submitted_by", sa.String(length=64), nullable=False),
        sa.Column("decided_by", sa.String(length=64), nullable=False),
        sa.Column("approved", sa.Boolean(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("approval_id", name=op.f("pk_approvals")),
    )
    op.create_index(op.f("ix_approvals_digest"), "approvals", ["digest"], unique=False)
    op.create_table(
        "audit",
        sa.Column("audit_id", SERIAL, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("act", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=128), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("audit_id", name=op.f("pk_audit")),
    )
    op.create_table(
        "campaign_plans",
        sa.Column("wave_id", SERIAL, nullable=False),
        sa.Column("campaign", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("stages", sa.JSON(), nullable=False),
        sa.Column("forecast", sa.JSON(), nullable=False),
        sa.Column("planned_by", sa.String(length=64), nullable=False),
        sa.Column("planned_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("wave_id", name=op.f("pk_campaign_plans")),
    )
    op.create_index(op.f("ix_campaign_plans_campaign"), "campaign_plans", ["campaign"], unique=False)
    op.create_index(op.f("ix_campaign_plans_digest"), "campaign_plans", ["digest"], unique=False)
    op.create_table(
        "consents",
        sa.Column("consent_id", SERIAL, nullable=False),
        sa.Column("party_id", sa.BigInteger(), nullable=False),
        sa.Column("purpose", sa.SmallInteger(), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("data_classes", sa.Integer(), nullable=False),
        sa.Column("given", sa.Boolean(), nullable=False),
        sa.Column("acted_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("wording_version", sa.String(length=64), nullable=False),
        sa.Column("evidence", sa.String(length=200), nullable=False),
        sa.Column("origin", sa.String(length=128), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("consent_id", name=op.f("pk_consents")),
        sa.UniqueConstraint("origin", name=op.f("uq_consents_origin")),
    )
    op.create_index("ix_consents_of_party", "consents", ["party_id", "purpose", "channel"], unique=False)
    op.create_table(
        "contacts",
        sa.Column("wave_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("customer_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("offer_number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("step", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("offer", sa.String(length=64), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("written_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("wave_id", "customer_id", "offer_number", "step", name=op.f("pk_contacts")),
    )
    op.create_table(
        "contents",
        sa.Column("content_digest", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.PrimaryKeyConstraint("content_digest", name=op.f("pk_contents")),
    )
    op.create_table(
        "definitions",
        sa.Column("definition_id", SERIAL, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=True),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("applied_at", sa.BigInteger(), nullable=False),
        sa.Column("applied_by", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("definition_id", name=op.f("pk_definitions")),
    )
    op.create_table(
        "deliveries",
        sa.Column("delivery_id", SERIAL, nullable=False),
        sa.Column("wave_id", sa.BigInteger(), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("offer", sa.String(length=64), nullable=False),
        sa.Column("step", sa.SmallInteger(), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("message_key", sa.String(length=160), nullable=False),
        sa.Column("purpose", sa.SmallInteger(), nullable=False),
        sa.Column("data_classes", sa.Integer(), nullable=False),
        sa.Column("content_digest", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.Column("reason", sa.SmallInteger(), nullable=True),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("queued_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("delivery_id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("message_key", name=op.f("uq_deliveries_message_key")),
    )
    op.create_index("ix_deliveries_wave", "deliveries", ["wave_id", "status"], unique=False)
    op.create_index("ix_deliveries_work", "deliveries", ["status", "channel", "delivery_id"], unique=False)
    op.create_table(
        "idempotent_answers",
        sa.Column("caller", sa.String(length=64), nullable=False),
        sa.Column("idempotency_key", sa.String(length=128), nullable=False),
        sa.Column("request_digest", sa.String(length=64), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("answered_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("caller", "idempotency_key", name=op.f("pk_idempotent_answers")),
    )
    op.create_table(
        "fixed_settings",
        sa.Column("setting", sa.String(length=64), nullable=False),
        sa.Column("value", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("setting", name=op.f("pk_fixed_settings")),
    )
    op.create_table(
        "party_links",
        sa.Column("link_id", SERIAL, nullable=False),
        sa.Column("party_id", sa.BigInteger(), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("valid_from", sa.BigInteger(), nullable=False),
        sa.Column("valid_to", sa.BigInteger(), nullable=False),
        sa.Column("known_from", sa.BigInteger(), nullable=False),
        sa.Column("known_to", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("link_id", name=op.f("pk_party_links")),
    )
    op.create_index("ix_party_links_party", "party_links", ["party_id"], unique=False)
    op.create_table(
        "publications",
        sa.Column("publication_id", SERIAL, nullable=False),
        sa.Column("table_name", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("published_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("publication_id", name=op.f("pk_publications")),
    )
    op.create_index(op.f("ix_publications_table_name"), "publications", ["table_name"], unique=False)
    op.create_table(
        "quarantine",
        sa.Column("quarantine_id", SERIAL, nullable=False),
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("data_date", sa.Date(), nullable=False),
        sa.Column("file_name", sa.String(length=255), nullable=False),
        sa.Column("row_number", sa.BigInteger(), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("sealed_row", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("quarantine_id", name=op.f("pk_quarantine")),
    )
    op.create_index(op.f("ix_quarantine_run_id"), "quarantine", ["run_id"], unique=False)
    op.create_table(
        "runs",
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("run_number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=160), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=False),
        sa.Column("summary", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_runs")),
    )
    op.create_index(op.f("ix_runs_run_number"), "runs", ["run_number"], unique=False)
    op.create_index(op.f("ix_runs_subject"), "runs", ["subject"], unique=False)
    op.create_table(
        "subjects",
        sa.Column("party_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("party_id", name=op.f("pk_subjects")),
    )
    op.create_index(op.f("ix_subjects_customer_id"), "subjects", ["customer_id"], unique=False)
    op.create_table(
        "users",
        sa.Column("user_name", sa.String(length=64), nullable=False),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_name", name=op.f("pk_users")),
    )
    op.create_table(
        "vault_identifiers",
        sa.Column("party_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("party_id", "kind", name=op.f("pk_vault_identifiers")),
    )
    op.create_table(
        "vault_keys",
        sa.Column("party_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("party_id", name=op.f("pk_vault_keys")),
    )
    op.create_table(
        "vault_surrogates",
        sa.Column("namespace", sa.String(length=128), nullable=False),
        sa.Column("key_index", sa.LargeBinary(length=32), nullable=False),
        sa.Column("surrogate", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("namespace", "key_index", name=op.f("pk_vault_surrogates")),
        sa.UniqueConstraint("surrogate", name=op.f("uq_vault_surrogates_surrogate")),
    )
    op.create_table(
        "api_keys",
        sa.Column("key_digest", sa.String(length=64), nullable=False),
        sa.Column("user_name", sa.String(length=64), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["user_name"], ["users.user_name"], name=op.f("fk_api_keys_user_name")),
        sa.PrimaryKeyConstraint("key_digest", name=op.f("pk_api_keys")),
    )
    op.create_table(
        "campaign_states",
        sa.Column("state_id", SERIAL, nullable=False),
        sa.Column("wave_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["wave_id"], ["campaign_plans.wave_id"], name=op.f("fk_campaign_states_wave_id")),
        sa.PrimaryKeyConstraint("state_id", name=op.f("pk_campaign_states")),
    )
    op.create_index(op.f("ix_campaign_states_wave_id"), "campaign_states", ["wave_id"], unique=False)
