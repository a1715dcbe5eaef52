"""The tables of what is deployed, waits for that, or is looked at afterwards; part of the schema."""

import sqlalchemy as sa

from honk.adapters.sql.schema import Moment, Words, metadata

# merged tasks that are deployed, or wait for that
deploy_line = sa.Table(
    "deploy_line",
    metadata,
    sa.Column("task", sa.Text, sa.ForeignKey("tasks.id"), primary_key=True),
    sa.Column("repository", sa.Text, nullable=False),
    sa.Column("environment", sa.Text, nullable=False),
    sa.Column("branch", sa.Text, nullable=False),
    sa.Column("merged_at", Moment, nullable=False),
    # coming, closed, behind or going
    sa.Column("stand", sa.Text, nullable=False),
    # the press that it is about
    sa.Column("landing", Words, nullable=False),
    sa.Column("held", sa.Integer, nullable=False, server_default="0"),
)

# environments into which people let nothing be deployed
deploy_freezes = sa.Table(
    "deploy_freezes",
    metadata,
    sa.Column("repository", sa.Text, primary_key=True),
    # empty: every environment
    sa.Column("environment", sa.Text, primary_key=True),
    sa.Column("person", sa.Text, sa.ForeignKey("people.id"), nullable=False),
    sa.Column("why", Words, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("until", Moment),
)

# versions that went live, and are looked at for a while
health_watches = sa.Table(
    "health_watches",
    metadata,
    sa.Column("deployment", sa.Text, primary_key=True),
    sa.Column("task", sa.Text, sa.ForeignKey("tasks.id"), nullable=False),
    sa.Column("environment", sa.Text, nullable=False),
    sa.Column("began", Moment, nullable=False),
    sa.Column("until", Moment, nullable=False),
    sa.Column("next", Moment, nullable=False),
    sa.Column("looks", sa.Integer, nullable=False, server_default="0"),
    # looks in a row that failed, and since when
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
    sa.Column("since", Moment),
)

# deployments that targets of webhooks were told of, or may have been
deploy_calls = sa.Table(
    "deploy_calls",
    metadata,
    sa.Column("deployment", sa.Text, primary_key=True),
    sa.Column("task", sa.Text, sa.ForeignKey("tasks.id"), nullable=False),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("asked_at", Moment, nullable=False),
    # when the target said that it has it; null while that is in doubt
    sa.Column("answered_at", Moment),
    sa.Column("status_url", sa.Text, nullable=False, server_default=""),
    # what the target said last, as JSON, and when
    sa.Column("said", Words, nullable=False),
    sa.Column("said_at", Moment),
)
