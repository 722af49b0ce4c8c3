import threading
from collections import Counter
from dataclasses import dataclass

import pytest
from filelock import FileLock

from core import images
from core.corpus.sources.base import Original, piece
from core.corpus.sources.collect import collect, expect_idle
from core.errors import ItemRefusedError, SourceError
from tests.corpus.conftest import draw
from tests.corpus.sources.conftest import read_csv, stored

FACTS = {"label": "human", "source": "studio", "attestation": "drawn for a test"}


@dataclass(frozen=True)
class Drawing:
    key: str
    stamp: str = ""


class Studio:
    """A source that draws; `troubles` are raised in place of drawing."""

    name = "studio"
    refusals = "failures.csv"
    item_is = "drawing"

    def __init__(self, count=8, troubles=None, facts=None):
        self.count = count
        self.troubles = troubles or {}
        self.facts = facts or {}
        self.drawn = Counter()
        self.stopped = threading.Event()

    def items(self):
        return [Drawing(str(number)) for number in range(self.count)]

    def fetch(self, item):
        self.drawn[item.key] += 1
        if item.key in self.troubles:
            raise self.troubles[item.key]
        data = draw(int(item.key))
        return piece(
            Original(data, images.open(data)),
            FACTS | {"source_path": item.key} | self.facts,
            as_uniform=False,
        )

    def stop(self):
        self.stopped.set()


def test_everything_is_brought_once_and_in_a_stable_order(tmp_path):
    first = collect(Studio(), tmp_path / "a", workers=4)
    collect(Studio(), tmp_path / "b", workers=1)
    assert (tmp_path / "a" / "manifest.csv").read_bytes() == (tmp_path / "b" / "manifest.csv").read_bytes()
    assert (first.tally.had, first.complete, len(first.manifest.frame)) == (8, True, 8)
    again = Studio()
    assert collect(again, tmp_path / "a", workers=4).tally.already == 8
    assert not again.drawn


def test_progress_is_told_after_every_item(tmp_path):
    told = []
    collect(Studio(3), tmp_path, workers=1, progress=lambda tally: told.append((tally.had, tally.total)))
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("trouble", [SourceError("the quota is spent"), KeyboardInterrupt()])
def test_a_run_that_is_ended_keeps_what_it_has(tmp_path, trouble):
    studio = Studio(40, {"5": trouble})
    with pytest.raises(type(trouble)):
        collect(studio, tmp_path, workers=2)
    assert studio.stopped.is_set()
    kept = len(read_csv(tmp_path / "manifest.csv"))
    assert 0 < kept < 40
    assert len(stored(tmp_path)[0]) == kept
    assert len(collect(Studio(40), tmp_path, workers=2).manifest.frame) == 40


def test_nothing_at_all_leaves_no_manifest(tmp_path):
    collect(Studio(1), tmp_path, workers=1)
    report = collect(Studio(0), tmp_path, workers=1)
    assert report.manifest is None
    assert not (tmp_path / "manifest.csv").exists()


def test_facts_that_a_manifest_cannot_hold_refuse_the_item_and_not_the_run(tmp_path):
    report = collect(Studio(1, facts={"medium": "nan"}), tmp_path, workers=1)
    assert "for its medium, expected the technique" in report.refusals[0].reason
    report = collect(Studio(1, facts={"source": "owner/name"}), tmp_path / "b", workers=1)
    assert "expected the commit at which owner/name is pinned" in report.refusals[0].reason


def test_a_refused_item_is_listed_with_its_attempts(tmp_path):
    trouble = ItemRefusedError("no more, =paint", final=False, attempts=4)
    report = collect(Studio(2, {"1": trouble}), tmp_path, workers=1)
    assert not report.complete
    (row,) = read_csv(report.refusals_path)
    assert row == {"drawing": "1", "reason": "no more, =paint", "attempts": "4", "final": "no"}
    assert collect(Studio(2), tmp_path, workers=1).refusals == []


def test_two_runs_do_not_share_a_folder(tmp_path):
    expect_idle(tmp_path / "not there")
    assert not (tmp_path / "not there").exists()
    with FileLock(tmp_path / "collect.lock"):
        with pytest.raises(SourceError, match="Another run"):
            collect(Studio(), tmp_path, workers=1)
        with pytest.raises(SourceError, match="Another run"):
            expect_idle(tmp_path)


def test_what_a_source_fails_at_is_not_blamed_on_the_folder(tmp_path, monkeypatch):
    def items(_):
        raise FileExistsError("of the source")

    monkeypatch.setattr(Studio, "items", items)
    with pytest.raises(FileExistsError, match="of the source"):
        collect(Studio(), tmp_path, workers=1)


def test_a_file_is_not_a_folder(tmp_path):
    (tmp_path / "out").write_bytes(b"")
    with pytest.raises(SourceError, match="is a file"):
        collect(Studio(), tmp_path / "out", workers=1)
    with pytest.raises(SourceError, match="is a file"):
        collect(Studio(), tmp_path / "out" / "below", workers=1)
