"""Tables in which probabilities sort as numbers, and none is written as a certainty."""

from collections.abc import Callable
from typing import cast

import pandas as pd
from pandas.io.formats.style import Styler

from core.wording import to_three_decimals


def probability_table(table: pd.DataFrame, column: str) -> Styler:
    """Return a table whose `column` holds probabilities in [0, 1]; where there is none it is empty."""
    styled = table.astype({column: float}).style
    written = cast("Callable[[object], str]", to_three_decimals)
    styled.format({column: written}, na_rep="")
    return styled
