"""Corrections of quarantined rows, and what the data was like, day by day.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
RUN = ("run_id", "run_number", "kind", "subject")
ROW = ("run_id", "source", "file_name", "file_digest", "superseded_by")


def upgrade() -> None:
    """Migrations only go forward: there is no downgrade."""
    op.create_table(
        "corrections",
        sa.Column("correction_id", SERIAL, nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("data_date", sa.Date(), nullable=False),
        sa.Column("file_name", sa.String(length=255), nullable=False),
        sa.Column("row_number", sa.BigInteger(), nullable=False),
        sa.Column("file_digest", sa.String(length=64), nullable=False),
        sa.Column("sealed_values", sa.LargeBinary(), nullable=True),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("made_by", sa.String(length=64), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("correction_id", name=op.f("pk_corrections")),
    )
    op.create_index("ix_corrections_of_delivery", "corrections", ["source", "data_date"], unique=False)
    op.create_table(
        "quality",
        sa.Column("quality_id", SERIAL, nullable=False),
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("contract", sa.String(length=64), nullable=False),
        sa.Column("data_date", sa.Date(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("dimensions", sa.JSON(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.Column("judged_at", sa.BigInteger(), nullable=False),
        sa.Column("released_by", sa.String(length=64), nullable=True),
        sa.Column("release_comment", sa.Text(), nullable=True),
        sa.Column("released_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("quality_id", name=op.f("pk_quality")),
        sa.UniqueConstraint("run_id", name=op.f("uq_quality_run_id")),
    )
    op.create_index("ix_quality_of_source", "quality", ["source", "data_date"], unique=False)
    op.add_column("quarantine", sa.Column("file_digest", sa.String(length=64), nullable=True))
    op.add_column("quarantine", sa.Column("superseded_by", sa.String(length=64), nullable=True))
    op.create_index("ix_quarantine_open", "quarantine", ["source", "data_date", "superseded_by"], unique=False)
    _complete_quarantine(op.get_bind())


def _complete_quarantine(connection: sa.Connection) -> None:
    """Rows that are there already: the digest of their file as their run recorded it, and the run that came after."""
    runs = sa.table("runs", *map(sa.column, RUN), sa.column("summary", sa.JSON()))
    rows = sa.table("quarantine", *map(sa.column, ROW), sa.column("data_date", sa.Date()))
    newest: dict[str, str] = {}
    digests: dict[str, dict[str, str]] = {}
    for run in connection.execute(sa.select(runs).where(runs.c.kind == "ingest").order_by(runs.c.run_number)):
        newest[run.subject] = run.run_id
        digests[run.run_id] = dict(run.summary["content"]["files"])
    found = sa.select(rows.c.run_id, rows.c.source, rows.c.data_date, rows.c.file_name).distinct()
    for row in connection.execute(found).all():
        last = newest.get(f"{row.source}/{row.data_date}", row.run_id)
        connection.execute(
            sa.update(rows)
            .where(rows.c.run_id == row.run_id, rows.c.file_name == row.file_name)
            .values(
                file_digest=digests.get(row.run_id, {}).get(row.file_name),
                superseded_by=None if last == row.run_id else last,
            )
        )
