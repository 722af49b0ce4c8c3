"""Audits, their items and the rulings on them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

APPEND_ONLY = "rulings are only added to"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "audits",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("created", sa.String(32), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("inputs", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("configuration", sa.Text, nullable=False),
        sa.Column("planned", sa.Integer),
        sa.PrimaryKeyConstraint("id", name="pk_audits"),
    )
    op.create_table(
        "items",
        sa.Column("audit_id", sa.String(32), nullable=False),
        sa.Column("position", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("part", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("source", sa.Integer, nullable=False),
        sa.Column("locator", sa.LargeBinary, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("stamp", sa.BigInteger, nullable=False),
        sa.Column("refused", sa.Text, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("video", sa.String(16), nullable=False),
        sa.Column("original", sa.Integer),
        sa.Column("chunk", sa.Integer),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("width", sa.Integer),
        sa.Column("height", sa.Integer),
        sa.Column("format", sa.String(16)),
        sa.Column("verdict", sa.String(16)),
        sa.Column("p_ai", sa.Float(53)),
        sa.Column("error", sa.Text),
        sa.Column("look", sa.BigInteger),
        sa.Column("look_alike", sa.Integer),
        sa.PrimaryKeyConstraint("audit_id", "position", "part", name="pk_items"),
        sa.ForeignKeyConstraint(["audit_id"], ["audits.id"], name="fk_items_audits"),
    )
    op.create_index("ix_items_audit_id_sha256", "items", ["audit_id", "sha256"])
    op.create_index("ix_items_audit_id_chunk", "items", ["audit_id", "chunk"])
    op.create_table(
        "rulings",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("audit_id", sa.String(32), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("part", sa.Integer, nullable=False),
        sa.Column("ruling", sa.String(16), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("ruled_by", sa.Text, nullable=False),
        sa.Column("ruled_at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_rulings"),
        sa.ForeignKeyConstraint(
            ["audit_id", "position", "part"],
            ["items.audit_id", "items.position", "items.part"],
            name="fk_rulings_items",
        ),
        sa.CheckConstraint("ruling IN ('agree', 'override', 'unsure')", name="ck_rulings_ruling"),
    )
    op.create_index("ix_rulings_audit_id_position_part", "rulings", ["audit_id", "position", "part"])
    _forbid_changes()


def _forbid_changes() -> None:
    if op.get_context().dialect.name == "sqlite":
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER rulings_no_{change.lower()} BEFORE {change} ON rulings "
                f"BEGIN SELECT RAISE(ABORT, '{APPEND_ONLY}'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION rulings_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{APPEND_ONLY}'; END $$"
    )
    op.execute(
        "CREATE TRIGGER rulings_append_only BEFORE UPDATE OR DELETE ON rulings "
        "FOR EACH ROW EXECUTE FUNCTION rulings_append_only()"
    )


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("rulings")
    if op.get_context().dialect.name != "sqlite":
        op.execute("DROP FUNCTION rulings_append_only()")
    op.drop_table("items")
    op.drop_table("audits")
