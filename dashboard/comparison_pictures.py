"""Where the pictures of a comparison are: in the corpus on this computer, or among the analyst's own."""

from collections.abc import Mapping
from pathlib import Path

import streamlit as st

from core import images
from core.corpus.cache import ImageCache
from core.errors import CorpusError
from dashboard.corpus_shelf import JPEG_QUALITY, thumbnail
from dashboard.own_images import picture_bytes


def is_at_hand(row: Mapping[str, str]) -> bool:
    """Whether the picture of a row of `joined.images` can be opened here."""
    return bool(row.get("path")) or ImageCache.default().find(row["sha256"]) is not None


def named_bytes(sha256: str, own: str, path: str) -> tuple[str, bytes]:
    """Read a picture's file: its name and its bytes.

    Args:
        sha256: of its bytes.
        own: place of the analyst's own set, empty for the corpus.
        path: where it lies in that set.

    Raises:
        CorpusError: it is not on this computer.
        EvaluationError: the own set is gone.
        ImageError: it cannot be unpacked, or is not the file that was judged.
    """
    if own:
        return Path(path).name, picture_bytes(own, path, sha256)
    found = ImageCache.default().find(sha256)
    if found is None:
        raise CorpusError(
            f"The image {sha256[:12]} is not on this computer: fetch the corpus with `python -m core corpus fetch "
            "github`, or choose another image."
        )
    try:
        return found.name, found.read_bytes()
    except OSError as error:
        raise CorpusError(
            f"The image {sha256[:12]} cannot be read ({error.strerror}): check its permissions."
        ) from error


def small(sha256: str, own: str, path: str, max_side: int) -> bytes:
    """Return a small JPEG of a picture, at most `max_side` pixels on its longer side.

    Raises as `named_bytes`, and ImageError if the file is damaged.
    """
    found = None if own else ImageCache.default().find(sha256)
    return thumbnail(sha256, max_side, found) if found else _small(sha256, max_side, own, path)


@st.cache_data(max_entries=2000, show_spinner=False)
def _small(sha256: str, max_side: int, _own: str, _path: str) -> bytes:
    name, data = named_bytes(sha256, _own, _path)
    return images.encode_jpeg(images.open(data, name=name).preview(max_side), JPEG_QUALITY)
