"""The engine for many machines, on a real cluster of two nodes on this one."""

import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from core.audit import lifecycle
from core.audit.engine import Engine
from core.audit.inputs.address import Address
from core.audit.inputs.sources import sources_of
from core.audit.lifecycle import Order, carry_out
from core.audit.model import load_model
from core.audit.ray_engine import ADDRESS, CHUNK, FOUND, QUIET, Examiner
from core.audit.store.audits import AuditStore
from core.audit.store.records import State
from core.errors import AuditError
from tests.audit.test_lifecycle import contents
from tests.commands import invoke

REPOSITORY = Path(__file__).resolve().parents[2]
LONGEST = 300
"""Seconds to wait for something that always comes, were it not for a mistake."""


class Gate(ThreadingHTTPServer):
    """A web server that, once closed, keeps whoever asks for a picture waiting until it is opened."""

    def __init__(self, folder):
        class Handler(SimpleHTTPRequestHandler):
            def do_GET(self):
                if self.path.endswith(".jpg"):
                    self.server.pass_on()
                super().do_GET()

            def log_message(self, *_):
                """Say nothing."""

        super().__init__(("127.0.0.1", 0), partial(Handler, directory=folder))
        self.address = Address(f"http://127.0.0.1:{self.server_port}/")
        self.open = threading.Event()
        self.open.set()
        self.waiting = threading.Semaphore(0)

    def pass_on(self):
        if not self.open.is_set():
            self.waiting.release()
            self.open.wait(LONGEST)

    def handle_error(self, *_):
        """A killed process does not wait for its answer."""


@pytest.fixture
def works(tmp_path, drawings):
    """More pictures than two nodes take at once, one of them damaged."""
    folder = tmp_path / "works"
    folder.mkdir()
    for number in range(150):
        (folder / f"{number:03}.jpg").write_bytes(drawings.file(drawings.painting((64, 48), number), "JPEG"))
    (folder / "cut.jpg").write_bytes((folder / "004.jpg").read_bytes()[:500])
    return folder


@pytest.fixture
def gate(works):
    with Gate(works) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.open.set()
        server.shutdown()


@pytest.fixture(scope="module")
def two_nodes():
    """A cluster of two nodes of one core each; the last test that has it may kill the second one."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in QUIET.items():
            patch.setenv(name, value)
        from ray.cluster_utils import Cluster  # noqa: PLC0415  (after its variables are set)

        made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
        made.add_node(num_cpus=1)
        yield made
        made.shutdown()


@pytest.fixture
def cluster(two_nodes, monkeypatch):
    """Audits find it by Ray's own variable."""
    monkeypatch.setenv(ADDRESS, two_nodes.address)
    return two_nodes


@pytest.fixture
def carried_out(tiny_model, store, tmp_path):
    def run(named, name="out", watcher=lambda _: None, **options):
        order = Order((named,), tmp_path / name, str(tiny_model), **options)
        return carry_out(order, store, watcher=watcher)

    return run


@pytest.mark.usefixtures("cluster")
def test_an_audit_paused_on_one_engine_goes_on_with_the_other(carried_out, works, store, tmp_path):
    carried_out(works, "local")

    def pause(progress):
        if progress.counts and progress.counts.judged:
            (running,) = (audit for audit in store.all() if audit.state is State.RUNNING)
            store.ask(running.id, State.PAUSING)

    outcome = carried_out(works, "mixed", pause, engine=Engine.RAY)
    assert outcome.state is State.PAUSED
    assert outcome.counts.judged == 16
    assert carried_out(works, "mixed", resume=True).state is State.FINISHED
    assert contents(tmp_path / "mixed") == contents(tmp_path / "local")


def test_a_node_killed_while_it_judges_loses_nothing(carried_out, gate, cluster, tmp_path):
    carried_out(gate.address, "local")
    second = cluster.list_all_nodes()[1]

    def kill():
        for _ in range(2):  # one picture on its way to each node: both are in the midst of a chunk
            gate.waiting.acquire(timeout=LONGEST)
        cluster.remove_node(second, allow_graceful=False)
        gate.open.set()

    killer = threading.Thread(target=kill)

    def close_the_gate(progress):
        if progress.state is State.RUNNING and gate.open.is_set() and killer.ident is None:
            gate.open.clear()
            killer.start()

    outcome = carried_out(gate.address, "ray", close_the_gate, engine=Engine.RAY)
    killer.join(LONGEST)
    assert len(cluster.list_all_nodes()) == 1
    assert (outcome.state, outcome.unreadable) == (State.FINISHED, 1)
    assert contents(tmp_path / "ray") == contents(tmp_path / "local")


AUDIT_WHOSE_CLUSTER_DIES = """
import os, signal, subprocess
from core import cli
from core.audit import lifecycle

carry_out = lifecycle.carry_out

def below(process):
    found = subprocess.run(["pgrep", "-P", str(process)], capture_output=True, text=True).stdout.split()
    return [*(each for child in found for each in below(child)), *map(int, found)]

def on_a_cluster_that_dies(order, store, watcher):
    def watch(progress):
        watcher(progress)
        if progress.counts and progress.counts.judged:
            own = [os.getpid()] if os.environ["DIES"] == "with its driver" else []
            for process in [*below(os.getpid()), *own]:
                try:
                    os.kill(process, signal.SIGKILL)
                except ProcessLookupError:
                    pass

    return carry_out(order, store, watcher=watch)

lifecycle.carry_out = on_a_cluster_that_dies
cli.main()
"""


@pytest.mark.parametrize(
    ("dies", "engine"),
    [("with its driver", Engine.LOCAL), ("with its driver", Engine.RAY), ("alone", Engine.RAY)],
)
def test_when_the_whole_cluster_is_lost_either_engine_goes_on(  # noqa: PLR0917  (one fixture, one argument)
    tiny_model, works, two_nodes, tmp_path, monkeypatch, dies, engine
):
    monkeypatch.setenv("DIES", dies)
    monkeypatch.delenv(ADDRESS, raising=False)
    monkeypatch.setenv("VERSO_DATABASE_URL", f"sqlite:///{tmp_path}/audits.db")
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    arguments = ["audit", str(works), "--model", str(tiny_model), "--workers", "1", "--output"]
    begun = [*arguments, str(tmp_path / "lost"), "--engine", "ray"]
    lost = subprocess.run(
        [sys.executable, "-c", AUDIT_WHOSE_CLUSTER_DIES, *begun],
        cwd=REPOSITORY,
        timeout=LONGEST,
        capture_output=True,
        check=False,
    )
    if dies == "alone":
        assert lost.returncode == 1
        assert "does not answer any more" in " ".join(lost.stderr.decode().split())
        assert "go on with --resume" in " ".join(lost.stderr.decode().split())
    else:
        assert lost.returncode == -signal.SIGKILL, lost.stderr
    assert not (tmp_path / "lost" / "results.csv").exists()
    with AuditStore.open() as store:
        (audit,) = store.all()
        assert 0 < store.counts(audit.id).judged < 150
    monkeypatch.setenv(ADDRESS, two_nodes.address)  # another cluster
    go_on = [*arguments, str(tmp_path / "lost"), "--resume", "--engine", str(engine)]
    assert invoke(*go_on).exit_code == 1  # one picture is damaged
    assert invoke(*arguments, str(tmp_path / "whole")).exit_code == 1
    assert contents(tmp_path / "lost") == contents(tmp_path / "whole")


def test_a_cluster_is_started_where_none_is_named_and_a_machine_unlike_this_one_is_refused(
    carried_out, works, monkeypatch
):
    def of_another_kind(name):
        detector, configuration = load_model(name)
        return detector, replace(configuration, compute="cpu float8")

    monkeypatch.delenv(ADDRESS, raising=False)
    monkeypatch.setattr(lifecycle, "load_model", of_another_kind)
    with pytest.raises(
        AuditError, match=r"of the cluster would give other results.*compute \(cpu float8 -> "
    ):
        carried_out(works, workers=1, engine=Engine.RAY)


def test_a_machine_without_the_model_says_which_it_is(works, tiny_model):
    _, configuration = load_model(str(tiny_model))
    examiner = Examiner("nobody", configuration, sources_of([works]))
    found = examiner({CHUNK: np.array([pickle.dumps([])], object)})[FOUND][0]
    with pytest.raises(
        AuditError, match=r"The machine [\d.]+ of the cluster cannot judge: There is no model"
    ):
        raise pickle.loads(found)  # noqa: S301


def test_without_ray_a_sentence_says_how_to_get_it(audit, folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setitem(sys.modules, "ray.data", None)
    with pytest.raises(AuditError, match=r"pip install -r requirements-ray\.txt"):
        audit(folder, engine=Engine.RAY)
    assert audit(folder, resume=True).state is State.FINISHED


def test_a_cluster_that_does_not_answer_is_named_and_the_audit_goes_on_elsewhere(audit, folder, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        nobody = f"127.0.0.1:{server.getsockname()[1]}"
    monkeypatch.setenv(ADDRESS, nobody)
    with pytest.raises(AuditError, match=f"The Ray cluster {nobody} cannot be reached"):
        audit(folder, engine=Engine.RAY)
    assert audit(folder, resume=True).state is State.FINISHED


def test_an_engine_that_there_is_not_is_wrong_usage():
    assert invoke("audit", os.curdir, "--output", "x", "--engine", "steam").exit_code == 2
