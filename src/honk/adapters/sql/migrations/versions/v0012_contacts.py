"""Who is asked and told about a task, where that is another person than asked for it.

Revision ID: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column("tasks", sa.Column("contact", sa.Text(), nullable=True))
    op.create_index(op.f("ix_tasks_contact"), "tasks", ["contact"])
