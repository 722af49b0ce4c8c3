import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torchvision.transforms.v2 import functional as F  # noqa: N812

from core.training.augmentation import Augmentation

STEPS = [
    {"op": "random-square", "size": 40, "area": [0.3, 1.0]},
    {"op": "random-resized-crop", "size": 40, "scale": [0.08, 1.0], "ratio": [0.75, 1.33]},
    {"op": "rotation", "degrees": 30},
    {"op": "reshare", "probability": 1.0, "times": 2, "factor": [0.4, 0.8], "quality": [60, 80]},
    {"op": "flip"},
    {"op": "jpeg", "probability": 1.0, "quality": [30, 50]},
    {"op": "downsize", "probability": 1.0, "factor": [0.3, 0.6]},
    {"op": "blur", "probability": 1.0, "sigma": [0.5, 1.5]},
    {"op": "noise", "probability": 1.0, "sigma": [3.0, 6.0]},
    {"op": "greyscale", "probability": 1.0},
    {"op": "colour-jitter", "strength": 0.3},
]


def step(data: dict):
    return TypeAdapter(Augmentation).validate_python(data)


@pytest.fixture
def picture(drawings):
    return F.pil_to_tensor(drawings.painting((96, 64), 5))


@pytest.mark.parametrize("data", STEPS, ids=lambda data: data["op"])
def test_a_step_keeps_the_form_and_depends_on_the_seed_alone(data, picture):
    results = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        results.append(step(data)(picture))
    first, again, other = results
    assert first.dtype == torch.uint8
    assert first.shape == ((3, 40, 40) if "size" in data else picture.shape)
    assert torch.equal(first, again)
    if data["op"] not in {"flip", "greyscale"}:
        assert not torch.equal(first, other)


def test_random_square_keeps_the_aspect_ratio():
    circle = torch.zeros(3, 96, 96, dtype=torch.uint8)
    rows, columns = torch.meshgrid(torch.arange(96), torch.arange(96), indexing="ij")
    circle[:, ((rows - 48) ** 2 + (columns - 48) ** 2) < 20**2] = 255
    torch.manual_seed(0)
    crop = step({"op": "random-square", "size": 64, "area": [0.95, 1.0]})(circle)[0] > 127
    width, height = int(crop.any(dim=0).sum()), int(crop.any(dim=1).sum())
    assert abs(width - height) <= 1


def test_greyscale_leaves_no_colour(picture):
    grey = step({"op": "greyscale", "probability": 1.0})(picture)
    assert torch.equal(grey[0], grey[1])
    assert torch.equal(grey[1], grey[2])


def test_a_misspelt_field_is_refused():
    with pytest.raises(ValidationError):
        step({"op": "jpeg", "probability": 0.5, "quality": [30, 50], "qualty": 1})
