"""Kill audits with SIGKILL at random moments, resume them, and compare every result with an uninterrupted run.

Usage: python benchmarks/audit_kills.py [--kills 1000] [--pictures 48] [--model NAME] [--seed 0]

Each audit runs in a process of its own, forked from this one after the libraries are loaded and before any of
them starts a thread, so that a moment is drawn from the audit itself and not from the loading.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image
from sqlalchemy import URL

from core.audit.lifecycle import Order, carry_out
from core.audit.results import CSV_FILE, NEAR_DUPLICATES_FILE, PARQUET_FILE
from core.audit.store.audits import AuditStore

FILES = (CSV_FILE, PARQUET_FILE, NEAR_DUPLICATES_FILE)
WORKERS = 2
REPEATED = 10
STEP = 0.001


def draw_files(folder: Path, count: int) -> None:
    """Draw small pictures, some of them twice and some damaged."""
    chance = np.random.default_rng(0)
    for number in range(count):
        coarse = Image.fromarray(chance.integers(0, 256, (6, 8, 3), dtype=np.uint8))
        path = folder / f"{number:04}.jpg"
        coarse.resize((64, 48), Image.Resampling.BICUBIC).save(path)
        if number % REPEATED == 0:
            (folder / f"{number:04}-again.jpg").write_bytes(path.read_bytes())
            (folder / f"{number:04}-cut.jpg").write_bytes(path.read_bytes()[:400])


def start(order: Order, database: Path) -> int:
    """Carry an order out in a forked process; return its id."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        with AuditStore.open(URL.create("sqlite", database=str(database))) as store:
            carry_out(order, store)
        status = 0
    finally:
        os._exit(status)


def finish(order: Order, database: Path) -> float:
    """Carry an order out to its end; return the seconds it took."""
    begun = time.perf_counter()
    _, status = os.waitpid(start(order, database), 0)
    if status:
        sys.exit(f"The audit in {order.output} failed.")
    return time.perf_counter() - begun


def kill_once(order: Order, database: Path, moment: float) -> str:
    """Start an audit, kill it after `moment` seconds, and say where that found it."""
    pid, begun = start(order, database), time.perf_counter()
    while time.perf_counter() - begun < moment:
        if os.waitpid(pid, os.WNOHANG)[0]:
            return "after its end"
        time.sleep(STEP)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    if not (order.output / "audit.json").exists():
        return "before it began"
    if not database.exists():
        return "without a database"
    with AuditStore.open(URL.create("sqlite", database=str(database))) as store:
        audits = store.all()
        if not audits or audits[0].planned is None:
            return "while planning"
        counts = store.counts(audits[0].id)
        if counts.waiting == 0:
            return "while writing the results"
        return "while judging" if counts.judged else "before the first result"


def results(folder: Path) -> list[bytes]:
    """Read the files of results."""
    return [(folder / name).read_bytes() for name in FILES]


def main() -> None:
    """Kill, resume, compare; exit 1 if a single result differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=1_000)
    parser.add_argument("--pictures", type=int, default=48)
    parser.add_argument("--model")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if (
        os.environ.get("OMP_NUM_THREADS") != "1"
    ):  # a forked process cannot use the threads of its parent's libraries
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | {"OMP_NUM_THREADS": "1"})  # noqa: S606
    chance = random.Random(options.seed)  # noqa: S311 - moments, not secrets
    moments: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "works").mkdir()
        draw_files(folder / "works", options.pictures)

        def order(output: str, *, resume: bool = False) -> Order:
            return Order((folder / "works",), folder / output, options.model, resume, WORKERS)

        finish(order("warm"), folder / "warm.db")
        seconds = finish(order("whole"), folder / "whole.db")
        whole = results(folder / "whole")
        for number in range(options.kills):
            output, database = f"killed-{number}", folder / f"{number}.db"
            moments[kill_once(order(output), database, chance.uniform(0, seconds))] += 1
            finish(order(output, resume=True), database)
            if results(folder / output) != whole:
                sys.exit(f"Kill {number} changed the results.")
    print(
        f"{options.kills} of {options.kills} killed audits, resumed, gave the results of an uninterrupted one."
    )
    for where, count in moments.most_common():
        print(f"  killed {where}: {count}")


if __name__ == "__main__":
    main()
