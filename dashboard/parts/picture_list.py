"""Images of a comparison as a paged list, each opening in Review when it is at hand."""

import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final
from urllib.parse import urlencode
from zlib import crc32

import pandas as pd
import streamlit as st

from core.errors import VersoError
from dashboard.comparison_pictures import is_at_hand, small
from dashboard.corpus_shelf import KEPT_UNSEEN, stated
from dashboard.parts.chart_download import csv_button
from dashboard.parts.model_choice import PARAMETER as MODEL
from dashboard.review_by_address import BACK, IMAGE, OWN, PATH

PER_PAGE: Final = 12
CELL_WIDTH: Final = 196
PAGES: Final = "pages-of-lists"
"""In the session: the name under which the address holds the page of each list as it was drawn last, by the list's own."""
SHOW: Final = "show"
"""With the name of the list and the split: whether its pictures are shown."""
Row = Mapping[str, str]
STYLE: Final = f"""
<style>
.verso-picture {{ height: {CELL_WIDTH}px; display: grid; place-items: center; text-align: center; font-size: .8rem;
  padding: 0 .75rem; border: 1px dashed color-mix(in srgb, currentColor 35%, transparent); opacity: .75; }}
.verso-said {{ font-size: .875rem; line-height: 1.4; }}
.verso-said div {{ overflow-wrap: anywhere; }}
.verso-said div + div {{ opacity: .8; }}
[class*="st-key-pictures-"] [data-testid="stImage"] img {{ height: {CELL_WIDTH}px; object-fit: contain;
  background: color-mix(in srgb, currentColor 7%, transparent); }}
</style>
"""


@dataclass(frozen=True)
class Origin:
    """Where the images of a page come from, and how to come back to it.

    `own` is the place of the analyst's own set, empty for the corpus; `split` is that of the corpus; `address` tells,
    once a list is drawn, what stands in the page's address; `model` is the folder of the model that is to judge in
    Review, empty for the one chosen there.
    """

    own: str
    split: str
    address: Callable[[], Sequence[tuple[str, str]]]
    model: str = ""

    @property
    def kept_unseen(self) -> bool:
        """Whether pictures are shown only when asked for."""
        return not self.own and self.split in KEPT_UNSEEN


def picture_list(
    rows: pd.DataFrame,
    name: str,
    table: pd.DataFrame,
    origin: Origin,
    lines: Callable[[Row], Sequence[str]],
    also: Callable[[Row], None] = lambda row: None,  # noqa: ARG005
) -> bool:
    """Draw images twelve at a time; return whether their pictures are shown.

    Pictures that are not shown lead nowhere either: what is behind their links shows them.

    Args:
        rows: the columns of `joined.images` and what `lines` needs.
        name: key of the list and stem of its file.
        table: what that file holds.
        origin: of the images.
        lines: what to say under a picture.
        also: draws what else belongs under a picture that is at hand and shown.
    """
    line = st.container(horizontal=True, vertical_alignment="center", gap="medium")
    says = line.empty()
    pages, page_key = ceil(len(rows) / PER_PAGE), _page_key(name, rows)
    page = line.pagination(pages, key=page_key, bind="query-params") if pages > 1 else 1
    st.session_state.setdefault(PAGES, {})[name] = page_key
    csv_button(table, name, line)
    shown = not origin.kept_unseen or line.toggle(
        "Show the pictures",
        key=show_key(name, origin.split),
        bind="query-params",
        help=f"Whoever has looked at pictures of *{origin.split}* can no longer choose a model blindly: choose first.",
    )
    first = (page - 1) * PER_PAGE
    here = rows.iloc[first : first + PER_PAGE]
    says.markdown(f"{first + 1:,} to {first + len(here):,} of {len(rows):,}", width="content")
    st.html(STYLE)
    with st.container(horizontal=True, gap="small", key=f"pictures-{name}"):
        for row in as_text(here):
            with st.container(width=CELL_WIDTH, gap="xsmall"):
                at_hand = is_at_hand(row)
                _picture(row, origin.own, at_hand=at_hand, shown=shown)
                said = "".join(f"<div>{one}</div>" for one in map(html.escape, lines(row)))
                st.html(f"<div class='verso-said'>{said}</div>")
                if at_hand and shown:
                    _links(row, origin, also)
    return shown


def show_key(name: str, split: str) -> str:
    """Return the name under which the address says that the pictures of a list are shown: of this split, and of no other."""
    return f"{SHOW}-{name}-{split}"


def _page_key(name: str, rows: pd.DataFrame) -> str:
    """Other images start on their first page: the key goes with them."""
    return f"page-{name}-{crc32(''.join(rows['sha256']).encode()):08x}"


def as_text(rows: pd.DataFrame) -> list[Row]:
    """Return the rows of a table as text."""
    return [{str(key): str(value) for key, value in row.items()} for row in rows.to_dict("records")]


def what(row: Row) -> str:
    """Say in a few words what a work is."""
    if row["label"] == "ai":
        return f"AI · {row['generator'] or row['family'] or 'generator unknown'}"
    return f"human · {stated(row['medium'])}"


def review_address(row: Row, origin: Origin) -> dict[str, str]:
    """Return what the Review page needs to open a picture and to lead back here."""
    wanted = {IMAGE: row["sha256"], BACK: urlencode(origin.address())}
    wanted |= {MODEL: origin.model} if origin.model else {}
    return wanted | ({OWN: origin.own, PATH: row[PATH]} if origin.own else {})


def _links(row: Row, origin: Origin, also: Callable[[Row], None]) -> None:
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
        st.page_link(
            "app_pages/review.py",
            label="Review",
            icon=":material/image_search:",
            query_params=review_address(row, origin),
        )
        also(row)


def _picture(row: Row, own: str, *, at_hand: bool, shown: bool) -> None:
    flaw = _drawn(row, own) if shown and at_hand else ("not shown" if at_hand else "not on this computer")
    if flaw:
        st.html(f'<div class="verso-picture">{html.escape(flaw)}</div>')


def _drawn(row: Row, own: str) -> str:
    """Draw the picture, or return why it cannot be drawn."""
    try:
        picture = small(row["sha256"], own, row.get(PATH, ""), 2 * CELL_WIDTH)
    except VersoError as error:
        return str(error)
    st.image(picture, width="stretch", alt=what(row))
    return ""
