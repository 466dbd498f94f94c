"""The whole life of a campaign.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None
NEW_NAMES = {"planned": "simulated", "running": "rolling_out", "done": "rolled_out"}


def upgrade() -> None:
    """Migrations only go forward: there is no downgrade."""
    with op.batch_alter_table("campaign_states") as table:
        table.add_column(sa.Column("comment", sa.Text(), nullable=False, server_default=""))
    with op.batch_alter_table("campaign_plans") as table:
        table.add_column(sa.Column("approval_digest", sa.String(length=64), nullable=False, server_default=""))
    op.execute("UPDATE campaign_plans SET approval_digest = digest")
    with op.batch_alter_table("campaign_plans") as table:
        table.alter_column("approval_digest", server_default=None)
    op.create_index(op.f("ix_campaign_plans_approval_digest"), "campaign_plans", ["approval_digest"], unique=False)
    states = sa.table("campaign_states", sa.column("state", sa.String))
    for old, new in NEW_NAMES.items():
        op.execute(states.update().where(states.c.state == old).values(state=new))
    _rewrite_stages()


def _rewrite_stages() -> None:
    """Stages named one channel; now they name several."""
    plans = sa.table("campaign_plans", sa.column("wave_id", sa.BigInteger), sa.column("stages", sa.JSON))
    connection = op.get_bind()
    for row in connection.execute(sa.select(plans)).all():
        stages = [dict(stage) for stage in row.stages]
        channel = next((stage["channel"] for stage in stages if stage["stage"] == "AskLeave"), "email")
        for stage in stages:
            match stage["stage"]:
                case "AskLeave":
                    stage["channels"] = [stage.pop("channel")]
                case "Decide":
                    cost = stage.pop("contact_cost")
                    stage["channels"] = [{"channel": channel, "contact_cost": cost, "capacity": None}]
                case "WriteContacts":
                    del stage["channel"]
                    stage["route_by"] = None
                case "Evaluate":
                    stage["also"] = []
        connection.execute(plans.update().where(plans.c.wave_id == row.wave_id).values(stages=stages))
