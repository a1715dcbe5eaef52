"""The tables of browsers that have signed in, and of what they sign in with; part of the schema."""

import sqlalchemy as sa

from honk.adapters.sql.schema import Moment, Words, metadata


def _person() -> sa.Column[str]:
    return sa.Column("person", sa.Text, sa.ForeignKey("people.id"), nullable=False, index=True)


def _token() -> sa.Column[str]:
    """The access token whose end is its end."""
    return sa.Column("token", sa.Text, sa.ForeignKey("tokens.id"))


visits = sa.Table(
    "visits",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    # SHA-256 of what the browser shows
    sa.Column("digest", sa.Text, nullable=False, unique=True),
    _person(),
    sa.Column("scopes", sa.Text, nullable=False),
    sa.Column("way", sa.Text, nullable=False),
    _token(),
    sa.Column("device", Words, nullable=False),
    sa.Column("began_at", Moment, nullable=False),
    sa.Column("seen_at", Moment, nullable=False),
    sa.Column("until", Moment, nullable=False),
)

# links to sign in with, ways to providers, challenges: each is good once
sign_in_once = sa.Table(
    "sign_in_once",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("words", Words, nullable=False),
    sa.Column("until", Moment, nullable=False),
)

passkeys = sa.Table(
    "passkeys",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    _person(),
    sa.Column("name", Words, nullable=False),
    sa.Column("public_key", sa.Text, nullable=False),
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Column("scopes", sa.Text, nullable=False),
    _token(),
    sa.Column("made_at", Moment, nullable=False),
    sa.Column("used_at", Moment),
)
