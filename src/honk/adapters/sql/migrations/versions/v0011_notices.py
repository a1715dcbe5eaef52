"""Browsers that show notices, and what is on its way to them. Of what happened before, nobody is told.

Revision ID: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "devices",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("visit", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["person"], ["people.id"], name=op.f("fk_devices_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_devices")),
    )
    op.create_index(op.f("ix_devices_person"), "devices", ["person"])
    op.create_table(
        "noticed",
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("told", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["task"], ["tasks.id"], name=op.f("fk_noticed_task")),
        sa.PrimaryKeyConstraint("task", name=op.f("pk_noticed")),
    )
    op.execute("INSERT INTO noticed (task, told) SELECT id, events FROM tasks")
    op.create_table(
        "postings",
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due", sa.DateTime(timezone=True), nullable=False),
        sa.Column("holder", sa.Text(), server_default="", nullable=False),
        sa.Column("held_until", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person"], ["people.id"], name=op.f("fk_postings_person")),
        sa.ForeignKeyConstraint(["task"], ["tasks.id"], name=op.f("fk_postings_task")),
        sa.PrimaryKeyConstraint("task", "seq", "person", "target", name=op.f("pk_postings")),
    )
    op.create_index(op.f("ix_postings_due"), "postings", ["due"])
