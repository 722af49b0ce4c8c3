"""What the command line takes for an argument, and what it refuses before any work is done."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Annotated

import typer

from core import atomic
from core.errors import OutputError, UnreadableFileError
from core.visible_text import visible

USUAL_MANIFEST = "data/manifest.csv"
"""Read where no other is named; commands are given in the folder of Verso."""
ADDRESS_MARK = "://"
"""Tells an address from a path."""


def a_name(text: str) -> str:
    """Take a name, or a path, that is not empty."""
    if not text:
        raise typer.BadParameter("it is empty: give a name or a path.")
    return text


def a_folder_to_write(place: str | Path) -> Path:
    """Take the path of a folder in which files can be written; it need not exist yet."""
    path = Path(a_name(str(place)))
    if os.access(path, os.F_OK) and not path.is_dir():
        raise typer.BadParameter(f"{path} is a file, and a folder is needed: choose another.")
    _expect_short(path)
    _expect_reachable(path)
    return path


def a_file_to_write(place: str | Path) -> Path:
    """Take the path of a file that can be written; neither it nor its folder need exist yet."""
    path = Path(a_name(str(place)))
    if os.access(path, os.F_OK) and path.is_dir():
        raise typer.BadParameter(f"{path} is a folder, and a file is needed: name one in it.")
    _expect_short(atomic.part_of(path))
    _expect_reachable(path.parent)
    return path


def a_local_path(text: str) -> Path:
    """Return the path of a file on this computer.

    Raises:
        UnreadableFileError: it is an address.
    """
    if ADDRESS_MARK in text:
        raise UnreadableFileError(
            f"'{visible(text)}' is an address, and only audits read addresses: download it, or name it as an input of "
            "`python -m core audit`."
        )
    return Path(text)


def expect_writable(folder: Path) -> None:
    """Check before long work that its results can be written into a folder that exists.

    Raises:
        OutputError: this user may not write there.
    """
    if not os.access(folder, os.W_OK):
        raise OutputError(f"{folder} may not be written by this user: change its permissions, or use a copy.")


def _expect_short(path: Path) -> None:
    try:
        os.lstat(path)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise typer.BadParameter("this name is too long for the disk: choose a shorter one.") from error


def _expect_reachable(folder: Path) -> None:
    whole = folder.absolute()
    nearest = next(each for each in (whole, *whole.parents) if os.access(each, os.F_OK))
    if not nearest.is_dir():
        raise typer.BadParameter(f"{nearest} is a file, so that nothing can lie below it: choose another.")
    if not os.access(nearest, os.W_OK):
        raise typer.BadParameter(f"{nearest} may not be written by this user: choose another.")


ModelOption = Annotated[
    str | None, typer.Option(help="A model's name or folder.", parser=a_name, metavar="<str>")
]
