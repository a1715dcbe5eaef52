"""Tokens that are bound to a task, and builds that came late.

Revision ID: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("tokens", sa.Column("task", sa.Text(), nullable=True))
    op.add_column("builds", sa.Column("older", sa.Boolean(), server_default=sa.false(), nullable=False))
