"""The tables of what people are told when they look at no page; part of the schema."""

import sqlalchemy as sa

from honk.adapters.sql.schema import Moment, Words, metadata

# browsers that show notices
devices = sa.Table(
    "devices",
    metadata,
    # a digest of the endpoint
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("person", sa.Text, sa.ForeignKey("people.id"), nullable=False, index=True),
    sa.Column("label", Words, nullable=False),
    # endpoint and keys, sealed with a key that is not in the database
    sa.Column("sealed", sa.Text, nullable=False),
    # the visit in which it was switched on
    sa.Column("token", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("until", Moment, nullable=False),
)

# the seq up to which the events of a task were looked at; no row: none was
noticed = sa.Table(
    "noticed",
    metadata,
    sa.Column("task", sa.Text, sa.ForeignKey("tasks.id"), primary_key=True),
    sa.Column("told", sa.Integer, nullable=False),
)

# notices on their way
postings = sa.Table(
    "postings",
    metadata,
    sa.Column("task", sa.Text, sa.ForeignKey("tasks.id"), primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("person", sa.Text, sa.ForeignKey("people.id"), primary_key=True),
    # the id of a device, or "mail"
    sa.Column("target", sa.Text, primary_key=True),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("due", Moment, nullable=False, index=True),
    # who sends it now, and until when nobody else does
    sa.Column("holder", sa.Text, nullable=False, server_default=""),
    sa.Column("held_until", Moment),
)
