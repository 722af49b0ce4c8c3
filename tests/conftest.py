"""Pictures drawn on the spot, and the real ones where they are present."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from core import images
from core.detectors import encoder as encoder_module
from core.detectors.encoder import Encoder, network_of
from core.detectors.encoder_weights import read_weights
from core.detectors.precision import Compute
from core.images import Artwork
from tests.commands import run_cli
from tests.encoders import Studio, build_studio, save_tiny_encoder
from tests.models import Workshop, build_workshop

SHARED_DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"


class Drawings:
    """Small pictures, the same for the same arguments, and the files made of them."""

    def painting(self, size: tuple[int, int] = (96, 64), seed: int = 0) -> Image.Image:
        """An RGB picture of soft ground and coloured strokes."""
        chance = np.random.default_rng(seed)
        ground = np.asarray(Image.linear_gradient("L").resize(size), dtype=float)
        shades = ground[..., np.newaxis] * chance.uniform(0.3, 1, 3)
        picture = Image.fromarray(shades.astype(np.uint8))
        pen = ImageDraw.Draw(picture)
        for _ in range(24):
            line = chance.uniform(0, [*size, *size])
            pen.line([*line], fill=tuple(chance.integers(256, size=3)), width=max(1, min(size) // 12))
        return picture

    def quadrants(self, size: tuple[int, int] = (96, 64)) -> Image.Image:
        """An RGB picture whose quarters are red, green (top), blue and white (bottom): no symmetry."""
        width, height = size
        picture = Image.new("RGB", size, "white")
        picture.paste("red", (0, 0, width // 2, height // 2))
        picture.paste("lime", (width // 2, 0, width, height // 2))
        picture.paste("blue", (0, height // 2, width // 2, height))
        return picture

    def cutout(self, size: tuple[int, int] = (96, 64), seed: int = 0) -> Image.Image:
        """An RGBA picture: a painting seen through an ellipse, transparent around it."""
        mask = Image.new("L", size, 0)
        ImageDraw.Draw(mask).ellipse((8, 8, size[0] - 8, size[1] - 8), fill=255)
        picture = self.painting(size, seed)
        picture.putalpha(mask)
        return picture

    def file(self, picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
        """The bytes of the picture's file, with Pillow's options for saving that format."""
        buffer = io.BytesIO()
        picture.save(buffer, kind, **options)
        return buffer.getvalue()


@pytest.fixture(scope="session")
def drawings() -> Drawings:
    return Drawings()


@pytest.fixture(scope="session")
def artworks(drawings: Drawings) -> list[Artwork]:
    """Eight paintings of several shapes."""
    sizes = [(64, 48), (48, 64), (64, 64), (200, 90)] * 2
    return [images.open(drawings.file(drawings.painting(size, i))) for i, size in enumerate(sizes)]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real images and their manifest; the test is skipped where there is none."""
    if not (SHARED_DATA / "manifest.csv").is_file():
        pytest.skip("the real images (../shared/data) are not on this machine")
    return SHARED_DATA


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory, drawings: Drawings) -> Workshop:
    """A drawn corpus, a tiny recipe and random initial weights."""
    return build_workshop(tmp_path_factory.mktemp("workshop"), drawings)


@pytest.fixture(scope="session")
def tiny_model(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder trained and evaluated by the command line itself."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    arguments = ["--corpus", str(workshop.manifest)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VERSO_CACHE", str(tmp_path_factory.mktemp("cache")))
        run_cli(
            "train",
            str(workshop.recipe),
            *arguments,
            "--output",
            str(folder),
            "--init",
            str(workshop.init),
            "--workers",
            "0",
        )
    run_cli("evaluate", str(folder), *arguments)
    return folder


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory, drawings: Drawings) -> Studio:
    """A drawn corpus with several families, and a recipe for each family of heads."""
    return build_studio(tmp_path_factory.mktemp("studio"), drawings)


@pytest.fixture(scope="session")
def encoder_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The weights of a tiny random encoder, under the names of the official file."""
    path = tmp_path_factory.mktemp("encoder") / "tiny.safetensors"
    save_tiny_encoder(path)
    return path


@pytest.fixture
def tiny_encoder(encoder_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Makes the tiny encoder this computer's, with an empty cache; the folder of that cache."""
    monkeypatch.setenv("VERSO_ENCODER", str(encoder_file))
    monkeypatch.setenv("VERSO_CACHE", str(tmp_path / "cache"))
    encoder_module._shared.cache_clear()
    encoder_module._shared_int8.cache_clear()
    return tmp_path / "cache"


@pytest.fixture
def encoder(encoder_file: Path) -> Encoder:
    """The tiny encoder itself, in float32."""
    state, identity = read_weights(encoder_file, pinned=False)
    return Encoder(network_of(state, encoder_file), identity, Compute(torch.device("cpu"), torch.float32))
