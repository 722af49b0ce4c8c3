"""Alembic's entry: runs migrations over the connection that `core.audit.store.database` gives."""

from __future__ import annotations

from alembic import context

from core.audit.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
