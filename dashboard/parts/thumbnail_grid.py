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
from dashboard.parts.error_sentence import error_sentence

PER_PAGE: Final = 24
CELL_WIDTH: Final = 172
SIDE_IN_GRID: Final = 2 * CELL_WIDTH
SIDE_IN_FACTS: Final = 700
KEPT: Final = (
    f"Pictures of the splits {' and '.join(f'*{split}*' for split in KEPT_UNSEEN)} are never shown here: models are "
    "measured on them, and whoever has looked at them can no longer choose a model blindly."
)
HOW_TO_FETCH: Final = (
    "The repository holds facts about the images, not the images. To bring them, run "
    "`python -m core corpus fetch github` (it needs the internet, and can be interrupted and run again). If you "
    f"have them already, set `{VARIABLE}` to the folder that holds `images` and start the dashboard again."
)
FACTS: Final = {
    "label": "Label",
    "attestation": "Why the label is believed",
    "generator": "Generator",
    "family": "Generator family",
    "medium": "Medium",
    "prompt": "Prompt",
    "split": "Split",
    "license": "Licence as stated",
    "source": "Source",
    "source_path": "File in the source",
    "commit": "Commit",
    "crop": "Cut from the original (x0 y0 x1 y1, px)",
    "original_format": "Format of the original",
    "original_sha256": "SHA-256 of the original",
    "source_url": "Address of the original",
    "sha256": "SHA-256 of the copy",
}
STYLE: Final = f"""
<style>
.st-key-thumbnails [data-testid="stImage"] img {{ height: {CELL_WIDTH}px; object-fit: contain;
  background: color-mix(in srgb, currentColor 7%, transparent); }}
.verso-cell {{ font-size: .875rem; line-height: 1.35; }}
.verso-cell div {{ overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }}
.verso-cell div + div {{ opacity: .75; }}
.verso-absent {{ height: {CELL_WIDTH}px; display: grid; place-items: center; text-align: center;
  padding: 0 .75rem; border: 1px dashed color-mix(in srgb, currentColor 35%, transparent); font-size: .875rem; }}
</style>
"""
FACTS_STYLE: Final = """
<style>
.verso-facts { width: 100%; border-collapse: collapse; font-size: .875rem; line-height: 1.4; }
.verso-facts th, .verso-facts td { text-align: left; vertical-align: top; padding: .4rem .5rem;
  border-bottom: 1px solid color-mix(in srgb, currentColor 15%, transparent); }
.verso-facts th { width: 34%; font-weight: 400; opacity: .75; padding-left: 0; }
.verso-facts td { overflow-wrap: anywhere; }
</style>
"""


def thumbnail_grid(rows: pd.DataFrame) -> None:
    """Draw the pictures of these rows of a manifest that may be shown, one page of them at a time."""
    st.caption(KEPT)
    open_rows = rows[~rows["split"].isin(KEPT_UNSEEN)].sort_values("sha256")
    if open_rows.empty:
        splits = " and ".join(sorted(set(rows["split"]), reverse=True))
        st.info(
            f"All matching images are of {splits}, so none can be shown; see their facts under **Table**."
        )
        return
    try:
        cache = ImageCache.default()
    except CorpusError as error:
        error_sentence(error)
        return
    here = _turned_to(open_rows)
    found = {sha256: cache.find(sha256) for sha256 in here["sha256"]}
    absent = sum(path is None for path in found.values())
    if absent == len(found):
        st.info(f"The images are not on this computer. {HOW_TO_FETCH}", icon=":material/download:")
        return
    if absent:
        st.info(f"{absent} of these {len(found)} images are not on this computer. {HOW_TO_FETCH}")
    st.html(STYLE)
    with st.container(horizontal=True, gap="small", key="thumbnails"):
        for row in here.to_dict("records"):
            with st.container(width=CELL_WIDTH, gap="xsmall"):
                _cell({str(name): str(value) for name, value in row.items()}, found[row["sha256"]])


def _turned_to(rows: pd.DataFrame) -> pd.DataFrame:
    """Draw the pager and return the rows of the page it shows."""
    line = st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute")
    says = line.empty()
    pages = ceil(len(rows) / PER_PAGE)
    # Another choice of rows starts on its first page: the key goes with the rows.
    page = line.pagination(pages, key=f"corpus-page-{hash(tuple(rows['sha256']))}") if pages > 1 else 1
    first = (page - 1) * PER_PAGE
    here = rows.iloc[first : first + PER_PAGE]
    says.markdown(
        f"{first + 1:,} to {first + len(here):,} of {len(rows):,} pictures, in mixed order", width="content"
    )
    return here


def _cell(row: dict[str, str], path: Path | None) -> None:
    flaw = _drawn(row, path, SIDE_IN_GRID)
    if flaw:
        st.html(f'<div class="verso-absent">{html.escape(flaw)}</div>')
    what, source = html.escape(_what(row)), html.escape(row["source"])
    st.html(
        f'<div class="verso-cell"><div title="{what}">{what}</div><div title="{source}">{source}</div></div>'
    )
    if st.button("Facts", key=f"facts-{row['sha256']}", icon=":material/info:", type="tertiary"):
        _facts(row, path)


def _drawn(row: dict[str, str], path: Path | None, max_side: int) -> str:
    """Draw the picture, or return why it cannot be drawn."""
    if path is None:
        return "not on this computer"
    try:
        picture = thumbnail(row["sha256"], max_side, path)
    except ImageError as error:
        return str(error)
    st.image(picture, width="stretch" if max_side == SIDE_IN_GRID else "content", alt=_what(row))
    return ""


@st.dialog("Facts of the image", width="medium")
def _facts(row: dict[str, str], path: Path | None) -> None:
    with st.container(horizontal_alignment="center"):
        _drawn(row, path, SIDE_IN_FACTS)
    facts = {title: row[name] for name, title in FACTS.items() if row[name]}
    facts["Size of the copy"] = f"{row['width']} × {row['height']} px"
    lines = "".join(
        f"<tr><th scope='row'>{html.escape(title)}</th><td>{html.escape(value)}</td></tr>"
        for title, value in facts.items()
    )
    st.html(f'{FACTS_STYLE}<table class="verso-facts">{lines}</table>')
    if GITHUB.fullmatch(row["source"]):
        address = f"https://github.com/{row['source']}/tree/{row['commit']}"
        st.link_button("Open the source at this commit", address, icon=":material/open_in_new:")


def _what(row: dict[str, str]) -> str:
    if row["label"] == "ai":
        return f"AI · {row['generator']}"
    return f"Human · {stated(row['medium'])}"
