"""A table of counts or figures, and how it reads in Markdown."""

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True, eq=False)
class Table:
    """Counts under a title; the index of `frame` is the first column, and is named."""

    title: str
    frame: pd.DataFrame


def markdown(table: Table) -> str:
    """A table as GitHub-flavoured Markdown under its title; thousands are set apart, text is escaped."""
    heads = [str(table.frame.index.name), *map(str, table.frame.columns)]
    numeric = [False, *(pd.api.types.is_numeric_dtype(kind) for kind in table.frame.dtypes)]
    lines = [heads, ["--:" if number else ":--" for number in numeric]]
    lines += [[_cell(value) for value in row] for row in table.frame.itertuples(name=None)]
    return "\n".join([f"**{table.title}**", "", *(f"| {' | '.join(line)} |" for line in lines)])


def _cell(value: object) -> str:
    return value.replace("|", "\\|") if isinstance(value, str) else f"{value:,}".replace(",", " ")
