"""Keeps what an engine finds: the same for every engine."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing

from core.audit.progress import Pace, Watcher
from core.audit.store.audits import AuditStore
from core.audit.store.records import Finding, Planned, State

Examined = Generator[tuple[list[Planned], list[Finding]]]
"""Chunks of a plan, in order, each with what was found in it."""


def keep(store: AuditStore, audit_id: str, examined: Examined, watcher: Watcher) -> bool:
    """Record chunk after chunk; return whether all are done. `examined` is closed in the end.

    What was found in a chunk is durable before `watcher` hears of it. The run ends early, between two chunks (a video is
    one), when the store says that the audit is to pause or to be cancelled.
    """
    counts = store.counts(audit_id)
    pace = Pace(counts.done)
    watcher(pace.moment(State.RUNNING, counts))
    with closing(examined):
        for chunk, findings in examined:
            store.record(audit_id, chunk, findings)
            counts = counts.after(findings)
            watcher(pace.moment(State.RUNNING, counts))
            if store.state(audit_id) in {State.PAUSING, State.CANCELLING, State.CANCELLED}:
                return False
    return True
