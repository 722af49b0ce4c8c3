"""What lies on the analyst's desk: the artworks of this session and what was found about them.

Uploaded bytes wait here until they are judged and are dropped then; a preview and the findings stay until the
analyst takes them off or the session ends.
"""

import dataclasses
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import cast

import streamlit as st
from PIL import Image

from core import images
from core.detectors.card import Card, identity
from core.detectors.judging import judge
from core.detectors.protocol import Detector
from core.errors import ExplanationError, ImageError, TrustListError, VersoError
from core.explain import MAX_SIDE, Passes, Saliency, grad_cam, occlusion
from core.images import Artwork
from core.provenance.evidence import Evidence, summary
from core.provenance.readers import evidence_of
from core.provenance.trust import TrustedSigners, trusted_signers
from core.review.maps import shows
from core.review.rulings import Subject
from core.verdict import Verdict

CAPACITY = 24
MOST_PIXELS = 4_000_000
"""Of the copy that another model may judge; a picture that needs a larger one is to be dropped again."""
KEY = "review_desk"


@dataclass(frozen=True)
class Refused:
    """A file the door refused, and why."""

    id: str
    name: str
    reason: str


@dataclass(frozen=True, eq=False)
class Reviewed:
    """A judged artwork: a preview of at most `MAX_SIDE` pixels, the facts of its file, what was found.

    `artwork` has the preview for its picture and no bytes. `model` is the name by which the model that judged is found, and `card` what it was then. `saliency` holds a Grad-CAM map for each class, or nothing where the model has none to give; `unexplained` then
    says why. `hidden` holds the maps by occlusion that were asked for, and `begun` the passes made for those that are not done. `reduced` is what another model may judge: twice
    as large as the uniform copy, or None where that is too much to keep.
    """

    id: str
    name: str
    artwork: Artwork
    facts: dict[str, str]
    model: str
    card: Card
    verdict: Verdict
    saliency: dict[str, Saliency]
    evidence: tuple[Evidence, ...] = ()
    unexplained: str = ""
    hidden: dict[str, Saliency] = field(default_factory=dict)
    begun: dict[str, Passes] = field(default_factory=dict)
    reduced: Image.Image | None = None

    @property
    def preview(self) -> Image.Image:
        """The picture as it is shown."""
        return self.artwork.image

    @property
    def subject(self) -> Subject:
        """What a ruling on it is about."""
        return Subject(self.id, self.name, self.verdict, self.card.weights.sha256, summary(self.evidence))

    @property
    def leaning(self) -> str:
        """The class on whose side of even odds the probability lies."""
        return "ai" if self.verdict.p_ai >= 0.5 else "human"  # noqa: PLR2004  (even odds)


Item = Reviewed | Refused


@dataclass
class Desk:
    """The items of one session, newest first, and the uploads that wait to be judged.

    `drops` counts uploads so that each gets a new uploader; `left_out` names the files of the last one that
    found no place, `same` those that have the bytes of another, each with the name of that; `cleared` is what lay here before the desk was cleared; `stale` are items that another model is to judge again; `asked` is the image that the address named last, and `not_laid` why one could not be laid, which, and when that was seen.
    """

    items: list[Item] = field(default_factory=list)
    waiting: list[tuple[str, bytes]] = field(default_factory=list)
    drops: int = 0
    left_out: list[str] = field(default_factory=list)
    same: list[tuple[str, str]] = field(default_factory=list)
    cleared: list[Item] = field(default_factory=list)
    stale: list[Reviewed] = field(default_factory=list)
    expected: int = 0
    asked: str = ""
    not_laid: tuple[VersoError, str, float] | None = None

    @property
    def progress(self) -> tuple[int, int]:
        """How many files of the last drop are judged, and how many it had."""
        return self.expected - len(self.waiting), self.expected

    @property
    def room(self) -> int:
        """How many more files there is room for."""
        return max(0, CAPACITY - len(self.items) - len(self.waiting))

    def receive(self, uploads: Iterable[tuple[str, bytes]]) -> None:
        """Take (name, bytes) pairs into the queue, as far as there is room on the desk."""
        uploads, room = list(uploads), self.room
        self.waiting += uploads[:room]
        self.left_out = [name for name, _ in uploads[room:]]
        self.same, self.cleared = [], []
        self.expected = len(self.waiting)
        self.drops += 1

    def examine_next(self, model: str, detector: Detector) -> None:
        """Judge the first file that waits and lay it on top; the same file is not laid twice.

        A click starts the page anew while this runs: then two threads examine the same file, and it still counts once.
        """
        upload = next(iter(self.waiting), None)
        if upload is None:
            return
        name, data = upload
        try:
            item = _examined(model, detector, data, name)
        finally:  # if it failed, it would keep all others from being examined
            self.waiting = [other for other in self.waiting if other is not upload]
        self.same += [
            (item.name, other.name) for other in self.items if other.id == item.id and other.name != item.name
        ]
        self.items = [item, *(other for other in self.items if other.id != item.id)]

    def judged_by_others(self, card: Card) -> list[Reviewed]:
        """Return the items that another model than that of `card`, or other weights of it, judged, and that it could judge from their copies."""
        return [
            item
            for item in self.items
            if isinstance(item, Reviewed) and not _judges_as(item.card, card) and _suffices(item, card)
        ]

    def judge_next_again(self, model: str, detector: Detector) -> None:
        """Judge the first of the items that are `stale` with another model, in its place."""
        stale = next(iter(self.stale), None)
        if stale is None:
            return
        try:
            judged = _judged_again(model, detector, stale)
        finally:
            self.stale = [other for other in self.stale if other is not stale]
        self.items = [judged if item is stale else item for item in self.items]

    def remove(self, item: Item) -> None:
        """Take an item off the desk, also where another model has judged it meanwhile, or is to."""
        self.items = [other for other in self.items if other.id != item.id]
        self.stale = [other for other in self.stale if other.id != item.id]
        self.left_out, self.same = [], []

    def clear(self) -> None:
        """Take every item off the desk, to be put back as long as nothing new is dropped and Review is not left."""
        self.cleared, self.items, self.stale = self.items, [], []
        self.left_out, self.same = [], []

    def put_back(self) -> None:
        """Lay on the desk again what was cleared."""
        self.items, self.cleared = self.cleared, []


def desk() -> Desk:
    """Return the desk of this session."""
    if KEY not in st.session_state:
        st.session_state[KEY] = Desk()
    return cast("Desk", st.session_state[KEY])


def _judges_as(one: Card, other: Card) -> bool:
    return (one.name, identity(one), one.rule) == (other.name, identity(other), other.rule)


def _examined(model: str, detector: Detector, data: bytes, name: str) -> Item:
    try:
        artwork = images.open(data, name=name)
    except ImageError as error:
        return Refused(hashlib.sha256(name.encode() + data).hexdigest(), name, str(error))
    verdict = judge(detector, [artwork])[0]
    saliency, unexplained = _explained(detector, artwork)
    return Reviewed(
        id=artwork.sha256,
        name=artwork.name,
        artwork=dataclasses.replace(artwork, image=artwork.preview(MAX_SIDE), file=b""),
        facts=_facts(artwork),
        model=model,
        card=detector.card,
        verdict=verdict,
        saliency=saliency,
        evidence=evidence_of(artwork, _signers()),
        unexplained=unexplained,
        reduced=_reduced(artwork.image, detector.card.preprocessing.ample),
    )


def _reduced(picture: Image.Image, ample: int) -> Image.Image | None:
    """Return a copy with a short side of `ample` pixels, or a smaller picture itself; None if that is too large."""
    scale = min(1.0, ample / min(picture.size))
    width, height = (max(ample if scale < 1 else 1, round(side * scale)) for side in picture.size)
    if width * height > MOST_PIXELS:
        return None
    return picture if scale == 1 else picture.resize((width, height), Image.Resampling.LANCZOS)


def _suffices(item: Reviewed, card: Card) -> bool:
    whole = min(item.artwork.width, item.artwork.height)
    return item.reduced is not None and min(item.reduced.size) >= min(card.preprocessing.ample, whole)


def _judged_again(model: str, detector: Detector, item: Reviewed) -> Reviewed:
    if item.reduced is None:
        return item
    artwork = dataclasses.replace(item.artwork, image=item.reduced)
    saliency, unexplained = _explained(detector, artwork)
    facts = dict(item.facts)
    if item.reduced.size != (artwork.width, artwork.height):
        width, height = item.reduced.size
        facts["Judged from"] = f"a copy of {width} × {height} px; from the file p_ai can differ slightly"
    return dataclasses.replace(
        item,
        model=model,
        card=detector.card,
        verdict=judge(detector, [artwork])[0],
        saliency=saliency,
        unexplained=unexplained,
        hidden={},
        begun={},
        facts=facts,
    )


def _signers() -> TrustedSigners:
    """Return the analyst's list, or none where it cannot be read: the page says so beside the findings it is for."""
    try:
        return trusted_signers()
    except TrustListError:
        return TrustedSigners()


def _explained(detector: Detector, artwork: Artwork) -> tuple[dict[str, Saliency], str]:
    """Return a map for each class and an empty reason, or no map and the reason."""
    try:
        return {target: grad_cam(detector, artwork, target) for target in detector.card.classes}, ""
    except ExplanationError as error:
        return {}, str(error)


def occluded(
    item: Reviewed,
    target: str,
    detector_called: Callable[[str], Detector],
    progress: Callable[[int, int], None],
) -> Saliency:
    """Return the map by occlusion of what is shown of an artwork, made when it is first asked for.

    Where that is interrupted, as by a click elsewhere on the page, the next call goes on.

    Args:
        item: the artwork.
        target: the class to speak for.
        detector_called: loads the model of a name.
        progress: told (copies judged, copies in all).

    Raises:
        ExplanationError: the model is another by now than the one that judged.
        ModelError: the model cannot be loaded any more.
    """
    if target not in item.hidden:
        detector = detector_called(item.model)
        if identity(detector.card) != identity(item.card):
            raise ExplanationError(
                f"{item.card.name} was trained anew since it judged this picture: have it judged again, then ask for the map."
            )
        known = item.begun.setdefault(target, {})
        item.hidden[target] = occlusion(detector, item.artwork, target, progress, known=known)
        item.begun.pop(target, None)
    return item.hidden[target]


def told_of_map(item: Reviewed, method: str, saliency: Saliency) -> str:
    """Say what a map of an artwork shows; of one by occlusion, also where a smaller copy was judged for it."""
    width, height = item.preview.size
    whole = method != "occlusion" or (width, height) == (item.artwork.width, item.artwork.height)
    copy = "" if whole else f" Made from a smaller copy of {width} × {height} px, not from the file."
    return shows(method, saliency) + copy


def _facts(artwork: Artwork) -> dict[str, str]:
    return {
        "Format": artwork.format,
        "Size": f"{artwork.width} × {artwork.height} px",
        "File size": f"{artwork.size_bytes / 1000:,.0f} kB",
        **_changes(artwork.file),
        "SHA-256": artwork.sha256,
    }


def _changes(file: bytes) -> dict[str, str]:
    try:
        return images.changes(file)
    except ImageError:  # it was opened all the same: what more it holds cannot be read
        return {}
