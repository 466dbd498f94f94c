"""Why customers were put on a list.

Revision ID: 0015
Revises: 0014
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Migrations only go forward: there is no downgrade."""
    op.add_column("list_members", sa.Column("reason", sa.String(length=200), nullable=False, server_default=""))
