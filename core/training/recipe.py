"""Recipes: everything needed to train a model, as data."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.detectors.preprocessing import Preprocessing
from core.errors import RecipeError
from core.training.augmentation import Augmentation

RECIPES = Path(__file__).parent / "recipes"


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Stage(_Table):
    """Some epochs during which the head, or the whole network, learns."""

    epochs: int = Field(ge=1)
    trains: Literal["head", "all"]


class AdamW(_Table):
    """Loshchilov and Hutter, Decoupled Weight Decay Regularization (2019)."""

    name: Literal["adamw"]
    lr: float = Field(gt=0)
    weight_decay: float = Field(ge=0)


class OneCycle(_Table):
    """One warm-up and one cosine decay over all steps (Smith and Topin, Super-Convergence, 2019)."""

    name: Literal["one-cycle"]
    warmup: float = Field(gt=0, lt=1, description="share of the steps in which the rate rises")


class Recipe(_Table):
    """A training run, declared. `label_smoothing` is 0 for plain cross-entropy."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    summary: str
    seed: int
    batch_size: int = Field(ge=2)
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    preprocessing: Preprocessing
    augmentation: tuple[Annotated[Augmentation, Field(discriminator="op")], ...]
    optimiser: AdamW
    schedule: OneCycle
    stages: tuple[Stage, ...] = Field(min_length=1)

    @property
    def epochs(self) -> int:
        """Epochs of all stages together."""
        return sum(stage.epochs for stage in self.stages)

    def stage_of(self, epoch: int) -> Stage:
        """Return the stage to which `epoch` (counted from 0) belongs."""
        for stage in self.stages:
            if epoch < stage.epochs:
                return stage
            epoch -= stage.epochs
        raise RecipeError(f"Recipe '{self.name}' has {self.epochs} epochs; there is no stage after them.")


def recipe_names() -> list[str]:
    """Return the names of the recipes that come with Verso."""
    return sorted(path.stem for path in RECIPES.glob("*.toml"))


def load_recipe(name: str) -> Recipe:
    """Read a recipe that comes with Verso, or a TOML file of the user's.

    Raises:
        RecipeError: if there is no such recipe or it breaks the schema; the message names the field.
    """
    path = Path(name) if name.endswith(".toml") else RECIPES / f"{name}.toml"
    try:
        with path.open("rb") as file:
            return Recipe.model_validate(tomllib.load(file))
    except OSError as error:
        known = ", ".join(recipe_names())
        raise RecipeError(f"There is no recipe '{name}'. Name one of {known}, or a .toml file.") from error
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"Recipe {path} is no valid TOML: {error}. Correct that line.") from error
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}" for each in error.errors()
        )
        raise RecipeError(f"Recipe {path} breaks the schema: {problems}. Correct these fields.") from error
