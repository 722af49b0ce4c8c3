"""Speed of audits by `--engine ray` against the local engine, on the same cores in the same go.

Usage: PYTHONPATH=. python benchmarks/ray_engine.py [--images 400] [--rounds 3] [--workers 2] [--model verso-fast]

Each round is whole audits of drawn JPEGs of 1 024 px by either engine: plan, judging, results. The local engine has
its model loaded before; a cluster is started once, and its processes load the model in each audit. So two speeds are
printed: "whole", and "added", that of the files of the large audit beyond those of a small one (a chunk a worker),
which no start is part of: (files - few) / (seconds - seconds of the few).
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from speed import SIDE, draw_files
from sqlalchemy import URL

from core.audit import lifecycle
from core.audit.engine import Engine
from core.audit.lifecycle import Order, carry_out
from core.audit.model import load_model
from core.audit.plan import CHUNK
from core.audit.ray_engine import ADDRESS, LIBRARIES, QUIET
from core.audit.store.audits import AuditStore
from core.errors import AuditError, VersoError

TARGET = 0.7


@dataclass(frozen=True)
class Speeds:
    """Images a second."""

    added: float
    whole: float


def seconds(order: Order) -> float:
    """Carry an audit out and time it."""
    begun = time.perf_counter()
    with AuditStore.open(URL.create("sqlite", database=str(order.output.with_suffix(".db")))) as store:
        carry_out(order, store)
    return time.perf_counter() - begun


def measure(few: Order, many: Order, extra: int) -> Speeds:
    """Time a small and a large audit, which has `extra` images more."""
    start, whole = seconds(few), seconds(many)
    return Speeds(extra / (whole - start), (extra + CHUNK * (many.workers or 1)) / whole)


def results(order: Order) -> bytes:
    """Read the results of an audit."""
    return (order.output / "results.csv").read_bytes()


def main() -> None:
    """Alternate the two engines after a warm-up; print median speeds and ratios, and whether the results are equal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for name, default in (("images", 400), ("rounds", 3), ("workers", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--model", default="verso-fast")
    given = parser.parse_args()
    loaded = load_model(given.model)
    lifecycle.load_model = lambda _: loaded
    os.environ |= QUIET
    try:
        from ray.cluster_utils import Cluster  # noqa: PLC0415  (after its variables are set)
    except ImportError as error:
        raise AuditError(f"This needs Ray ({error}): run `pip install -r {LIBRARIES}`.") from error

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": given.workers})
    os.environ[ADDRESS] = cluster.address
    print(
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {torch.get_num_threads()} threads of torch, "
        f"{given.workers} workers, {given.images} JPEGs of {SIDE} px, {given.model}",
        flush=True,
    )
    few = CHUNK * given.workers
    rounds: list[dict[Engine, Speeds]] = []
    equal = True
    with tempfile.TemporaryDirectory() as place:
        scratch = Path(place)
        draw_files(scratch / "few", few, SIDE)
        draw_files(scratch / "many", given.images, SIDE)

        def order(engine: Engine, which: str, number: int) -> Order:
            output = scratch / f"{engine} {which} {number}"
            return Order((scratch / which,), output, given.model, workers=given.workers, engine=engine)

        for number in range(given.rounds + 1):
            rounds.append({})
            for engine in Engine:
                many = order(engine, "many", number)
                rounds[-1][engine] = measure(order(engine, "few", number), many, given.images - few)
            found = [results(order(engine, "many", number)) for engine in Engine]
            equal &= found[0] == found[1]
    cluster.shutdown()
    for what in ("added", "whole"):
        measured = [{engine: getattr(speeds[engine], what) for engine in Engine} for speeds in rounds[1:]]
        for engine in Engine:
            speed = statistics.median(speeds[engine] for speeds in measured)
            print(f"  {what:6} {engine:6} {speed:7.2f} images/s")
        ratios = sorted(speeds[Engine.RAY] / speeds[Engine.LOCAL] for speeds in measured)
        print(
            f"  {what:6} ray / local {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f} in "
            f"{given.rounds} alternating rounds); target {TARGET}"
        )
    print(f"  results.csv of the two engines: {'equal' if equal else 'NOT equal'}")


if __name__ == "__main__":
    try:
        main()
    except VersoError as error:
        raise SystemExit(str(error)) from error
