"""The corpus in numbers: tables, and figures for the dashboard. All of it is counted from the manifest."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd
import plotly.graph_objects as go

from core.corpus.manifest import LABELS, SPLITS

ALL: Final = "all"
NOT_STATED: Final = "not stated"
NO_SPLIT: Final = "none yet"
LARGEST: Final = 15
COLOURS: Final = {"human": "#0072B2", "ai": "#D55E00"}
"""One colour a label, told apart by colour-blind eyes (Okabe and Ito, Color Universal Design, 2008)."""
SPLIT_COLOURS: Final = {
    "train": "#009E73",
    "val": "#56B4E9",
    "test": "#E69F00",
    "ood": "#CC79A7",
    NO_SPLIT: "#999999",
}


@dataclass(frozen=True, eq=False)
class Table:
    """Counts under a title; the index of `frame` is the first column, and is named."""

    title: str
    frame: pd.DataFrame


def tables(frame: pd.DataFrame) -> list[Table]:
    """Every table of `corpus stats` that has rows, from the rows of a manifest."""
    frame = frame.assign(split=_told(frame["split"]))
    splits = _shown_splits(frame["split"])
    human, ai = frame[frame["label"] == "human"], frame[frame["label"] == "ai"]
    made = [
        Table("Images by split and label", _crossed(frame["split"], frame["label"], LABELS, splits)),
        Table("AI images by family and split", _crossed(ai["family"], ai["split"], splits)),
        Table("Generators in each family", _generators(ai)),
        Table("Human images by medium and split", _crossed(_stated(human["medium"]), human["split"], splits)),
        Table("Sources by the splits they lie in", _sharing(frame)),
        Table("Sources that lie in ood and in other splits, by family and split", _ood_sharing(frame)),
        Table(f"The {LARGEST} largest sources", _largest(frame, splits)),
        Table("Originals by file format and label", _by_label(frame, _stated(frame["original_format"]))),
        Table("Images by licence as stated and label", _by_label(frame, _stated(frame["license"]))),
        Table("Images by shape and label", _by_label(frame, _shape(frame))),
        Table("Width and height by label, in pixels", _sizes(frame)),
    ]
    return [table for table in made if len(table.frame) > (ALL in table.frame.index)]


def markdown(table: Table) -> str:
    """A table as GitHub-flavoured Markdown under its title; thousands are set apart, text is escaped."""
    heads = [str(table.frame.index.name), *map(str, table.frame.columns)]
    numeric = [False, *(pd.api.types.is_numeric_dtype(kind) for kind in table.frame.dtypes)]
    lines = [heads, ["--:" if number else ":--" for number in numeric]]
    lines += [[_cell(value) for value in row] for row in table.frame.itertuples(name=None)]
    return "\n".join([f"**{table.title}**", "", *(f"| {' | '.join(line)} |" for line in lines)])


def composition_figure(frame: pd.DataFrame) -> go.Figure:
    """Bars of images per split, one colour a label."""
    splits = _told(frame["split"])
    counts = pd.crosstab(splits, frame["label"])
    shown = _shown_splits(splits)
    figure = go.Figure()
    for label in LABELS:
        values = counts.reindex(index=shown, columns=LABELS, fill_value=0)[label]
        figure.add_bar(name=label, x=shown, y=values, marker_color=COLOURS[label])
    return _laid_out(figure, "Images by split", barmode="group", yaxis_title="images")


def family_figure(frame: pd.DataFrame) -> go.Figure:
    """Bars of AI images per generator family, stacked by split."""
    ai = frame[frame["label"] == "ai"]
    return _stacked(ai["family"], ai["split"], "AI images by generator family")


def medium_figure(frame: pd.DataFrame) -> go.Figure:
    """Bars of human images per medium, stacked by split."""
    human = frame[frame["label"] == "human"]
    return _stacked(_stated(human["medium"]), human["split"], "Human images by medium")


def format_figure(frame: pd.DataFrame) -> go.Figure:
    """Bars of originals per file format, one colour a label: a trap that the uniform copies close."""
    counts = pd.crosstab(_stated(frame["original_format"]), frame["label"]).reindex(
        columns=LABELS, fill_value=0
    )
    figure = go.Figure()
    for label in LABELS:
        figure.add_bar(name=label, x=counts.index, y=counts[label], marker_color=COLOURS[label])
    return _laid_out(figure, "File formats of the originals", barmode="group", yaxis_title="images")


def size_figure(frame: pd.DataFrame) -> go.Figure:
    """Width against height, one dot an image; the square line shows how many AI images lie on it."""
    figure = go.Figure()
    for label in LABELS:
        rows = frame[frame["label"] == label]
        figure.add_scattergl(
            name=label,
            x=rows["width"],
            y=rows["height"],
            mode="markers",
            marker={"color": COLOURS[label], "size": 5, "opacity": 0.4},
            text=rows["source"],
            hovertemplate="%{x} x %{y}<br>%{text}<extra></extra>",
        )
    return _laid_out(figure, "Sizes of the images", xaxis_title="width (px)", yaxis_title="height (px)")


def source_figure(frame: pd.DataFrame) -> go.Figure:
    """Boxes of images per source within its label; the area is the number of images."""
    counts = frame.groupby(["label", "source"]).size()
    sums = counts.groupby("label").sum()
    figure = go.Figure(
        go.Treemap(
            ids=[*sums.index, *(f"{label}/{source}" for label, source in counts.index)],
            labels=[*sums.index, *counts.index.get_level_values("source")],
            parents=[""] * len(sums) + list(counts.index.get_level_values("label")),
            values=[*sums, *counts],
            branchvalues="total",
            marker={"colors": [COLOURS[label] for label in (*sums.index, *counts.index.get_level_values(0))]},
            hovertemplate="%{label}: %{value} images<extra></extra>",
        )
    )
    return _laid_out(figure, "Images by source")


FIGURES: Final[dict[str, Callable[[pd.DataFrame], go.Figure]]] = {
    "composition": composition_figure,
    "families": family_figure,
    "media": medium_figure,
    "sources": source_figure,
    "formats": format_figure,
    "sizes": size_figure,
}
"""Every figure by name; each is drawn from the rows of a manifest."""


def _told(splits: pd.Series) -> pd.Series:
    return splits.replace("", NO_SPLIT)


def _shown_splits(splits: pd.Series) -> list[str]:
    """Return the names of the splits, and of having none if there are such images."""
    return [name for name in (*SPLITS, NO_SPLIT) if name in SPLITS or (splits == name).any()]


def _stated(values: pd.Series) -> pd.Series:
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
    what = shared["family"].where(shared["label"] == "ai", "human: " + _stated(shared["medium"]))
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


def _cell(value: object) -> str:
    return value.replace("|", "\\|") if isinstance(value, str) else f"{value:,}".replace(",", " ")


def _stacked(rows: pd.Series, splits: pd.Series, title: str) -> go.Figure:
    splits = _told(splits)
    shown = _shown_splits(splits)
    counts = pd.crosstab(rows, splits).reindex(columns=shown, fill_value=0)
    counts = counts.loc[counts.sum(axis=1).sort_values().index]
    figure = go.Figure()
    for split in shown:
        figure.add_bar(
            name=split, y=counts.index, x=counts[split], orientation="h", marker_color=SPLIT_COLOURS[split]
        )
    return _laid_out(figure, title, barmode="stack", xaxis_title="images")


def _laid_out(figure: go.Figure, title: str, **options: str) -> go.Figure:
    figure.update_layout(
        title=title, legend_title_text="", margin={"t": 48, "l": 8, "r": 8, "b": 8}, **options
    )
    return figure
