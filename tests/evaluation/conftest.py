"""What the tests of whole evaluations share."""

import pytest

from core.corpus import manifest
from core.corpus.cache import ImageCache
from tests.light_meter import write_light_meter


@pytest.fixture
def light_meter(tmp_path, corpus):
    """The folder of a stand-in for a model."""
    write_light_meter(tmp_path / "light", corpus.version)
    return tmp_path / "light"


@pytest.fixture(scope="session")
def corpus(workshop):
    return manifest.read(workshop.manifest)


@pytest.fixture(scope="session")
def files(workshop):
    return ImageCache.default(workshop.manifest)
