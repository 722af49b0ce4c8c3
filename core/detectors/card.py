"""The card: what a model is, how it was made, how good it is and where it fails."""

from __future__ import annotations

import hashlib
import shlex
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import tomlkit
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError
from tomlkit.items import InlineTable

from core import atomic
from core.detectors.bodies import OF_PACKAGE
from core.detectors.calibration import PlattScaling
from core.detectors.features import DeclaredFeatures, EmbeddingFeatures, ForensicFeatures
from core.detectors.forensic import centre_window
from core.detectors.preprocessing import Preprocessing, Window, unseen
from core.errors import ModelError
from core.usage import USUAL_MANIFEST
from core.verdict import Thresholds

CLASSES = ("human", "ai")
CARD_FILE = "card.toml"
FIGURE_DECIMALS = 6
FILE_NAME = r"^\w[\w.-]*$"
LINE = 100
"""Characters; a list of the card that is longer takes a line for each of its items."""

ROOT = Path(__file__).resolve().parents[2]
RECIPES = ROOT / "core" / "training" / "recipes"
UNKNOWN_MANIFEST = "MANIFEST"

_DECIDES_P_AI = {"weights", "preprocessing", "calibration"}
"""Fields of a card; features and encoder are those that the weights were fitted on, and the others change no `p_ai`."""

HeadFamily = Literal[
    "svm", "logistic-regression", "random-forest", "decision-tree", "knn", "gradient-boosting"
]
"""Families of classical models; which features they judge is declared beside."""


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Interval(_Table):
    """A figure with its 95 % interval, see `core.evaluation.metrics.interval`."""

    value: float
    low: float
    high: float

    def rounded(self) -> Interval:
        """Return it as a card keeps it: three digits more than are shown, which a second rounding would blur."""
        return Interval(**{name: round(exact, FIGURE_DECIMALS) for name, exact in self.model_dump().items()})


class Group(_Table):
    """How the model does on the works of one medium or source (human) or one generator family (ai).

    `wrong` is the share called the other class, `inconclusive` the share left undecided, both in [0, 1].
    """

    label: Literal["human", "ai"]
    name: str
    images: int
    wrong: float
    inconclusive: float


class Perturbed(_Table):
    """How the model does on one split after the same was done to every picture.

    `auc_lost` is the AUC of the unperturbed pictures less that of the perturbed ones, its interval from a paired
    bootstrap; the shares are those at the shipped thresholds.
    """

    auc: Interval
    auc_lost: Interval
    human_called_ai: Interval
    ai_called_human: Interval
    coverage: Interval


class SplitFigures(_Table):
    """How good the model is on one split; every figure is recomputed from the files of the model.

    `groups` are the media and generator families, `sources` the sources of human works, `robustness` what is
    left after each perturbation, by its name.
    """

    human: int
    ai: int
    figures: dict[str, Interval]
    groups: tuple[Group, ...] = ()
    sources: tuple[Group, ...] = ()
    robustness: dict[str, Perturbed] = Field(default_factory=dict)


class Corpus(_Table):
    """What the model was fitted on."""

    version: str = Field(description="sha256 of the manifest")
    train_human: int
    train_ai: int
    val_human: int
    val_ai: int


class Int8Weights(_Table):
    """The file of a network's body in 8-bit integers, which judges on CPUs that multiply them natively."""

    file: str = Field(pattern=FILE_NAME)
    sha256: str


class Weights(_Table):
    """The file of weights that belongs to this card; it lies beside it, unless it is not shipped."""

    file: str = Field(pattern=FILE_NAME)
    sha256: str
    body: str | None = Field(
        default=None, description="digest of the body that is needed beside a file that holds only a head"
    )
    int8: Int8Weights | None = Field(default=None, exclude_if=lambda given: given is None)


class Initialisation(_Table):
    """Where the weights came from before they were fitted here."""

    origin: str
    license: str


class ChosenThresholds(_Table):
    """The inconclusive band and the promise it was chosen to keep."""

    human_below: float
    ai_above: float
    policy: str


class Card(_Table):
    """A model's card; one `card.toml` in each folder of `models/`.

    A network has `kept_epoch` and `epochs`; a classical model has `features` instead, and `encoder` if these
    are embeddings. A cascade has `encoder` if one of its stages has, and none of the others.
    """

    name: str
    family: Literal["resnet18", "cascade", HeadFamily]
    summary: str
    recipe: str
    seed: int
    classes: tuple[str, str]
    commit: str = Field(
        description="the code that trained it, several commits if it was resumed by others; '-dirty' if it was not committed"
    )
    trained: str = Field(description="date, UTC")
    kept_epoch: int | None = Field(default=None, description="counted from 0")
    epochs: int | None = None
    encoder: str | None = Field(
        default=None,
        description="identity of the encoder it was fitted on: sha256 of its weights, `:int8` if in 8 bits",
    )
    known_failures: tuple[str, ...] = ()
    preprocessing: Preprocessing
    features: Annotated[DeclaredFeatures, Field(discriminator="kind")] | None = None
    calibration: PlattScaling
    thresholds: ChosenThresholds
    corpus: Corpus
    initialisation: Initialisation
    weights: Weights
    measured: dict[str, str] = Field(
        default_factory=dict, description="of each measurement, the fingerprint of what it was made with"
    )
    splits: dict[str, SplitFigures] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _has_the_fields_of_its_family(self) -> Self:
        network = self.family == "resnet18"
        wanted = {
            "kept_epoch": network,
            "epochs": network,
            "features": not network and self.family != "cascade",
            "encoder": isinstance(self.features, EmbeddingFeatures),
        }
        if self.family == "cascade":
            del wanted["encoder"]
        for name, needed in wanted.items():
            if (getattr(self, name) is None) == needed:
                of = "" if self.features is None else f" on features '{self.features.kind}'"
                verb = "needs" if needed else "has no"
                raise PydanticCustomError("family", f"a model of family '{self.family}'{of} {verb} {name}")
        return self

    @property
    def rule(self) -> Thresholds:
        """The thresholds as the verdict rule takes them."""
        return Thresholds(self.thresholds.human_below, self.thresholds.ai_above)

    @property
    def in_int8(self) -> bool:
        """Whether the model judges in 8-bit integers on CPUs that are fastest so."""
        of_encoder = isinstance(self.features, EmbeddingFeatures) and self.features.int8
        return of_encoder or self.weights.int8 is not None

    def looked_at(self, width: int, height: int) -> list[Window]:
        """Return the squares at which the model looks in an artwork of `width` x `height` pixels."""
        if isinstance(self.features, ForensicFeatures):
            return [centre_window(width, height, self.preprocessing)]
        return self.preprocessing.seen(width, height)

    def unseen(self, width: int, height: int) -> float:
        """Return the share of an artwork of `width` x `height` pixels, in [0, 1], at which the model does not look."""
        return unseen(self.looked_at(width, height))


def read_card(folder: Path) -> Card:
    """Read and check `card.toml` of a model folder; a card that did not change is read once.

    Raises:
        ModelError: if the card is missing, is no TOML, breaks the schema or orders the classes otherwise.
    """
    path = folder / CARD_FILE
    try:
        facts = path.stat()
        return _checked(path, facts.st_mtime_ns, facts.st_size)
    except FileNotFoundError as error:
        raise ModelError(f"{folder} is no model: it holds no {CARD_FILE}.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path} cannot be read ({error}); restore it from the repository.") from error
    except tomllib.TOMLDecodeError as error:
        raise ModelError(f"{path} is no valid TOML ({error}); restore it from the repository.") from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "family"
        raise ModelError(f"{path}: field '{field}' is wrong ({first['msg']}); restore the card.") from error


@lru_cache(maxsize=200)
def _checked(path: Path, changed: int, size: int) -> Card:  # noqa: ARG001  (a changed card is read again)
    with path.open("rb") as file:
        card = Card.model_validate(tomllib.load(file))
    if card.classes != CLASSES:
        raise ModelError(f"{path}: the classes must be in the order {CLASSES}, but are {card.classes}.")
    try:
        _ = card.rule
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    return card


def write_card(card: Card, folder: Path) -> None:
    """Write `card.toml` into a model folder, replacing the one that is there."""
    document = {
        name: _readable(value) for name, value in card.model_dump(mode="json", exclude_none=True).items()
    }
    atomic.write(folder / CARD_FILE, tomlkit.dumps(document).encode())


def _readable(value: object) -> object:
    """Return a value of the card as TOML a person can read: an interval on one line, long lists on many."""
    if isinstance(value, dict):
        if set(value) == set(Interval.model_fields):
            return _inline(value)
        return {name: _readable(part) for name, part in value.items()}
    if isinstance(value, list) and len(str(value)) > LINE:
        lines = tomlkit.array().multiline(multiline=True)
        lines.extend(_inline(part) if isinstance(part, dict) else part for part in value)
        return lines
    return value


def _inline(table: dict[str, Any]) -> InlineTable:
    inline = tomlkit.inline_table()
    inline.update(table)
    return inline


def identity(card: Card, condition: str = "") -> str:
    """Return 16 hex digits that change with whatever decides the `p_ai` of a model, under a condition if one is given."""
    facts = card.model_dump_json(include=_DECIDES_P_AI) + condition
    return hashlib.sha256(facts.encode()).hexdigest()[:16]


def how_to_make(card: Card, folder: Path) -> str:
    """Say which command, given in the folder of Verso, makes the weights of a model that are not there."""
    output = shlex.quote(str(folder.relative_to(ROOT) if folder.is_relative_to(ROOT) else folder))
    corpus = manifest_of(card)
    if card.family == "cascade":
        return (
            f"`python -m core cascade --fast MODEL --thorough MODEL --corpus {corpus} --output {output}`, with the models that "
            "its card names, in their order"
        )
    shipped = (RECIPES / f"{card.recipe}.toml").is_file()
    recipe = shlex.quote(card.recipe) if shipped else "RECIPE"
    command = f"python -m core train {recipe} --corpus {corpus} --output {output}"
    if not shipped or corpus == UNKNOWN_MANIFEST:
        return (
            f"`{command}`, with the recipe ({card.recipe}), the manifest and, if any, the images of your own that it was made "
            f"with (corpus version {card.corpus.version[:12]}…)"
        )
    origin = card.initialisation.origin
    if card.family != "resnet18" or origin == OF_PACKAGE["origin"]:
        return f"`{command}`"
    return f"`{command} --init FILE`, where FILE holds the ResNet-18 weights it began from ({origin})"


def manifest_of(card: Card) -> str:
    """Return how a command names the manifest that a model was made with: `UNKNOWN_MANIFEST` if it is not the shipped one."""
    shipped = ROOT / USUAL_MANIFEST
    known = shipped.is_file() and _sha256(shipped.read_bytes()) == card.corpus.version
    return USUAL_MANIFEST if known else UNKNOWN_MANIFEST


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def read_weights(card: Card, folder: Path) -> bytes:
    """Read the file of weights that belongs to `card`.

    Raises:
        ModelError: if it is missing, or is not the file the card describes.
    """
    missing = (
        f"Model '{card.name}' cannot judge: its weights are not shipped, {folder / card.weights.file} is missing; make them "
        f"with {how_to_make(card, folder)}."
    )
    return _read(card, folder / card.weights.file, card.weights.sha256, missing)


def read_int8(card: Card, folder: Path) -> bytes:
    """Read the file of 8-bit weights that belongs to `card`, which names one.

    Raises:
        ModelError: if it is missing, or is not the file the card describes.
    """
    if card.weights.int8 is None:
        msg = f"model '{card.name}' has no 8-bit weights"
        raise ValueError(msg)
    path = folder / card.weights.int8.file
    missing = (
        f"Model '{card.name}' cannot judge: its 8-bit weights {path} are missing; restore them from the repository, or "
        f"make them with `python -m core quantise {shlex.quote(str(folder))} --corpus {manifest_of(card)}`."
    )
    return _read(card, path, card.weights.int8.sha256, missing)


def _read(card: Card, path: Path, sha256: str, missing: str) -> bytes:
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise ModelError(missing) from error
    except OSError as error:
        raise ModelError(f"Model '{card.name}': {path} cannot be read ({error.strerror}).") from error
    found = _sha256(data)
    if found != sha256:
        raise ModelError(
            f"Model '{card.name}': {path.name} does not belong to its card (sha256 {found[:12]}… instead of "
            f"{sha256[:12]}…); restore the folder from the repository."
        )
    return data
