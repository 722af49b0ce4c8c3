"""What a source is: it lists the items it has, and fetches one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from core import images
from core.corpus import uniform
from core.errors import ImageError, ItemRefusedError

Facts = Mapping[str, str]


class Item(Protocol):
    """One thing a source can be asked for."""

    @property
    def key(self) -> str:
        """What names the item for good, across runs."""
        ...

    @property
    def stamp(self) -> str:
        """What changes when the item has to be fetched anew; "" for an item that never does."""
        ...


ItemT = TypeVar("ItemT", bound=Item)


@dataclass(frozen=True)
class Original:
    """An image file as its source has it, and what the door made of it."""

    data: bytes
    artwork: images.Artwork


@dataclass(frozen=True)
class Piece:
    """What fetching an item gave.

    `data` is the image file to keep. `row` holds the columns of the manifest; those not named stay empty.
    `note` says what a user should know about a picture that is kept, if anything.
    """

    data: bytes
    row: Mapping[str, str | int]
    note: str = ""


class Source(Protocol[ItemT]):
    """Where images come from.

    `name` is recorded with the folder, so that one folder holds one source with one set of choices.
    `refusals` is the file that lists what could not be had, and `item_is` the heading of its first column.
    """

    name: str
    refusals: str
    item_is: str

    def items(self) -> Sequence[ItemT]:
        """Everything the source would bring, in a fixed order and with distinct keys; asks no server.

        Raises:
            SourceError: the source cannot be used as asked.
        """
        ...

    def fetch(self, item: ItemT) -> Piece:
        """Bring one item. Called from several threads.

        Raises:
            ItemRefusedError: this item could not be had.
            SourceError: no item can be had; the run stops.
        """
        ...

    def stop(self) -> None:
        """Finish what is under way without trying anything again: the run is being ended."""
        ...


def piece(original: Original, facts: Facts, *, as_uniform: bool) -> Piece:
    """The piece for an original: the file as it came, or its uniform copy.

    Raises:
        ItemRefusedError: the original is too small for a uniform copy.
    """
    data, kept = original.data, original.artwork
    if as_uniform:
        try:
            data = uniform.copy(original.data, name=original.artwork.name)
            kept = images.open(data)
        except ImageError as error:
            raise ItemRefusedError(str(error), final=True) from error
    return Piece(
        data,
        {
            **facts,
            "sha256": kept.sha256,
            "width": kept.width,
            "height": kept.height,
            "original_format": original.artwork.format,
            "original_sha256": original.artwork.sha256,
        },
    )
