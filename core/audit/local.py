"""The engine for one machine: threads that read, decode, judge, and one that keeps what they find.

Each thread takes a chunk through all steps, on one core, so that as many are busy as there are workers. For each worker
at most `AHEAD` chunks (`core.threads`) are begun or wait to be kept, however many files wait.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from core.audit.examination import examine
from core.audit.inputs.listing import Source
from core.audit.keeping import keep
from core.audit.progress import Watcher
from core.audit.store.audits import AuditStore
from core.detectors.protocol import Detector
from core.threads import in_order


def run(
    store: AuditStore,
    audit_id: str,
    sources: Sequence[Source],
    detector: Detector,
    workers: int,
    watcher: Watcher,
) -> bool:
    """Examine every file of the plan that waits; return whether all are done, see `keep`."""
    planned = (store.chunk(audit_id, number) for number in store.waiting_chunks(audit_id))
    examined = in_order(lambda chunk: (chunk, examine(detector, sources, chunk)), planned, workers)
    with _one_core_a_pass():
        return keep(store, audit_id, examined, watcher)


def _one_core_a_pass() -> AbstractContextManager[None]:
    if "torch" not in sys.modules:  # the detector does without: nobody need wait for it
        return nullcontext()
    from core.detectors.precision import one_core_a_pass  # noqa: PLC0415

    return one_core_a_pass()
