"""Rulings on pictures reviewed one by one: kept, added to, and handed over safely."""

import csv
import io
from contextlib import contextmanager

import pytest
from sqlalchemy import URL, text

from core.audit.store.database import open_database, writing
from core.audit.store.records import Choice
from core.errors import RulingError, StoreError
from core.review.rulings import Rulings, Subject, as_csv
from core.verdict import Thresholds, decide

SHA256 = "ab" * 32


@pytest.fixture
def url(tmp_path):
    return URL.create("sqlite", database=str(tmp_path / "audits.db"))


@contextmanager
def kept(url):
    engine = open_database(url)
    yield Rulings(engine)
    engine.dispose()


def subject(name="heron.png", sha256=SHA256, p_ai=0.91):
    return Subject(sha256, name, decide(p_ai, Thresholds(0.3, 0.9), "verso"), "cd" * 32, "")


def test_rulings_outlive_the_desk_and_none_replaces_another(url):
    with kept(url) as rulings:
        rulings.add(subject(), Choice.AGREE, name=" Ann ", note="the hands")
    with kept(url) as rulings:
        rulings.add(subject("copy.png", p_ai=0.5), Choice.UNSURE, name="Bob")
        rulings.add(subject("other.png", "ef" * 32), Choice.OVERRIDE, name="Bob")
        first, second = rulings.of(SHA256)
        assert [each.name for each in rulings.all()] == ["heron.png", "copy.png", "other.png"]
    assert (first.ruling, first.ruled_by, first.note) == ("agree", "Ann", "the hands")
    assert (first.verdict, first.p_ai, first.human_below, first.ai_above) == ("ai", 0.91, 0.3, 0.9)
    assert (second.ruling, second.verdict, second.name) == ("unsure", "inconclusive", "copy.png")


@pytest.mark.parametrize("change", ["UPDATE reviews SET ruling = 'unsure'", "DELETE FROM reviews"])
def test_a_ruling_cannot_be_changed(url, change):
    with kept(url) as rulings:
        rulings.add(subject(), Choice.AGREE, name="Ann")
    engine = open_database(url)
    with pytest.raises(StoreError, match="only added to"), writing(engine) as connection:
        connection.execute(text(change))
    engine.dispose()


def test_nobody_rules_without_a_name(url):
    with kept(url) as rulings:
        with pytest.raises(RulingError, match="enter one"):
            rulings.add(subject(), Choice.AGREE, name="  ")
        assert rulings.all() == []


def test_a_database_that_cannot_be_written_is_named(url, tmp_path):
    with kept(url) as rulings:
        (tmp_path / "audits.db").unlink()
        (tmp_path / "audits.db").mkdir()
        rulings._engine.dispose()
        with pytest.raises(StoreError, match="cannot be written"):
            rulings.add(subject(), Choice.AGREE, name="Ann")


def test_no_cell_of_the_table_is_run_as_a_formula(url):
    with kept(url) as rulings:
        rulings.add(subject("=cmd();=cmd()"), Choice.AGREE, name="@eve", note='+1, "quoted"')
        (row,) = csv.DictReader(io.StringIO(as_csv(rulings.all()).decode()))
    assert (row["name"], row["ruled_by"], row["note"]) == ("'=cmd();'=cmd()", "'@eve", '\'+1, "quoted"')
    assert (row["p_ai"], row["verdict"], row["sha256"]) == ("0.91", "ai", SHA256)
