"""The same audits on PostgreSQL; `VERSO_TEST_POSTGRESQL` names an empty database to run them in."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor, wait

import pytest
from alembic import command
from sqlalchemy import event, make_url, text

from core.audit.lifecycle import Order, carry_out
from core.audit.results import write_results
from core.audit.store.audits import AuditStore
from core.audit.store.database import open_database, writing
from core.audit.store.records import Choice
from core.errors import StoreError
from tests.audit.conftest import film
from tests.audit.store.test_database import CHANGES, differences, migrate, rule
from tests.audit.test_lifecycle import CrashError, contents, crash_after


@pytest.fixture
def engine():
    named = os.environ.get("VERSO_TEST_POSTGRESQL")
    if not named:
        pytest.skip("VERSO_TEST_POSTGRESQL names no PostgreSQL database to test in")
    opened = open_database(make_url(named))
    migrate(opened, command.downgrade, "base")
    migrate(opened, command.upgrade, "head")
    yield opened
    opened.dispose()


def test_the_tables_are_those_of_the_code(engine):
    assert differences(engine) == []


@pytest.mark.parametrize("change", CHANGES)
def test_rulings_are_only_added_to(engine, change):
    rule(engine)
    with pytest.raises(StoreError, match="only added to"), writing(engine) as connection:
        connection.execute(text(change))


@pytest.mark.usefixtures("stub")
def test_rulings_are_seen_in_the_order_of_their_numbers(engine, folder, tmp_path):
    store = AuditStore(engine)
    asked = carry_out(Order((folder,), tmp_path / "out", "stub"), store).audit_id
    ruling, goes_on = threading.Event(), threading.Event()

    def hold(*_):
        ruling.set()
        goes_on.wait(60)

    with ThreadPoolExecutor(2) as threads:
        event.listen(engine, "commit", hold, once=True)
        first = threads.submit(store.rule, asked, 0, Choice.AGREE, name="Ann")
        assert ruling.wait(60)
        second = threads.submit(store.rule, asked, 1, Choice.AGREE, name="Ben")
        done, _ = wait([second], timeout=1)
        seen = store.results(store.find(asked)).newest_ruling()
        goes_on.set()
        first.result()
        second.result()
    assert not done
    assert seen == 0
    assert store.results(store.find(asked)).newest_ruling() == 2


def test_a_resumed_audit_gives_the_results_of_sqlite(engine, audit, folder, tmp_path):
    film(folder / "clip.mp4")
    audit(folder, name="sqlite")
    store = AuditStore(engine)
    with pytest.raises(CrashError):
        carry_out(Order((folder,), tmp_path / "out", "stub"), store, watcher=crash_after(3))
    outcome = carry_out(Order((folder,), tmp_path / "out", "stub", resume=True), store)
    assert contents(tmp_path / "out") == contents(tmp_path / "sqlite")
    store.rule(outcome.audit_id, 0, Choice.AGREE, name="Ann")
    write_results(store, store.find(outcome.audit_id), tmp_path / "out")
    assert b"agree,Ann" in (tmp_path / "out" / "results.csv").read_bytes()
    assert [kept.id for kept in store.all()] == [outcome.audit_id]
