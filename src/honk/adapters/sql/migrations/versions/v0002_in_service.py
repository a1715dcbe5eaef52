"""In service: messages on their way to an agent, access tokens, reserved money, the audit log.

Revision ID: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    _people()
    _turns()
    _mailbox()
    _tokens()
    _money()
    _audit()


def _people() -> None:
    op.add_column("people", sa.Column("joined_to", sa.Text(), nullable=True))
    op.add_column("people", sa.Column("key", sa.Text(), nullable=True))
    op.create_index(op.f("ix_people_key"), "people", ["key"], unique=True)


def _turns() -> None:
    op.add_column("tasks", sa.Column("stop_after", sa.Integer(), nullable=True))
    op.add_column("turns", sa.Column("again", sa.Integer(), server_default="0", nullable=False))
    op.add_column("turns", sa.Column("point", sa.Text(), server_default="", nullable=False))


def _mailbox() -> None:
    op.add_column("mailbox", sa.Column("handling", sa.Text(), server_default="queued", nullable=False))
    op.add_column("mailbox", sa.Column("handed_to", sa.Integer(), nullable=True))
    op.create_index("ix_mailbox_taken", "mailbox", ["taken"], unique=False)


def _tokens() -> None:
    op.create_table(
        "tokens",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person"], ["people.id"], name=op.f("fk_tokens_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tokens")),
        sa.UniqueConstraint("digest", name=op.f("uq_tokens_digest")),
    )


def _money() -> None:
    op.create_table(
        "reservations",
        sa.Column("number", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("usd", sa.Float(), nullable=True),
        sa.Column("before", sa.Float(), nullable=False),
        sa.Column("spent", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["task"], ["tasks.id"], name=op.f("fk_reservations_task")),
        sa.ForeignKeyConstraint(["person"], ["people.id"], name=op.f("fk_reservations_person")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_reservations")),
    )
    op.create_index(op.f("ix_reservations_day"), "reservations", ["day"], unique=False)
    op.create_index(op.f("ix_reservations_task"), "reservations", ["task"], unique=False)


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("number", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("repository", sa.Text(), nullable=False),
        sa.Column("task", sa.Text(), nullable=True),
        sa.Column("allowed", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit")),
    )
    op.create_index(op.f("ix_audit_at"), "audit", ["at"], unique=False)
    dialect = op.get_bind().dialect.name
    for statement in _APPEND_ONLY.get(dialect, ()):
        op.execute(statement)


_APPEND_ONLY = {
    "sqlite": (
        "CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit "
        "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END",
        "CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit "
        "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END",
        "CREATE TRIGGER audit_no_insert BEFORE INSERT ON audit "
        "WHEN EXISTS (SELECT 1 FROM audit WHERE number = NEW.number) "
        "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END",
    ),
    "postgresql": (
        "CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$",
        "CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()",
    ),
}
