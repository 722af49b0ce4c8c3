"""A paged grid of the corpus's pictures, and the facts of one."""

import html
from math import ceil
from pathlib import Path
from typing import Final

import pandas as pd
import streamlit as st

from core.corpus.cache import VARIABLE, ImageCache
from core.corpus.manifest import GITHUB
from core.errors import CorpusError, ImageError
from dashboard.corpus_shelf import KEPT_UNSEEN, stated, thumbnail

PER_PAGE: Final = 24
CELL_WIDTH: Final = 172
KEPT: Final = (
    f"Pictures of the splits {' and '.join(f'*{split}*' for split in KEPT_UNSEEN)} are never shown here: models are "
    "measured on them, and whoever has looked at them can no longer choose a model blindly."
)
HOW_TO_FETCH: Final = (
    "The repository holds facts about the images, not the images. To bring them (needs the internet; can be "
    "interrupted and run again), run `python -m core corpus fetch github`. If you have them already, set "
    f"`{VARIABLE}` to the folder that holds `images/` and start the dashboard again."
)
FACTS: Final = {
    "label": "Label",
    "attestation": "Why the label is believed",
    "generator": "Generator",
    "family": "Generator family",
    "medium": "Medium",
    "prompt": "Prompt",
    "source": "Source",
    "source_path": "File in the source",
    "commit": "Commit",
    "crop": "Cut from the original (x0 y0 x1 y1, px)",
    "license": "Licence as stated",
    "split": "Split",
    "original_format": "Format of the original",
    "sha256": "SHA-256 of the copy",
    "original_sha256": "SHA-256 of the original",
    "source_url": "Address of the original",
}
STYLE: Final = """
<style>
.st-key-thumbnails [data-testid="stImage"] img { height: 172px; object-fit: contain; border-radius: 4px;
  background: color-mix(in srgb, currentColor 7%, transparent); }
.verso-cell { font-size: .875rem; line-height: 1.35; }
.verso-cell div { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.verso-cell div + div { opacity: .75; }
.verso-absent { height: 172px; display: grid; place-items: center; text-align: center; padding: 0 .75rem;
  border: 1px dashed color-mix(in srgb, currentColor 35%, transparent); border-radius: 4px; font-size: .875rem; }
</style>
"""


def thumbnail_grid(rows: pd.DataFrame) -> None:
    """Draw the pictures of these rows of a manifest that may be shown, one page of them at a time."""
    st.caption(KEPT)
    open_rows = rows[~rows["split"].isin(KEPT_UNSEEN)].sort_values("sha256")
    if open_rows.empty:
        st.info(f"All {len(rows):,} matching images are of {' and '.join(KEPT_UNSEEN)}: none can be shown.")
        return
    try:
        cache = ImageCache.default()
    except CorpusError as error:
        st.error(str(error), icon=":material/error:")
        return
    pages = ceil(len(open_rows) / PER_PAGE)
    grid = st.container()
    page = st.pagination(pages, key=f"corpus-page-{_version(open_rows)}") if pages > 1 else 1
    first = (page - 1) * PER_PAGE
    here = open_rows.iloc[first : first + PER_PAGE]
    found = {sha256: cache.find(sha256) for sha256 in here["sha256"]}
    with grid:
        absent = sum(path is None for path in found.values())
        if absent == len(found):
            st.info(f"None of these pictures are on this machine. {HOW_TO_FETCH}", icon=":material/download:")
            return
        if absent:
            st.info(f"{absent} of these pictures are not on this machine. {HOW_TO_FETCH}")
        st.caption(f"{first + 1:,} to {first + len(here):,} of {len(open_rows):,}, in mixed order")
        _cells(here, found)


def _cells(here: pd.DataFrame, found: dict[str, Path | None]) -> None:
    st.html(STYLE)
    with st.container(horizontal=True, gap="medium", key="thumbnails"):
        for row in here.to_dict("records"):
            with st.container(width=CELL_WIDTH, gap="xsmall"):
                _cell({str(name): str(value) for name, value in row.items()}, found[row["sha256"]])


def _cell(row: dict[str, str], path: Path | None) -> None:
    picture, flaw = _picture(row["sha256"], path)
    if picture is None:
        st.html(f'<div class="verso-absent">{html.escape(flaw)}</div>')
    else:
        st.image(picture, width="stretch", alt=_what(row))
    source = html.escape(row["source"])
    st.html(
        f'<div class="verso-cell"><div title="{html.escape(_what(row))}">{html.escape(_what(row))}</div>'
        f'<div title="{source}">{source}</div></div>'
    )
    if st.button("Facts", key=f"facts-{row['sha256']}", icon=":material/info:", type="tertiary"):
        _facts(row, picture)


def _picture(sha256: str, path: Path | None) -> tuple[bytes | None, str]:
    if path is None:
        return None, "not on this machine"
    try:
        return thumbnail(sha256, path), ""
    except ImageError as error:
        return None, str(error)


@st.dialog("Facts of the image", width="medium")
def _facts(row: dict[str, str], picture: bytes | None) -> None:
    if picture is not None:
        st.image(picture, alt=_what(row))
    size = {"Size of the copy": f"{row['width']} × {row['height']} px"}
    st.table({title: row[name] for name, title in FACTS.items() if row[name]} | size, border="horizontal")
    if GITHUB.fullmatch(row["source"]):
        address = f"https://github.com/{row['source']}/tree/{row['commit']}"
        st.link_button("The source at this commit", address, icon=":material/open_in_new:")


def _what(row: dict[str, str]) -> str:
    if row["label"] == "ai":
        return f"Generated · {row['generator']}"
    return f"Human · {stated(row['medium'])}"


def _version(rows: pd.DataFrame) -> int:
    """A number that changes with the rows, so that other filters start on their first page."""
    return hash(tuple(rows["sha256"]))
