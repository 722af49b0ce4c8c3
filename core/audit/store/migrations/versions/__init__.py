"""One module a step; Alembic orders them by their revisions."""
