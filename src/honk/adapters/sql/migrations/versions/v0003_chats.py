"""Chats: threads, deliveries, preferences, and who is who there.

Revision ID: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    _threads()
    _deliveries()
    _people()
    _repositories()


def _threads() -> None:
    op.create_table(
        "threads",
        sa.Column("number", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("door", sa.Text(), nullable=False),
        sa.Column("team", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("root", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("card", sa.Text(), nullable=False),
        sa.Column("shown", sa.Text(), nullable=False),
        sa.Column("told", sa.Integer(), nullable=False),
        sa.Column("listens", sa.Boolean(), nullable=False),
        sa.Column("muted", sa.Boolean(), nullable=False),
        sa.Column("broken", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), server_default="", nullable=False),
        sa.Column("held_until", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["task"], ["tasks.id"], name=op.f("fk_threads_task")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_threads")),
        sa.UniqueConstraint("task", name=op.f("uq_threads_task")),
    )
    op.create_index("ix_threads_place", "threads", ["door", "team", "channel", "root"], unique=False)
    op.create_table(
        "sayings",
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["task"], ["tasks.id"], name=op.f("fk_sayings_task")),
        sa.PrimaryKeyConstraint("task", "key", name=op.f("pk_sayings")),
    )


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("number", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("door", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("open", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("held_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("id", name=op.f("uq_deliveries_id")),
    )
    op.create_index("ix_deliveries_open", "deliveries", ["open", "lane"], unique=False)
    op.create_index("ix_deliveries_lane", "deliveries", ["lane", "kind"], unique=False)


def _people() -> None:
    op.create_table(
        "preferences",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("subject", "name", name=op.f("pk_preferences")),
    )
    op.create_table(
        "links",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["person"], ["people.id"], name=op.f("fk_links_person")),
        sa.PrimaryKeyConstraint("kind", "value", name=op.f("pk_links")),
    )
    op.create_table(
        "link_offers",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["person"], ["people.id"], name=op.f("fk_link_offers_person")),
        sa.PrimaryKeyConstraint("kind", "value", name=op.f("pk_link_offers")),
    )


def _repositories() -> None:
    """Which repositories were used, and when last, is asked at every message of a chat; whose tasks, in its home."""
    op.drop_index("ix_tasks_repository_key", table_name="tasks")
    op.create_index("ix_tasks_repository_used", "tasks", ["repository_key", "created_at"], unique=False)
    op.create_index("ix_tasks_requested", "tasks", ["requested_by", "created_at"], unique=False)
