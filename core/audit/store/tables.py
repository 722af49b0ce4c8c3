"""The tables. A change here needs a migration beside it; a test compares the two."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

audits = Table(
    "audits",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("created", String(32), nullable=False),  # ISO 8601, UTC
    Column("state", String(16), nullable=False),
    Column("inputs", Text, nullable=False),  # JSON: absolute paths, addresses
    Column("model", Text, nullable=False),  # as the user named it
    Column("configuration", Text, nullable=False),  # JSON: what decides the results
    Column("planned", Integer),  # files in the plan, once it is complete
    Column("name", Text, nullable=False, server_default=""),  # what its owner calls it, or ""
    Column("output", Text),  # percent-encoded folder of the results; none in audits of an earlier Verso
)

items = Table(
    "items",
    metadata,
    Column("audit_id", String(32), ForeignKey("audits.id"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),  # from 0, in the order of the inputs
    Column(
        "part", Integer, primary_key=True, autoincrement=False
    ),  # 0: the file itself; 1...: shots of a video
    Column("path", Text, nullable=False),
    Column("source", Integer, nullable=False),  # index into the inputs
    Column("locator", LargeBinary, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("stamp", BigInteger, nullable=False),
    Column("refused", Text, nullable=False),
    Column("sha256", String(64), nullable=False),  # "" where the file could not be read
    Column("video", String(16), nullable=False),  # the format, or ""
    Column("original", Integer),  # position of the first file with the same bytes
    Column("chunk", Integer),  # examined together; none for a duplicate
    Column("state", String(16), nullable=False),
    Column("width", Integer),
    Column("height", Integer),
    Column("format", String(16)),
    Column("verdict", String(16)),
    Column("p_ai", Float(53)),
    Column("model", Text),  # which judged: of a cascade the stage
    Column("evidence", Text),  # what the file says of its provenance, in a line; none if it says nothing
    Column("evidence_says", String(16)),  # what that speaks for at most: ai, human, neutral
    Column("error", Text),
    Column("look", BigInteger),  # perceptual hash: its 64 bits as a signed number
    Column("look_alike", Integer),  # position of the first picture of its group
    Index("ix_items_audit_id_sha256", "audit_id", "sha256"),
    Index("ix_items_audit_id_chunk", "audit_id", "chunk"),
)

rulings = Table(
    "rulings",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("audit_id", String(32), nullable=False),
    Column("position", Integer, nullable=False),
    Column("part", Integer, nullable=False),
    Column("ruling", String(16), nullable=False),
    Column("note", Text, nullable=False),
    Column("ruled_by", Text, nullable=False),
    Column("ruled_at", String(32), nullable=False),  # ISO 8601, UTC
    ForeignKeyConstraint(
        ["audit_id", "position", "part"], ["items.audit_id", "items.position", "items.part"]
    ),
    CheckConstraint("ruling IN ('agree', 'override', 'unsure')", name="ruling"),
    Index("ix_rulings_audit_id_position_part", "audit_id", "position", "part"),
)

reviews = Table(
    "reviews",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sha256", String(64), nullable=False),
    Column("name", Text, nullable=False),
    Column("verdict", String(16), nullable=False),
    Column("p_ai", Float(53), nullable=False),
    Column("model", Text, nullable=False),
    Column("weights", String(64), nullable=False),  # sha256 of the model's
    Column("human_below", Float(53), nullable=False),
    Column("ai_above", Float(53), nullable=False),
    Column("evidence", Text, nullable=False),  # what the file says of its provenance, in a line
    Column("ruling", String(16), nullable=False),
    Column("note", Text, nullable=False),
    Column("ruled_by", Text, nullable=False),
    Column("ruled_at", String(32), nullable=False),  # ISO 8601, UTC
    CheckConstraint("ruling IN ('agree', 'override', 'unsure')", name="ruling"),
    Index("ix_reviews_sha256", "sha256"),
)
