"""Expand: remember the release that an entry was written with.

Nullable without a default: the release that is live while this runs knows nothing of the column and
goes on writing. Making it required would be the contract step of a later release.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; on SQLite and PostgreSQL alike this rewrites nothing."""
    op.add_column("entry", sa.Column("release", sa.String(length=120), nullable=True))


def downgrade() -> None:
    """Forget it."""
    with op.batch_alter_table("entry") as table:
        table.drop_column("release")
