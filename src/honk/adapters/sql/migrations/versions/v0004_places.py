"""One place a task and door: what is asked in a chat has its pull request at a forge as another place.

Revision ID: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_THREADS = (
    "number, task, door, team, channel, root, asked_by, message, card, shown, told, listens, muted, broken, holder,"
    " held_until"
)


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _made_anew()
    else:
        _altered()


def _altered() -> None:
    op.drop_constraint(op.f("uq_threads_task"), "threads")
    op.create_unique_constraint(op.f("uq_threads_task_door"), "threads", ["task", "door"])
    op.add_column("sayings", sa.Column("door", sa.Text(), nullable=True))
    op.execute(
        "UPDATE sayings SET door = COALESCE((SELECT door FROM threads WHERE threads.task = sayings.task), 'slack')"
    )
    op.alter_column("sayings", "door", nullable=False)
    op.drop_constraint(op.f("pk_sayings"), "sayings")
    op.create_primary_key(op.f("pk_sayings"), "sayings", ["task", "door", "key"])


def _made_anew() -> None:
    """SQLite changes no constraints: the rows are kept aside while the tables are made again."""
    op.execute("CREATE TABLE sayings_before AS SELECT task, key, message FROM sayings")
    op.execute(f"CREATE TABLE threads_before AS SELECT {_THREADS} FROM threads")
    op.drop_table("sayings")
    op.drop_table("threads")
    _threads()
    _sayings()
    op.execute(f"INSERT INTO threads ({_THREADS}) SELECT {_THREADS} FROM threads_before")
    op.execute(
        "INSERT INTO sayings (task, door, key, message) SELECT task,"
        " COALESCE((SELECT door FROM threads WHERE threads.task = sayings_before.task), 'slack'), key, message"
        " FROM sayings_before"
    )
    op.drop_table("sayings_before")
    op.drop_table("threads_before")


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
        sa.UniqueConstraint("task", "door", name=op.f("uq_threads_task_door")),
    )
    op.create_index("ix_threads_place", "threads", ["door", "team", "channel", "root"], unique=False)


def _sayings() -> None:
    op.create_table(
        "sayings",
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("door", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["task"], ["tasks.id"], name=op.f("fk_sayings_task")),
        sa.PrimaryKeyConstraint("task", "door", "key", name=op.f("pk_sayings")),
    )
