"""A local server and a downloader with short tempers, so that the tests are quick."""

import csv
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from core.corpus.sources.download import Downloader
from core.corpus.sources.politeness import Politeness
from tests.corpus.sources.server import Site

REPOSITORY = Path(__file__).resolve().parents[3]
QUICK = Politeness(
    workers=4,
    attempts=3,
    interval=0.0,
    first_wait=0.01,
    longest_wait=0.05,
    longest_retry_after=2.0,
    connect_timeout=2.0,
    read_timeout=0.5,
    total_timeout=1.5,
)


@pytest.fixture
def site():
    with Site() as site:
        yield site


@pytest.fixture
def downloader():
    with Downloader(QUICK) as downloader:
        yield downloader


@pytest.fixture
def quick():
    """The quick politeness, with changes."""
    return lambda **changes: replace(QUICK, **changes)


@pytest.fixture
def fetch():
    """Start `corpus fetch` as a program of its own."""
    started = []

    def start(*arguments, **environment):
        process = subprocess.Popen(
            [sys.executable, "-m", "core", "corpus", "fetch", *map(str, arguments)],
            cwd=REPOSITORY,
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def read_csv(path):
    with Path(path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def stored(folder):
    """The images of a collection by sha256, and every other file below images/."""
    images, others = {}, []
    for path in (folder / "images").rglob("*"):
        if path.is_file():
            if path.name.startswith("."):
                others.append(path)
            else:
                images[path.stem] = path
    return images, others
