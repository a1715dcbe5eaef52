"""The tables of builds' numbers, and of builds in channels; part of the schema."""

import sqlalchemy as sa

from honk.adapters.sql.schema import Moment, metadata

# what the build of a commit was given to carry
build_numbers = sa.Table(
    "build_numbers",
    metadata,
    sa.Column("task", sa.Text, sa.ForeignKey("tasks.id"), primary_key=True),
    sa.Column("commit", sa.Text, primary_key=True),
    # the address of the repository
    sa.Column("app", sa.Text, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("stamp", sa.Text, nullable=False),
    sa.UniqueConstraint("app", "number"),
)

# how builds stand in channels
channel_offers = sa.Table(
    "channel_offers",
    metadata,
    sa.Column("build", sa.Text, primary_key=True),
    sa.Column("channel", sa.Text, primary_key=True),
    sa.Column("task", sa.Text, sa.ForeignKey("tasks.id"), nullable=False),
    sa.Column("offer", sa.Text, nullable=False),
    # when the channel is asked again
    sa.Column("due", Moment),
)
