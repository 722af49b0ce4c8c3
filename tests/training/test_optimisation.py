import pytest
import torch
from torch import nn

from core.training.optimisation import AdamW, OneCycle, RMSprop, Steps
from core.training.recipe import load_recipe

BATCHES = 3


def rates(optimiser, schedule, epochs: int) -> list[list[float]]:
    """Return the rate of every step, epoch by epoch."""
    layer = nn.Linear(2, 2)
    moving = optimiser.build(layer.parameters())
    plan = schedule.build(moving, optimiser.lr, BATCHES, epochs)
    found = []
    for _ in range(epochs):
        of_epoch = []
        for _ in range(BATCHES):
            of_epoch.append(moving.param_groups[0]["lr"])
            layer(torch.ones(1, 2)).sum().backward()
            moving.step()
            plan.step()
        found.append(of_epoch)
    return found


def test_steps_are_torchs_step_lr_by_the_epoch():
    optimiser = RMSprop(name="rmsprop", lr=0.001, momentum=0.0)
    found = rates(optimiser, Steps(name="step", epochs=7, gamma=0.1), 15)
    for epoch, of_epoch in enumerate(found):
        assert of_epoch == pytest.approx([0.001 * 0.1 ** (epoch // 7)] * BATCHES)


def test_one_cycle_rises_to_the_rate_and_falls_to_nothing():
    found = rates(AdamW(name="adamw", lr=0.01, weight_decay=0.0), OneCycle(name="one-cycle", warmup=0.25), 4)
    steps = [rate for of_epoch in found for rate in of_epoch]
    assert max(steps) == pytest.approx(0.01)
    assert steps.index(max(steps)) == 2
    assert steps[-1] < 1e-5


def test_one_cycle_leaves_the_momentum_of_rmsprop_as_declared():
    moving = RMSprop(name="rmsprop", lr=0.01, momentum=0.0).build(nn.Linear(2, 2).parameters())
    OneCycle(name="one-cycle", warmup=0.5).build(moving, 0.01, BATCHES, 2)
    assert moving.param_groups[0]["momentum"] == 0.0


@pytest.mark.parametrize(
    ("name", "stages", "step", "gamma"),
    [
        ("student-1", [(10, "head")], 7, 0.1),
        ("student-2", [(25, "head")], 8, 0.1),
        ("student-3", [(15, "head"), (12, "all")], 7, 0.1),
        ("student-4", [(10, "head"), (5, "all")], 7, 0.2),
    ],
)
def test_the_students_recipes_are_those_of_the_student_project(name, stages, step, gamma):
    recipe = load_recipe(name)
    assert [(stage.epochs, stage.trains) for stage in recipe.stages] == stages
    assert recipe.optimiser == RMSprop(name="rmsprop", lr=0.001, momentum=0.0)
    assert recipe.schedule == Steps(name="step", epochs=step, gamma=gamma)
    assert recipe.batch_size == 10
    assert recipe.label_smoothing == 0
    assert (recipe.preprocessing.short_side, recipe.preprocessing.window) == (256, 224)
    assert recipe.preprocessing.windows == 1
    crop, flip, rotation = recipe.augmentation
    assert (crop.op, crop.size, crop.scale) == ("random-resized-crop", 224, (0.08, 1.0))
    assert crop.ratio == pytest.approx((3 / 4, 4 / 3))
    assert flip.op == "flip"
    assert (rotation.op, rotation.degrees) == ("rotation", 30)


def test_the_students_share_what_their_frozen_bodies_see():
    recipes = [load_recipe(f"student-{number}") for number in (1, 2, 3, 4)]
    assert len({(recipe.seed, recipe.preprocessing, recipe.augmentation) for recipe in recipes}) == 1
