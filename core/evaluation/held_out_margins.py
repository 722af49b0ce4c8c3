"""`held_out.csv`: what was said of works whose families and sources had been held out, as a model's calibration saw it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from core import atomic
from core.detectors.card import read_card
from core.errors import TrainingError

HELD_OUT_FILE = "held_out.csv"
COLUMNS = ("sha256", "part", "margin")
HELD_OUT = "held-out"
"""Stands in what a card says its calibration was fitted on, if these works were held out."""


def write_held_out(found: pd.DataFrame, folder: Path) -> None:
    """Write `held_out.csv` into a model folder.

    Args:
        found: works, with `sha256`, the `part` each was held out with (counted from 1) and the float32 `margin`
            given by what was fitted without that part. Of rows with the same `sha256` the first is written.
        folder: the model's.
    """
    rows = found[list(COLUMNS)].drop_duplicates("sha256")
    atomic.write(folder / HELD_OUT_FILE, rows.to_csv(index=False).encode())


def read_held_out(folder: Path) -> pd.DataFrame:
    """Read `held_out.csv` of a model folder: columns `COLUMNS`, a row per work.

    Raises:
        ModelError: if the file is missing, and so is the model's card.
        TrainingError: if the model has none, or the file lacks a column or holds something else than numbers.
    """
    path = folder / HELD_OUT_FILE
    try:
        frame = pd.read_csv(path, dtype={"sha256": str, "part": int, "margin": float})
    except FileNotFoundError as error:
        if HELD_OUT in read_card(folder).calibration.fitted_on:
            raise TrainingError(
                f"{path} is missing: restore it or, if '{folder.name}' was trained before Verso wrote this file, train it again."
            ) from error
        raise TrainingError(
            f"{path} is missing: '{folder.name}' was calibrated on nothing held out; train it again by a recipe "
            "that holds families and sources out."
        ) from error
    except (OSError, ValueError) as error:
        raise TrainingError(f"{path} cannot be read ({error}); restore it or train again.") from error
    if list(frame.columns) != list(COLUMNS) or frame["sha256"].duplicated().any():
        raise TrainingError(
            f"{path} must have the columns {', '.join(COLUMNS)} and one row per work; restore it or train again."
        )
    return frame
