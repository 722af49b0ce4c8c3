"""The robustness of a cascade, which follows from what was measured of its stages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.detectors.card import read_card
from core.detectors.cascade import CascadeDetector, Stages
from core.detectors.store import find_model
from core.errors import EvaluationError
from core.evaluation.perturbations import ALL, Condition
from core.evaluation.remedies import how_to_evaluate
from core.evaluation.robustness import current_columns


@dataclass(frozen=True, eq=False)
class MeasuredStages:
    """What the stages of a cascade said of perturbed images of a manifest, `corpus`.

    `columns` are of each stage, in their order, as `current_columns` has them.
    """

    stages: Stages
    columns: tuple[pd.DataFrame, ...]
    corpus: Path

    @classmethod
    def of(cls, detector: CascadeDetector, corpus: Path) -> MeasuredStages:
        """Read `robustness.csv` of all stages.

        Raises:
            EvaluationError: if one cannot be read.
        """
        folders = map(find_model, detector.stages.names)
        columns = tuple(current_columns(folder, read_card(folder), corpus) for folder in folders)
        return cls(detector.stages, columns, corpus)

    def judge(self, hashes: Sequence[str], condition: Condition) -> NDArray[np.float64]:
        """Return `p_ai` of files, named by their sha256, after a condition, by the stage that judges each: `[N]`.

        Raises:
            EvaluationError: if a stage was not measured under the condition, or not on these files.
        """
        said = [
            self._known(name, columns, hashes, condition)
            for name, columns in zip(self.stages.names, self.columns, strict=True)
        ]
        p_ai = said[-1]
        for step, of_step in zip(reversed(self.stages.steps), reversed(said[:-1]), strict=True):
            p_ai = np.where(step.unsure(of_step), p_ai, of_step)
        return p_ai

    def _known(
        self, name: str, columns: pd.DataFrame, hashes: Sequence[str], condition: Condition
    ) -> NDArray[np.float64]:
        if condition.name not in columns or not set(hashes) <= set(columns.index):
            command = how_to_evaluate(find_model(name), corpus=self.corpus, condition=ALL)
            raise EvaluationError(
                f"How a cascade holds follows from its stages, and '{name}' was not measured under {condition.name}: run "
                f"`{command}` first."
            )
        return columns.loc[list(hashes), condition.name].to_numpy(np.float64)
