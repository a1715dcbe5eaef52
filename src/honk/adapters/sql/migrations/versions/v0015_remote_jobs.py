"""Jobs for labelled workers, the workers, and their tokens.

Revision ID: 0015
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.create_table(
        "remote_jobs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("job", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["task"], ["tasks.id"], name=op.f("fk_remote_jobs_task")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_remote_jobs")),
    )
    op.create_index(op.f("ix_remote_jobs_task"), "remote_jobs", ["task"])
    op.create_index(op.f("ix_remote_jobs_state"), "remote_jobs", ["state"])
    op.create_table(
        "remote_workers",
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("kinds", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("seen", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("token", "name", name=op.f("pk_remote_workers")),
    )
    op.create_table(
        "worker_tokens",
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("kinds", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["token"], ["tokens.id"], name=op.f("fk_worker_tokens_token")),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_worker_tokens")),
    )
