"""Peak memory of an audit of 1 000 and of 10 000 pictures, each in a process of its own, and their ratio.

Usage: PYTHONPATH=. python benchmarks/audit_memory.py [--files 1000 10000] [--model NAME]

By default a stand-in judges, which needs no torch: a network would add the same to both and hide what grows.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from drawn import draw_small

MOST = 1.1
"""What ten times the files may take, as a multiple."""
PEAK_A_MEGABYTE = 1_000_000 if sys.platform == "darwin" else 1_000
SIZE = (160, 120)
WORKERS = 2


def carry_out(folder: Path, model: str | None) -> None:
    """Audit `folder/works` in this process and print its peak memory in MB once all was judged, and in the end."""
    from sqlalchemy import URL  # noqa: PLC0415  (the process that draws stays small: children inherit its peak)

    from core.audit import lifecycle  # noqa: PLC0415
    from core.audit.progress import Progress  # noqa: PLC0415
    from core.audit.report import content  # noqa: PLC0415
    from core.audit.store.audits import AuditStore  # noqa: PLC0415
    from tests.audit.stand_in import load_stand_in, no_card  # noqa: PLC0415

    if model is None:
        lifecycle.load_model = load_stand_in
        content.load_card = no_card
    judged = 0.0

    def watch(progress: Progress) -> None:
        nonlocal judged
        if progress.counts and not progress.counts.waiting:
            judged = peak()

    order = lifecycle.Order((folder / "works",), folder / "out", model, workers=WORKERS)
    with AuditStore.open(URL.create("sqlite", database=str(folder / "audits.db"))) as store:
        lifecycle.carry_out(order, store, watcher=watch)
    print(judged, peak())


def peak() -> float:
    """Return the most memory this process has held so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / PEAK_A_MEGABYTE


def measured(count: int, model: str | None) -> tuple[float, float]:
    """Audit `count` pictures in a process of its own; return its peaks in MB: when all was judged, and in the end."""
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "works").mkdir()
        draw_small(Path(name) / "works", count, SIZE)
        command = [sys.executable, __file__, "--child", name, *(["--model", model] if model else [])]
        begun = time.perf_counter()
        result = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603  (its own program)
        judged, ended = map(float, result.stdout.split())
    print(
        f"{count} files in {time.perf_counter() - begun:.0f} s: {judged:.0f} MB when all was judged, {ended:.0f} MB with "
        "the results and reports"
    )
    return judged, ended


def main() -> None:
    """Audit both, and exit 1 if the larger one takes more than `MOST` times the memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, nargs=2, default=(1_000, 10_000))
    parser.add_argument("--model")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    if options.child:
        carry_out(options.child, options.model)
        return
    few, many = (measured(count, options.model) for count in options.files)
    judged, ended = (there / here for here, there in zip(few, many, strict=True))
    print(f"ratio {judged:.2f} when all was judged, {ended:.2f} in the end (limit {MOST})")
    sys.exit(max(judged, ended) > MOST)


if __name__ == "__main__":
    main()
