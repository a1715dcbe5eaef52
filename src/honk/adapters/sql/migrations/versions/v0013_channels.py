"""Numbers of builds, and how builds stand in channels.

Revision ID: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.create_table(
        "build_numbers",
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("commit", sa.Text(), nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("stamp", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["task"], ["tasks.id"], name=op.f("fk_build_numbers_task")),
        sa.PrimaryKeyConstraint("task", "commit", name=op.f("pk_build_numbers")),
        sa.UniqueConstraint("app", "number", name=op.f("uq_build_numbers_app_number")),
    )
    op.create_table(
        "channel_offers",
        sa.Column("build", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("offer", sa.Text(), nullable=False),
        sa.Column("due", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["task"], ["tasks.id"], name=op.f("fk_channel_offers_task")),
        sa.PrimaryKeyConstraint("build", "channel", name=op.f("pk_channel_offers")),
    )
