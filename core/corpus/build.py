"""Joins manifests into a corpus: addresses filled in, splits dealt, images where they will be found."""

from collections.abc import Callable, Iterable, Sequence

import pandas as pd

from core.corpus import duplicates, splits
from core.corpus.cache import ImageCache
from core.corpus.manifest import Manifest, source_url
from core.errors import CorpusError


def join(manifests: Sequence[Manifest]) -> pd.DataFrame:
    """The rows of all manifests, in order, with the address of every original that has one.

    Raises:
        CorpusError: two of them name the same image.
    """
    known: dict[str, Manifest] = {}
    for manifest in manifests:
        for sha256 in manifest.frame["sha256"]:
            if known.setdefault(sha256, manifest) is not manifest:
                raise CorpusError(
                    f"The image {sha256[:12]} stands in {known[sha256].path} and in {manifest.path}: name each image in one of "
                    "them only."
                )
    frame = pd.concat([manifest.frame for manifest in manifests], ignore_index=True)
    places = zip(frame["source"], frame["commit"], frame["source_path"], strict=True)
    made = pd.Series([source_url(*place) for place in places], index=frame.index, dtype="str")
    return frame.assign(source_url=frame["source_url"].where(frame["source_url"] != "", made))


def deal(
    frame: pd.DataFrame, cache: ImageCache, plan: splits.Plan, progress: Callable[[int, int], None]
) -> pd.DataFrame:
    """The rows with every empty split filled in by `splits.assign`.

    Raises:
        CorpusError: images are missing, or the plan does not fit the rows.
        ImageError: a file is damaged.
    """
    hashes = duplicates.hash_files(cache.paths(frame["sha256"]), progress)
    return frame.assign(split=splits.assign(frame, hashes, plan))


def carry(hashes: Iterable[str], here: ImageCache, there: ImageCache) -> int:
    """Copy every image that `here` has and `there` lacks; return how many.

    Raises:
        ImageError: a file is damaged.
    """
    lacking = [path for sha256 in hashes if there.find(sha256) is None and (path := here.find(sha256))]
    for path in lacking:
        there.add(path.read_bytes())
    return len(lacking)
