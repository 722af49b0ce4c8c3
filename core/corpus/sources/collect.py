"""Run a source into a folder: resumable, and whole after any interruption.

The folder holds `manifest.csv`, `images/` (content-addressed, see `core.corpus.cache`), the source's list of
what could not be had, and `journal.jsonl`, which remembers the outcome of every item. An item counts as had
when its image file and then its journal line are on disk; the manifest is written from the journal.
"""

import csv
import hashlib
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic

import pandas as pd
from filelock import FileLock
from pydantic import ValidationError

from core import atomic
from core.corpus import manifest
from core.corpus.cache import ImageCache
from core.corpus.sources.base import ItemT, Piece, Source
from core.corpus.sources.journal import Entry, Journal
from core.errors import ImageError, ItemRefusedError, SourceError
from core.locks import alone

Row = dict[str, Any]
Progress = Callable[["Tally"], None]

EMPTY_ROW: Row = dict.fromkeys(manifest.REQUIRED, "")


@dataclass
class Tally:
    """How far a run is: items in all, had already before it, had by it, refused by it."""

    total: int = 0
    already: int = 0
    had: int = 0
    refused: int = 0


@dataclass(frozen=True)
class Refusal:
    """An item that is not in the manifest, and why."""

    key: str
    reason: str
    attempts: int
    final: bool


@dataclass(frozen=True)
class Report:
    """What a run left behind. `manifest` is None when no image at all was had; `notes` go by item."""

    tally: Tally
    refusals: Sequence[Refusal]
    notes: Mapping[str, str]
    manifest: manifest.Manifest | None
    refusals_path: Path

    @property
    def complete(self) -> bool:
        """Whether running again would bring nothing more."""
        return all(refusal.final for refusal in self.refusals)


def ignore_progress(_: Tally) -> None:
    """Report progress to nobody."""


def collect(
    source: Source[ItemT],
    folder: Path,
    *,
    workers: int,
    retry_refused: bool = False,
    progress: Progress = ignore_progress,
) -> Report:
    """Bring everything that the source has and the folder lacks.

    Running again completes what was interrupted: an image that is on disk with the right sha256 is not
    fetched again, and an item that was refused for good is asked for again only with `retry_refused`.

    Args:
        source: where the images come from.
        folder: where they go; made if missing, and used by one source only.
        workers: how many items are fetched at the same time.
        retry_refused: also ask again for items that were refused for good.
        progress: called in this thread after every item.

    Raises:
        SourceError: the source cannot be used as asked, the folder belongs to another source, or another
            run is working in it.
    """
    with _alone_in(folder), Journal(folder / "journal.jsonl") as journal:
        items = source.items()
        _claim(journal, source.name, folder)
        cache = ImageCache(home=folder, roots=(folder,))
        _remove_parts(cache)
        run = _Run(source, journal, cache, progress, Tally(total=len(items)))
        try:
            run.fetch_all(run.missing(items, retry_refused=retry_refused), workers)
        finally:
            report = _write(source, items, journal, folder, run.tally)
    return report


@dataclass
class _Run(Generic[ItemT]):
    source: Source[ItemT]
    journal: Journal
    cache: ImageCache
    progress: Progress
    tally: Tally

    def missing(self, items: Sequence[ItemT], *, retry_refused: bool) -> list[ItemT]:
        outcomes = _outcomes(self.journal.entries)
        wanted = []
        for item in items:
            outcome = outcomes.get((item.key, item.stamp), {})
            if "row" in outcome and self._is_stored(outcome["row"]["sha256"]):
                self.tally.already += 1
            elif "reason" in outcome and outcome["final"] and not retry_refused:
                self.tally.refused += 1
            else:
                wanted.append(item)
        return wanted

    def fetch_all(self, items: Sequence[ItemT], workers: int) -> None:
        self.progress(self.tally)
        executor = ThreadPoolExecutor(workers, thread_name_prefix=self.source.name)
        try:
            for future in as_completed([executor.submit(self._fetch, item) for item in items]):
                self._count(future)
        except BaseException:
            self.source.stop()
            raise
        finally:
            executor.shutdown(wait=True, cancel_futures=True)

    def _count(self, future: Future[bool]) -> None:
        if future.result():
            self.tally.had += 1
        else:
            self.tally.refused += 1
        self.progress(self.tally)

    def _fetch(self, item: ItemT) -> bool:
        try:
            piece = self.source.fetch(item)
            row = self._keep(piece)
        except ItemRefusedError as error:
            outcome = {"reason": str(error), "attempts": error.attempts, "final": error.final}
            self.journal.append({"key": item.key, "stamp": item.stamp} | outcome)
            return False
        self.journal.append({"key": item.key, "stamp": item.stamp, "row": row, "note": piece.note})
        return True

    def _keep(self, piece: Piece) -> Row:
        row = EMPTY_ROW | dict(piece.row)
        try:
            manifest.Row.model_validate(row)
            self.cache.add(piece.data)
        except ValidationError as error:
            raise ItemRefusedError(_first_problem(error), final=True) from error
        except ImageError as error:
            raise ItemRefusedError(str(error), final=True) from error
        return row

    def _is_stored(self, sha256: str) -> bool:
        path = self.cache.find(sha256)
        return path is not None and hashlib.sha256(path.read_bytes()).hexdigest() == sha256


def expect_idle(folder: Path) -> None:
    """Check that no run is working in a folder.

    Raises:
        SourceError: one is, or the folder cannot be used.
    """
    if folder.exists():
        with _alone_in(folder):
            pass


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    by_another = SourceError(
        f"Another run is bringing images into {folder}: wait for it, or choose another folder."
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise SourceError(f"{folder} is a file: expected a folder to bring images into.") from error
    with alone(folder / "collect.lock", by_another):
        yield


def _claim(journal: Journal, name: str, folder: Path) -> None:
    if not journal.entries:
        journal.append({"source": name})
    owner = journal.entries[0].get("source")
    if owner != name:
        raise SourceError(
            f"{folder} holds images of {owner}, not of {name}: choose another folder or ask for {owner}."
        )


def _remove_parts(cache: ImageCache) -> None:
    """Remove the half-written files of a run that was killed; `add.lock` shows that no one is writing one."""
    with FileLock(cache.home / "add.lock"):
        for part in (cache.home / "images").glob("*/.*.part"):
            part.unlink()


def _outcomes(entries: Sequence[Entry]) -> dict[tuple[str, str], Entry]:
    """The last entry of every item, by its key and stamp."""
    return {(entry["key"], entry["stamp"]): entry for entry in entries if "key" in entry}


def _write(
    source: Source[ItemT], items: Sequence[ItemT], journal: Journal, folder: Path, tally: Tally
) -> Report:
    outcomes = _outcomes(journal.entries)
    known = [
        (item.key, outcomes[item.key, item.stamp]) for item in items if (item.key, item.stamp) in outcomes
    ]
    rows, doubles = _distinct([(key, entry["row"]) for key, entry in known if "row" in entry])
    refusals = [
        Refusal(key, entry["reason"], entry["attempts"], entry["final"])
        for key, entry in known
        if "reason" in entry
    ] + doubles
    path = folder / source.refusals
    atomic.write(path, _refusals_csv(refusals, source.item_is))
    written = _write_manifest(rows, folder / "manifest.csv")
    notes = {key: entry["note"] for key, entry in known if entry.get("note")}
    return Report(tally, refusals, notes, written, path)


def _write_manifest(rows: Sequence[Row], path: Path) -> manifest.Manifest | None:
    if rows:
        return manifest.write(pd.DataFrame(rows), path, unsplit=True)
    path.unlink(missing_ok=True)
    return None


def _distinct(rows: Sequence[tuple[str, Row]]) -> tuple[list[Row], list[Refusal]]:
    """One row per image: of equal images the first is kept, and none if their labels disagree."""
    groups: dict[str, list[tuple[str, Row]]] = {}
    for key, row in rows:
        groups.setdefault(row["sha256"], []).append((key, row))
    kept, refusals = [], []
    for group in groups.values():
        keys = [key for key, _ in group]
        if len({row["label"] for _, row in group}) > 1:
            reason = f"The same image is labelled human and ai ({' and '.join(keys)}): correct one label."
            refusals += [Refusal(key, reason, 1, final=True) for key in keys]
            continue
        kept.append(group[0][1])
        reason = f"The same image as {keys[0]}, which is kept."
        refusals += [Refusal(key, reason, 1, final=True) for key in keys[1:]]
    return kept, refusals


def _first_problem(error: ValidationError) -> str:
    """What a row that does not fit the manifest should have been."""
    detail = error.errors(include_url=False)[0]
    context = detail.get("ctx", {})
    column = str(context.get("column") or detail["loc"][0])
    expected = context.get("expected") or manifest.Row.model_fields[column].description
    return f"A manifest cannot hold it: for its {column}, expected {expected}."


def _refusals_csv(refusals: Sequence[Refusal], item_is: str) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([item_is, "reason", "attempts", "final"])
    for refusal in refusals:
        writer.writerow([refusal.key, refusal.reason, refusal.attempts, "yes" if refusal.final else "no"])
    return text.getvalue().encode("utf-8", "backslashreplace")
