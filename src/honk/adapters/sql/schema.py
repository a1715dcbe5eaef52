"""The tables. Records are kept as JSON (honk.domain.codec); columns exist for what is searched, ordered or locked."""

import json
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

from honk.errors import Defect

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


class Moment(TypeDecorator[datetime]):
    """A point in time, in UTC whatever the database keeps."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise Defect(f"a time without a zone cannot be stored: {value}")
        return value and value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        return value and (value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC))


class Words(TypeDecorator[str]):
    """What a person wrote, as a JSON string: databases refuse NUL and lone surrogates in plain text."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        return None if value is None else json.dumps(value)

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> str | None:
        return None if value is None else str(json.loads(value))


def _task(*, key: bool = False) -> sa.Column[str]:
    return sa.Column("task", sa.Text, sa.ForeignKey("tasks.id"), primary_key=key, nullable=False)


def _number() -> sa.Column[int]:
    """Numbers rows in the order in which they came."""
    return sa.Column("number", sa.Integer, sa.Identity(), primary_key=True)


people = sa.Table(
    "people",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", Words, nullable=False),
    # whom the policy says this is; the row stays, so that its acts are still somebody's
    sa.Column("joined_to", sa.Text),
    # the policy's key of the person, as it was when a door saw them last
    sa.Column("key", sa.Text, index=True, unique=True),
)

identities = sa.Table(
    "identities",
    metadata,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, primary_key=True),
    sa.Column("person", sa.Text, sa.ForeignKey("people.id"), nullable=False, index=True),
)

tasks = sa.Table(
    "tasks",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("created_at", Moment, nullable=False, index=True),
    sa.Column("requested_by", sa.Text, sa.ForeignKey("people.id"), nullable=False),
    sa.Column("repository_key", sa.Text, nullable=False),
    sa.Column("repository", sa.Text, nullable=False),
    sa.Column("instruction", Words, nullable=False),
    sa.Column("options", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False, index=True),
    sa.Column("reason", Words, nullable=False),
    sa.Column("turn", sa.Integer, nullable=False),
    sa.Column("stop_asked_by", sa.Text, sa.ForeignKey("people.id")),
    # the number of the latest message when the latest stop was asked
    sa.Column("stop_after", sa.Integer),
    # the seq of the latest event; raised and used in one transaction, so that there is never a gap
    sa.Column("events", sa.Integer, nullable=False, server_default="0"),
    # who is asked and told in place of requested_by
    sa.Column("contact", sa.Text, index=True),
    sa.Index("ix_tasks_repository_used", "repository_key", "created_at"),
    sa.Index("ix_tasks_requested", "requested_by", "created_at"),
)

turns = sa.Table(
    "turns",
    metadata,
    _task(key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("message_id", sa.Text, nullable=False, unique=True),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("outcome", sa.Text),
    # how often it was done again, and from which step on
    sa.Column("again", sa.Integer, nullable=False, server_default="0"),
    sa.Column("point", sa.Text, nullable=False, server_default=""),
)

mailbox = sa.Table(
    "mailbox",
    metadata,
    _number(),
    _task(),
    sa.Column("message_id", sa.Text, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    # kept after it was taken, so that a late redelivery is known
    sa.Column("taken", sa.Boolean, nullable=False, server_default=sa.false()),
    # how the sender wants it handled: "queued", "steer" or "interrupt"; "withdrawn" once it is
    sa.Column("handling", sa.Text, nullable=False, server_default="queued"),
    # the turn at work whose agent it was handed to; taken once the agent has it
    sa.Column("handed_to", sa.Integer),
    sa.UniqueConstraint("task", "message_id"),
    sa.Index("ix_mailbox_taken", "taken"),
)

events = sa.Table(
    "events",
    metadata,
    _task(key=True),
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("turn", sa.Integer, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("actor", sa.Text, sa.ForeignKey("people.id")),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("data", sa.Text, nullable=False),
    sa.Column("key", sa.Text),
    sa.UniqueConstraint("task", "key"),
)

verdicts = sa.Table(
    "verdicts",
    metadata,
    _task(key=True),
    sa.Column("turn", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("attempt", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("verdict", sa.Text, nullable=False),
)

findings_cache = sa.Table(
    "findings_cache",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", Words, nullable=False),
    sa.Column("at", Moment, nullable=False),
)

spending = sa.Table(
    "spending",
    metadata,
    _task(key=True),
    sa.Column("usd", sa.Float, nullable=False),
    sa.Column("calls", sa.BigInteger, nullable=False),
    sa.Column("input_tokens", sa.BigInteger, nullable=False),
    sa.Column("output_tokens", sa.BigInteger, nullable=False),
    sa.Column("cache_read_tokens", sa.BigInteger, nullable=False),
    sa.Column("cache_write_tokens", sa.BigInteger, nullable=False),
)

pull_request_numbers = sa.Table(
    "pull_request_numbers",
    metadata,
    sa.Column("repository", sa.Text, primary_key=True),
    sa.Column("latest", sa.Integer, nullable=False),
)

pull_requests = sa.Table(
    "pull_requests",
    metadata,
    sa.Column("task", sa.Text, sa.ForeignKey("tasks.id"), primary_key=True),
    sa.Column("repository", sa.Text, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("pull_request", sa.Text, nullable=False),
    sa.UniqueConstraint("repository", "number"),
)

comments = sa.Table(
    "comments",
    metadata,
    _number(),
    _task(),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("comment", sa.Text, nullable=False),
    sa.UniqueConstraint("task", "key"),
)

builds = sa.Table(
    "builds",
    metadata,
    _number(),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("task", sa.Text, sa.ForeignKey("tasks.id"), nullable=False, index=True),
    sa.Column("build", sa.Text, nullable=False),
    # it came when a newer commit of its task had a build already
    sa.Column("older", sa.Boolean, nullable=False, server_default=sa.false()),
    # how often its links were ended, and how often a phone fetched its package
    sa.Column("revoked", sa.Integer, nullable=False, server_default="0"),
    sa.Column("fetched", sa.Integer, nullable=False, server_default="0"),
)

deployments = sa.Table(
    "deployments",
    metadata,
    _number(),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("task", sa.Text, sa.ForeignKey("tasks.id"), nullable=False, index=True),
    sa.Column("repository", sa.Text, nullable=False),
    sa.Column("environment", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("deployment", sa.Text, nullable=False),
    sa.Index("ix_deployments_place", "repository", "environment", "at"),
)

tokens = sa.Table(
    "tokens",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    # SHA-256 of the token; the token itself is shown once and kept nowhere
    sa.Column("digest", sa.Text, nullable=False, unique=True),
    sa.Column("person", sa.Text, sa.ForeignKey("people.id"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("scopes", sa.Text, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("expires_at", Moment),
    sa.Column("revoked_at", Moment),
    # the one task for which it may upload builds
    sa.Column("task", sa.Text),
)

reservations = sa.Table(
    "reservations",
    metadata,
    _number(),
    sa.Column("task", sa.Text, sa.ForeignKey("tasks.id"), nullable=False, index=True),
    sa.Column("turn", sa.Integer, nullable=False),
    sa.Column("person", sa.Text, sa.ForeignKey("people.id"), nullable=False),
    # the day in UTC on which the turn began, such as "2026-11-21"
    sa.Column("day", sa.Text, nullable=False, index=True),
    # what the turn may cost; null when nothing bounds it
    sa.Column("usd", sa.Float),
    # what the task had spent when the turn began
    sa.Column("before", sa.Float, nullable=False),
    # what the turn cost; null while it is at work
    sa.Column("spent", sa.Float),
)

audit = sa.Table(
    "audit",
    metadata,
    _number(),
    sa.Column("at", Moment, nullable=False, index=True),
    sa.Column("person", sa.Text, nullable=False),
    sa.Column("act", sa.Text, nullable=False),
    sa.Column("repository", sa.Text, nullable=False),
    sa.Column("task", sa.Text),
    sa.Column("allowed", sa.Boolean, nullable=False),
    sa.Column("reason", Words, nullable=False),
    # which version of the policy decided
    sa.Column("policy", sa.Text, nullable=False),
)

threads = sa.Table(
    "threads",
    metadata,
    _number(),
    sa.Column("task", sa.Text, sa.ForeignKey("tasks.id"), nullable=False),
    sa.Column("door", sa.Text, nullable=False),
    sa.Column("team", sa.Text, nullable=False),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("root", sa.Text, nullable=False),
    sa.Column("asked_by", sa.Text, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("card", sa.Text, nullable=False),
    sa.Column("shown", sa.Text, nullable=False),
    # the seq of the last event of which the place was told
    sa.Column("told", sa.Integer, nullable=False),
    sa.Column("listens", sa.Boolean, nullable=False),
    sa.Column("muted", sa.Boolean, nullable=False),
    sa.Column("broken", Words, nullable=False),
    # who writes there now, and until when nobody else does
    sa.Column("holder", sa.Text, nullable=False, server_default=""),
    sa.Column("held_until", Moment),
    # one place a task and door
    sa.UniqueConstraint("task", "door"),
    sa.Index("ix_threads_place", "door", "team", "channel", "root"),
)

# messages of Honk's in threads, each named after its occasion
sayings = sa.Table(
    "sayings",
    metadata,
    _task(key=True),
    sa.Column("door", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    # the chat's id of the message; empty while it is not known whether it was sent
    sa.Column("message", sa.Text, nullable=False),
)

# what chats delivered, kept before it is acknowledged
deliveries = sa.Table(
    "deliveries",
    metadata,
    _number(),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("door", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("lane", sa.Text, nullable=False),
    sa.Column("body", Words, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("open", sa.Boolean, nullable=False, server_default=sa.true()),
    # until when somebody works on it, or it is put off
    sa.Column("held_until", Moment),
    sa.Index("ix_deliveries_open", "open", "lane"),
    sa.Index("ix_deliveries_lane", "lane", "kind"),
)

preferences = sa.Table(
    "preferences",
    metadata,
    # such as "slack/T1/C1", or a person's id
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", Words, nullable=False),
)

# users of chats who have shown which person they are, and offers to show it
links = sa.Table(
    "links",
    metadata,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, primary_key=True),
    sa.Column("person", sa.Text, sa.ForeignKey("people.id"), nullable=False),
    sa.Column("at", Moment, nullable=False),
)

link_offers = sa.Table(
    "link_offers",
    metadata,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, primary_key=True),
    sa.Column("person", sa.Text, sa.ForeignKey("people.id"), nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("until", Moment, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
)

# what people let Honk have at forges
forge_tokens = sa.Table(
    "forge_tokens",
    metadata,
    # such as "github"
    sa.Column("forge", sa.Text, primary_key=True),
    sa.Column("person", sa.Text, sa.ForeignKey("people.id"), primary_key=True),
    sa.Column("login", sa.Text, nullable=False),
    # the tokens, sealed with a key that is not in the database
    sa.Column("sealed", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False),
    # who renews it now, and until when nobody else does
    sa.Column("holder", sa.Text, nullable=False, server_default=""),
    sa.Column("held_until", Moment),
)

# Nobody changes what is in the audit log, not even by a replacing insert; whoever may drop a trigger still can.
_APPEND_ONLY = "the audit log is append-only"
_SQLITE = tuple(
    f"CREATE TRIGGER audit_no_{event.lower()} BEFORE {event} ON audit{when} "
    f"BEGIN SELECT RAISE(ABORT, '{_APPEND_ONLY}'); END"
    for event, when in (
        ("UPDATE", ""),
        ("DELETE", ""),
        ("INSERT", " WHEN EXISTS (SELECT 1 FROM audit WHERE number = NEW.number)"),
    )
)
_POSTGRESQL = (
    "CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
    f"$$ BEGIN RAISE EXCEPTION '{_APPEND_ONLY}'; END $$",
    "CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
    "FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()",
)
for _dialect, _made in (("sqlite", _SQLITE), ("postgresql", _POSTGRESQL)):
    for _statement in _made:
        sa.event.listen(audit, "after_create", sa.DDL(_statement).execute_if(dialect=_dialect))  # type: ignore[no-untyped-call]
