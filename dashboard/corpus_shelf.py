"""The corpus as the Data page holds it: the manifest, the facets it is filtered by, and its thumbnails.

Pictures of the splits that models are finally measured on are kept unseen: nobody who chooses anything here
should have looked at them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd
import streamlit as st

from core import images
from core.corpus import manifest
from core.corpus.leak_findings import LeakFindings
from core.corpus.leak_findings import read as read_findings
from core.corpus.manifest import Manifest
from core.corpus.stats import NOT_STATED

DATA: Final = Path(__file__).resolve().parents[1] / "data"
KEPT_UNSEEN: Final = ("test", "ood")
JPEG_QUALITY: Final = 82


@dataclass(frozen=True)
class Facet:
    """A column to filter by, under a title; `of` is the only label whose rows have it, if one does."""

    column: str
    title: str
    of: str | None = None

    def counts(self, frame: pd.DataFrame) -> dict[str, int]:
        """How many images have each value, the commonest first."""
        rows = frame if self.of is None else frame[frame["label"] == self.of]
        return {str(value): int(count) for value, count in rows[self.column].value_counts().items()}

    def holds(self, frame: pd.DataFrame, values: Sequence[str]) -> "pd.Series[bool]":
        """Which rows have one of the values: bool `[N]`."""
        held = frame[self.column].isin(values)
        return held if self.of is None else held & (frame["label"] == self.of)


FACETS: Final = (
    Facet("split", "Split"),
    Facet("label", "Label"),
    Facet("family", "Generator family", of="ai"),
    Facet("medium", "Medium of human works", of="human"),
    Facet("source", "Source"),
    Facet("license", "Licence as stated"),
)


def matching(frame: pd.DataFrame, chosen: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """The rows that have a chosen value in every column in which values are chosen.

    Families belong to generated works only and media to human ones, so a choice of both asks for the works of
    those families and those of those media together.
    """
    kept = pd.Series(data=True, index=frame.index)
    either = pd.Series(data=False, index=frame.index)
    asked = [facet for facet in FACETS if chosen.get(facet.column)]
    for facet in asked:
        held = facet.holds(frame, chosen[facet.column])
        if facet.of is None:
            kept &= held
        else:
            either |= held
    if any(facet.of for facet in asked):
        kept &= either
    return frame[kept]


def stated(value: str) -> str:
    """A value for a reader, who is told when there is none."""
    return value or NOT_STATED


def shown_corpus() -> Manifest:
    """The manifest in the repository.

    Raises:
        ManifestError: it is missing or breaks its schema.
    """
    path = DATA / "manifest.csv"
    return _read(path, path.stat().st_mtime_ns if path.is_file() else 0)


def leak_findings() -> LeakFindings | None:
    """What the leak alarm found when its command was last run, or None if it was not.

    Raises:
        CorpusError: the file of findings is damaged.
    """
    return read_findings(DATA / "leaks.json")


def datasheet() -> str | None:
    """The datasheet as Markdown, without its title, or None if there is none."""
    path = DATA / "DATASHEET.md"
    if not path.is_file():
        return None
    title, _, body = path.read_text("utf-8").partition("\n")
    return body if title.startswith("# ") else f"{title}\n{body}"


@st.cache_data(max_entries=5000, show_spinner=False)
def thumbnail(sha256: str, max_side: int, _path: Path) -> bytes:  # noqa: ARG001  (the key of the cache)
    """A small JPEG of an image, at most `max_side` pixels on its longer side.

    Raises:
        ImageError: the file is damaged.
    """
    return images.encode_jpeg(images.open(_path).preview(max_side), JPEG_QUALITY)


@st.cache_resource(max_entries=2, show_spinner="Reading the manifest…")
def _read(path: Path, changed: int) -> Manifest:  # noqa: ARG001  (nanoseconds: a changed file is read again)
    return manifest.read(path)
