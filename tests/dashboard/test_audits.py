import hashlib
import io
import json
import re
import subprocess
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from urllib.parse import parse_qs

import pandas as pd
import pytest
import streamlit as st
from filelock import FileLock
from PIL import Image
from sqlalchemy import URL
from streamlit.testing.v1 import AppTest

from core.audit import lifecycle
from core.audit.lifecycle import LOCK, Order, carry_out, is_run
from core.audit.queue import Queue, Wish
from core.audit.shots import RULE
from core.audit.store.audits import AuditStore
from core.audit.store.pages import QUEUE, Sorting
from core.audit.store.records import Choice, Finding, State
from core.audit.worker import Worker
from core.errors import AuditError, ImageError, OutputError
from dashboard import audit_desk
from dashboard.parts import ruling_panel
from tests.audit.conftest import film, folder, stub  # noqa: F401  (fixtures)
from tests.cards import lay, network_card
from tests.waiting import wait_until

WORK = audit_desk._Hired.work
"""As it is, before the fixture takes it away."""
APP = Path(__file__).resolve().parents[2] / "dashboard" / "app.py"


@pytest.fixture
def desk(tmp_path, monkeypatch, folder):  # noqa: F811
    """An empty queue and store, a model to choose, no process that runs audits; the store."""
    monkeypatch.setenv("VERSO_AUDITS", str(tmp_path / "queue"))
    monkeypatch.setenv("VERSO_AUDIT_ROOTS", str(folder))
    monkeypatch.setenv("VERSO_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("VERSO_DATABASE_URL", f"sqlite:///{tmp_path / 'audits.db'}")
    lay(network_card("net"), tmp_path / "models")
    monkeypatch.setattr(audit_desk._Hired, "work", lambda _: None)
    monkeypatch.setattr(ruling_panel, "LOOK", 0.0)
    st.cache_resource.clear()
    with AuditStore.open(URL.create("sqlite", database=str(tmp_path / "audits.db"))) as opened:
        yield opened
    st.cache_resource.clear()


@pytest.fixture
def finished(desk, stub, folder):  # noqa: F811, ARG001
    """The id of an audit that is finished."""
    queue = Queue.of_this_computer()
    asked = queue.ask((folder,), "stub")
    Worker(queue, desk).run(queue.find(asked))
    return asked


def opened(**address: str) -> AppTest:
    app = AppTest.from_file(str(APP), default_timeout=60).run()
    for name, value in address.items():
        app.query_params[name.replace("_", "-")] = value
    app.switch_page("app_pages/audit.py" if "audit" in address else "app_pages/audits.py").run()
    assert not app.exception
    return app


def text_of(app: AppTest) -> str:
    parts = [*app.title, *app.markdown, *app.caption, *app.info, *app.warning, *app.error, *app.success]
    return "\n".join(each.value for each in parts).replace("\\", "")


def press(app: AppTest, label: str) -> AppTest:
    next(button for button in app.button if button.label == label).click().run()
    assert not app.exception
    return app


def test_a_folder_of_the_server_becomes_an_audit_in_the_queue(desk, folder):  # noqa: F811, ARG001
    app = opened()
    app.text_input(key="audit-folder").set_value(str(folder)).run()
    press(app, "Start the audit")
    (asked,) = Queue.of_this_computer().all()
    assert asked.inputs == (str(folder),)
    assert app.query_params["audit"] in (asked.id, [asked.id])
    app = press(opened(audit=asked.id), "Pause")
    assert Queue.of_this_computer().find(asked.id).wish is Wish.PAUSE
    press(app, "Resume")
    assert Queue.of_this_computer().find(asked.id).wish is Wish.RUN
    press(app, "Cancel for good")
    assert Queue.of_this_computer().find(asked.id).wish is Wish.CANCEL


def test_a_folder_elsewhere_is_refused_with_a_sentence(desk, tmp_path):  # noqa: ARG001
    app = opened()
    app.text_input(key="audit-folder").set_value(str(tmp_path)).run()
    press(app, "Start the audit")
    assert "outside the folders" in text_of(app)
    assert Queue.of_this_computer().all() == []


@pytest.mark.parametrize("page", ["review.py", "about.py"])
def test_without_a_folder_for_audits_the_other_pages_draw(desk, tmp_path, monkeypatch, page):  # noqa: ARG001
    (tmp_path / "file").touch()
    monkeypatch.setenv("VERSO_AUDITS", str(tmp_path / "file"))
    app = AppTest.from_file(str(APP), default_timeout=60).run().switch_page(f"app_pages/{page}").run()
    assert not app.exception
    assert "cannot be used for audits" not in text_of(app)
    assert app.title


def test_without_a_folder_for_audits_their_page_says_what_to_do(desk, tmp_path, monkeypatch):  # noqa: ARG001
    (tmp_path / "file").touch()
    monkeypatch.setenv("VERSO_AUDITS", str(tmp_path / "file"))
    assert "file cannot be used for audits (File exists): make it writable, or set VERSO_AUDITS" in text_of(
        opened()
    )


def test_uploads_are_on_the_disk_and_stay_after_a_reload(desk, drawings):  # noqa: ARG001
    app = opened()
    data = drawings.file(drawings.painting())
    app.file_uploader[0].set_value([("a.png", data, "image/png"), ("b.png", data, "image/png")]).run()
    assert "Ready: 2 files" in text_of(app)
    assert not app.file_uploader[0].value
    draft = app.query_params["draft"]
    draft = draft[0] if isinstance(draft, list) else draft
    assert "Ready: 2 files" in text_of(opened(draft=draft))
    (inputs,) = Queue.of_this_computer().uploads(draft)
    assert sorted(path.name for path in inputs.iterdir()) == ["a.png", "b.png"]


def visit_another_page(app: AppTest, page: str) -> AppTest:
    """Go to the page About, which takes all from the address that no field is bound to, and come back."""
    app.switch_page("app_pages/about.py").run()
    app.query_params.clear()
    app.switch_page(f"app_pages/{page}.py").run()
    assert not app.exception
    return app


def test_what_was_asked_for_and_not_started_is_there_after_another_page_and_forgotten_with_the_start(
    desk,  # noqa: ARG001
    drawings,
    folder,  # noqa: F811
):
    app = opened()
    app.file_uploader[0].set_value([("a.png", drawings.file(drawings.painting()), "image/png")]).run()
    app.text_input(key="audit-folder").set_value(str(folder)).run()
    app.text_input(key="audit-new-name").set_value("Spring").run()
    draft = app.query_params["draft"]
    visit_another_page(app, "audits")
    assert "Ready: 1 file," in text_of(app)
    assert app.query_params["draft"] == draft
    assert [app.text_input(key=f"audit-{key}").value for key in ("folder", "new-name")] == [
        str(folder),
        "Spring",
    ]
    press(app, "Start the audit")
    (asked,) = Queue.of_this_computer().all()
    assert (len(asked.inputs), asked.name) == (2, "Spring")
    visit_another_page(app, "audits")
    assert "Ready" not in text_of(app)
    assert [app.text_input(key=f"audit-{key}").value for key in ("folder", "new-name")] == ["", ""]


def test_uploads_that_were_discarded_stay_away(desk, drawings):  # noqa: ARG001
    app = opened()
    app.file_uploader[0].set_value([("a.png", drawings.file(drawings.painting()), "image/png")]).run()
    press(visit_another_page(app, "audits"), "Discard them")
    assert "Ready" not in text_of(app)
    assert "Ready" not in text_of(visit_another_page(app, "audits"))


def test_a_mangled_address_takes_away_neither_the_list_nor_the_start(finished):  # noqa: ARG001
    app = opened(draft="../../etc")
    assert not app.error
    assert "Start the audit" in [button.label for button in app.button]
    app = AppTest.from_file(str(APP), default_timeout=60).run()
    app.query_params["audit"] = "../../etc"
    app.switch_page("app_pages/audits.py").run()
    assert "no id of an audit: choose one from the list of audits" in text_of(app)
    assert len(app.dataframe[0].value) == 1
    assert "Start the audit" in [button.label for button in app.button]


def test_a_ruling_takes_the_file_out_of_the_queue_and_is_in_the_results(finished, desk):
    app = opened(audit=finished)
    assert "1 of 41 not ruled yet" in text_of(app)
    assert next(button for button in app.button if button.label == "Unsure").disabled
    app.text_input(key="analyst").set_value("Ada").run()
    assert "Agree" not in [button.label for button in app.button]
    press(app, "Override: human-made")
    assert "1 of 40 not ruled yet" in text_of(app)
    ruled = [row for row in desk.all_rows(finished) if row.ruling]
    assert [(row.verdict, row.ruling, row.ruled_by, row.note) for row in ruled] == [
        ("inconclusive", "override", "Ada", "human-made")
    ]
    assert b"override,Ada" in audit_desk.fresh_bytes(desk.find(finished), "results.csv")


def test_the_name_of_a_model_is_shown_letter_by_letter(finished, desk, monkeypatch):  # noqa: ARG001
    found = AuditStore.find

    def strange(each, audit_id):
        return replace(found(each, audit_id), model="*a* & b")

    monkeypatch.setattr(AuditStore, "find", strange)
    assert any(
        each.value.startswith(r"\*a\* \& b says human below") for each in opened(audit=finished).caption
    )


def test_what_waited_goes_on_with_the_first_page_of_the_next_server(desk, folder, monkeypatch):  # noqa: ARG001, F811
    hired = []

    def work(each):
        hired.append(each)

    monkeypatch.setattr(audit_desk._Hired, "work", work)
    Queue.of_this_computer().ask((folder,), "net")
    review = AppTest.from_file(str(APP), default_timeout=60).run()
    assert not review.exception
    assert len(hired) == 1
    review.run()
    assert len(hired) == 1


def test_a_worker_that_died_is_followed_by_another_and_one_that_lives_by_none(desk, monkeypatch):  # noqa: ARG001
    begun = []

    class Process:
        def __init__(self, *_, **__):
            self.ended = None
            begun.append(self)

        def poll(self):
            return self.ended

    monkeypatch.setattr(audit_desk.subprocess, "Popen", Process)
    hired = audit_desk._Hired()
    for expected, dies in ((1, False), (1, True), (2, False), (2, False)):
        WORK(hired)
        assert len(begun) == expected
        begun[-1].ended = 1 if dies else begun[-1].ended


@pytest.mark.usefixtures("desk")
def test_the_worker_takes_settings_as_the_page_does_wherever_the_server_was_started(tmp_path, monkeypatch):
    begun, popen = [], subprocess.Popen
    monkeypatch.setattr(
        audit_desk.subprocess,
        "Popen",
        lambda command, **how: begun.append(popen(command, **how)) or begun[-1],
    )
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "__init__.py").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.setenv("VERSO_AUDITS", f"relative-{tmp_path.name}")
    monkeypatch.setenv("VERSO_DATABASE_URL", f"sqlite:///relative-{tmp_path.name}.db")
    WORK(audit_desk._Hired())
    with begun[0] as process:
        wait_until(lambda: (tmp_path / f"relative-{tmp_path.name}.db").exists() or process.poll() is not None)
        assert process.poll() is None
        assert list((tmp_path / f"relative-{tmp_path.name}").glob("worker.log"))
        process.stdin.close()
        process.wait(60)


def test_the_name_of_who_rules_is_never_in_an_address(finished):
    app = opened(audit=finished)
    app.text_input(key="analyst").set_value("Ada").run()
    assert "analyst" not in app.query_params
    links = [parse_qs(each.proto.query_string) for each in app.get("page_link")]
    assert links
    assert not [link for link in links if "Ada" in str(link)]
    stranger = opened(audit=finished, analyst="Ada")
    assert not stranger.text_input(key="analyst").value


def letters(app: AppTest) -> dict[str, str]:
    """The single keys that press a button, by what stands on it."""
    keys = {button.label: button.proto.shortcut for button in app.button}
    return {label: key for label, key in keys.items() if len(key) == 1}


def test_single_keys_rule_unless_they_are_turned_off_for_the_session(finished):
    app = opened(audit=finished)
    app.text_input(key="analyst").set_value("Ada").run()
    press(app, "Unsure")
    assert {key.upper() for key in letters(app).values()} == {"U", "H", "G", "Z"}
    app.toggle(key="rule-by-keyboard").set_value(False).run()
    assert letters(app) == {}
    app.switch_page("app_pages/about.py").run()
    app.query_params["audit"] = finished
    app.switch_page("app_pages/audit.py").run()
    assert not app.toggle(key="rule-by-keyboard").value
    assert letters(app) == {}


def test_two_analysts_on_one_file_learn_of_each_other(finished, desk):
    first, second = (opened(audit=finished) for _ in range(2))
    first.text_input(key="analyst").set_value("Ada").run()
    second.text_input(key="analyst").set_value("Ben").run()
    press(first, "Override: human-made")
    assert "While you were looking" not in text_of(first)
    press(second, "Override: generated")
    assert "While you were looking, Ada ruled *override: human-made*. Both rulings are kept" in text_of(
        second
    )
    press(second, "Look again")
    assert re.search(r"Ruled \*\*override: generated\*\*, [0-9: -]+ UTC, by Ben", text_of(second))
    assert re.search(r"Ruled before \*\*override: human-made\*\*, [0-9: -]+ UTC, by Ada", text_of(second))
    row = next(row for row in desk.all_rows(finished) if row.ruling)
    assert len(desk.results(desk.find(finished)).rulings_on(row)) == 2


def test_a_note_waits_until_it_is_ruled_with(finished, desk):
    app = opened(audit=finished)
    app.text_input(key="analyst").set_value("Ada").run()
    note = next(field for field in app.text_input if field.label == "Note")
    note.set_value("seen the sketch").run()
    press(press(app, "Next"), "Previous")
    assert next(field for field in app.text_input if field.label == "Note").value == "seen the sketch"
    press(app, "Override: human-made")
    assert next(field for field in app.text_input if field.label == "Note").value == ""
    assert [row.note for row in desk.all_rows(finished) if row.ruling] == ["human-made: seen the sketch"]


def test_what_one_audit_was_ruled_leaves_another_alone(finished, desk, folder):  # noqa: F811
    queue = Queue.of_this_computer()
    other = queue.ask((folder / "sub", folder), "stub")
    Worker(queue, desk).run(queue.find(other))
    app = opened(audit=finished)
    app.text_input(key="analyst").set_value("Ada").run()
    press(press(press(app, "Next"), "Next"), "Unsure")
    app.query_params["audit"] = other
    app.run()
    assert "1 of 41 not ruled yet" in text_of(app)
    assert "Look again" not in [button.label for button in app.button]


def test_a_key_held_down_rules_on_no_picture_unseen(finished, desk, monkeypatch):
    monkeypatch.setattr(ruling_panel, "LOOK", 3600.0)
    app = opened(audit=finished)
    app.text_input(key="analyst").set_value("Ada").run()
    press(press(app, "Unsure"), "Unsure")
    assert "Not ruled: that key came before" in text_of(app)
    assert not [row for row in desk.all_rows(finished) if row.ruling]
    monkeypatch.setattr(ruling_panel, "LOOK", 0.0)
    press(app, "Unsure")
    assert len([row for row in desk.all_rows(finished) if row.ruling]) == 1


def test_a_file_changed_since_it_was_judged_is_not_shown(finished, desk, drawings):
    row = desk.rows(finished)[7]
    name, data = audit_desk.file_of(finished, str(row.position))
    assert (name, hashlib.sha256(data).hexdigest()) == (Path(row.path).name, row.sha256)
    Path(row.path).write_bytes(drawings.file(drawings.quadrants((64, 48))))
    with pytest.raises(ImageError, match="changed since it was judged"):
        audit_desk.file_of(finished, str(row.position))


@pytest.mark.parametrize("position", ["99", "9" * 18, "9" * 31, "-1", "x", ""])
def test_a_position_that_is_not_there_is_a_sentence(finished, position):
    with pytest.raises(AuditError, match=f"has no file {position}: choose one"):
        audit_desk.file_of(finished, position)


def test_a_ruling_that_cannot_be_kept_is_a_sentence(finished):
    app = opened(audit=finished)
    app.text_input(key="analyst").set_value("Ada").run()
    with audit_desk.store()._engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE rulings")
    press(app, "Unsure")
    assert "cannot be read" in text_of(app)


def test_a_ruling_made_while_the_files_are_written_is_in_the_next_download(finished, desk, monkeypatch):
    audit = desk.find(finished)
    desk.rule(finished, 0, Choice.UNSURE, name="Ada")
    write = lifecycle.write_results

    def write_and_rule(*arguments):
        write(*arguments)
        monkeypatch.setattr(lifecycle, "write_results", write)
        desk.rule(finished, 0, Choice.OVERRIDE, name="Ada")

    monkeypatch.setattr(lifecycle, "write_results", write_and_rule)
    path = audit_desk.kept_file(audit, "results.csv")
    lifecycle.write_files(desk, audit, path.parent, ())
    assert b"unsure,Ada" in path.read_bytes()
    said = (path.parent / "report.html").read_text()
    assert "unsure" in said
    assert "override" not in said
    assert b"override,Ada" in audit_desk.fresh_bytes(audit, "results.csv")


def test_files_that_do_not_fit_are_tried_once_and_leave_nothing(desk, drawings, monkeypatch):  # noqa: ARG001
    def full(*_):
        raise OutputError("'a.png' cannot be kept on the server: make room there.")

    app = opened()
    monkeypatch.setattr(Queue, "spool", full)
    app.file_uploader[0].set_value([("a.png", drawings.file(drawings.painting()), "image/png")]).run()
    assert "make room there" in text_of(app)
    assert "draft" not in app.query_params
    app.run()
    assert "make room there" not in text_of(app)
    assert not [each for each in Queue.of_this_computer().home.iterdir() if each.is_dir()]


def test_files_that_are_an_audit_already_start_no_second_one(desk, drawings):  # noqa: ARG001
    app = opened()
    data = drawings.file(drawings.painting())
    app.file_uploader[0].set_value([("a.png", data, "image/png")]).run()
    draft = app.query_params["draft"]
    draft = draft[0] if isinstance(draft, list) else draft
    press(app, "Start the audit")
    before = Queue.of_this_computer().find(draft)
    app = opened(draft=draft)
    assert "Ready" not in text_of(app)
    assert next(button for button in app.button if button.label == "Start the audit").disabled
    assert Queue.of_this_computer().find(draft) == before


def test_files_that_are_an_audit_already_stop_none_of_a_folder(desk, drawings, folder):  # noqa: ARG001, F811
    queue = Queue.of_this_computer()
    draft = queue.draft()
    queue.spool(draft, "a.png", io.BytesIO(drawings.file(drawings.painting())))
    queue.ask(tuple(queue.uploads(draft)), "net", draft)
    app = opened(draft=draft)
    app.text_input(key="audit-folder").set_value(str(folder)).run()
    press(app, "Start the audit")
    assert [one.inputs for one in queue.all() if one.id != draft] == [(str(folder),)]


def links(app: AppTest, label: str) -> list[tuple[str, str]]:
    """Page and query of the links that begin with a label."""
    found = [link.proto for link in app.get("page_link") if link.proto.label.startswith(label)]
    return [(link.page, link.query_string) for link in found]


def test_an_audit_leads_to_all_of_them_and_an_address_of_the_list_that_names_it_back(finished):
    assert links(opened(audit=finished), "All audits") == [("audits", "")]
    app = AppTest.from_file(str(APP), default_timeout=60).run()
    app.query_params["audit"] = finished
    app.query_params["audit-tab"] = "Downloads"
    app.switch_page("app_pages/audits.py").run()
    assert "Judge a whole collection" in text_of(app)
    ((page, query),) = links(app, "To the audit")
    assert (page, parse_qs(query)) == ("audit", {"audit": [finished], "audit-tab": ["Downloads"]})


def test_the_page_of_an_audit_without_its_name_shows_the_last_one_of_the_session(finished):
    app = opened(audit=finished)
    del app.query_params["audit"]
    app.switch_page("app_pages/audit.py").run()
    assert "1 of 41 not ruled yet" in text_of(app)
    examined = next(link.proto for link in app.get("page_link") if link.proto.label == "Examine in Review")
    assert parse_qs(parse_qs(examined.query_string)["back"][0])["audit"] == [finished]


def test_the_page_of_an_audit_alone_leads_to_all(desk):  # noqa: ARG001
    app = AppTest.from_file(str(APP), default_timeout=60).run()
    app.switch_page("app_pages/audit.py").run()
    assert "Judge a whole collection" in text_of(app)


def test_a_folder_that_is_called_like_that_of_uploads_keeps_its_name(desk, tmp_path):  # noqa: ARG001
    named = tmp_path / "offered" / "pictures"
    named.mkdir(parents=True)
    queue = Queue.of_this_computer()
    assert audit_desk.standing(queue.ask((named,), "stub")).title == "pictures"
    draft = queue.draft()
    queue.spool(draft, "a.png", io.BytesIO(b"x"))
    assert (
        audit_desk.standing(queue.ask(tuple(queue.uploads(draft)), "stub", draft)).title == "uploaded files"
    )


@pytest.fixture
def of_the_command_line(desk, stub, folder, tmp_path):  # noqa: F811, ARG001
    """Carries an audit out as the command line does, paused at once if `pause`; gives it back."""

    def carried_out(*, pause=False):
        def watch(progress):
            if pause and progress.counts and not progress.counts.done:
                desk.ask(next(iter(desk.all())).id, State.PAUSING)

        outcome = carry_out(Order((folder,), tmp_path / "cli", "stub"), desk, watcher=watch)
        return desk.find(outcome.audit_id)

    return carried_out


def test_an_audit_of_the_command_line_is_resumed_where_its_folder_is_offered(
    of_the_command_line, desk, tmp_path, monkeypatch
):
    begun = of_the_command_line(pause=True)
    app = opened(audit=begun.id)
    assert f"{tmp_path / 'cli'} lies outside the folders" in text_of(app)
    assert "Resume" not in [button.label for button in app.button]
    monkeypatch.setenv("VERSO_AUDIT_ROOTS", str(tmp_path))
    press(opened(audit=begun.id), "Resume")
    queue = Queue.of_this_computer()
    Worker(queue, desk).run(queue.find(begun.id))
    assert desk.state(begun.id) is State.FINISHED
    assert (tmp_path / "cli" / "results.csv").is_file()


def test_an_audit_whose_process_is_gone_is_said_to_be_interrupted(
    of_the_command_line, desk, tmp_path, monkeypatch
):
    begun = of_the_command_line(pause=True)
    desk.set_state(begun.id, State.RUNNING)
    monkeypatch.setenv("VERSO_AUDIT_ROOTS", str(tmp_path))
    with FileLock(tmp_path / "cli" / LOCK):
        assert audit_desk.standing(begun.id).state == "running"
    app = opened(audit=begun.id)
    assert audit_desk.standing(begun.id).state == "interrupted"
    press(app, "Cancel for good")
    assert desk.state(begun.id) is State.CANCELLED


def test_an_audit_whose_process_is_gone_is_interrupted_wherever_its_folder_lies(
    of_the_command_line, desk, tmp_path
):
    begun = of_the_command_line(pause=True)
    desk.set_state(begun.id, State.RUNNING)
    with FileLock(tmp_path / "cli" / LOCK):
        assert audit_desk.standing(begun.id).state == "running"
    assert audit_desk.standing(begun.id).state == "interrupted"
    app = opened(audit=begun.id)
    assert "resume it on the command line with --resume" in text_of(app)
    assert "Resume" not in [button.label for button in app.button]


def test_a_folder_of_the_same_path_that_is_another_audits_interrupts_none(
    of_the_command_line, desk, tmp_path
):
    begun = of_the_command_line(pause=True)
    desk.set_state(begun.id, State.RUNNING)
    note = tmp_path / "cli" / "audit.json"
    note.write_text(note.read_text().replace(begun.id, "0" * 32))
    assert audit_desk.standing(begun.id).state == "running"


def test_the_list_of_errors_stays_open_while_more_are_met(of_the_command_line, desk, monkeypatch):
    monkeypatch.setattr("dashboard.audit_desk.is_run", lambda _: True)
    begun = of_the_command_line(pause=True)
    judge_the_rest(desk, begun, chunks=1)
    desk.set_state(begun.id, State.RUNNING)
    app = opened(audit=begun.id)
    (listed,) = app.expander
    met = desk.counts(begun.id).unreadable
    assert listed.caption[0].value.startswith(f"The first 5 of {met};")
    judge_the_rest(desk, begun, chunks=1)
    desk.set_state(begun.id, State.RUNNING)
    (grown,) = app.run().expander
    assert desk.counts(begun.id).unreadable > met
    assert grown.caption[0].value != listed.caption[0].value
    assert grown.proto == listed.proto, "the browser takes it for the same list"


def shown_name(app: AppTest) -> str:
    """The file in the panel of the review queue."""
    return next(each.value for each in app.markdown if re.fullmatch(r"\*\*.*jpg\*\*", each.value))


def test_from_a_file_that_is_looked_at_again_next_and_previous_lead_to_its_neighbours(finished):
    def enabled() -> list[bool]:
        return [
            not next(button for button in app.button if button.label == label).disabled
            for label in ("Previous", "Next")
        ]

    app = opened(audit=finished)
    app.text_input(key="analyst").set_value("Ada").run()
    first = shown_name(app)
    press(app, "Unsure")
    second = shown_name(app)
    assert shown_name(press(app, "Look again")) == first
    assert enabled() == [False, True]
    assert shown_name(press(app, "Next")) == second
    press(press(app, "Next"), "Unsure")
    fourth = shown_name(app)
    press(app, "Look again")
    assert shown_name(press(app, "Previous")) == second
    press(app, "Look again")
    press(app, "Next")
    assert shown_name(app) == second
    press(app, "Next")
    assert shown_name(app) == fourth


def test_from_the_last_file_that_was_looked_at_again_one_gets_back_to_the_only_one_that_waits(finished, desk):
    rows = desk.results(desk.find(finished)).page(QUEUE)
    for row in rows[2:]:
        desk.rule(finished, row.position, Choice.UNSURE, name="Ada")
    app = opened(audit=finished)
    app.text_input(key="analyst").set_value("Ada").run()
    first = shown_name(app)
    press(press(app, "Next"), "Unsure")
    for button in ("Previous", "Next"):
        press(app, "Look again")
        assert shown_name(press(app, button)) == first
    press(app, "Unsure")
    press(app, "Look again")
    assert [button.disabled for button in app.button if button.label in {"Next", "Previous"}] == [True, True]


@pytest.mark.parametrize("ended", [State.FINISHED, State.CANCELLED])
def test_an_audit_that_ended_says_so_whatever_stopped_it_before(finished, desk, ended):
    desk.set_state(finished, ended)
    Queue.of_this_computer().fail(finished, "The disk was full.")
    assert audit_desk.standing(finished).state == ended
    shown = opened(audit=finished)
    assert "The disk was full" not in text_of(shown)
    assert "Resume" not in [button.label for button in shown.button]


@pytest.mark.parametrize("listed", [True, False])
def test_an_audit_that_could_not_go_on_is_cancelled_and_gives_its_uploads_back(
    desk,
    stub,  # noqa: F811
    drawings,
    monkeypatch,
    listed,
):
    queue = Queue.of_this_computer()
    draft = queue.draft()
    queue.spool(draft, "a.png", io.BytesIO(drawings.file(drawings.painting())))
    asked = queue.ask(tuple(queue.uploads(draft)), "stub" if listed else "gone", draft)
    monkeypatch.setattr(stub, "predict", lambda _: 1 / 0)
    with suppress(ZeroDivisionError):
        Worker(queue, desk).run(queue.find(asked))
    assert audit_desk.standing(asked).state == "failed"
    assert (desk.find(asked) is not None) == listed
    app = press(opened(audit=asked), "Cancel for good")
    assert audit_desk.standing(asked).state == "cancelled"
    press(app, "Remove the uploaded files")
    assert queue.uploads(asked) == []


def finishes_while_it_is_cancelled(desk, audit_id):
    desk.set_state(audit_id, State.RUNNING)
    seen = audit_desk.standing(audit_id)
    desk.set_state(audit_id, State.FINISHED)
    audit_desk.ask(seen, Wish.CANCEL)
    return desk.state(audit_id) is State.FINISHED


def test_an_audit_that_finishes_while_it_is_cancelled_stays_finished(finished, desk):
    assert finishes_while_it_is_cancelled(desk, finished)


def test_an_interrupted_audit_that_is_finished_elsewhere_while_it_is_cancelled_stays_finished(
    of_the_command_line, desk, tmp_path, monkeypatch
):
    begun = of_the_command_line(pause=True)
    monkeypatch.setenv("VERSO_AUDIT_ROOTS", str(tmp_path))
    assert finishes_while_it_is_cancelled(desk, begun.id)


def test_an_audit_is_cancelled_only_once_that_is_confirmed(of_the_command_line, desk, tmp_path, monkeypatch):
    begun = of_the_command_line(pause=True)
    monkeypatch.setenv("VERSO_AUDIT_ROOTS", str(tmp_path))
    app = opened(audit=begun.id)
    assert "Cancel" not in [button.label for button in app.button]
    assert "cannot go on" in text_of(app)
    assert desk.state(begun.id) is State.PAUSED


def test_what_was_judged_before_an_audit_was_stopped_is_downloaded_as_partial(of_the_command_line, desk):
    begun = of_the_command_line(pause=True)
    counts = desk.counts(begun.id)
    app = opened(audit=begun.id, audit_tab="Downloads")
    assert f"**partial**: {counts.done} of {counts.total} different files" in text_of(app)
    assert (
        f"Partial report ({counts.done} of {counts.total} different files examined) of an audit".encode()
        in (audit_desk.fresh_bytes(begun, "report.html"))
    )
    kept = audit_desk.kept_file(begun, "results.csv")
    whole = judge_the_rest(desk, begun)
    assert audit_desk.kept_file(whole, "results.csv") != kept
    assert b"Partial report" not in audit_desk.fresh_bytes(whole, "report.html")


def test_no_files_are_written_of_an_audit_that_was_resumed_since_the_page_was_drawn(finished, desk):
    begun = judge_the_rest(desk, desk.find(finished))
    desk.set_state(finished, State.PAUSED)
    with pytest.raises(AuditError, match="runs again"):
        audit_desk.fresh_bytes(begun, "results.csv")


def test_the_files_of_an_audit_are_written_by_nobody_else_meanwhile(finished, desk, monkeypatch):
    audit, seen = desk.find(finished), []
    home = Queue.of_this_computer().folder(finished)
    desk.rule(finished, 0, Choice.UNSURE, name="Ada")
    write = audit_desk.write_files
    monkeypatch.setattr(audit_desk, "write_files", lambda *given: seen.append(is_run(home)) or write(*given))
    with FileLock(home / LOCK), pytest.raises(AuditError):
        audit_desk.fresh_bytes(audit, "results.csv")
    assert b"unsure,Ada" in audit_desk.fresh_bytes(audit, "results.csv")
    assert seen == [True]


def judge_the_rest(desk, begun, chunks=None):
    """Judge what waits, or the first `chunks` of it; return the audit, which is finished once nothing waits."""
    desk.set_state(begun.id, State.RUNNING)
    for number in list(desk.waiting_chunks(begun.id))[:chunks]:
        chunk = desk.chunk(begun.id, number)
        desk.record(begun.id, chunk, [Finding(item.position, error="gone") for item in chunk])
    desk.set_state(begun.id, State.PAUSED if desk.counts(begun.id).waiting else State.FINISHED)
    return desk.find(begun.id)


def test_of_the_files_of_an_audit_only_those_of_its_last_stop_are_kept(of_the_command_line, desk):
    begun = of_the_command_line(pause=True)
    first, home = audit_desk.kept_file(begun, "results.csv").parent, Queue.of_this_computer().folder(begun.id)
    audit_desk.fresh_bytes(begun, "results.csv")
    again = judge_the_rest(desk, begun, chunks=1)
    second = audit_desk.kept_file(again, "results.csv").parent
    audit_desk.fresh_bytes(again, "results.csv")
    assert second != first
    assert [each for each in home.iterdir() if each.is_dir()] == [second]
    audit_desk.fresh_bytes(judge_the_rest(desk, again), "results.csv")
    assert not [each for each in home.iterdir() if each.is_dir()]


def test_an_audit_of_the_command_line_is_downloaded_wherever_its_folder_lies(
    of_the_command_line, desk, tmp_path
):
    done = of_the_command_line()
    assert f"{tmp_path / 'cli'} stays as it is" in text_of(opened(audit=done.id, audit_tab="Downloads"))
    kept = (tmp_path / "cli" / "results.csv").read_bytes()
    assert audit_desk.fresh_bytes(done, "results.csv") == kept
    desk.rule(done.id, 0, Choice.AGREE, name="Ada")
    assert b"agree,Ada" in audit_desk.fresh_bytes(done, "results.csv")
    assert (tmp_path / "cli" / "results.csv").read_bytes() == kept


def test_what_is_saved_of_an_audit_says_of_which_it_is(finished, desk, monkeypatch):
    def saved() -> list[str]:
        names.clear()
        app = opened(audit=finished, audit_tab="Distribution")
        (chart,) = app.get("plotly_chart")
        names.append(json.loads(chart.proto.config)["toImageButtonOptions"]["filename"])
        about.append(json.loads(chart.proto.spec)["layout"]["title"]["subtitle"]["text"].replace("<br>", " "))
        opened(audit=finished, audit_tab="Downloads")
        return [*names]

    names, about, tables = [], [], []
    monkeypatch.setattr(
        "streamlit.runtime.media_file_manager.MediaFileManager.add_deferred",
        lambda _, make, *__, file_name, **___: names.append(file_name) or tables.append(make) or "file",
    )
    first = finished[:8]
    assert saved()[:3] == [f"{first}-distribution.csv", f"{first}-distribution", f"{first}-results.csv"]
    assert about == ["works; stub: human below 0.300, AI above 0.700"]
    assert tables[0]().splitlines()[1].startswith(f'"{about[0]}",0.0,')
    desk.rename(finished, "Spring: 1/2 <*?>")
    assert saved()[0] == "Spring-1-2-distribution.csv"
    assert "Spring-1-2-report.pdf" in names
    desk.rename(finished, "../..")
    assert saved()[0] == f"{first}-distribution.csv"


@pytest.fixture
def pressed(monkeypatch):
    """What the buttons that download do when they are pressed, as they were drawn."""
    made = []
    monkeypatch.setattr(
        "streamlit.runtime.media_file_manager.MediaFileManager.add_deferred",
        lambda _, make, *__, **___: made.append(make) or "file",
    )
    return made


def test_why_a_file_could_not_be_written_stands_above_the_buttons_until_it_can(
    finished, pressed, monkeypatch
):
    def full(*_):
        raise OutputError("The *disk* is full: make room.")

    app = opened(audit=finished, audit_tab="Downloads")
    with monkeypatch.context() as patched:
        patched.setattr(audit_desk, "write_files", full)
        Queue.of_this_computer().folder(finished).joinpath("results.csv").unlink()
        with pytest.raises(OutputError):
            pressed[0]()
    assert not app.error
    assert [each.value for each in app.run().error] == [
        r"results\.csv was not written\. The \*disk\* is full\: make room\."
    ]
    assert pressed[0]().startswith(b"path,")
    assert not app.run().error


def test_all_files_are_listed_and_filtered_by_the_address(finished, desk):
    app = opened(audit=finished, audit_tab="All files")
    assert "1 to 25 of 44" in text_of(app)
    assert "44 rows: 43 different files, 1 exact duplicate" in text_of(app)
    assert "Of 44 files" in text_of(app)
    shown = app.dataframe[0].value
    assert list(shown["file"][:2]) == ["00.jpg", "01.jpg"]
    sizes = [(row.width, row.height) for row in islice(desk.all_rows(finished), 25)]
    assert list(zip(shown["width"], shown["height"], strict=True)) == sizes
    assert pd.api.types.is_numeric_dtype(shown["width"])
    app = opened(audit=finished, audit_tab="All files", audit_kind="error")
    shown = app.dataframe[0].value
    assert list(shown["verdict"]) == ["error"]
    assert list(zip(shown["file"], shown["folder"], strict=True)) == [("cut.jpg", "sub")]
    app = opened(audit=finished, audit_tab="All files", audit_kind="no picture")
    assert list(app.dataframe[0].value["verdict"]) == ["no picture"]
    shown = {metric.label: metric.value for metric in app.metric}
    assert (shown["Errors"], shown["No picture"]) == ("1", "1")


def test_another_audit_opens_without_the_filters_of_the_last_one_but_with_those_of_its_address(
    finished,
    desk,
    folder,  # noqa: F811
):
    queue = Queue.of_this_computer()
    other = queue.ask((folder / "sub", folder), "stub")
    Worker(queue, desk).run(queue.find(other))
    filters = {
        "audit-tab": "All files",
        "audit-kind": "error",
        "audit-find": "cut",
        "audit-order": Sorting.AI.value,
    }

    def go_to(audit: str, **address: str) -> AppTest:
        app.switch_page("app_pages/audits.py").run()
        app.query_params.clear()
        for name, value in {"audit": audit, **address}.items():
            app.query_params[name] = value
        app.switch_page("app_pages/audit.py").run()
        assert not app.exception
        return app

    app = opened(audit=finished, **filters)
    assert list(app.dataframe[0].value["verdict"]) == ["error"]
    assert not go_to(other).dataframe
    assert "1 of 41 not ruled yet" in text_of(app)
    app = go_to(other, **{"audit-tab": "All files"})
    assert "1 to 25 of 48 rows" in text_of(app)
    assert (app.text_input(key="audit-find").value, app.selectbox(key="audit-order").value) == (
        "",
        Sorting.PLANNED,
    )
    app = go_to(finished, **filters)
    assert list(app.dataframe[0].value["verdict"]) == ["error"]
    assert app.text_input(key="audit-find").value == "cut"
    app = go_to(other, **{"audit-tab": "All files", "audit-kind": "no picture"})
    assert set(app.dataframe[0].value["verdict"]) == {"no picture"}
    assert app.text_input(key="audit-find").value == ""
    assert set(go_to(other).dataframe[0].value["verdict"]) == {"no picture"}, (
        "of the same audit they are kept"
    )


def test_the_table_and_the_counts_say_what_was_found(desk, stub, folder, drawings):  # noqa: F811, ARG001
    shades = folder / "shades"
    shades.mkdir()
    for grey in (5, 10, 15, 130, 245, 250):
        (shades / f"{grey}.png").write_bytes(drawings.file(Image.new("RGB", (64, 64), (grey, grey, grey))))
    queue = Queue.of_this_computer()
    asked = queue.ask((shades,), "stub")
    Worker(queue, desk).run(queue.find(asked))
    desk.rule(asked, 0, Choice.UNSURE, name="Ada")
    known = {row.path.rsplit("/", 1)[-1]: row for row in desk.all_rows(asked)}
    app = opened(audit=asked, audit_tab="All files", audit_order=Sorting.AI.value)
    shown = app.dataframe[0].value
    for row in shown.to_dict("records"):
        assert (row["verdict"], row["p_ai"]) == (known[row["file"]].verdict, known[row["file"]].p_ai)
        assert bool(row["ruling"]) == (known[row["file"]].ruling is not None)
    assert shown["p_ai"].tolist() == sorted((row.p_ai for row in known.values()), reverse=True)
    metrics = {metric.label: metric.value for metric in app.metric}
    assert [metrics[label] for label in ("AI", "Inconclusive", "Human")] == ["2", "1", "3"]


def test_beside_a_video_stands_how_it_is_judged_and_that_its_shots_disagree(desk, stub, folder):  # noqa: F811, ARG001
    film(folder / "a.mp4", ((5, 5, 5), (250, 250, 250)))
    queue = Queue.of_this_computer()
    asked = queue.ask((folder / "a.mp4",), "stub")
    Worker(queue, desk).run(queue.find(asked))
    shown = text_of(opened(audit=asked))
    assert "shots disagree: 1 ai, 1 human" in shown
    assert RULE in shown
    app = opened(audit=asked, audit_tab="All files")
    assert list(app.dataframe[0].value["shots"]) == ["shots disagree: 1 ai, 1 human", "", ""]
    shot = "shot 1, 0.0 to 1.0 s, of a.mp4"
    assert app.dataframe[0].value["file"][1] == shot
    app = opened(audit=asked)
    app.session_state[f"again-{asked}"] = (0, 1)
    assert f"**{shot}**" in text_of(app.run())
    app.text_input(key="analyst").set_value("Ada").run()
    press(app, "Unsure")
    assert f"Ruled **unsure**: {shot}" in text_of(app)


def rule_on_all(desk, begun):
    """Rule on every file judged so far."""
    for row in desk.results(begun).page(QUEUE):
        desk.rule(begun.id, row.position, Choice.UNSURE, name="Ada")


def test_an_empty_queue_of_an_audit_that_goes_on_says_how_many_files_are_still_to_be_judged(
    of_the_command_line, desk
):
    begun = of_the_command_line(pause=True)
    rule_on_all(desk, begun)
    waiting = desk.counts(begun.id).waiting
    for state in (State.PAUSED, State.RUNNING):
        desk.set_state(begun.id, state)
        app = opened(audit=begun.id)
        assert (
            f"Nothing judged so far waits for a ruling; {waiting} files are still to be judged."
            in text_of(app)
        )
        assert not app.success
    judge_the_rest(desk, begun)
    assert [each.value for each in app.run().success] == ["Nothing waits for a ruling."]


def test_an_empty_queue_of_a_cancelled_audit_waits_for_no_more(of_the_command_line, desk):
    begun = of_the_command_line(pause=True)
    rule_on_all(desk, begun)
    desk.set_state(begun.id, State.CANCELLED)
    assert [each.value for each in opened(audit=begun.id).success] == ["Nothing waits for a ruling."]


@pytest.mark.parametrize(
    ("when_drawn", "times"),
    [({"planned": None}, 2), ({"state": State.CANCELLING}, 1), ({"state": State.PAUSED}, 2)],
)
def test_the_page_is_drawn_again_once_the_files_are_listed_and_not_at_every_state(
    of_the_command_line, desk, monkeypatch, when_drawn, times
):
    begun = of_the_command_line(pause=True)
    desk.set_state(begun.id, State.RUNNING)
    monkeypatch.setattr("dashboard.audit_desk.is_run", lambda _: True)
    found, looked, watched = AuditStore.find, [], []
    monkeypatch.setattr("dashboard.parts.audit_watch.keep_working", watched.append)

    def other_when_the_page_is_drawn(each, audit_id):
        looked.append(audit_id)
        audit = found(each, audit_id)
        return replace(audit, **when_drawn) if len(looked) == 1 else audit

    monkeypatch.setattr(AuditStore, "find", other_when_the_page_is_drawn)
    app = opened(audit=begun.id)
    assert len(watched) == times
    assert [tab.label for tab in app.tabs] == ["Review queue", "All files", "Distribution", "Downloads"]
    assert "· 44 files" in text_of(app)


def test_an_audit_of_one_file_counts_in_the_singular(desk, stub, folder, tmp_path, monkeypatch):  # noqa: F811, ARG001
    monkeypatch.setattr("dashboard.audit_desk.is_run", lambda _: True)
    outcome = carry_out(Order((folder / "sub" / "cut.jpg",), tmp_path / "one", "stub"), desk)
    desk.set_state(outcome.audit_id, State.RUNNING)
    app = opened(audit=outcome.audit_id)
    assert len(app.expander) == 1
    assert not app.expander[0].caption
    assert "· 1 file" in text_of(app)
    assert "Of 1 file." in text_of(app)
    assert "1 files" not in text_of(app)


def test_an_audit_that_is_not_here_is_a_sentence(desk):  # noqa: ARG001
    assert "There is no audit" in text_of(opened(audit="0" * 32))
    assert "no id of an audit" in text_of(opened(audit="../../etc"))


def test_an_audit_is_called_as_it_was_named_and_can_be_renamed(finished, desk):
    app = opened()
    app.text_input(key="audit-folder").set_value(str(desk.find(finished).inputs[0])).run()
    app.text_input(key="audit-new-name").set_value("Spring *competition*").run()
    press(app, "Start the audit")
    assert app.title[0].value == r"Spring \*competition\*"
    asked = next(one for one in Queue.of_this_computer().all() if one.id != finished)
    assert asked.name == "Spring *competition*"
    app = opened(audit=finished)
    app.text_input(key=f"audit-name-{finished}").set_value(" Autumn ")
    press(app, "Save the name")
    assert app.title[0].value == "Autumn"
    assert desk.find(finished).name == "Autumn"
    assert b"Report of the audit Autumn" in audit_desk.fresh_bytes(desk.find(finished), "report.html")
    listed = opened().dataframe[0].value
    assert "asked for (UTC)" in listed
    assert list(listed["name"]) == ["Spring *competition*", "Autumn"]


def test_uploads_of_an_audit_that_ended_are_removed_and_its_verdicts_stay(desk, stub, drawings):  # noqa: ARG001, F811
    queue = Queue.of_this_computer()
    draft = queue.draft()
    queue.spool(draft, "a.png", io.BytesIO(drawings.file(drawings.painting())))
    asked = queue.ask(tuple(queue.uploads(draft)), "stub", draft)
    assert "Remove the uploaded files" not in [button.label for button in opened(audit=asked).button]
    Worker(queue, desk).run(queue.find(asked))
    app = press(opened(audit=asked), "Remove the uploaded files")
    assert queue.uploads(asked) == []
    assert "Remove the uploaded files" not in [button.label for button in app.button]
    assert "1 of 1 not ruled yet" in text_of(app)
    assert "were removed from the server" in text_of(app)
    assert b"a.png" in audit_desk.fresh_bytes(desk.find(asked), "results.csv")
