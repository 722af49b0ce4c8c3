"""The report of a review: one picture, what was found about it, and what analysts ruled, as a PDF."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from PIL import Image

from core.audit.store.records import Choice
from core.detectors.card import Card
from core.evaluation.base_rate import worth
from core.images import encode_jpeg
from core.pdf import FAMILY, Paper
from core.provenance.evidence import Evidence
from core.review.rulings import Ruling
from core.verdict import Verdict
from core.wording import TITLES, meaning, not_looked_at, percent, rate_in_range, to_three_decimals, written

NAMES: Final = 52
"""Width of the names of facts, in mm."""
FIGURE: Final = 92
"""Side of the square that a picture fills, in mm; two stand side by side."""
QUALITY: Final = 85
RULED: Final[Mapping[str, str]] = {
    Choice.AGREE: "agrees with",
    Choice.OVERRIDE: "overrides",
    Choice.UNSURE: "is unsure about",
}
SILENCE: Final = "The file says nothing of where it comes from. That means nothing: most files lose such traces on their way."
LIMITS: Final = (
    "A verdict is a statistical judgement about one picture. Alone it proves nothing about a person.",
    "Inconclusive means that the model does not know. It is no suspicion.",
    "The probability assumes as many generated works as others. Where they are rare, more of the verdicts ai are wrong.",
    "Evidence is what the file says of itself; it changes no verdict.",
)
OF_THE_MAP: Final = "The map shows which parts raised the score. It does not show that the score is right."


@dataclass(frozen=True, eq=False)
class Findings:
    """What was found about one artwork.

    `facts` are those of its file, by their names; `size` is its width and height in pixels; `share` is that of generated works
    among all, in (0, 1), at which to say what the verdict is worth. `picture` is a preview. `overlay` is the same with what
    spoke for a class laid over it, as `overlay_says` tells; None where the model has no map, which `overlay_says` then explains.
    """

    name: str
    facts: Mapping[str, str]
    size: tuple[int, int]
    verdict: Verdict
    card: Card
    share: float
    evidence: Sequence[Evidence]
    picture: Image.Image
    overlay: Image.Image | None
    overlay_says: str


def write_report(findings: Findings, rulings: Sequence[Ruling], made: datetime) -> bytes:
    """Return the report as a PDF.

    Args:
        findings: what it is about.
        rulings: on the same file, oldest first.
        made: when it is made, with a time zone.
    """
    paper = Paper("portrait", made)
    verdict, card = findings.verdict, findings.card
    paper.say("Report of a review", 16, bold=True)
    paper.say(paper.shown(findings.name), 10)
    _pictures(paper, findings)
    paper.part("Verdict")
    shown, unseen = written(verdict), not_looked_at(card, *findings.size)
    _pairs(
        paper,
        (
            ("Verdict", f"{TITLES[verdict.label]} ({verdict.label})"),
            ("Calibrated probability of AI", f"{shown.p_ai} (p_ai {to_three_decimals(verdict.p_ai)})"),
            (
                "Thresholds",
                f"human below {shown.human_below}, ai above {shown.ai_above}, else inconclusive",
            ),
            *((("Not looked at", unseen),) if unseen else ()),
            ("Model", verdict.model),
            ("sha256 of its weights", card.weights.sha256),
            *_rates(card),
            (
                f"If {percent(findings.share)} of works are generated",
                worth(verdict, card, findings.share),
            ),
        ),
    )
    paper.say(meaning(verdict, card), 8)
    paper.part("Rulings of analysts")
    _rulings(paper, rulings)
    paper.part("What the file says of itself")
    for each in findings.evidence:
        paper.say(
            paper.shown(f"{each.kind}, for {each.says}: {each.finding} ({each.where}; {each.worth})"), 8
        )
    if not findings.evidence:
        paper.say(SILENCE, 8)
    paper.part("Facts of the file")
    _pairs(paper, (*findings.facts.items(), ("Report made", _moment(made.astimezone(UTC).isoformat()))))
    paper.part("Limits")
    for sentence in (*LIMITS, *((OF_THE_MAP,) if findings.overlay else ())):
        paper.say(sentence, 8)
    paper.explain_codes()
    return bytes(paper.output())


def _pictures(paper: Paper, findings: Findings) -> None:
    top, shown = paper.get_y() + 2, [findings.picture]
    if findings.overlay is not None:
        shown.append(findings.overlay)
    bottoms = []
    for number, image in enumerate(shown):
        place = paper.image(
            io.BytesIO(encode_jpeg(image, QUALITY)),
            paper.l_margin + number * (FIGURE + 6),
            top,
            *_fitted(image),
        )
        bottoms.append(top + place.rendered_height)
    paper.set_y(max(bottoms) + 2)
    paper.say(paper.shown(findings.overlay_says), 8)


def _fitted(image: Image.Image) -> tuple[float, float]:
    """Return width and height in mm with which an image fills its square, whole."""
    scale = FIGURE / max(image.size)
    return image.width * scale, image.height * scale


def _rates(card: Card) -> list[tuple[str, str]]:
    unseen = card.splits.get("ood")
    if unseen is None:
        return []
    names = {
        "human_called_ai": ("Works by people called ai", unseen.human, "sources"),
        "ai_called_human": ("Generated works called human", unseen.ai, "families"),
    }
    figures = {named: unseen.figures[name] for name, named in names.items()}
    return [
        (
            title,
            f"{rate_in_range(found)} of {works:,} from {new} new to the model",
        )
        for (title, works, new), found in figures.items()
    ]


def _rulings(paper: Paper, rulings: Sequence[Ruling]) -> None:
    if not rulings:
        paper.say("None yet.", 8)
    for each in rulings:
        said = f"{RULED[each.ruling]} the verdict {each.verdict} of {each.model} (p_ai {to_three_decimals(each.p_ai)})"
        note = f": {each.note}" if each.note else ""
        paper.say(paper.shown(f"{_moment(each.ruled_at)}: {each.ruled_by} {said}{note}"), 8)


def _pairs(paper: Paper, pairs: Sequence[tuple[str, str]]) -> None:
    paper.set_font(FAMILY, size=8)
    for name, said in pairs:
        paper.row((name, paper.shown(said)), (NAMES, paper.epw - NAMES), 4)
    paper.ln(1)


def _moment(iso: str) -> str:
    return f"{iso[:16].replace('T', ' ')} UTC"
