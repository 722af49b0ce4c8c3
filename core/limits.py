"""Limits that the environment may set: each field `max_...` of a class of limits by the variable `VERSO_MAX_...`."""

from __future__ import annotations

import os
import warnings
from dataclasses import Field, fields, replace
from typing import Any, ClassVar, Final, Protocol, TypeVar

from core.errors import SettingWarning


class _Numbers(Protocol):
    """A dataclass of whole numbers."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


Limits = TypeVar("Limits", bound=_Numbers)
MOST: Final = 2**62
"""The largest limit: more bytes than any file has."""
MOST_DIGITS: Final = 100
"""Of a limit as it is written: Python refuses to read very long numbers."""


def variables(usual: _Numbers) -> dict[str, str]:
    """Return the variables that set limits: from the name of the field to that of its variable."""
    named = (field.name for field in fields(usual))
    return {name: f"VERSO_{name.upper()}" for name in named if name.startswith("max_")}


def of_environment(usual: Limits) -> Limits:
    """Return the usual limits with those that the environment sets in their place.

    Warns:
        SettingWarning: a variable holds no whole number from 1 to `MOST`; the usual limit holds then.
    """
    found = {}
    for name, variable in variables(usual).items():
        text = os.environ.get(variable, "")
        if text.isdecimal() and len(text) < MOST_DIGITS and 0 < int(text) <= MOST:
            found[name] = int(text)
        elif text:
            warnings.warn(
                f"{variable} is '{text}', and must be a whole number from 1 to {MOST}: {getattr(usual, name)} holds instead.",
                SettingWarning,
                stacklevel=2,
            )
    return replace(usual, **found)


def told(limits: Limits, usual: Limits) -> str:
    """Say which limits are not the usual ones, as "max_bytes 80000000, max_pixels 200000000"; empty if all are."""
    changed = (name for name in variables(usual) if getattr(limits, name) != getattr(usual, name))
    return ", ".join(f"{name} {getattr(limits, name)}" for name in changed)
