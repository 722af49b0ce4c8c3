"""The corpus in numbers, counted from the manifest."""

from collections.abc import Sequence
from typing import Final

import pandas as pd

from core.corpus.manifest import LABELS, SPLITS
from core.markdown_table import Table

ALL: Final = "all"
NOT_STATED: Final = "not stated"
NO_SPLIT: Final = "none yet"
LARGEST: Final = 15


def tables(frame: pd.DataFrame) -> list[Table]:
    """Every table of `corpus stats` that has rows, from the rows of a manifest."""
    frame = frame.assign(split=told(frame["split"]))
    splits = shown_splits(frame["split"])
    human, ai = frame[frame["label"] == "human"], frame[frame["label"] == "ai"]
    made = [
        Table("Images by split and label", _crossed(frame["split"], frame["label"], LABELS, splits)),
        Table("AI images by family and split", _crossed(ai["family"], ai["split"], splits)),
        Table("Generators in each family", _generators(ai)),
        Table("Human images by medium and split", _crossed(stated(human["medium"]), human["split"], splits)),
        Table("Sources by the splits they lie in", _sharing(frame)),
        Table("Sources that lie in ood and in other splits, by family and split", _ood_sharing(frame)),
        Table(f"The {LARGEST} largest sources", _largest(frame, splits)),
        Table("Originals by file format and label", _by_label(frame, stated(frame["original_format"]))),
        Table("Images by licence as stated and label", _by_label(frame, stated(frame["license"]))),
        Table("Images by shape and label", _by_label(frame, _shape(frame))),
        Table("Width and height by label, in pixels", _sizes(frame)),
    ]
    return [table for table in made if len(table.frame) > (ALL in table.frame.index)]


def told(splits: pd.Series) -> pd.Series:
    """Return the splits, `NO_SPLIT` where there is none."""
    return splits.replace("", NO_SPLIT)


def shown_splits(splits: pd.Series) -> list[str]:
    """Return the names of the splits, and of having none if there are such images."""
    return [name for name in (*SPLITS, NO_SPLIT) if name in SPLITS or (splits == name).any()]


def stated(values: pd.Series) -> pd.Series:
    """Return the values, `NOT_STATED` where there is none."""
    return values.replace("", NOT_STATED)


def _shape(frame: pd.DataFrame) -> pd.Series:
    shapes = pd.Series("square", index=frame.index, name="shape")
    shapes[frame["width"] > frame["height"]] = "landscape"
    shapes[frame["width"] < frame["height"]] = "portrait"
    return shapes


def _by_label(frame: pd.DataFrame, rows: pd.Series) -> pd.DataFrame:
    return _crossed(rows, frame["label"], LABELS)


def _crossed(
    rows: pd.Series, columns: pd.Series, heads: Sequence[str], order: Sequence[str] | None = None
) -> pd.DataFrame:
    counts = pd.crosstab(rows, columns).reindex(columns=list(heads), fill_value=0)
    if order is not None:
        counts = counts.reindex(index=list(order), fill_value=0)
    counts[ALL] = counts.sum(axis=1)
    total = pd.DataFrame([counts.sum(axis=0)], index=[ALL])  # beside a row that may be called so too
    return _named(pd.concat([counts, total]), str(rows.name))


def _generators(ai: pd.DataFrame) -> pd.DataFrame:
    named = ai.groupby("family")["generator"]
    counts = pd.DataFrame(
        {
            "generators": named.nunique(),
            "images": named.size(),
            "most frequent": named.agg(lambda names: names.mode()[0]),
            "its images": named.agg(lambda names: names.value_counts().max()),
        }
    )
    return _named(counts, "family")


def _splits_of_sources(frame: pd.DataFrame) -> pd.Series:
    found = frame.groupby("source")["split"].agg(set)
    return found.map(lambda held: ", ".join(name for name in (*SPLITS, NO_SPLIT) if name in held))


def _sharing(frame: pd.DataFrame) -> pd.DataFrame:
    splits = _splits_of_sources(frame)
    counts = pd.DataFrame(
        {"sources": splits.value_counts(), "images": frame["source"].map(splits).value_counts()}
    )
    return _named(counts.sort_index(), "splits")


def _ood_sharing(frame: pd.DataFrame) -> pd.DataFrame:
    splits = _splits_of_sources(frame)
    held = splits.str.split(", ")
    apart = held.map(lambda names: "ood" in names and not {"ood", NO_SPLIT}.issuperset(names))
    shared = frame[frame["source"].isin(splits.index[apart.astype(bool)])]
    what = shared["family"].where(shared["label"] == "ai", "human: " + stated(shared["medium"]))
    return _crossed(shared["source"] + ": " + what, shared["split"], SPLITS).rename_axis("source and family")


def _largest(frame: pd.DataFrame, splits: Sequence[str]) -> pd.DataFrame:
    counts = _crossed(frame["source"], frame["split"], splits)
    labels = frame.groupby("source")["label"].agg(lambda values: " and ".join(sorted(set(values))))
    counts.insert(0, "label", labels.reindex(counts.index, fill_value=""))
    counts.iloc[-1, 0] = ""
    sources, everything = counts.iloc[:-1], counts.iloc[-1:]
    sources = sources.sort_values(ALL, ascending=False, kind="stable")
    rest = sources.iloc[LARGEST:]
    others = pd.DataFrame([{"label": "", **rest.drop(columns="label").sum()}], index=[f"{len(rest)} others"])
    shown = [sources.iloc[:LARGEST], *([others] if len(rest) else []), everything]
    return _named(pd.concat(shown), "source")


def _sizes(frame: pd.DataFrame) -> pd.DataFrame:
    quantiles = {"least": 0.0, "5 %": 0.05, "median": 0.5, "95 %": 0.95, "most": 1.0}
    sides = {
        f"{label} {side}": frame[side][frame["label"] == label]
        for label in LABELS
        for side in ("width", "height")
    }
    values = {
        name: {head: int(side.quantile(q, interpolation="nearest")) for head, q in quantiles.items()}
        for name, side in sides.items()
        if len(side)
    }
    return _named(pd.DataFrame.from_dict(values, orient="index"), "label and side")


def _named(counts: pd.DataFrame, name: str) -> pd.DataFrame:
    return counts.rename_axis(index=name, columns=None)
