"""Which model judged each file; where the results of an audit go."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; they are empty in audits of before."""
    op.add_column("items", sa.Column("model", sa.Text))
    op.add_column("audits", sa.Column("output", sa.Text))


def downgrade() -> None:
    """Drop the columns."""
    op.drop_column("audits", "output")
    op.drop_column("items", "model")
