"""Rulings on artworks reviewed one by one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

APPEND_ONLY = "rulings are only added to"


def upgrade() -> None:
    """Create the table, whose rows cannot be changed."""
    op.create_table(
        "reviews",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("verdict", sa.String(16), nullable=False),
        sa.Column("p_ai", sa.Float(53), nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("weights", sa.String(64), nullable=False),
        sa.Column("human_below", sa.Float(53), nullable=False),
        sa.Column("ai_above", sa.Float(53), nullable=False),
        sa.Column("evidence", sa.Text, nullable=False),
        sa.Column("ruling", sa.String(16), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("ruled_by", sa.Text, nullable=False),
        sa.Column("ruled_at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_reviews"),
        sa.CheckConstraint("ruling IN ('agree', 'override', 'unsure')", name="ck_reviews_ruling"),
    )
    op.create_index("ix_reviews_sha256", "reviews", ["sha256"])
    if op.get_context().dialect.name == "sqlite":
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER reviews_no_{change.lower()} BEFORE {change} ON reviews "
                f"BEGIN SELECT RAISE(ABORT, '{APPEND_ONLY}'); END"
            )
        return
    op.execute(
        "CREATE TRIGGER reviews_append_only BEFORE UPDATE OR DELETE ON reviews "
        "FOR EACH ROW EXECUTE FUNCTION rulings_append_only()"
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("reviews")
