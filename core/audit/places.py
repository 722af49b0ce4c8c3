"""Where a file of an audit lies, told without what is the same for all."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from core.audit.inputs.address import Input
from core.visible_text import printable

SHOT: Final = re.compile(r"(.*)#t=([\d.]+),([\d.]+)", re.DOTALL)


def place_of(path: str, inputs: Sequence[Input]) -> tuple[str, str]:
    """Return the name of a file or shot, and its folder below the input it belongs to.

    Args:
        path: of its row in the results.
        inputs: of the audit; where there are several, the folder begins with the input's own name.
    """
    folder, _, name = path.rpartition("/")
    for each in inputs:
        whole = printable(str(each)).rstrip("/")
        bare = whole.rpartition("/")[2]
        for start in (whole, bare):
            if f"{folder}/".startswith(f"{start}/"):
                inside = folder[len(start) + 1 :]
                return name, inside if len(inputs) == 1 else "/".join(filter(None, (bare, inside)))
    return name, folder


def called(name: str, part: int) -> str:
    """Return what to call a row of the results: a file by its name, a shot of a video by its seconds."""
    found = SHOT.fullmatch(name) if part else None
    return f"shot {part}, {float(found[2]):.1f} to {float(found[3]):.1f} s, of {found[1]}" if found else name
