"""How often the links to a build were ended, and how often a phone fetched its package.

Revision ID: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    for name in ("revoked", "fetched"):
        op.add_column("builds", sa.Column(name, sa.Integer(), server_default="0", nullable=False))
