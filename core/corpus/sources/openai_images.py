"""AI artworks from the OpenAI Images API, or any server that speaks it.

Pictures come back inside the answer (`b64_json`) or as an address (`url`). What was paid for is never asked for
again: see `ledger` for how, and for what is done with calls whose answer never arrived.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import BaseModel, ValidationError

from core import images
from core.corpus.sources import prompts
from core.corpus.sources.base import Original, Piece, piece
from core.corpus.sources.download import Downloader
from core.corpus.sources.image_models import MODELS, checked_quality, checked_sizes, image_model
from core.corpus.sources.journal import Journal
from core.corpus.sources.ledger import Call, Ledger, State, answer_path, journal_path, lock_path
from core.corpus.sources.sender import MAY_BE_PAID, Sender
from core.errors import ImageError, ItemRefusedError, SourceError

NAME = "openai-images"
ANSWERS = ("b64_json", "url")
PAY_AGAIN = "Remove that file and use --repeat-lost to have the picture made, and paid, again."
PAID: frozenset[State] = frozenset({"answered", "lost"})


@dataclass(frozen=True)
class Order:
    """What to have made.

    `quality` and `sizes` default to what the model is known for; every prompt gets one of the sizes, so that
    the shape of a picture does not give its class away. `answer` is one of `ANSWERS`, for models that let it
    be chosen; "" leaves it to the server, but for older models, which are asked for `b64_json`.

    Raises:
        SourceError: the model has no such quality, or a size or an answer is misspelt.
    """

    model: str
    count: int
    seed: int = 0
    quality: str = ""
    sizes: Sequence[str] = ()
    answer: str = ""

    def calls(self) -> list[Call]:
        """The calls of the order; a larger order of the same kind begins with the same calls."""
        quality = checked_quality(self.model, self.quality)
        sizes = checked_sizes(self.model, self.sizes)
        answer = self.answer or (ANSWERS[0] if image_model(self.model).chooses_answer else "")
        if answer not in {"", *ANSWERS}:
            raise SourceError(f"{answer!r} is no kind of answer: expected one of {', '.join(ANSWERS)}.")
        if self.answer and self.model in MODELS and not image_model(self.model).chooses_answer:
            raise SourceError(f"{self.model} always sends the picture itself: leave --answer out.")
        return [
            Call(self.model, prompt, sizes[number % len(sizes)], quality, answer)
            for number, prompt in enumerate(prompts.plan(self.count, self.seed))
        ]


@dataclass(frozen=True)
class Picture:
    """One picture, named by the call that makes it."""

    key: str
    call: Call
    stamp: str = ""


class OpenAIImages:
    """Generates pictures; all of them are AI works.

    What was paid for in this folder before stays part of the collection, whatever is ordered now.

    Args:
        folder: where answers, pictures and the manifest go.
        order: what to have made.
        sender: sends the calls.
        downloader: fetches the pictures of answers that hold addresses.
        repeat_lost: send calls again whose answer never arrived; they may be charged again.
        as_uniform: keep uniform copies instead of the pictures as they come.

    Raises:
        SourceError: the order cannot be placed.
    """

    refusals = "failures.csv"
    item_is = "call"

    def __init__(
        self,
        folder: Path,
        order: Order,
        sender: Sender,
        downloader: Downloader,
        *,
        repeat_lost: bool = False,
        as_uniform: bool = False,
    ) -> None:
        self.name = f"{NAME} {order.model} ({'uniform copies' if as_uniform else 'pictures as they come'})"
        self._folder = folder
        self._sender = sender
        self._downloader = downloader
        self._repeat_lost = repeat_lost
        self._as_uniform = as_uniform
        self._ordered = order.calls()
        self._states: Mapping[str, State] = {}

    def items(self) -> Sequence[Picture]:
        """The pictures ordered, and those paid for before.

        Raises:
            SourceError: calls of an earlier run are still being answered.
        """
        earlier, self._states = earlier_calls(self._folder, wait=self._sender.answer_timeout)
        calls = {call.key: call for call in self._ordered}
        calls |= {key: call for key, call in earlier.items() if self._states[key] in PAID}
        return [Picture(key, call) for key, call in calls.items()]

    def in_state(self, *states: State) -> list[Call]:
        """The calls of `items` that are in one of these states: `new` ones are what a run would pay for."""
        return [item.call for item in self.items() if self._states.get(item.key, "new") in states]

    def fetch(self, item: Picture) -> Piece:
        """Make one picture, or take it out of the answer that is already here."""
        path = answer_path(self._folder, item.key)
        if not path.exists():
            self._ask(item)
        answer = _parse(path)
        facts = {
            "split": item.call.prompt.split,
            "label": "ai",
            "generator": item.call.model,
            "family": image_model(item.call.model).family,
            "medium": item.call.prompt.medium,
            "source": NAME,
            "source_path": item.key,
            "attestation": f"generated by {item.call.model} through the Images API{answer.on_day}",
            "prompt": item.call.prompt.text,
        }
        return piece(self._picture(answer, path), facts, as_uniform=self._as_uniform)

    def stop(self) -> None:
        """Send nothing more."""
        self._sender.stop()
        self._downloader.stop()

    def _ask(self, item: Picture) -> None:
        if self._states.get(item.key) == "lost" and not self._repeat_lost:
            raise ItemRefusedError(f"An earlier run sent this and got no answer. {MAY_BE_PAID}", final=False)
        outcome = self._sender.call(item.call)
        if outcome.stops:
            raise SourceError(outcome.reason)
        if outcome.reason:
            raise ItemRefusedError(outcome.reason, final=outcome.final, attempts=outcome.attempts)

    def _picture(self, answer: "_Answer", path: Path) -> Original:
        picture = answer.data[0]
        if picture.url is not None and picture.b64_json is None:
            return self._downloader.image(picture.url)
        try:
            data = base64.b64decode(picture.b64_json or "", validate=True)
            return Original(data, images.open(data))
        except (binascii.Error, ImageError) as error:
            raise ItemRefusedError(
                f"The paid answer {path} holds a broken picture ({error}). {PAY_AGAIN}", final=False
            ) from error


class _Picture(BaseModel):
    b64_json: str | None = None
    url: str | None = None


class _Answer(BaseModel):
    created: int | None = None
    data: list[_Picture]

    @property
    def on_day(self) -> str:
        return f" on {datetime.fromtimestamp(self.created, UTC):%Y-%m-%d}" if self.created else ""


def _parse(path: Path) -> _Answer:
    try:
        answer = _Answer.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise ItemRefusedError(
            f"The paid answer {path} is not what the Images API sends ({error.errors()[0]['msg']}). {PAY_AGAIN}",
            final=False,
        ) from error
    if not answer.data or (answer.data[0].b64_json is None and answer.data[0].url is None):
        raise ItemRefusedError(f"The paid answer {path} holds no picture. {PAY_AGAIN}", final=False)
    return answer


def earlier_calls(folder: Path, *, wait: float) -> tuple[Mapping[str, Call], Mapping[str, State]]:
    """The calls sent from a folder before, and how each ended; waits while an earlier run is being answered.

    Args:
        folder: of the collection; nothing is made in it if it is not there.
        wait: how long at most, in seconds.

    Raises:
        SourceError: an earlier run is still being answered after that time.
    """
    if not journal_path(folder).exists():
        return {}, {}
    with _when_answered(folder, wait), Journal(journal_path(folder)) as journal:
        for part in (folder / "answers").glob(".*.part"):
            part.unlink()
        ledger = Ledger(folder, journal)
        return ledger.calls(), ledger.states()


def is_being_answered(folder: Path) -> bool:
    """Whether calls of an earlier run are still under way."""
    if not lock_path(folder).exists():
        return False
    try:
        with FileLock(lock_path(folder), timeout=0):
            return False
    except Timeout:
        return True


@contextmanager
def _when_answered(folder: Path, wait: float) -> Iterator[None]:
    try:
        with FileLock(lock_path(folder), timeout=wait):
            yield
    except Timeout as error:
        raise SourceError(
            f"Calls of an earlier run in {folder} are still being answered: run again in a few minutes."
        ) from error
