"""Deployments are found by their task, and the newest ones of a place without looking at the others.

Revision ID: 0008
"""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_index(op.f("ix_deployments_task"), "deployments", ["task"])
    op.drop_index("ix_deployments_place", "deployments")
    op.create_index("ix_deployments_place", "deployments", ["repository", "environment", "at"])
