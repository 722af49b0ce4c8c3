"""An audit from its start to its results."""

import csv
import errno
import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from filelock import FileLock
from pyarrow import parquet
from sqlalchemy import URL

from core.audit import lifecycle
from core.audit.lifecycle import LOCK, NOTE, STAMP, Order, carry_out, write_again
from core.audit.model import whole_name
from core.audit.own_files import own_files
from core.audit.results import COLUMNS
from core.audit.store.audits import AuditStore
from core.audit.store.records import State
from core.errors import AuditError, ModelError, OutputError
from tests.archives import write_zip
from tests.audit.conftest import FULL_DISK, film, needs_full_disk
from tests.cards import lay, network_card

FILES = ("results.csv", "results.parquet", "near_duplicates.csv")


class CrashError(Exception):
    """Stands for whatever ends a run."""


def crash_after(moments):
    seen = []

    def watch(progress):
        seen.append(progress)
        if len(seen) > moments:
            raise CrashError

    return watch


def contents(folder):
    return [(folder / name).read_bytes() for name in FILES]


def table(folder):
    with (folder / "results.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_file_has_a_row_and_the_folder_is_in_order(audit, folder, tmp_path):
    outcome = audit(folder)
    rows = table(tmp_path / "out")
    assert outcome.state is State.FINISHED
    assert [Path(row["path"]).name for row in rows[:3]] == ["00.jpg", "01.jpg", "02.jpg"]
    assert [Path(row["path"]).name for row in rows[40:]] == [
        "again.jpg",
        "cut.jpg",
        "larger.png",
        "notes.txt",
    ]
    assert tuple(rows[0]) == COLUMNS
    assert rows[0]["sha256"] == hashlib.sha256((folder / "00.jpg").read_bytes()).hexdigest()
    assert (rows[0]["width"], rows[0]["height"], rows[0]["format"], rows[0]["model"]) == (
        "64",
        "48",
        "JPEG",
        "stub",
    )
    assert all(row["verdict"] in {"human", "ai", "inconclusive"} for row in rows if not row["error"])
    assert rows[0]["evidence"] == rows[0]["ruling"] == ""


@pytest.mark.parametrize("place", ["works/results", "works"])
def test_an_audit_does_not_count_its_own_files_at_first_or_again(place, audit, folder, tmp_path):
    listed = {path.name for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(CrashError):
        audit(folder, name=place, watcher=crash_after(2))
    for _ in range(2):
        assert audit(folder, name=place, resume=True).state is State.FINISHED
        assert {Path(row["path"]).name for row in table(tmp_path / place)} == listed
    audit(folder, name="another")
    assert {Path(row["path"]).name for row in table(tmp_path / "another")} == listed


def test_what_an_audit_leaves_in_its_folder_is_known_by_name(audit, folder, tmp_path):
    audit(folder)
    left = {path.name for path in (tmp_path / "out").iterdir() if not path.name.startswith(".")}
    assert left == own_files(tmp_path / "out")


@pytest.mark.parametrize("resume", [False, True])
def test_files_of_others_under_the_names_of_results_are_not_replaced(resume, audit, folder, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "results.csv").write_text("a year's work")
    with pytest.raises(AuditError, match=r"would replace \(results\.csv\): move them"):
        audit(folder, resume=resume)
    assert (tmp_path / "out" / "results.csv").read_text() == "a year's work"
    assert not (tmp_path / "out" / NOTE).exists()


def test_an_audit_json_of_another_program_hides_no_file(audit, folder, tmp_path):
    (folder / "audit.json").write_text('{"advisories": {}}')
    (folder / "results.csv").write_text("not an audit's")
    audit(folder)
    assert {"audit.json", "results.csv"} <= {Path(row["path"]).name for row in table(tmp_path / "out")}


def test_one_file_that_cannot_be_read_is_one_row_with_its_sentence(audit, folder, tmp_path):
    outcome = audit(folder)
    errors = {Path(row["path"]).name: row for row in table(tmp_path / "out") if row["error"]}
    assert set(errors) == {"cut.jpg", "notes.txt"}
    assert "truncated" in errors["cut.jpg"]["error"]
    assert "text, not a picture" in errors["notes.txt"]["error"]
    assert errors["cut.jpg"]["p_ai"] == errors["cut.jpg"]["verdict"] == ""
    assert outcome.unreadable == 2


def test_exact_duplicates_are_scored_once_and_look_alikes_are_grouped(audit, folder, stub, tmp_path):
    outcome = audit(folder)
    rows = {Path(row["path"]).name: row for row in table(tmp_path / "out")}
    assert rows["again.jpg"]["duplicate_of"] == str(folder / "03.jpg")
    assert rows["again.jpg"]["p_ai"] == rows["03.jpg"]["p_ai"] != ""
    assert len(stub.judged) == len(set(stub.judged)) == 41
    assert outcome.counts.duplicates == 1
    groups = list(csv.DictReader((tmp_path / "out" / "near_duplicates.csv").open()))
    assert {Path(row["path"]).name for row in groups} == {"05.jpg", "larger.png"}
    assert len({row["group"] for row in groups}) == 1


def test_a_duplicate_of_an_unreadable_file_is_unreadable_too(audit, folder):
    shutil.copy(folder / "sub" / "cut.jpg", folder / "sub" / "cut again.jpg")
    assert audit(folder).unreadable == 3


def test_the_same_text_under_other_names_is_told_of_each_by_its_own(audit, store, tmp_path):
    works = tmp_path / "pages"
    works.mkdir()
    for name in ("a.txt", "b.jpg", "c.txt"):
        (works / name).write_text("not found")
    outcome = audit(works)
    rows = store.rows(outcome.audit_id)
    assert [row.state for row in rows] == ["no picture", "refused", "no picture"]
    assert all(f"'{Path(row.path).name}' is text" in row.error for row in rows)
    assert (outcome.unreadable, outcome.counts.no_picture, outcome.counts.duplicates) == (3, 2, 0)


def test_documents_and_archives_in_an_archive_stop_no_audit(audit, store, drawings, tmp_path):
    essay = write_zip(tmp_path / "essay.docx", ("word/document.xml", b"<x/>")).read_bytes()
    work = drawings.file(drawings.painting())
    packed = write_zip(tmp_path / "works.zip", ("a.png", work), ("essay.docx", essay), ("more.zip", essay))
    rows = store.rows(audit(packed).audit_id)
    assert [row.state for row in rows] == ["judged", "no picture", "refused"]
    assert "'essay.docx' is a zip archive or office document" in rows[1].error
    assert "'works.zip/more.zip' is an archive in an archive" in rows[2].error


def test_parquet_says_the_same_as_csv(audit, folder, tmp_path):
    audit(folder)
    rows = parquet.read_table(tmp_path / "out" / "results.parquet").to_pylist()
    for given, written in zip(rows, table(tmp_path / "out"), strict=True):
        assert tuple(given) == COLUMNS
        assert (given["path"], given["error"] or "") == (written["path"], written["error"])
        assert given["p_ai"] is None or f"{given['p_ai']:.6f}" == written["p_ai"]


def test_results_are_the_same_for_any_number_of_workers(audit, folder, tmp_path):
    found = []
    for workers in (1, 2, 4):
        audit(folder, name=f"with {workers}", workers=workers)
        found.append(contents(tmp_path / f"with {workers}"))
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("moments", range(5))
def test_results_are_the_same_after_a_crash_at_any_step(audit, folder, tmp_path, moments):
    audit(folder, name="whole")
    with pytest.raises(CrashError):
        audit(folder, watcher=crash_after(moments))
    assert not (tmp_path / "out" / "results.csv").exists()
    audit(folder, resume=True)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_what_was_reported_is_not_judged_again(audit, folder, stub):
    with pytest.raises(CrashError):
        audit(folder, watcher=crash_after(3), workers=1)
    kept = stub.judged[:16]
    stub.judged.clear()
    audit(folder, resume=True)
    assert not set(kept) & set(stub.judged)


def test_progress_ends_with_everything_done(audit, folder):
    seen = []
    audit(folder, watcher=seen.append)
    assert seen[0].state is State.PLANNING
    assert seen[0].planned == 44
    done = [moment.counts.total - moment.counts.waiting for moment in seen if moment.counts]
    assert done == sorted(done)
    assert (done[0], done[-1], seen[-1].counts.refused) == (0, 43, 2)
    assert seen[-1].rate > 0
    assert seen[-1].seconds_left == 0


def test_resuming_a_finished_audit_writes_the_same_again(audit, folder, stub, tmp_path):
    audit(folder)
    before = contents(tmp_path / "out")
    (tmp_path / "out" / "results.csv").unlink()
    stub.judged.clear()
    audit(folder, resume=True)
    assert contents(tmp_path / "out") == before
    assert stub.judged == []


def test_resuming_where_nothing_began_begins(audit, folder, tmp_path):
    audit(folder, resume=True)
    assert len(table(tmp_path / "out")) == 44


def test_an_interrupted_plan_is_made_anew(audit, folder, tmp_path):
    with pytest.raises(CrashError):
        audit(folder, watcher=crash_after(0))
    (folder / "new.png").write_bytes((folder / "sub" / "larger.png").read_bytes())
    audit(folder, resume=True)
    assert any(row["path"].endswith("new.png") for row in table(tmp_path / "out"))


def test_pausing_keeps_what_is_done_and_resuming_finishes(audit, folder, store, tmp_path):
    audit(folder, name="whole")

    def pause(progress):
        if progress.counts and progress.counts.judged:
            note = json.loads((tmp_path / "out" / NOTE).read_text())
            if store.state(note["audit"]) is State.RUNNING:
                store.ask(note["audit"], State.PAUSING)

    outcome = audit(folder, watcher=pause, workers=1)
    assert outcome.state is State.PAUSED
    assert 0 < outcome.counts.judged < 41
    assert audit(folder, resume=True).state is State.FINISHED
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_a_cancelled_audit_cannot_go_on(audit, folder, store, tmp_path):
    def cancel(progress):
        if progress.counts and progress.counts.judged:
            store.ask(json.loads((tmp_path / "out" / NOTE).read_text())["audit"], State.CANCELLING)

    outcome = audit(folder, watcher=cancel, workers=1)
    assert outcome.state is State.CANCELLED
    with pytest.raises(AuditError, match="cancelled and cannot go on"):
        audit(folder, resume=True)


@pytest.mark.parametrize("ready", [(3, "check_unchanged"), (3, "load_model"), (0, "load_model")])
@pytest.mark.parametrize("wish", [State.PAUSING, State.CANCELLING])
def test_a_wish_made_while_a_killed_audit_gets_ready_to_go_on_is_followed(
    audit, folder, store, monkeypatch, ready, wish
):
    moments, during = ready
    with pytest.raises(CrashError):
        audit(folder, watcher=crash_after(moments), workers=1)
    (killed,) = store.all()
    done = store.counts(killed.id).done
    get_ready = getattr(lifecycle, during)

    def with_a_wish(*arguments):
        store.ask(killed.id, wish)
        return get_ready(*arguments)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(lifecycle, during, with_a_wish)
        outcome = audit(folder, resume=True)
    kept = {State.PAUSING: State.PAUSED, State.CANCELLING: State.CANCELLED}
    assert (outcome.state, outcome.counts.done) == (kept[wish], done)


@pytest.mark.parametrize(
    ("wish", "state"), [(State.CANCELLING, State.CANCELLED), (State.PAUSING, State.FINISHED)]
)
def test_a_cancel_while_the_reports_are_written_is_followed_and_a_pause_has_nothing_left(
    audit, folder, store, monkeypatch, wish, state
):
    def write_results(audits, about, *arguments):
        audits.ask(about.id, wish)
        return write(audits, about, *arguments)

    write = lifecycle.write_results
    monkeypatch.setattr(lifecycle, "write_results", write_results)
    outcome = audit(folder)
    assert (outcome.state, store.state(outcome.audit_id)) == (state, state)


def test_an_audit_that_the_system_stops_is_paused_and_goes_on(audit, folder, store):
    def unplugged(progress):
        if progress.counts and progress.counts.judged:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    with pytest.raises(OSError, match="Input/output error"):
        audit(folder, watcher=unplugged)
    assert store.all()[0].state is State.PAUSED
    assert audit(folder, resume=True).state is State.FINISHED


def test_an_audit_killed_while_it_was_to_pause_goes_on(audit, folder, store):
    with pytest.raises(CrashError):
        audit(folder, watcher=crash_after(3), workers=1)
    store.ask(store.all()[0].id, State.PAUSING)
    assert audit(folder, resume=True).state is State.FINISHED


@pytest.mark.parametrize("again", ["resume", "report"])
def test_an_audit_killed_while_it_was_to_be_cancelled_is_cancelled(audit, folder, store, tmp_path, again):
    with pytest.raises(CrashError):
        audit(folder, watcher=crash_after(3), workers=1)
    (killed,) = store.all()
    store.ask(killed.id, State.CANCELLING)
    if again == "resume":
        with pytest.raises(AuditError, match="cancelled and cannot go on"):
            audit(folder, resume=True)
    else:
        write_again(tmp_path / "out", store)
        assert len(table(tmp_path / "out")) == 44
    assert store.state(killed.id) is State.CANCELLED


@pytest.mark.parametrize(("finished", "state"), [(True, State.FINISHED), (False, State.PAUSED)])
def test_an_audit_whose_inputs_changed_rests_as_it_was(audit, folder, store, finished, state):
    if finished:
        audit(folder)
    else:
        with pytest.raises(CrashError):
            audit(folder, watcher=crash_after(2))
    (folder / "07.jpg").unlink()
    with pytest.raises(AuditError, match="not what this audit was planned for"):
        audit(folder, resume=True)
    assert store.all()[0].state is state


def test_a_folder_that_forbids_to_be_listed_is_a_row_with_an_error(audit, folder, tmp_path, monkeypatch):
    scandir = os.scandir

    def listed(path):
        if path == folder / "sub":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", listed)
    assert audit(folder).state is State.FINISHED
    *judged, shut = table(tmp_path / "out")
    assert len([row for row in judged if row["verdict"]]) == 40
    assert Path(shut["path"]) == folder / "sub"
    assert shut["error"].startswith("Nothing in this folder was judged.")
    assert "sub cannot be listed (Permission denied)" in (tmp_path / "out" / "report.html").read_text()
    assert audit(folder, resume=True).state is State.FINISHED


def test_a_second_audit_in_the_same_folder_is_refused(audit, folder):
    audit(folder)
    with pytest.raises(AuditError, match="holds an audit already: add --resume"):
        audit(folder)


def test_another_model_is_refused(audit, folder):
    audit(folder, model="stub")
    with pytest.raises(AuditError, match=r"another model.*model \(stub -> other\).*ai_above \(0.7 -> 0.9\)"):
        audit(folder, model="other", resume=True)


def test_resuming_without_naming_a_model_takes_the_one_it_began_with(audit, folder, tmp_path):
    audit(folder, model="other")
    audit(folder, model=None, resume=True)
    assert {row["model"] for row in table(tmp_path / "out")} == {"other"}


def test_other_inputs_are_refused(audit, folder):
    audit(folder)
    with pytest.raises(AuditError, match="of other inputs"):
        audit(folder / "sub", resume=True)


def _add(folder):
    (folder / "99.jpg").write_bytes((folder / "01.jpg").read_bytes())
    return "in the place of '.*again.jpg' is '.*99.jpg'"


def _remove(folder):
    (folder / "07.jpg").unlink()
    return "in the place of '.*07.jpg' is '.*08.jpg'"


def _remove_last(folder):
    (folder / "sub" / "notes.txt").unlink()
    return "notes.txt' is missing"


def _add_last(folder):
    (folder / "z.jpg").write_bytes((folder / "01.jpg").read_bytes())
    return "z.jpg' was not there"


def _change(folder):
    (folder / "07.jpg").write_bytes((folder / "08.jpg").read_bytes())
    return "07.jpg' has other bytes"


@pytest.mark.parametrize("change", [_add, _remove, _remove_last, _add_last, _change])
def test_changed_inputs_are_refused(audit, folder, change):
    with pytest.raises(CrashError):
        audit(folder, watcher=crash_after(2))
    with pytest.raises(AuditError, match=change(folder)):
        audit(folder, resume=True)


def test_a_file_from_the_far_future_is_audited_and_known_again(audit, folder):
    os.utime(folder / "00.jpg", ns=(2**63 + 5, 2**63 + 5))  # some file systems keep it so
    audit(folder)
    assert audit(folder, resume=True).state is State.FINISHED


def test_a_copy_of_the_same_files_is_no_change(audit, folder):
    with pytest.raises(CrashError):
        audit(folder, watcher=crash_after(2))
    for path in folder.glob("*.jpg"):
        path.write_bytes(path.read_bytes())
    assert audit(folder, resume=True).state is State.FINISHED


def test_a_file_that_changes_while_it_is_audited_says_so(audit, folder, tmp_path):
    def change(progress):
        if progress.counts is None:
            (folder / "39.jpg").write_bytes((folder / "38.jpg").read_bytes())

    audit(folder, watcher=change)
    row = next(row for row in table(tmp_path / "out") if row["path"].endswith("39.jpg"))
    assert "changed while it was being audited" in row["error"]


def test_a_folder_in_use_is_refused(audit, folder, tmp_path):
    (tmp_path / "out").mkdir()
    with FileLock(tmp_path / "out" / LOCK), pytest.raises(AuditError, match="run by another process"):
        audit(folder)


def test_an_empty_folder_is_refused_and_leaves_nothing_to_resume(audit, folder, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(AuditError, match="nothing to audit"):
        audit(tmp_path / "empty")
    assert audit(folder).state is State.FINISHED


def test_an_unknown_model_leaves_nothing_to_resume(audit, folder):
    with pytest.raises(ModelError):
        audit(folder, model="nobody")
    assert audit(folder).state is State.FINISHED


def test_a_file_in_the_place_of_the_output_is_refused(audit, folder, tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OutputError, match="choose another --output"):
        audit(folder)


def test_a_place_that_takes_no_folder_is_refused_as_output(audit, folder):
    with pytest.raises(OutputError, match=r"cannot be used .*File name too long"):
        audit(folder, name="a" * 300)


def test_a_note_that_cannot_be_written_says_so(audit, folder, tmp_path):
    (tmp_path / "out" / f".{NOTE}.part").mkdir(parents=True)
    with pytest.raises(OutputError, match=r"audit\.json cannot be written \(Is a directory\)"):
        audit(folder)


def test_what_cannot_be_replaced_in_the_folder_says_so(audit, folder, tmp_path):
    audit(folder)
    (tmp_path / "out" / STAMP).unlink()
    (tmp_path / "out" / STAMP).mkdir()
    with pytest.raises(OutputError, match=rf"{STAMP} cannot be replaced \(.*\): see to the permissions"):
        audit(folder, resume=True)


def test_a_fault_elsewhere_is_not_told_as_one_of_the_output(audit, folder, monkeypatch):
    def locked_away(_):
        raise PermissionError("the model is locked away")

    monkeypatch.setattr(lifecycle, "load_model", locked_away)
    with pytest.raises(PermissionError, match="the model is locked away"):
        audit(folder)


def test_another_database_is_refused(audit, folder, tmp_path):
    audit(folder)
    with (
        AuditStore.open(URL.create("sqlite", database=str(tmp_path / "elsewhere.db"))) as other,
        pytest.raises(AuditError, match="set VERSO_DATABASE_URL as it was"),
    ):
        carry_out(Order((folder,), tmp_path / "out", resume=True), other)


@pytest.mark.usefixtures("stub")
def test_an_audit_is_not_looked_for_in_a_database_of_the_same_name_in_another_folder(
    folder, tmp_path, monkeypatch
):
    monkeypatch.setenv("VERSO_DATABASE_URL", "sqlite:///audits.db")
    monkeypatch.chdir(tmp_path)
    with AuditStore.open() as store, pytest.raises(CrashError):
        carry_out(Order((folder,), tmp_path / "out"), store, watcher=crash_after(2))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    resumed = Order((folder,), tmp_path / "out", resume=True)
    with (
        AuditStore.open() as store,
        pytest.raises(AuditError, match=f"in the database sqlite:///{tmp_path}/audits"),
    ):
        carry_out(resumed, store)
    monkeypatch.chdir(tmp_path)
    noted = json.loads((tmp_path / "out" / NOTE).read_bytes())
    (tmp_path / "out" / NOTE).write_text(json.dumps(noted | {"database": "sqlite:///audits.db"}))  # as once
    with AuditStore.open() as store:
        assert carry_out(resumed, store).state is State.FINISHED


@pytest.mark.parametrize("noted", [7, "nonsense"])
def test_a_note_of_no_database_is_that_of_another(audit, folder, tmp_path, noted):
    audit(folder)
    known = json.loads((tmp_path / "out" / NOTE).read_bytes())
    (tmp_path / "out" / NOTE).write_text(json.dumps(known | {"database": noted}))
    with pytest.raises(AuditError, match="set VERSO_DATABASE_URL as it was"):
        audit(folder, resume=True)


def test_results_whose_database_is_gone_are_not_written_over(audit, folder, store, tmp_path):
    audit(folder)
    before = contents(tmp_path / "out")
    for file in (tmp_path / "store").iterdir():
        file.unlink()
    with AuditStore.open(URL.create("sqlite", database=str(tmp_path / "store" / "audits.db"))) as emptied:
        assert emptied.address == store.address
        with pytest.raises(AuditError, match="restore the database from a copy"):
            carry_out(Order((folder,), tmp_path / "out", resume=True), emptied)
        with pytest.raises(AuditError, match="restore the database from a copy"):
            write_again(tmp_path / "out", emptied)
    assert contents(tmp_path / "out") == before


def test_a_video_has_a_row_for_itself_and_one_for_each_shot(audit, folder, tmp_path):
    film(folder / "clip.mp4")
    outcome = audit(folder / "clip.mp4", folder / "00.jpg")
    video, *shots, picture = table(tmp_path / "out")
    assert video["path"] == str(folder / "clip.mp4")
    assert [shot["path"].removeprefix(video["path"]) for shot in shots] == [
        "#t=0.000,1.000",
        "#t=1.000,2.000",
        "#t=2.000,3.000",
    ]
    p_ai = [float(shot["p_ai"]) for shot in shots]
    assert float(video["p_ai"]) == pytest.approx(sum(p_ai) / 3, abs=1e-6)
    assert (video["format"], video["width"], video["height"]) == ("MP4", "96", "64")
    assert {shot["sha256"] for shot in shots} == {video["sha256"]}
    assert picture["path"].endswith("00.jpg")
    assert (outcome.counts.total, outcome.counts.judged) == (2, 2)


def test_a_damaged_video_is_one_row_with_its_sentence(audit, folder, tmp_path):
    data = film(folder / "clip.mp4").read_bytes()
    (folder / "clip.mp4").write_bytes(data[: len(data) // 2])
    audit(folder / "clip.mp4")
    (row,) = table(tmp_path / "out")
    assert "'clip.mp4' (MP4) has no pictures that can be read" in row["error"]


@needs_full_disk
def test_a_full_disk_stops_an_audit_of_an_archived_video_which_then_goes_on(audit, tmp_path, monkeypatch):
    packed = tmp_path / "works.zip"
    write_zip(packed, ("clip.mp4", film(tmp_path / "clip.mp4").read_bytes()))
    audit(packed, name="straight")
    with monkeypatch.context() as full:
        full.setattr(tempfile, "TemporaryFile", lambda: FULL_DISK.open("r+b", 0))
        with pytest.raises(AuditError, match=r"clip\.mp4' cannot be copied .*No space left"):
            audit(packed, name="full")
    assert audit(packed, name="full", resume=True).state is State.FINISHED
    assert table(tmp_path / "full") == table(tmp_path / "straight")


def test_resumed_results_are_the_same_with_archives_and_videos(audit, folder, tmp_path):
    film(folder / "clip.mp4")
    archive = Path(shutil.make_archive(str(tmp_path / "packed"), "zip", folder))
    audit(folder, archive, name="whole")
    with pytest.raises(CrashError):
        audit(folder, archive, watcher=crash_after(4))
    audit(folder, archive, resume=True, workers=3)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_an_audit_cancelled_while_its_files_were_listed_has_no_report(audit, store, folder, tmp_path):
    def cancel(progress):
        if progress.state is State.PLANNING:
            store.ask(store.all()[0].id, State.CANCELLING)

    assert audit(folder, watcher=cancel).state is State.CANCELLED
    with pytest.raises(AuditError, match="while its files were listed"):
        write_again(tmp_path / "out", store)


def test_a_model_named_by_a_path_is_found_from_any_folder(tmp_path, monkeypatch):
    lay(network_card("mine"), tmp_path / "models")
    monkeypatch.chdir(tmp_path)
    assert whole_name("models/mine") == str(tmp_path / "models" / "mine")
    monkeypatch.setenv("VERSO_MODELS", str(tmp_path / "models"))
    assert whole_name("mine") == "mine"
    assert whole_name("nobody") == "nobody"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_called_as_the_note_of_an_audit_keeps_nobody_waiting(tmp_path):
    os.mkfifo(tmp_path / "audit.json")
    assert own_files(tmp_path) == frozenset()
