"""Kill audits with SIGKILL at random moments, resume them, and compare every result with an uninterrupted run.

Usage: PYTHONPATH=. python benchmarks/audit_kills.py [--kills 1000] [--minutes 10] [--pictures 48] [--model NAME] [--reports]

Each run is a process of its own, and most audits are killed again while they go on. The moments are drawn from the
audit itself, not from the loading of libraries before it. By default a stand-in judges, which needs no torch: its
processes come from a fork server, which is a fresh process too and has no threads, so that many are affordable.
With a model each process is spawned and loads all anew. Reports are left out unless asked for: drawing them takes
many times as long as the whole of a small audit, and nearly every kill would fall there.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from drawn import draw_small
from sqlalchemy import URL

from core.audit import lifecycle
from core.audit.lifecycle import NOTE, Order
from core.audit.model import load_model
from core.audit.report import content, reports
from core.audit.report.reports import HTML_FILE, PDF_FILE, XLSX_FILE
from core.audit.store.audits import AuditStore
from core.audit.store.records import State
from tests.audit.stand_in import load_stand_in, no_card

if TYPE_CHECKING:
    from multiprocessing.context import BaseContext
    from multiprocessing.process import BaseProcess
    from multiprocessing.synchronize import Event

AGAIN = 0.7
"""Share of the killed audits that are killed again while they go on."""
WORKERS = 2
REPEATED = 10
"""One picture in so many is given twice, and once more damaged."""
PRELOADED = [
    "tests.audit.stand_in",
    "core.audit.lifecycle",
    "core.audit.report.reports",
    "sqlalchemy.dialects.sqlite",
    "sqlite3.dbapi2",
    "pandas",
]
"""What the fork server holds: all that a run with the stand-in imports, pandas for pyarrow."""
REPORTS = frozenset({HTML_FILE, PDF_FILE, XLSX_FILE})
"""They name the audit and when it began, so that of two audits they differ: they have to be there, no more."""
LONGEST = 600.0
"""Seconds after which a process that does not end is taken to hang."""


@dataclass(frozen=True)
class Run:
    """One run of an audit: what is asked for, the file of the database that keeps it, and whether reports are written."""

    order: Order
    database: Path
    reports: bool


def draw_files(folder: Path, count: int) -> None:
    """Draw small pictures, some of them twice and some damaged."""
    for path in draw_small(folder, count, (64, 48))[::REPEATED]:
        path.with_stem(f"{path.stem}-again").write_bytes(path.read_bytes())
        path.with_stem(f"{path.stem}-cut").write_bytes(path.read_bytes()[:400])


def carry_out(run: Run, ready: Event) -> None:
    """Carry an audit out in this process; `ready` says that its libraries and model are loaded."""
    loaded = load_model(run.order.model) if run.order.model else load_stand_in(None)
    lifecycle.load_model = lambda _: loaded
    if not run.order.model:
        content.load_card = no_card
    if not run.reports:
        reports.write_reports = lambda *_: None
    ready.set()
    with AuditStore.open(_url(run.database)) as store:
        lifecycle.carry_out(run.order, store)


def begin(context: BaseContext, run: Run) -> BaseProcess:
    """Start a run and return its process once it is ready."""
    ready = context.Event()
    process = context.Process(target=carry_out, args=(run, ready))
    process.start()
    begun = time.perf_counter()
    while not ready.wait(1):
        if not process.is_alive() or time.perf_counter() - begun > LONGEST:
            process.kill()
            sys.exit(f"The audit in {run.order.output} did not begin.")
    return process


def finish(context: BaseContext, run: Run) -> float:
    """Carry a run out to its end; return the seconds it took."""
    process = begin(context, run)
    begun = time.perf_counter()
    process.join(LONGEST)
    if process.exitcode:
        sys.exit(f"The audit in {run.order.output} failed.")
    if process.exitcode is None:
        process.kill()
        sys.exit(f"The audit in {run.order.output} hangs.")
    return time.perf_counter() - begun


def kill(context: BaseContext, run: Run, moment: float) -> str:
    """Start a run, kill it after `moment` seconds, and say where that found it, or "" if it had ended before."""
    process = begin(context, run)
    process.join(moment)
    process.kill()
    process.join()
    return where(run) if process.exitcode else ""


def where(run: Run) -> str:
    """Say how far a killed audit is. A copy of its database is asked: opening one repairs it."""
    if not (run.order.output / NOTE).exists():
        return "before anything was kept"
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name) / "store"
        shutil.copytree(run.database.parent, copy)
        with AuditStore.open(_url(copy / run.database.name)) as store:
            audits = store.all()
            if not audits or audits[0].planned is None:
                return "while planning"
            counts = store.counts(audits[0].id)
            if audits[0].state is State.FINISHED:
                return "after the last change"
            if counts.waiting == 0:
                return "while writing the results"
            return "while judging" if counts.done else "between plan and first result"


def results(folder: Path) -> dict[str, bytes]:
    """Read every file of a folder of results, but for the note of which audit it is; of a report only that it is there."""
    return {
        path.name: b"" if path.name in REPORTS else path.read_bytes()
        for path in folder.iterdir()
        if path.name != NOTE
    }


def _url(database: Path) -> URL:
    return URL.create("sqlite", database=str(database))


def main() -> None:
    """Kill, resume, compare; exit 1 if a single result differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=1_000)
    parser.add_argument("--pictures", type=int, default=48)
    parser.add_argument("--model")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reports", action="store_true", help="write the reports too")
    parser.add_argument("--minutes", type=float, help="stop then, however many kills there were")
    options = parser.parse_args()
    context: BaseContext = multiprocessing.get_context("spawn")
    if options.model is None:
        os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(PRELOADED)
    chance = random.Random(options.seed)  # noqa: S311 - moments, not secrets
    moments: Counter[str] = Counter()
    end = time.monotonic() + 60 * options.minutes if options.minutes else float("inf")
    audits, different = 0, 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "works").mkdir()
        draw_files(folder / "works", options.pictures)
        with AuditStore.open(_url(folder / "empty" / "audits.db")):
            pass  # every audit gets a copy: making the tables would take a fifth of its time

        def new(called: str) -> Run:
            order = Order((folder / "works",), folder / called / "out", options.model, workers=WORKERS)
            shutil.copytree(folder / "empty", folder / called / "store")
            return Run(order, folder / called / "store" / "audits.db", options.reports)

        finish(context, new("first"))
        whole = new("whole")
        seconds = finish(context, whole)
        expected = results(whole.order.output)
        while moments.total() < options.kills and time.monotonic() < end:
            run = new(f"killed {audits}")
            resumed = replace(run, order=replace(run.order, resume=True))
            found = kill(context, run, chance.uniform(0, seconds))
            while found:
                moments[found] += 1
                again = chance.random() < AGAIN and moments.total() < options.kills
                found = kill(context, resumed, chance.uniform(0, seconds)) if again else ""
            finish(context, resumed)
            audits += 1
            if results(run.order.output) != expected:
                different += 1
                print(f"Audit {audits} has other results.", file=sys.stderr)
            shutil.rmtree(folder / f"killed {audits - 1}")
    print(
        f"{moments.total()} kills of {audits} audits; {audits - different} of {audits} gave identical results."
    )
    for place, count in moments.most_common():
        print(f"  killed {place}: {count}")
    sys.exit(different > 0)


if __name__ == "__main__":
    main()
