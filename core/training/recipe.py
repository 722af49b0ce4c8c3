"""Recipes: everything needed to train a model, as data."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from core.detectors.features import DeclaredFeatures, EmbeddingFeatures, PixelFeatures
from core.detectors.preprocessing import Preprocessing
from core.errors import RecipeError, UnknownRecipeError
from core.training.augmentation import Augmentation, RandomResizedCrop, RandomSquare
from core.training.optimisation import Optimiser, Schedule

RECIPES = Path(__file__).parent / "recipes"


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Stage(_Table):
    """Some epochs during which the head, or the whole network, learns."""

    epochs: int = Field(ge=1)
    trains: Literal["head", "all"]


class Distillation(_Table):
    """What a network learns instead of the labels: what a head on the frozen encoder makes of the same augmented views.

    The loss is `hint` x (1 - cosine) between a projection of the network's features and the encoder's embedding of the
    view, each number standardised, plus `margin` x the cross-entropy with the teacher's `p_ai`. `teacher` names the recipe
    of the head, logistic regression on embeddings, which is fitted on the pictures the network learns from and on no
    others. Each picture has `views` views, which the network sees with a side of `side` pixels.

    Beyer et al., Knowledge distillation: A good teacher is patient and consistent (CVPR 2022); the projection: Romero et
    al., FitNets: Hints for Thin Deep Nets (2015).
    """

    teacher: str
    views: int = Field(ge=1)
    side: int = Field(ge=16)
    hint: float = Field(gt=0)
    margin: float = Field(gt=0)


class HeldOut(_Table):
    """Which works calibration and band are fitted on: families and sources the network that judges never saw.

    They are divided into `parts`; for the first `networks` of these a network is trained without the part.
    """

    parts: int = Field(ge=2)
    networks: int = Field(ge=1)

    @model_validator(mode="after")
    def _has_a_part_for_each_network(self) -> Self:
        if self.networks > self.parts:
            raise PydanticCustomError("networks", "there can be no more networks than parts")
        return self

    def describe(self) -> str:
        """Say in a few words which works these are."""
        return (
            f"predictions of held-out families and sources of train and val ({self.networks} of {self.parts} parts, "
            "each by a network trained without it)"
        )


class Recipe(_Table):
    """A training run, declared. `label_smoothing` is 0 for plain cross-entropy.

    `keeps` says which epoch's weights are kept: the one with the lowest loss on `val`, or the last. A network that is taught
    on a falling learning rate comes ever nearer its teacher, and on `val`, whose sources it knows, chance decides between
    its last epochs.

    Without `held_out` calibration and band are fitted on `val`, whose sources the network knows.

    `initial_weights` names what the network starts from unless a file is given, see `core.detectors.bodies`.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    summary: str
    seed: int = Field(ge=0, lt=2**32)
    batch_size: int = Field(ge=2)
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    initial_weights: Literal["torchvision", "omniart-eye-classifier"] = "torchvision"
    preprocessing: Preprocessing
    augmentation: tuple[Annotated[Augmentation, Field(discriminator="op")], ...]
    optimiser: Annotated[Optimiser, Field(discriminator="name")]
    schedule: Annotated[Schedule, Field(discriminator="name")]
    distillation: Distillation | None = None
    held_out: HeldOut | None = None
    keeps: Literal["best", "last"] = "best"
    stages: tuple[Stage, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _has_steps_and_losses_that_are_used(self) -> Self:
        if not any(isinstance(step, RandomSquare | RandomResizedCrop) for step in self.augmentation):
            raise PydanticCustomError(
                "size", "a step must bring the pictures to one size: random-square, for example"
            )
        if self.distillation is not None and self.label_smoothing:
            raise PydanticCustomError(
                "smoothing", "a network that is taught learns no labels that could be smoothed"
            )
        return self

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


class Boosting(_Table):
    """Gradient-boosted trees on binned features (Ke et al., LightGBM, 2017).

    `rate` shrinks what each of the `trees` adds, `l2` is the penalty on a leaf's value.
    """

    family: Literal["gradient-boosting"]
    trees: int = Field(ge=1)
    rate: float = Field(gt=0, le=1)
    leaves: int = Field(ge=2)
    min_samples_leaf: int = Field(ge=1)
    l2: float = Field(0.0, ge=0)


Head = SVM | LogisticHead | Forest | Tree | Neighbours | Boosting

PIXEL_FAMILIES = ("svm", "knn", "decision-tree", "random-forest")
"""Families that are fitted on pixels in bounded memory."""


class HeadRecipe(_Table):
    """The fit of a classical model on features, declared.

    `folds` counts the parts into which families and sources are divided to be held out. With `balance` "class"
    the two classes weigh alike; with "source" or "medium", images of large sources or media weigh less besides (by
    the square root of the group's size); with "none" all images weigh alike, as they do for knn in any case.

    A head on embeddings is fitted on the pictures as they are and on `augmented_views` views of each, made by
    the steps of `augmentation`; what is held out is judged as it is.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    summary: str
    seed: int = Field(ge=0, lt=2**32)
    folds: int = Field(ge=2)
    balance: Literal["none", "class", "source", "medium"]
    augmented_views: int = Field(0, ge=0)
    preprocessing: Preprocessing
    features: Annotated[DeclaredFeatures, Field(discriminator="kind")]
    augmentation: tuple[Annotated[Augmentation, Field(discriminator="op")], ...] = ()
    head: Annotated[Head, Field(discriminator="family")]

    @model_validator(mode="after")
    def _parts_fit_each_other(self) -> Self:
        if bool(self.augmentation) != bool(self.augmented_views):
            raise PydanticCustomError("views", "augmentation and augmented_views need each other")
        if self.augmentation and not isinstance(self.features, EmbeddingFeatures):
            raise PydanticCustomError("views", "only heads on embeddings have augmented views")
        if self.preprocessing.windows > 1 and not isinstance(self.features, EmbeddingFeatures):
            raise PydanticCustomError("windows", "pixels and forensic features are made of one window")
        if isinstance(self.features, PixelFeatures):
            if self.head.family not in PIXEL_FAMILIES:
                raise PydanticCustomError("family", f"heads on pixels are {', '.join(PIXEL_FAMILIES)}")
            if self.preprocessing.window != self.features.side:
                raise PydanticCustomError("side", "pixels need a window as wide as their side")
        return self


def recipe_names() -> list[str]:
    """Return the names of the recipes that come with Verso."""
    return sorted(path.stem for path in RECIPES.glob("*.toml"))


def load_recipe(name: str) -> Recipe | HeadRecipe:
    """Read a recipe that comes with Verso, or a TOML file of the user's.

    A file with a table `head` declares a classical model, any other a network.

    Raises:
        RecipeError: if there is no such recipe or it breaks the schema; the message names the field.
    """
    path = Path(name) if name.endswith(".toml") else RECIPES / f"{name}.toml"
    try:
        with path.open("rb") as file:
            declared = tomllib.load(file)
        return (HeadRecipe if "head" in declared else Recipe).model_validate(declared)
    except FileNotFoundError as error:
        known = ", ".join(recipe_names())
        raise UnknownRecipeError(
            f"There is no recipe '{name}'. Name one of {known}, or a .toml file."
        ) from error
    except OSError as error:
        raise RecipeError(f"Recipe {path} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise RecipeError(f"Recipe {path} is no UTF-8 text: save it as such.") from error
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"Recipe {path} is no valid TOML: {error}. Correct that line.") from error
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}" for each in error.errors()
        )
        raise RecipeError(f"Recipe {path} breaks the schema: {problems}. Correct these fields.") from error
