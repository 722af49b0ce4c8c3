"""The database: its tables come and go by migrations, and what is written stays."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import URL, Engine, inspect, make_url, text

from core.audit.store.audits import AuditStore
from core.audit.store.database import database_url, migrations, open_database, writing
from core.audit.store.pages import Wanted
from core.audit.store.tables import metadata
from core.errors import StoreError


@pytest.fixture
def engine(tmp_path):
    opened = open_database(URL.create("sqlite", database=str(tmp_path / "new" / "audits.db")))
    yield opened
    opened.dispose()


def migrate(engine: Engine, direction, target: str) -> None:
    config = migrations()
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        direction(config, target)


def differences(engine: Engine) -> list[object]:
    with engine.connect() as connection:
        return compare_metadata(MigrationContext.configure(connection), metadata)


def test_an_empty_database_gets_the_tables_of_the_code(engine):
    assert differences(engine) == []


def test_tables_go_and_come_back(engine):
    migrate(engine, command.downgrade, "base")
    assert set(inspect(engine).get_table_names()) == {"alembic_version"}
    migrate(engine, command.upgrade, "head")
    assert differences(engine) == []


def test_an_interrupted_migration_leaves_nothing(engine):
    migrate(engine, command.downgrade, "base")

    def upgrade_and_crash(config, target):
        command.upgrade(config, target)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        migrate(engine, upgrade_and_crash, "head")
    assert set(inspect(engine).get_table_names()) == {"alembic_version"}


def test_what_is_kept_is_on_the_disk_before_it_is_reported(engine):
    with engine.connect() as connection:
        pragmas = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")
        ]
    assert pragmas == ["wal", 2]


def test_a_reader_does_not_wait_for_a_writer(engine):
    with writing(engine) as connection:
        connection.execute(
            text(
                "INSERT INTO audits (id, created, state, inputs, model, configuration) VALUES ('a', '', '', '', '', '')"
            )
        )
        with engine.connect() as reader:
            assert reader.scalar(text("SELECT count(*) FROM audits")) == 0


def rule(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(
            text(
                "INSERT INTO audits (id, created, state, inputs, model, configuration) VALUES ('a', '', '', '', '', '')"
            )
        )
        connection.execute(
            text(
                "INSERT INTO items (audit_id, position, part, path, source, locator, size, stamp, refused, sha256, "
                "video, state) VALUES ('a', 0, 0, '', 0, '', 0, 0, '', '', '', 'judged')"
            )
        )
        connection.execute(
            text(
                "INSERT INTO rulings (audit_id, position, part, ruling, note, ruled_by, ruled_at) "
                "VALUES ('a', 0, 0, 'agree', '', 'Ann', '')"
            )
        )


CHANGES = ["UPDATE rulings SET ruling = 'unsure'", "DELETE FROM rulings"]


@pytest.mark.parametrize("change", CHANGES)
def test_rulings_are_only_added_to(engine, change):
    rule(engine)
    with pytest.raises(StoreError, match="only added to"), writing(engine) as connection:
        connection.execute(text(change))


def test_a_database_of_a_newer_verso_is_refused(engine):
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match="another version of Verso"):
        open_database(engine.url)


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "audits.db").write_text("not a database" * 100)
    with pytest.raises(StoreError, match="cannot be opened"):
        open_database(URL.create("sqlite", database=str(tmp_path / "audits.db")))


@pytest.mark.parametrize("driver", ["mysql", "postgresql+psycopg2"])
def test_a_database_whose_driver_is_missing_is_refused(driver):
    with pytest.raises(StoreError, match=r"needs a driver that is not installed \(No module"):
        open_database(URL.create(driver, "me", "secret", "127.0.0.1", 1, "verso"))


def test_a_damaged_table_is_told_in_a_sentence(audit, folder, tmp_path):
    audit_id = audit(folder / "00.jpg").audit_id
    file = tmp_path / "store" / "audits.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'items'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    whole = file.read_bytes()
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(whole[: (page - 1) * size] + b"\xff" * size + whole[page * size :])
    with AuditStore.open(URL.create("sqlite", database=str(damaged))) as opened:
        with pytest.raises(StoreError, match=r"cannot be read \(.*restore it from a copy"):
            opened.counts(audit_id)
        with pytest.raises(StoreError, match=r"cannot be written \(.*restore it from a copy"):
            opened.forget_plan(audit_id)


@pytest.mark.parametrize("ask", [lambda pages: pages.tally(Wanted()), lambda pages: pages.shots()])
def test_a_table_that_is_gone_is_told_in_a_sentence(audit, store, folder, tmp_path, ask):
    known = store.find(audit(folder / "00.jpg").audit_id)
    with closing(sqlite3.connect(tmp_path / "store" / "audits.db")) as connection:
        connection.execute("DROP TABLE items")
    with pytest.raises(StoreError, match=r"cannot be read \(no such table: items\)"):
        ask(store.results(known))


def test_the_address_comes_from_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("VERSO_DATABASE_URL", f"sqlite:///{tmp_path}/x.db")
    assert database_url().database == f"{tmp_path}/x.db"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VERSO_DATABASE_URL", "sqlite:///x.db?timeout=5")
    assert database_url() == make_url(f"sqlite:///{tmp_path}/x.db?timeout=5")
    for as_it_is in (
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file:x.db?uri=true",
        "postgresql://host/x.db",
    ):
        monkeypatch.setenv("VERSO_DATABASE_URL", as_it_is)
        assert database_url() == make_url(as_it_is)
    monkeypatch.delenv("VERSO_DATABASE_URL")
    assert Path(database_url().database).name == "audits.db"
    monkeypatch.setenv("VERSO_DATABASE_URL", "nonsense")
    with pytest.raises(StoreError, match="no address of a database"):
        database_url()


def test_a_database_that_cannot_be_reached_is_refused_without_its_password():
    with pytest.raises(StoreError, match="cannot be opened") as error:
        open_database(URL.create("postgresql", "me", "secret", "127.0.0.1", 1, "verso"))
    assert "secret" not in str(error.value)
