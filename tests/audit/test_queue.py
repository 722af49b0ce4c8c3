"""What is asked of audits, and the worker that carries it out."""

import errno
import io
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from filelock import FileLock
from PIL import Image

from core import atomic
from core.audit import lifecycle
from core.audit.lifecycle import LOCK, is_run, write_again
from core.audit.pictures import input_sources, picture_bytes
from core.audit.queue import DRAFTS_KEPT, Queue, Wish
from core.audit.store.audits import LONGEST_NAME
from core.audit.store.pages import BINS, ODDITIES, QUEUE, RULINGS, Kind, Sorting, Tally, Wanted
from core.audit.store.records import Choice, State
from core.audit.worker import Worker
from core.errors import AuditError, OutputError
from core.verdict import Label
from tests.audit.conftest import film
from tests.waiting import wait_until


@pytest.fixture
def queue(tmp_path, monkeypatch, folder):
    monkeypatch.setenv("VERSO_AUDIT_ROOTS", str(folder))
    return Queue(tmp_path / "queue")


@pytest.fixture
def worker(queue, store, monkeypatch):
    monkeypatch.setattr("core.audit.worker.NOTED_EVERY", 0.0)
    return Worker(queue, store)


def finish(worker):
    while request := worker.next():
        worker.run(request)


@pytest.mark.usefixtures("stub")
def test_an_audit_that_was_asked_for_is_run_and_leaves_the_queue(queue, worker, store, folder):
    asked = queue.ask((folder,), "stub")
    finish(worker)
    assert store.state(asked) is State.FINISHED
    assert (queue.folder(asked) / "results.csv").is_file()
    assert queue.current() == ""
    assert worker.next() is None


@pytest.mark.usefixtures("stub")
def test_uploads_keep_their_own_names_and_lose_their_folders(queue, worker, store, folder):
    draft = queue.draft()
    data = (folder / "01.jpg").read_bytes()
    for name in ("a.jpg", "../../a.jpg", "..\\c.jpg", ".hidden.jpg"):
        queue.spool(draft, name, io.BytesIO(data))
    asked = queue.ask(tuple(queue.uploads(draft)), "stub", draft)
    assert asked == draft
    finish(worker)
    rows = store.results(store.find(asked)).page(Wanted())
    assert [row.path for row in rows] == ["a (2).jpg", "a.jpg", "c.jpg", "hidden.jpg"]
    sources = input_sources(queue, queue.find(asked))
    assert picture_bytes(sources, store.results(store.find(asked)).planned(0)) == data


def test_an_upload_with_a_name_too_long_for_a_disk_keeps_its_start_and_its_kind(queue):
    draft = queue.draft()
    for _ in range(2):
        queue.spool(draft, f"{'絵' * 100}.jpg", io.BytesIO(b"x"))
    (pictures,) = queue.uploads(draft)
    names = sorted(path.name for path in pictures.iterdir())
    assert len(names) == 2
    assert all(name.startswith("絵" * 60) and name.endswith(".jpg") for name in names)


def test_uploads_of_one_name_at_once_are_all_kept(queue):
    draft, together = queue.draft(), threading.Barrier(8)

    def drop(number):
        together.wait()
        queue.spool(draft, "a.jpg", io.BytesIO(bytes([number]) * 100))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(drop, range(8)))
    (pictures,) = queue.uploads(draft)
    assert {path.read_bytes()[0] for path in pictures.iterdir()} == set(range(8))


def test_an_upload_that_is_cut_off_takes_no_other_with_it(queue):
    draft = queue.draft()
    queue.spool(draft, "a.jpg", io.BytesIO(b"whole"))

    class Broken(io.BytesIO):
        def read(self, size=-1):
            if self.tell():
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return super().read(size)

    with pytest.raises(OutputError, match=r"'a\.jpg' cannot be kept on the server"):
        queue.spool(draft, "a.jpg", Broken(b"x" * 1_000_000))
    (pictures,) = queue.uploads(draft)
    assert [path.read_bytes() for path in pictures.iterdir()] == [b"whole"]


def test_an_old_draft_that_gets_an_upload_is_young_again(queue):
    draft = queue.draft()
    old = time.time() - DRAFTS_KEPT - 60
    os.utime(queue.folder(draft), (old, old))
    queue.spool(draft, "a.jpg", io.BytesIO(b"x"))
    queue.discard_old()
    assert queue.uploads(draft)


def test_a_draft_that_the_page_removes_meanwhile_keeps_no_worker_from_its_start(queue, monkeypatch):
    old = queue.draft()
    os.utime(queue.folder(old), (0, 0))
    monkeypatch.setattr(
        type(queue.home), "iterdir", lambda _: iter([queue.home / ("0" * 32), queue.folder(old)])
    )
    queue.discard_old()
    assert not queue.folder(old).exists()


def test_what_was_dropped_too_long_ago_is_asked_for_again(queue):
    draft = queue.draft()
    queue.discard(draft)
    with pytest.raises(AuditError, match="drop all files again"):
        queue.spool(draft, "a.jpg", io.BytesIO(b"x"))


def test_uploads_are_one_audit_and_no_more(queue, folder):
    draft = queue.draft()
    queue.spool(draft, "a.jpg", io.BytesIO(b"x"))
    queue.ask(tuple(queue.uploads(draft)), "stub", draft)
    queue.wish(draft, Wish.PAUSE)
    with pytest.raises(AuditError, match="an audit already"):
        queue.ask((folder,), "stub", draft)
    assert queue.find(draft).wish is Wish.PAUSE


def test_a_folder_that_is_not_offered_is_refused_with_a_sentence(queue, worker, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    asked = queue.ask((elsewhere,), "stub")
    finish(worker)
    assert "outside the folders" in queue.find(asked).failure


def test_nothing_is_not_audited_and_no_path_is_taken_for_an_id(queue):
    with pytest.raises(AuditError, match="nothing to audit"):
        queue.ask((), "stub")
    with pytest.raises(AuditError, match="no id"):
        queue.find("../../etc")


def test_a_draft_is_discarded_and_an_audit_stays(queue, folder):
    draft, asked = queue.draft(), queue.ask((folder,), "stub")
    queue.discard(asked)
    queue.discard(draft)
    assert queue.find(asked) is not None
    assert not queue.folder(draft).exists()


def test_old_drafts_are_removed_and_young_ones_and_audits_stay(queue, folder):
    old, young, asked = queue.draft(), queue.draft(), queue.ask((folder,), "stub")
    then = time.time() - DRAFTS_KEPT
    for made, seconds in ((old, -60), (young, 60), (asked, -60)):
        os.utime(queue.folder(made), (then + seconds, then + seconds))
    queue.discard_old()
    assert not queue.folder(old).exists()
    assert queue.folder(young).is_dir()
    assert queue.find(asked) is not None


@pytest.mark.usefixtures("stub")
def test_audits_take_turns_and_end_with_the_same_results(queue, worker, store, audit, folder, tmp_path):
    audit(folder, name="whole")
    first, second = queue.ask((folder,), "stub"), queue.ask((folder,), "stub")
    turns = []
    while request := worker.next():
        turns.append(request.id)
        worker.run(request, turn=0.0)
    assert turns[:4] == [first, second, first, second]
    for asked in (first, second):
        assert store.state(asked) is State.FINISHED
        assert (queue.folder(asked) / "results.csv").read_bytes() == (
            tmp_path / "whole" / "results.csv"
        ).read_bytes()


@pytest.mark.usefixtures("stub")
def test_a_picture_saved_into_the_folder_between_two_turns_stops_no_audit(queue, worker, store, folder):
    first, second = queue.ask((folder,), "stub"), queue.ask((folder / "sub",), "stub")
    worker.run(worker.next(), turn=0.0)
    (folder / "00 new.jpg").write_bytes((folder / "00.jpg").read_bytes())
    finish(worker)
    assert not queue.find(first).failure
    assert [store.state(asked) for asked in (first, second)] == [State.FINISHED, State.FINISHED]
    assert "00 new.jpg" not in (queue.folder(first) / "results.csv").read_text()


@pytest.mark.usefixtures("stub")
@pytest.mark.parametrize("by", ["pause", "process"])
def test_an_audit_that_was_paused_or_left_between_two_turns_has_its_inputs_compared(
    queue, worker, store, folder, by
):
    asked, _ = queue.ask((folder,), "stub"), queue.ask((folder / "sub",), "stub")
    worker.run(worker.next(), turn=0.0)
    (folder / "00 new.jpg").write_bytes((folder / "00.jpg").read_bytes())
    if by == "pause":
        queue.wish(asked, Wish.PAUSE)
        queue.wish(asked, Wish.RUN)
    finish(worker if by == "pause" else Worker(queue, store))
    assert "not what this audit was planned for" in queue.find(asked).failure


@pytest.mark.usefixtures("stub")
@pytest.mark.parametrize(("wish", "state"), [(Wish.PAUSE, State.PAUSED), (Wish.CANCEL, State.CANCELLED)])
def test_a_wish_is_passed_on_to_the_running_audit(worker, store, folder, monkeypatch, wish, state):
    queue = worker._queue
    asked = queue.ask((folder,), "stub")
    noted = queue.set_moment

    def wish_then_note(audit_id, moment):
        if moment.rate:
            queue.wish(audit_id, wish)
        noted(audit_id, moment)

    monkeypatch.setattr(queue, "set_moment", wish_then_note)
    worker.run(worker.next())
    assert store.state(asked) is state
    assert worker.next() is None
    monkeypatch.setattr(queue, "set_moment", noted)
    queue.wish(asked, Wish.RUN)
    finish(worker)
    assert store.state(asked) is (State.FINISHED if wish is Wish.PAUSE else State.CANCELLED)


@pytest.mark.usefixtures("stub")
def test_an_audit_whose_folder_is_in_use_waits_and_others_go_on(queue, worker, store, folder):
    first, second = queue.ask((folder,), "stub"), queue.ask((folder,), "stub")
    with FileLock(queue.folder(first) / LOCK):
        worker.run(worker.next())
        worker.run(worker.next())
    assert not queue.find(first).failure
    assert (store.find(first), store.state(second)) == (None, State.FINISHED)
    finish(worker)
    assert store.state(first) is State.FINISHED


@pytest.mark.usefixtures("stub")
def test_an_audit_whose_folder_cannot_be_used_fails_and_does_not_wait_for_ever(queue, worker, folder):
    asked = queue.ask((folder,), "stub")
    (queue.folder(asked) / LOCK).mkdir()
    worker.run(worker.next())
    assert "cannot be used as a folder for results" in queue.find(asked).failure


@pytest.mark.usefixtures("stub")
def test_an_audit_cancelled_as_its_turn_ends_is_cancelled_for_everyone(
    queue, worker, store, folder, monkeypatch
):
    asked, _ = queue.ask((folder,), "stub"), queue.ask((folder,), "stub")

    def cancelled_too_late(_):
        queue.wish(asked, Wish.CANCEL)
        return True

    monkeypatch.setattr(worker, "others_wait", cancelled_too_late)
    worker.run(worker.next(), turn=0.0)
    assert queue.current() == ""
    assert store.counts(asked).waiting
    assert store.state(asked) is State.CANCELLED


@pytest.mark.usefixtures("stub")
def test_an_audit_whose_process_died_before_it_saw_that_it_is_cancelled_is_cancelled_by_the_next(
    queue, worker, store, folder
):
    asked, _ = queue.ask((folder,), "stub"), queue.ask((folder,), "stub")
    worker.run(worker.next(), turn=0.0)
    queue.set_current(asked)
    queue.wish(asked, Wish.CANCEL)
    Worker(queue, store).recover()
    assert store.state(asked) is State.CANCELLED


def test_an_audit_left_running_by_a_killed_process_goes_on(queue, store, stub, folder):
    asked = queue.ask((folder,), "stub")

    class KilledError(BaseException):
        pass

    calls = []
    predict = stub.predict

    def killed(artworks):
        calls.append(artworks)
        if len(calls) > 1:
            raise KilledError
        return predict(artworks)

    stub.predict = killed
    with pytest.raises(KilledError):
        Worker(queue, store).run(queue.find(asked))
    assert store.state(asked) is State.RUNNING
    stub.predict = predict
    finish(Worker(queue, store))
    assert store.state(asked) is State.FINISHED


@pytest.mark.usefixtures("stub")
def test_an_audit_whose_files_cannot_be_listed_for_a_moment_is_resumed(
    queue, worker, store, folder, monkeypatch
):
    asked = queue.ask((folder,), "stub")
    scandir = os.scandir

    def shut(path):
        if path == folder / "sub":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return scandir(path)

    with monkeypatch.context() as moment:
        moment.setattr(os, "scandir", shut)
        finish(worker)
    assert "sub cannot be listed" in queue.find(asked).failure
    assert store.state(asked) is State.PAUSED
    queue.wish(asked, Wish.RUN)
    finish(worker)
    assert store.state(asked) is State.FINISHED


def test_results_are_filtered_counted_and_put_in_order(audit, store, folder):
    outcome = audit(folder)
    known = store.find(outcome.audit_id)
    pages = store.results(known)
    assert pages.count(Wanted()) == 44
    for kind, name in ((Kind.ERROR, "cut.jpg"), (Kind.NO_PICTURE, "notes.txt")):
        assert [Path(row.path).name for row in pages.page(Wanted(kinds=(kind,)))] == [name]
    assert [Path(row.path).name for row in pages.page(Wanted(kinds=(Kind.DUPLICATE,)))] == ["again.jpg"]
    assert pages.count(Wanted(kinds=(Kind.LOOK_ALIKE,))) == 2
    assert pages.count(Wanted(text="LARGER")) == 1
    assert pages.count(Wanted(text="%")) == 0
    by_verdict = sum(pages.count(Wanted((label,))) for label in Label)
    assert by_verdict == 42
    both = [*pages.page(Wanted(), 0, 20), *pages.page(Wanted(), 20, 50)]
    assert both == list(store.all_rows(known.id))
    assert sum(map(sum, pages.histogram().values())) == 41
    assert {len(bins) for bins in pages.histogram().values()} == {BINS}


def test_rows_are_counted_by_what_they_are(audit, store, folder):
    film(folder / "clip.mp4")
    audit_id = audit(folder).audit_id
    pages = store.results(store.find(audit_id))
    assert pages.tally(Wanted()) == Tally(files=44, duplicates=1, shots=3)
    counts = store.counts(audit_id)
    for label in Label:
        assert pages.tally(Wanted((label,))).files == counts.verdicts.get(label, 0)
    copy = pages.page(Wanted(kinds=(Kind.DUPLICATE,)))[0]
    store.rule(audit_id, copy.position, Choice.AGREE, name="Ada")
    assert pages.tally(Wanted(kinds=(Kind.RULED,))) == Tally(files=1, duplicates=1, shots=0)


def test_kinds_of_one_aspect_are_joined_by_or_and_those_of_several_by_and(audit, store, folder):
    audit_id = audit(folder).audit_id
    pages = store.results(store.find(audit_id))
    store.rule(audit_id, 5, Choice.AGREE, name="Ada")  # one of the two that look alike
    assert pages.count(Wanted(kinds=RULINGS)) == pages.count(Wanted())
    assert pages.count(Wanted(kinds=ODDITIES)) == 5
    assert pages.count(Wanted(kinds=(*ODDITIES, Kind.RULED))) == 1


def test_the_review_queue_has_the_most_uncertain_first_and_loses_what_is_ruled(audit, store, folder):
    outcome = audit(folder)
    pages = store.results(store.find(outcome.audit_id))
    waiting = pages.page(QUEUE, 0, 100)
    assert len(waiting) == pages.count(QUEUE) == 41
    distances = [abs(row.p_ai - 0.5) for row in waiting]
    assert distances == sorted(distances)
    store.rule(outcome.audit_id, waiting[0].position, Choice.UNSURE, name="Ada")
    assert pages.page(QUEUE, 0, 1) == waiting[1:2]
    assert pages.row(waiting[0].position).ruling == "unsure"
    assert pages.last_ruled()


@pytest.mark.usefixtures("stub")
def test_a_full_disk_ends_a_turn_and_not_the_worker(queue, worker, store, folder, monkeypatch):
    asked = queue.ask((folder,), "stub")
    write = atomic.write

    def full(path, data):
        if path.is_relative_to(queue.home):
            raise OSError(errno.ENOSPC, "No space left on device")
        write(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(atomic, "write", full)
        worker.recover()
        worker.run(worker.next())
        assert worker.next() is None
    assert store.find(asked) is None
    finish(Worker(queue, store))
    assert store.state(asked) is State.FINISHED


def test_an_audit_of_the_command_line_that_failed_is_paused(audit, store, folder, monkeypatch):
    def fail(*_):
        raise OutputError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(lifecycle, "write_files", fail)
        with pytest.raises(OutputError):
            audit(folder)
    (begun,) = store.all()
    assert begun.state is State.PAUSED
    audit(folder, resume=True)
    assert store.state(begun.id) is State.FINISHED


def test_deaths_are_counted_anew_once_more_files_are_done(queue, folder):
    asked = queue.ask((folder,), "stub")
    assert [queue.died(asked, done) for done in (0, 0, 16, 16, 32)] == [1, 2, 1, 2, 1]


def paused(audit, store, folder, out="out"):
    """Begin an audit as the command line does, and pause it after its first chunk."""

    def pause(progress):
        if progress.counts and progress.counts.done:
            (running,) = store.all()
            store.ask(running.id, State.PAUSING)

    return store.find(audit(folder, name=out, watcher=pause).audit_id)


def test_an_audit_of_the_command_line_goes_on_in_the_queue(
    worker, audit, store, folder, tmp_path, monkeypatch
):
    begun = paused(audit, store, folder)
    assert begun.state is State.PAUSED
    monkeypatch.setenv("VERSO_AUDIT_ROOTS", os.pathsep.join([str(folder), str(tmp_path / "out")]))
    worker._queue.adopt(begun)
    finish(worker)
    assert store.state(begun.id) is State.FINISHED
    audit(folder, name="whole")
    resumed, whole = (tmp_path / name / "results.csv" for name in ("out", "whole"))
    assert resumed.read_bytes() == whole.read_bytes()


def test_an_audit_whose_folder_is_not_offered_stays_on_the_command_line(
    queue, audit, store, folder, tmp_path
):
    begun = paused(audit, store, folder)
    with pytest.raises(AuditError, match=rf"{tmp_path / 'out'} lies outside the folders.*--resume"):
        queue.adopt(begun)
    assert queue.find(begun.id) is None


def test_an_audit_knows_whether_it_is_run(audit, folder, tmp_path):
    seen = []
    audit(folder, watcher=lambda _: seen.append(is_run(tmp_path / "out")))
    assert all(seen)
    assert not is_run(tmp_path / "out")
    assert not is_run(tmp_path / "nowhere")


def worker_of(queue, tmp_path, idle):
    """The worker as a process of its own, which ends after `idle` seconds without work."""
    program = f"from core.audit import worker; worker.IDLE = {idle}; worker.main()"
    return subprocess.Popen(
        [sys.executable, "-c", program],
        env=os.environ
        | {"VERSO_AUDITS": str(queue.home), "VERSO_DATABASE_URL": f"sqlite:///{tmp_path / 'worker.db'}"},
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_an_audit_that_a_process_died_with_waits_for_the_others(queue, worker, folder):
    first, second = queue.ask((folder,), "stub"), queue.ask((folder,), "stub")
    assert worker.next().id == first
    queue.set_current(first)
    worker.recover()
    assert worker.next().id == second


def test_a_worker_without_work_ends_without_complaint(queue, tmp_path):
    process = worker_of(queue, tmp_path, idle=0)
    assert (process.wait(60), process.stderr.read()) == (0, b"")


def test_a_worker_ends_with_its_parent(queue, tmp_path):
    process = worker_of(queue, tmp_path, idle=600)
    process.stdin.close()
    assert process.wait(60) == 1


def test_a_worker_that_is_told_to_end_counts_no_death_of_its_audit(queue, tmp_path):
    queue.set_current("0" * 32)
    process = worker_of(queue, tmp_path, idle=600)
    wait_until(lambda: queue.current() == "" or process.poll() is not None)
    queue.set_current("0" * 32)
    process.terminate()
    assert process.wait(60) == 1
    assert queue.current() == ""


def test_a_worker_that_waits_for_another_leaves_the_audit_of_that_one_alone(queue, tmp_path):
    queue.set_current("0" * 32)
    with FileLock(queue.home / ".worker.lock"):
        process = worker_of(queue, tmp_path, idle=600)
        process.stdin.close()
        assert process.wait(60) == 1
    assert queue.current() == "0" * 32


@pytest.mark.usefixtures("stub")
def test_a_name_given_while_an_audit_waits_stays_with_it(queue, worker, store, folder):
    asked = queue.ask((folder,), "stub", name="first")
    queue.rename(asked, "second")
    finish(worker)
    assert store.find(asked).name == "second"
    store.rename(asked, "third " * 100)
    assert len(store.find(asked).name) == LONGEST_NAME


@pytest.mark.usefixtures("stub")
def test_uploads_are_removed_and_what_was_found_stays(queue, worker, store, folder):
    draft = queue.draft()
    queue.spool(draft, "a.jpg", io.BytesIO((folder / "01.jpg").read_bytes()))
    asked = queue.ask(tuple(queue.uploads(draft)), "stub", draft)
    finish(worker)
    queue.remove_uploads(asked)
    queue.remove_uploads(asked)
    assert queue.uploads(asked) == []
    assert not list(queue.folder(asked).rglob("a.jpg"))
    store.rule(asked, 0, Choice.UNSURE, name="Ada")
    write_again(queue.folder(asked), store)
    said = (queue.folder(asked) / "results.csv").read_bytes()
    assert b"a.jpg" in said
    assert b"unsure,Ada" in said


def test_all_files_can_be_put_in_the_order_of_their_probability(audit, store, folder):
    pages = store.results(store.find(audit(folder).audit_id))
    for order, sign in ((Sorting.AI, -1), (Sorting.HUMAN, 1)):
        found = [row.p_ai for row in pages.page(Wanted(sorting=order), 0, 100)]
        judged = [sign * p_ai for p_ai in found if p_ai is not None]
        assert judged == sorted(judged)
        assert found[: len(judged)] == [sign * p_ai for p_ai in judged]
        assert len(judged) == 41


def test_every_ruling_on_a_file_is_kept_and_those_that_differ_are_found(audit, store, folder, drawings):
    (folder / "white.png").write_bytes(drawings.file(Image.new("RGB", (64, 48), "white")))
    audit_id = audit(folder).audit_id
    pages = store.results(store.find(audit_id))
    open_to_all, decided = (
        next(row for row in pages.page(QUEUE, 0, 100) if (row.verdict == "inconclusive") is unsure)
        for unsure in (True, False)
    )
    for row, ruled in (
        (open_to_all, ((Choice.OVERRIDE, "human-made"), (Choice.OVERRIDE, "human-made: seen the sketch"))),
        (decided, ((Choice.AGREE, ""), (Choice.AGREE, "the same again"))),
    ):
        for name, (choice, note) in zip(("Ada", "Ben"), ruled, strict=True):
            store.rule(audit_id, row.position, choice, name=name, note=note)
        assert [each.ruled_by for each in pages.rulings_on(row)] == ["Ben", "Ada"]
    contested = Wanted(kinds=(Kind.CONTESTED,))
    assert pages.count(contested) == 0
    store.rule(audit_id, open_to_all.position, Choice.OVERRIDE, name="Cy", note="generated")
    store.rule(audit_id, decided.position, Choice.UNSURE, name="Cy")
    assert {row.position for row in pages.page(contested)} == {open_to_all.position, decided.position}


def test_the_files_that_look_alike_are_named(audit, store, folder):
    pages = store.results(store.find(audit(folder).audit_id))
    first, second = pages.page(Wanted(kinds=(Kind.LOOK_ALIKE,)))[:2]
    assert pages.alike(first, 3) == ([second.path], 1)
    assert pages.alike(first, 0) == ([], 1)


@pytest.mark.usefixtures("stub")
def test_a_name_given_while_the_model_loads_is_kept(queue, worker, store, folder, monkeypatch):
    asked = queue.ask((folder,), "stub", name="first")
    load = lifecycle.load_model

    def slowly(name):
        queue.rename(asked, "second")
        return load(name)

    monkeypatch.setattr(lifecycle, "load_model", slowly)
    finish(worker)
    assert store.find(asked).name == "second"
    assert "<h1>Report of the audit second</h1>" in (queue.folder(asked) / "report.html").read_text("utf-8")


@pytest.mark.usefixtures("stub")
def test_a_copy_of_a_folder_and_a_damaged_request_stop_no_other_audit(queue, worker, store, folder):
    asked, damaged = queue.ask((folder,), "stub"), queue.ask((folder,), "stub")
    shutil.copytree(queue.folder(asked), queue.home / f"{asked}.bak")
    request = queue.folder(damaged) / "request.json"
    request.write_text(json.dumps(json.loads(request.read_text()) | {"later": 1}))
    queue.discard_old()
    assert [one.id for one in queue.all()] == [asked]
    finish(worker)
    assert store.state(asked) is State.FINISHED
    with pytest.raises(AuditError, match="damaged, or of another version of Verso"):
        queue.find(damaged)


def test_letters_of_any_alphabet_are_found_in_either_case(audit, store, folder, drawings):
    (folder / "École.png").write_bytes(drawings.file(drawings.painting((64, 48), 99)))
    pages = store.results(store.find(audit(folder).audit_id))
    for text in ("école", "ÉCOLE", "École"):
        assert pages.count(Wanted(text=text)) == 1
