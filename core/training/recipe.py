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


class SVM(_Table):
    """Support vector machine with an RBF kernel (Cortes and Vapnik, Support-Vector Networks, 1995)."""

    family: Literal["svm"]
    c: float = Field(gt=0)


class LogisticHead(_Table):
    """Logistic regression with an L2 penalty of weight 1 / `c`."""

    family: Literal["logistic-regression"]
    c: float = Field(gt=0)


class Forest(_Table):
    """Random forest (Breiman, Random Forests, 2001)."""

    family: Literal["random-forest"]
    trees: int = Field(ge=1)
    min_samples_leaf: int = Field(ge=1)


class Tree(_Table):
    """One decision tree (Breiman et al., Classification and Regression Trees, 1984)."""

    family: Literal["decision-tree"]
    min_samples_leaf: int = Field(ge=1)


class Neighbours(_Table):
    """Vote of the nearest neighbours (Cover and Hart, Nearest Neighbor Pattern Classification, 1967)."""

    family: Literal["knn"]
    k: int = Field(ge=1)


Head = SVM | LogisticHead | Forest | Tree | Neighbours


class HeadRecipe(_Table):
    """The fit of a classical model on embeddings of the frozen encoder, declared.

    `folds` counts the parts into which families and sources are divided to be held out. With `balance`
    "source", images of large sources weigh less (by the square root of the source's size); the classes weigh
    alike in any case, except for knn, which takes no weights.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    summary: str
    seed: int
    folds: int = Field(ge=2)
    balance: Literal["class", "source"]
    preprocessing: Preprocessing
    head: Annotated[Head, Field(discriminator="family")]


def recipe_names() -> list[str]:
    """Return the names of the recipes that come with Verso."""
    return sorted(path.stem for path in RECIPES.glob("*.toml"))


def load_recipe(name: str) -> Recipe | HeadRecipe:
    """Read a recipe that comes with Verso, or a TOML file of the user's.

    A file with a table `head` declares a classical model on embeddings, any other a network.

    Raises:
        RecipeError: if there is no such recipe or it breaks the schema; the message names the field.
    """
    path = Path(name) if name.endswith(".toml") else RECIPES / f"{name}.toml"
    try:
        with path.open("rb") as file:
            declared = tomllib.load(file)
        return (HeadRecipe if "head" in declared else Recipe).model_validate(declared)
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
