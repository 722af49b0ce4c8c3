"""`history.csv`: how a network's training went, epoch by epoch."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from core.errors import TrainingError

HISTORY_FILE = "history.csv"
NEEDED = ("epoch", "train_loss", "val_loss")


def read_history(folder: Path) -> pd.DataFrame | None:
    """Read `history.csv` of a model folder, or return None if it has none: only networks do.

    Returns:
        a row per epoch, counted from 0; columns as in `core.training.fit.Epoch`.

    Raises:
        TrainingError: if the file lacks a column or holds something else than numbers.
    """
    path = folder / HISTORY_FILE
    try:
        frame = pd.read_csv(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise TrainingError(f"{path} cannot be read ({error}); restore it from the repository.") from error
    wrong = [name for name in NEEDED if name not in frame or not pd.api.types.is_numeric_dtype(frame[name])]
    if frame.empty or wrong:
        found = "has no rows" if frame.empty else f"{', '.join(wrong)} is missing or no number"
        raise TrainingError(
            f"{path} must hold a row per epoch with numbers in the columns {', '.join(NEEDED)}, but {found}; restore "
            "it from the repository."
        )
    return frame
