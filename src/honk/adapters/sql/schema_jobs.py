"""The tables of jobs for labelled workers; part of the schema."""

import sqlalchemy as sa

from honk.adapters.sql.schema import Moment, Words, metadata

remote_jobs = sa.Table(
    "remote_jobs",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("task", sa.Text, sa.ForeignKey("tasks.id"), nullable=False, index=True),
    # waiting, leased, done, failed, doubt or gone
    sa.Column("state", sa.Text, nullable=False, index=True),
    sa.Column("at", Moment, nullable=False),
    sa.Column("job", Words, nullable=False),
)

# labelled workers, as each was when it was last heard of
remote_workers = sa.Table(
    "remote_workers",
    metadata,
    sa.Column("token", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("labels", sa.Text, nullable=False),
    sa.Column("kinds", sa.Text, nullable=False),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("seen", Moment, nullable=False),
)

# what the access tokens of workers are good for; such a token has no scope
worker_tokens = sa.Table(
    "worker_tokens",
    metadata,
    sa.Column("token", sa.Text, sa.ForeignKey("tokens.id"), primary_key=True),
    sa.Column("labels", sa.Text, nullable=False),
    sa.Column("kinds", sa.Text, nullable=False),
)
