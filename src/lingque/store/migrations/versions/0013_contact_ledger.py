"""The contact ledger counts by the instant, by topic, and with reservations that expire.

Revision ID: 0013
Revises: 0012
"""

from __future__ import annotations

from datetime import UTC, date, datetime

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

STATES = {"reserved": 1, "committed": 2, "released": 3}
END_OF_TIME = 2**63 - 1
ROWS = 10_000


def upgrade() -> None:
    """Migrations only go forward: there is no downgrade."""
    op.drop_index(op.f("ix_contact_ledger_customer_id"), table_name="contact_ledger")
    op.rename_table("contact_ledger", "contact_ledger_by_wave")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER INDEX pk_contact_ledger RENAME TO pk_contact_ledger_by_wave")
    ledger = op.create_table(
        "contact_ledger",
        sa.Column("customer_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("wave_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("step", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("topic", sa.String(length=64), nullable=True),
        sa.Column("purpose", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", "wave_id", "step", name=op.f("pk_contact_ledger")),
        sqlite_with_rowid=False,
    )
    expiring = sa.text(f"state = 1 AND expires_at < {END_OF_TIME}")
    op.create_index(
        "ix_contact_ledger_expiring",
        "contact_ledger",
        ["expires_at"],
        unique=False,
        sqlite_where=expiring,
        postgresql_where=expiring,
    )
    _move(ledger)
    op.drop_table("contact_ledger_by_wave")


def _move(ledger: sa.Table) -> None:
    connection = op.get_bind()
    before = sa.Table(
        "contact_ledger_by_wave",
        sa.MetaData(),
        *(sa.Column(name, sa.BigInteger()) for name in ("wave_id", "customer_id", "step", "purpose")),
        sa.Column("channel", sa.String()),
        sa.Column("state", sa.String()),
        sa.Column("day", sa.Date()),
    )
    rows = connection.execute(sa.select(before).order_by(before.c.customer_id, before.c.wave_id, before.c.step))
    for part in rows.partitions(ROWS):
        connection.execute(
            sa.insert(ledger),
            [
                {
                    "customer_id": row.customer_id,
                    "wave_id": row.wave_id,
                    "step": row.step,
                    "channel": row.channel,
                    "topic": None,
                    "purpose": row.purpose,
                    "state": STATES[row.state],
                    "at": _noon(row.day),
                    "expires_at": END_OF_TIME,
                }
                for row in part
            ],
        )


def _noon(day: date) -> int:
    # a migration knows no business time zone: noon in London lies on the same day in all of them but New Zealand's
    return int(datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp()) * 1_000_000
