"""Seconds from the start of a fresh process to the first durable verdict of an audit, part by part, as JSON.

Usage: PYTHONPATH=. python benchmarks/cold_start.py MODEL INPUT OUTPUT

The parts are the calls of `python -m core audit`.
"""

import time

STARTED = time.perf_counter()

import json  # noqa: E402  (the clock starts first)
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

from sqlalchemy import URL  # noqa: E402

from core.audit import lifecycle  # noqa: E402
from core.audit.configuration import Configuration  # noqa: E402
from core.audit.lifecycle import Order, carry_out  # noqa: E402
from core.audit.model import load_model  # noqa: E402
from core.audit.progress import Progress  # noqa: E402
from core.audit.store.audits import AuditStore  # noqa: E402
from core.audit.store.records import State  # noqa: E402
from core.detectors.protocol import Detector  # noqa: E402

IMPORTED = time.perf_counter()


def main() -> None:
    """Run one audit and print when each part of its start was done."""
    model, pictures, output = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    marks: dict[str, float] = {}

    def loaded(name: str | None) -> tuple[Detector, Configuration]:
        found = load_model(name)
        marks["model"] = time.perf_counter()
        return found

    def watch(progress: Progress) -> None:
        if progress.state is State.RUNNING:
            marks.setdefault("plan", time.perf_counter())
            if progress.counts and progress.counts.verdicts:
                marks.setdefault("judge", time.perf_counter())

    lifecycle.load_model = loaded
    with AuditStore.open(URL.create("sqlite", database=str(output.with_suffix(".db")))) as store:
        carry_out(Order((pictures,), output, model), store, watcher=watch)
    print(
        json.dumps(
            {
                "import": IMPORTED - STARTED,
                "model": marks["model"] - IMPORTED,
                "plan": marks["plan"] - marks["model"],
                "judge": marks["judge"] - marks["plan"],
            }
        )
    )


if __name__ == "__main__":
    main()
