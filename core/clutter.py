"""What lies in folders of pictures and is no picture that anyone put there."""

from typing import Final

_LEFT_BEHIND: Final = frozenset({"thumbs.db", "desktop.ini", "__macosx", "@eadir"})
"""Names, in lower case, of what file managers, archivers and network drives leave behind."""


def is_clutter(name: str) -> bool:
    """Say whether a file or folder of this name is hidden or left behind by a program."""
    return (name.startswith(".") and name != ".") or name.lower() in _LEFT_BEHIND
