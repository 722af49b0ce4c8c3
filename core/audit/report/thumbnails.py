"""Small pictures for a report: of the files that matter most, so that a report of any audit stays small."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import islice
from typing import Final

from core import images
from core.audit.inputs.listing import Source
from core.audit.pictures import picture_bytes
from core.audit.store.pages import Kind, ResultPages, Sorting, Wanted
from core.audit.store.records import Planned
from core.errors import AuditError, ImageError
from core.threads import in_order
from core.verdict import Label

MOST: Final = 300
SIDE: Final = 96
"""Longer side in pixels."""
QUALITY: Final = 75
GRAVEST_FIRST: Final = (
    Wanted(kinds=(Kind.RULED,), sorting=Sorting.UNCERTAIN),
    *(Wanted((label,), sorting=Sorting.UNCERTAIN) for label in (Label.AI, Label.INCONCLUSIVE, Label.HUMAN)),
)
WHICH: Final = (
    f"Small pictures stand beside at most {MOST} files: first those ruled on, then those called ai, inconclusive and "
    "human, of each the most uncertain first. Exact duplicates, videos, and files that are out of reach, or were changed or "
    "moved since have none."
)


def thumbnails_of(pages: ResultPages, sources: Sequence[Source]) -> dict[int, bytes]:
    """Return small JPEGs of at most `MOST` files, by their position; none of what can no longer be read unchanged.

    A source whose place does not answer is not asked again: the report would wait for it picture by picture.

    Raises:
        StoreError: the database of audits cannot be read.
    """
    rows = (row.position for wanted in GRAVEST_FIRST for row in pages.page(wanted, 0, MOST))
    chosen = pages.all_planned(list(islice(dict.fromkeys(rows), MOST))).values()
    silent: set[int] = set()
    made = in_order(lambda item: (item.position, _made(sources, item, silent)), chosen, os.cpu_count() or 1)
    return {position: data for position, data in made if data is not None}


def _made(sources: Sequence[Source], item: Planned, silent: set[int]) -> bytes | None:
    if item.source >= len(sources) or item.source in silent:
        return None
    try:
        artwork = images.open(picture_bytes(sources, item), name=item.path, enough=SIDE)
    except (ImageError, OSError):  # `WHICH` says that it has no picture
        return None
    except AuditError:
        silent.add(item.source)
        return None
    return images.encode_jpeg(artwork.preview(SIDE), QUALITY)
