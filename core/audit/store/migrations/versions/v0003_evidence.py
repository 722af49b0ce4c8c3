"""What each file says of its provenance."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; they are empty in audits of before."""
    op.add_column("items", sa.Column("evidence", sa.Text))
    op.add_column("items", sa.Column("evidence_says", sa.String(16)))


def downgrade() -> None:
    """Drop the columns."""
    op.drop_column("items", "evidence_says")
    op.drop_column("items", "evidence")
