"""Opens the database of audits: SQLite on this computer, or what `VERSO_DATABASE_URL` names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import platformdirs
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from filelock import FileLock
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import ConnectionPoolEntry

from core.errors import StoreError

VARIABLE = "VERSO_DATABASE_URL"
FILE = "audits.db"
WAIT = 60
"""Seconds a writer waits for another one."""
MIGRATION_LOCK = 0x7665_7273_6F
"""Key of the PostgreSQL advisory lock held while tables change."""


def database_url() -> URL:
    """Return the address of the database: `VERSO_DATABASE_URL`, else `audits.db` in the user's data folder.

    That of a file is absolute: it means the same database in every folder, and tells two of one name apart.

    Raises:
        StoreError: the variable holds no address of a database.
    """
    named = os.environ.get(VARIABLE)
    if not named:
        return URL.create("sqlite", database=str(Path(platformdirs.user_data_dir("verso")) / FILE))
    try:
        return absolute(make_url(named))
    except ArgumentError as error:
        raise StoreError(
            f"{VARIABLE} is no address of a database; write postgresql://user:password@host/name or "
            "sqlite:////folder/audits.db."
        ) from error


def absolute(url: URL) -> URL:
    """Return the address of a database with the path of its file, if it is one, from the root."""
    if not _is_file(url) or str(url.database).startswith("file:"):
        return url
    return url.set(database=str(Path(str(url.database)).absolute()))


def open_database(url: URL | None = None) -> Engine:
    """Connect, and bring the tables up to this version of Verso.

    SQLite keeps a write-ahead log, waits `WAIT` seconds for other writers, and has every commit on the disk
    before it returns, so that neither a crash nor a power cut takes back what was reported.

    Raises:
        StoreError: it cannot be reached or written, needs a driver that is missing, or is of a newer version of Verso.
    """
    url = url or database_url()
    shown = url.render_as_string(hide_password=True)
    try:
        if _is_file(url):
            Path(url.database or "").parent.mkdir(parents=True, exist_ok=True)
        on_sqlite = url.get_backend_name() == "sqlite"
        engine = create_engine(url, pool_pre_ping=not on_sqlite)  # a server may have closed what was open
        if on_sqlite:
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
        _migrate(engine, url)
    except CommandError as error:
        raise StoreError(
            f"The database of audits {shown} was written by another version of Verso ({error}): install that "
            f"version, or name another database by {VARIABLE}."
        ) from error
    except (ImportError, NoSuchModuleError) as error:
        raise StoreError(
            f"The database of audits {shown} needs a driver that is not installed ({error}): install it, or name a "
            f"postgresql:// or sqlite:/// database by {VARIABLE}."
        ) from error
    except (DBAPIError, OSError) as error:
        raise StoreError(
            f"The database of audits {shown} cannot be opened ({getattr(error, 'orig', None) or error}): make it "
            f"writable, or set {VARIABLE} to another one."
        ) from error
    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that only reads.

    Raises:
        StoreError: the database cannot be reached or read, for example because it is damaged.
    """
    try:
        with engine.connect() as connection:
            yield connection
    except DBAPIError as error:
        raise StoreError(
            f"The database of audits {engine.url.render_as_string(hide_password=True)} cannot be read "
            f"({error.orig}): reach it again, or restore it from a copy."
        ) from error


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that writes; it is durable when the block ends, and undone if the block raises.

    Raises:
        StoreError: the database cannot be reached or written, for example because the disk is full, or it refuses the change.
    """
    try:
        with engine.execution_options(writes=True).begin() as connection:
            yield connection
    except DBAPIError as error:
        raise StoreError(
            f"The database of audits {engine.url.render_as_string(hide_password=True)} cannot be written "
            f"({error.orig}): make room, reach it again or restore it from a copy, and go on with --resume."
        ) from error


def migrations() -> Config:
    """Return Alembic's configuration; its attribute `connection` is still to be set."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config


def _is_file(url: URL) -> bool:
    return url.get_backend_name() == "sqlite" and bool(url.database) and url.database != ":memory:"


def _migrate(engine: Engine, url: URL) -> None:
    newest = ScriptDirectory.from_config(migrations()).get_current_head()
    with engine.connect() as connection:
        if MigrationContext.configure(connection).get_current_revision() == newest:
            return
    with _alone(url), writing(engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        config = migrations()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@contextmanager
def _alone(url: URL) -> Iterator[None]:
    if not _is_file(url):
        yield
        return
    with FileLock(f"{url.database}.lock"):
        yield


def _prepare_sqlite(connection: Any, _: ConnectionPoolEntry) -> None:  # noqa: ANN401 - a DBAPI connection
    connection.create_function("lower", 1, _lower, deterministic=True)
    connection.isolation_level = None  # transactions are begun below: the driver would leave DDL out of them
    for pragma in (f"busy_timeout={WAIT * 1000}", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _lower(value: object) -> object:
    """Lower every letter, as PostgreSQL does; SQLite's own function knows those of ASCII alone."""
    return value.lower() if isinstance(value, str) else value


def _begin_sqlite(connection: Connection) -> None:
    """Begin; a transaction that will write takes its turn now, for SQLite refuses one that asks later."""
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
