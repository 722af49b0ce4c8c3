"""The engine for many machines: Ray Data deals the chunks of the plan to processes that read, decode and judge.

Each process loads the model once, takes a chunk through all steps by itself, and is one core's (or one GPU's). A
process or machine that is lost is replaced by another, and its chunks are examined again; the process that asked
keeps what they find, in order. A chunk is examined as on one machine, so that the results are the same.

What is sent between the processes is pickled, as all that Ray sends.
"""

from __future__ import annotations

import logging
import os
import pickle
import signal
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Final

import numpy as np
import pyarrow as pa

import core
from core.archives import USUAL_ARCHIVE_LIMITS
from core.audit.configuration import Configuration
from core.audit.examination import examine
from core.audit.inputs.listing import Source
from core.audit.keeping import Examined, keep
from core.audit.model import load_model
from core.audit.progress import Watcher
from core.audit.store.audits import AuditStore
from core.audit.store.records import Audit, Finding, Planned
from core.detectors.precision import one_core_a_pass
from core.detectors.protocol import Detector
from core.detectors.store import whole_name
from core.errors import AuditError, ClusterLostError, VersoError
from core.images import USUAL_LIMITS
from core.limits import variables

LIBRARIES: Final = "requirements-ray.txt"
ADDRESS: Final = "RAY_ADDRESS"
"""Ray's own variable: the cluster to use. Without it one is started on this machine, and ended with the audit."""
LIMITS: Final = (*variables(USUAL_LIMITS).values(), *variables(USUAL_ARCHIVE_LIMITS).values())
PASSED_ON: Final = (
    "VERSO_MODELS",
    "VERSO_ENCODER",
    "VERSO_CACHE",
    "VERSO_INIT",
    "VERSO_TRUST_ANCHORS",
    *LIMITS,
)
"""Variables that say where models and lists lie, and what is let in: they hold on every machine."""
QUIET: Final = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_BACKEND_LOG_LEVEL": "fatal"}
KNOCK: Final = 10.0
"""Seconds a cluster has to answer."""
PULSE: Final = 5.0
"""Seconds between two looks whether the cluster still answers."""
MISSES: Final = 3
"""Looks in a row without an answer after which it is lost; sooner than Ray ends the process, without a word."""
CHUNK, FOUND = "chunk", "found"
DEALT: Final = 4_000
"""Chunks dealt out at once: so many wait in the cluster's memory, whatever the size of the audit."""

Batch = dict[str, np.ndarray]


class Examiner:
    """One process of the cluster. It refuses to judge with another model or arithmetic than the audit began with."""

    def __init__(self, model: str, configuration: Configuration, sources: Sequence[Source]) -> None:
        self._model = model
        self._configuration = configuration
        self._sources = sources

    def __call__(self, batch: Batch) -> Batch:
        """Examine the chunk that is the one row of a batch; an error that ends the audit is returned in its place."""
        chunk: list[Planned] = pickle.loads(batch[CHUNK][0])  # noqa: S301 - from the process that asked
        found: list[Finding] | VersoError
        try:
            with one_core_a_pass():
                found = examine(self._detector, self._sources, chunk)
        except VersoError as error:
            found = error
        return {CHUNK: batch[CHUNK], FOUND: np.array([pickle.dumps(found)], object)}

    @cached_property
    def _detector(self) -> Detector:
        machine = _ray().util.get_node_ip_address()
        try:
            detector, configuration = load_model(self._model)
        except VersoError as error:
            raise AuditError(f"The machine {machine} of the cluster cannot judge: {error}") from error
        if differences := self._configuration.differs(configuration):
            raise AuditError(
                f"The machine {machine} of the cluster would give other results than this one: {differences}. Use "
                "machines of one kind, with the same models."
            )
        return detector


def run(
    store: AuditStore,
    audit: Audit,
    sources: Sequence[Source],
    workers: int | None,
    watcher: Watcher,
) -> bool:
    """Examine every file of the plan that waits; return whether all are done, see `keep`.

    Args:
        store: keeps the plan and what is found; only this process uses it.
        audit: to be run.
        sources: its inputs; the machines find the same files at the same paths, or by address.
        workers: processes; None for one a core of the cluster, or one a GPU where the audit is one of GPUs.
        watcher: told how far it is.

    Raises:
        AuditError: Ray is not installed, its cluster cannot be reached or is lost, or a machine of it differs.
    """
    with _cluster(workers) as ray:
        return keep(store, audit.id, _examined(ray, store, audit, sources, workers), watcher)


def _examined(
    ray: ModuleType,
    store: AuditStore,
    audit: Audit,
    sources: Sequence[Source],
    workers: int | None,
) -> Examined:
    waiting = store.waiting_chunks(audit.id)
    if not waiting:
        return
    needs = "GPU" if audit.configuration.compute.startswith("cuda") else "CPU"
    room = int(ray.cluster_resources().get(needs, 0))
    if not room:
        raise AuditError(
            f"The Ray cluster has no {needs}, which this audit needs: add a machine that has one."
        )
    for dealt in (waiting[start : start + DEALT] for start in range(0, len(waiting), DEALT)):
        blocks = [ray.put(_row(store.chunk(audit.id, number))) for number in dealt]
        dataset = ray.data.from_arrow_refs(blocks).map_batches(
            Examiner,
            fn_constructor_args=(whole_name(audit.model), audit.configuration, sources),
            batch_size=1,
            batch_format="numpy",
            compute=ray.data.ActorPoolStrategy(size=min(workers or room, room, len(dealt))),
            num_cpus=1,
            num_gpus=int(needs == "GPU"),
            runtime_env={"env_vars": _environment()},
        )
        for row in dataset.iter_rows():
            found: list[Finding] | VersoError = pickle.loads(row[FOUND])  # noqa: S301 - from an Examiner
            if isinstance(found, VersoError):
                raise found
            yield pickle.loads(row[CHUNK]), found  # noqa: S301 - was written here


def _row(chunk: list[Planned]) -> pa.Table:
    return pa.table({CHUNK: [pickle.dumps(chunk)]})


def _environment() -> dict[str, str]:
    root = str(Path(core.__file__).parents[1])
    return {"PYTHONPATH": root} | {name: os.environ[name] for name in PASSED_ON if name in os.environ}


def _ray() -> ModuleType:
    """Return Ray, told to be quiet and to report nothing to its makers, unless the environment says otherwise."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    try:
        import ray.data  # noqa: PLC0415  (optional, and only read when asked for)
    except ImportError as error:
        raise AuditError(
            f"--engine ray needs Ray ({error}): run `pip install -r {LIBRARIES}`, or leave --engine out."
        ) from error
    return ray


@contextmanager
def _cluster(workers: int | None) -> Iterator[ModuleType]:
    ray = _ray()
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = True
    named = os.environ.get(ADDRESS)
    own = {} if named else {"num_cpus": workers or os.cpu_count(), "include_dashboard": False}
    try:
        if named:
            _knock(named)
        ray.init(named or "local", log_to_driver=False, logging_level=logging.ERROR, **own)
    except (OSError, RuntimeError, ValueError) as error:
        raise AuditError(
            f"The Ray cluster {named or 'on this machine'} cannot be reached or started ({error}): check {ADDRESS}."
        ) from error
    lost = threading.Event()
    try:
        with _interrupted_by_loss(ray.get_runtime_context().gcs_address, lost):
            yield ray
    except ray.exceptions.RayTaskError:  # a mistake in Verso, not a loss
        raise
    except ray.exceptions.RayError as error:
        raise AuditError(_failed(str(error).splitlines()[0])) from error
    except KeyboardInterrupt:
        if not lost.is_set():
            raise
        raise ClusterLostError(_failed("it does not answer any more")) from None
    finally:
        if not lost.is_set():  # it would wait for an answer
            ray.shutdown()


def _failed(how: str) -> str:
    return f"The Ray cluster failed ({how}): everything counted as done is kept; go on with --resume."


@contextmanager
def _interrupted_by_loss(address: str, lost: threading.Event) -> Iterator[None]:
    """Interrupt the main thread, and set `lost`, once a cluster does not answer any more.

    Ray ends the process instead, a minute later and without a word.
    """
    over = threading.Event()

    def watch() -> None:
        missed = 0
        while not over.wait(PULSE):
            try:
                _knock(address)
                missed = 0
            except OSError:
                missed += 1
            if missed == MISSES:
                lost.set()
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
                return

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _knock(address: str) -> None:
    """Raise `OSError` at once where nobody listens; Ray itself would try for a quarter of an hour."""
    host, _, port = address.rpartition("/")[2].rpartition(":")
    if port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), KNOCK).close()
