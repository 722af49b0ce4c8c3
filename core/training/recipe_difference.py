"""How two models were made, field by field, and where they differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.detectors.card import Card
from core.training.recipe import load_recipe, recipe_names

NOT_OF_THE_MAKING = frozenset(
    {"name", "summary", "classes", "weights", "splits", "known_failures", "measured"}
)
"""Fields of a card that say what a model is called, holds or is worth, not how it was made."""

ON_THE_CARD = frozenset({"name", "summary", "seed", "preprocessing", "features"})
"""Fields of a recipe left out because the card says them, and says them of the model as it is."""

RECIPE = "recipe"
NAMED_BY = ("op", "name", "family")
DIGITS = 10

Fields = dict[tuple[str, str], str]


@dataclass(frozen=True)
class Difference:
    """A field of which two models may say different things; None where a model has no such field."""

    part: str
    field: str
    first: str | None
    second: str | None


def declared(card: Card) -> dict[str, str]:
    """Return what the recipe of a model declares, as flat fields; empty if the recipe is not one of Verso's.

    A user's own recipe does not travel with the model, and under the name of one of Verso's it would be taken for that one.
    One of Verso's is read as this version of Verso has it.

    Raises:
        RecipeError: if the recipe breaks the schema.
    """
    if card.recipe not in recipe_names():
        return {}
    recipe = load_recipe(card.recipe).model_dump(mode="json")
    return dict(flat({key: value for key, value in recipe.items() if key not in ON_THE_CARD}))


def making(card: Card) -> Fields:
    """Return everything that says how a model was made: (part, field) to its value as text.

    Raises:
        RecipeError: if the model's recipe breaks the schema.
    """
    written = card.model_dump(mode="json", exclude_none=True, exclude=set(NOT_OF_THE_MAKING))
    tables = {name: value for name, value in written.items() if isinstance(value, Mapping)}
    fields: Fields = {("model", name): _text(value) for name, value in written.items() if name not in tables}
    for name, table in tables.items():
        fields |= {(name, path): text for path, text in flat(table)}
    return fields | {(RECIPE, path): text for path, text in declared(card).items()}


def side_by_side(first: Card, second: Card) -> list[Difference]:
    """Return the fields of two models, also of different kinds, side by side.

    Numbers are told apart to `DIGITS` digits.

    Args:
        first: a model's card.
        second: another's.

    Raises:
        RecipeError: if the recipe of one breaks the schema.
    """
    one, other = making(first), making(second)
    parts = list(dict.fromkeys(part for part, _ in (*one, *other) if part != RECIPE))
    keys = sorted(dict.fromkeys((*one, *other)), key=lambda key: [*parts, RECIPE].index(key[0]))
    return [Difference(*key, one.get(key), other.get(key)) for key in keys]


def flat(table: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """Give (path, value as text) of every value in nested tables.

    Tables in a list go by their `op`, `name` or `family`, so that a step that was put in between does not
    make all later ones look changed; the list itself tells their order. Tables with none of these go by number.
    """
    for key, value in table.items():
        path = f"{before}{key}"
        if isinstance(value, Mapping):
            yield from flat(value, f"{path}.")
        elif isinstance(value, Sequence) and value and all(isinstance(each, Mapping) for each in value):
            names = _names(value)
            if names[0] != "1":
                yield path, ", ".join(names)
            for name, each in zip(names, value, strict=True):
                rest = {inner: content for inner, content in each.items() if inner != _called_by(each)}
                yield from flat(rest, f"{path}.{name}.")
        elif value is not None:
            yield path, _text(value)


def _called_by(table: Mapping[str, Any]) -> str:
    """Return the key whose value a table in a list goes by, or "" if it has none such."""
    return next((key for key in NAMED_BY if key in table), "")


def _names(tables: Sequence[Mapping[str, Any]]) -> list[str]:
    """Name the tables of a list, each differently: by what they are, else by their number from 1."""
    called = [str(table.get(_called_by(table), number)) for number, table in enumerate(tables, start=1)]
    before = [called[:position].count(name) for position, name in enumerate(called)]
    return [f"{name} {count + 1}" if count else name for name, count in zip(called, before, strict=True)]


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.{DIGITS}g}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(_text(each) for each in value) or "none"
    return str(value)
