"""What several models are called beside each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from core.detectors.store import find_model, load_card
from core.errors import SelectionError


def told_apart(models: Sequence[str]) -> dict[str, str]:
    """Return models by what they are called beside each other: as on the card or, where several cards say so, as given.

    Args:
        models: names or folders of models.

    Raises:
        UnknownModelError: if there is no such model.
        SelectionError: if one is named twice, or none at all.
    """
    if not models:
        raise SelectionError("No model was named; name one or more.")
    names = [load_card(model).name for model in models]
    used = Counter(names)
    called = {name if used[name] == 1 else model: model for name, model in zip(names, models, strict=True)}
    folders = Counter(find_model(model).resolve() for model in models)
    for model in models:
        if folders[find_model(model).resolve()] > 1 or model not in called.values():
            raise SelectionError(f"Model '{model}' is named twice; name each model once.")
    return called
