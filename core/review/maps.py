"""The maps of what spoke for a verdict: what they are called, what they show, what was measured of them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final

from core.errors import EvaluationError
from core.evaluation import faithfulness
from core.evaluation.faithfulness import Measured
from core.explain import Saliency

METHOD_NAMES: Final = {"grad-cam": "Grad-CAM", "occlusion": "Occlusion"}
TARGET_NAMES: Final = {"ai": "for AI", "human": "for human"}
BASELINES: Final = {"random": "a random map", "centre": "a blob in the middle"}
DONE: Final = {"deletion": "taken away", "insertion": "put back"}
UNMEASURED: Final = (
    "Which map shows better what this model judges by was not measured. Grad-CAM is the quick look."
)
EMPTY: Final = {
    "grad-cam": (
        "Grad-CAM found no part that raised the score {}. That does not contradict the verdict, which weighs the whole "
        "picture at once. Occlusion asks in another way and may show more."
    ),
    "occlusion": (
        "Occlusion: hiding no single part lowered the score {0}. Either little in the picture speaks {0}, or it is spread "
        "over many parts. That does not contradict the verdict."
    ),
}


def shows(method: str, saliency: Saliency) -> str:
    """Say in a sentence what a map shows; of an empty one, what that means."""
    target = TARGET_NAMES[saliency.target]
    if saliency.flat:
        return EMPTY[method].format(target)
    unseen = "" if saliency.seen.all() else "; dimmed: not looked at"
    return f"{METHOD_NAMES[method]}: brighter parts spoke more {target}{unseen}."


def worth(folder: Path) -> str:
    """Say in a line which kind of map was measured to show better what the model in `folder` judges by."""
    path = folder / faithfulness.FAITHFULNESS_FILE
    if not path.is_file():
        return UNMEASURED
    facts = path.stat()
    return _measured(folder, facts.st_mtime_ns, facts.st_size)


@lru_cache(maxsize=50)
def _measured(folder: Path, changed: int, size: int) -> str:  # noqa: ARG001  (a changed file is read again)
    try:
        frame = faithfulness.read(folder)
    except EvaluationError:  # the page Models says what is wrong with it
        return UNMEASURED
    if frame is None or set(frame["method"]) != set(METHOD_NAMES):
        return UNMEASURED
    said = _better(faithfulness.gains(frame, "occlusion", "grad-cam"))
    worse = [
        _worse(METHOD_NAMES[str(method)], faithfulness.summary(rows))
        for method, rows in frame.groupby("method")
    ]
    return " ".join([said, *filter(None, worse)])


def _better(gains: Mapping[str, Measured]) -> str:
    """Say which of the two is better by one measure at least, and worse by none; or that each is better by one."""
    images = next(iter(gains.values())).images
    won = {kind: gain for kind, gain in gains.items() if gain.low > 0}
    lost = {kind: gain for kind, gain in gains.items() if gain.high < 0}
    if won and lost:
        ahead = f"Occlusion with parts {DONE[next(iter(won))]}, Grad-CAM with parts {DONE[next(iter(lost))]}"
        return f"Measured on {images} images, each shows better in one way what the model judges by: {ahead}."
    if not (won or lost):
        return f"Measured on {images} images, the two maps cannot be told apart. Grad-CAM is the quick look."
    by = "; ".join(
        f"parts {DONE[kind]}: {abs(gain.value):.3f}, {low:.3f} to {high:.3f}"
        for kind, gain in (won or lost).items()
        for low, high in [sorted((abs(gain.low), abs(gain.high)))]
    )
    better = "Grad-CAM is the quick look, and Occlusion" if won else "Grad-CAM"
    return f"{better} shows better what the model judges by, measured on {images} images (ahead with {by})."


def _worse(method: str, found: Mapping[str, Measured]) -> str:
    lost = [
        f"{name} with parts {done}"
        for kind, done in DONE.items()
        for baseline, name in BASELINES.items()
        if found[f"{kind}_gain_{baseline}"].high < 0
    ]
    return f"{method} is worse than {' and '.join(lost)}." if lost else ""
