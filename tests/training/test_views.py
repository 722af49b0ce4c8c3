import numpy as np
import pytest
import torch

from core.corpus import manifest
from core.corpus.cache import ImageCache
from core.detectors.embeddings import EmbeddingMemory
from core.detectors.preprocessing import Preprocessing
from core.errors import EncoderError
from core.training.augmentation import Flip, Noise, RandomSquare
from core.training.recipe import load_recipe
from core.training.views import augmented, embed_augmented, view_key

PREPROCESSING = Preprocessing(uniform_side=48, short_side=32, window=32)
SQUARE = RandomSquare(op="random-square", size=32, area=(0.3, 0.9))
STEPS = (SQUARE, Flip(op="flip"), Noise(op="noise", probability=0.5, sigma=(1, 4)))


@pytest.fixture
def picture(drawings):
    return drawings.painting((64, 48), 5)


def test_a_view_is_the_same_whenever_it_is_made(picture):
    torch.manual_seed(1)
    one = augmented(picture, "a", PREPROCESSING, STEPS, 20, 1)
    before = torch.rand(1)
    torch.manual_seed(2)
    other = augmented(picture, "a", PREPROCESSING, STEPS, 20, 1)
    assert one.shape == (1, 3, 32, 32)
    torch.testing.assert_close(one, other, rtol=0, atol=0)
    torch.manual_seed(1)
    assert torch.rand(1) == before, "other random numbers are left as they were"


@pytest.mark.parametrize("other", [("b", 20, 1), ("a", 21, 1), ("a", 20, 2)])
def test_views_differ_by_picture_seed_and_number(picture, other):
    one = augmented(picture, "a", PREPROCESSING, STEPS, 20, 1)
    sha256, seed, number = other
    assert not torch.equal(one, augmented(picture, sha256, PREPROCESSING, STEPS, seed, number))
    assert view_key("a", STEPS, 20, 1) != view_key(sha256, STEPS, seed, number)


def test_other_steps_have_other_keys():
    others = [STEPS[:2], STEPS[::-1], (SQUARE.model_copy(update={"area": (0.2, 0.9)}), *STEPS[1:])]
    assert len({view_key("a", steps, 20, 1) for steps in [STEPS, *others]}) == 4


@pytest.fixture
def recipe(studio):
    plain = load_recipe(str(studio.recipes["svm"]))
    return plain.model_copy(update={"augmentation": STEPS, "augmented_views": 2})


def test_views_are_embedded_once_and_in_any_order(studio, recipe, encoder, tmp_path):
    hashes = list(manifest.read(studio.manifest).frame["sha256"][:12])
    files = ImageCache(studio.folder, [studio.folder])
    with EmbeddingMemory(encoder, tmp_path) as memory:
        made = embed_augmented(memory, hashes, files, recipe, 1, ("pooled",))
        other = embed_augmented(memory, hashes, files, recipe, 2, ("pooled",))
        clean = memory.embed_files(hashes, files, recipe.preprocessing)
    assert not np.allclose(made, other)
    assert not np.allclose(made, clean)
    absent = ImageCache(tmp_path / "nowhere", [])
    with EmbeddingMemory(encoder, tmp_path) as memory:
        remembered = embed_augmented(memory, hashes[::-1], absent, recipe, 1, ("pooled",))
    np.testing.assert_array_equal(remembered[::-1], made)


def test_views_of_another_size_than_the_encoder_takes_are_refused(studio, recipe, encoder, tmp_path):
    wrong = recipe.model_copy(update={"augmentation": (SQUARE.model_copy(update={"size": 48}),)})
    hashes = list(manifest.read(studio.manifest).frame["sha256"][:2])
    files = ImageCache(studio.folder, [studio.folder])
    with (
        EmbeddingMemory(encoder, tmp_path) as memory,
        pytest.raises(EncoderError, match="size of augmented views"),
    ):
        embed_augmented(memory, hashes, files, wrong, 1, ("pooled",))
