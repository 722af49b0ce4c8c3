"""The content of a report as titled tables of words, the same for page, PDF and workbook."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from core.audit.choices import reason, told
from core.audit.inputs.address import Input
from core.audit.queue import PICTURES, UPLOADS
from core.audit.report.content import FOR_EXPERTS, LIMITS, METHOD, Content
from core.audit.report.figures import Rates, share_of
from core.audit.shots import RULE, Shots, disagree, tally
from core.audit.store.records import Audit, ItemState, Row, Ruled
from core.evaluation.base_rate import EXPECT
from core.provenance.evidence import Says
from core.wording import rate, reach, to_three_decimals

if TYPE_CHECKING:
    from core.detectors.card import Interval

HEADINGS = ("Path", "Verdict", "p_ai", "Evidence", "Exact duplicate of", "Ruling", "Error or note")
SAYS = {
    Says.AI: "That a generator had a part in it",
    Says.HUMAN: "That a camera or a person made it, and nothing of a generator",
    Says.NEUTRAL: "Something else, or nothing that could be read",
}
"""What the files of a collection say, in words."""
MEASURED_ON: Final = {
    "val": "Works that helped to choose model and thresholds",
    "test": "Other works of the generators and sources it learned from",
    "ood": "Works of generators and sources it never saw",
}
"""What a split holds, in words."""
OUT_OF_FOLD: Final = "(Out-of-fold: each work was judged by a copy of the model that had learned from no work of its generator family or source.)"
SHA256: Final = (
    "A sha256 is the fingerprint of a file: the same bytes have the same one, any other bytes another."
)
UNDECIDED: Final[dict[str, str]] = {ItemState.REFUSED: "not readable", ItemState.NO_PICTURE: "no picture"}
"""What stands in the place of a verdict."""
PARTIAL = (
    "The audit was stopped before its end. Files are judged in the order of the inputs: those that were are no random sample "
    "of the whole, and the shares here say nothing of the files not judged."
)
WITHOUT_VIDEOS: Final = (
    "Videos are left out here: how often the model calls works by people ai is known of single pictures."
)
P_AI = "p_ai is the model's calibrated probability, 0 to 1, that a generator made the picture."


@dataclass(frozen=True)
class Section:
    """A titled part of the report: pairs of a name and what is to say of it, then sentences."""

    title: str
    pairs: tuple[tuple[str, str], ...] = ()
    sentences: tuple[str, ...] = ()


def title_of(content: Content) -> str:
    """Return the title of the report: what the audit is called, and how far it came if it was stopped before its end."""
    counts, of = content.counts, f"the audit {content.audit.name}" if content.audit.name else "an audit"
    if not counts.waiting:
        return f"Report of {of}"
    return f"Partial report ({counts.done} of {counts.total} different files examined) of {of}"


def sections(content: Content) -> tuple[Section, ...]:
    """Return all parts of the report but its rows."""
    audit, counts, asked = content.audit, content.counts, content.audit.configuration
    return (
        Section(
            "What was asked",
            (
                *((f"Input {number}", _given(audit, each)) for number, each in enumerate(audit.inputs, 1)),
                ("Begun", _moment(audit.created)),
                ("Newest ruling", _moment(content.last_ruled) if content.last_ruled else "none yet"),
                ("Model", asked.model),
                (
                    "Thresholds",
                    f"human below {asked.human_below}, ai above {asked.ai_above}, else inconclusive",
                ),
                ("Audit", audit.id),
            ),
        ),
        Section(
            "Verdicts",
            (
                ("Images and videos judged" if content.videos else "Images judged", f"{counts.judged}"),
                *((("Of these, videos", f"{content.videos}"),) if content.videos else ()),
                *(
                    (
                        label,
                        f"{one.count} ({rate(one.share)}, {rate(one.low)} to {rate(one.high)})",
                    )
                    for label, one in content.shares.items()
                    if one
                ),
                *((f"Judged by {model}", f"{count}") for model, count in content.stages.items()),
                *((("Not judged", f"{counts.waiting}"),) if counts.waiting else ()),
                *(
                    (("Videos whose shots disagree", f"{sum(map(disagree, content.shots.values()))}"),)
                    if content.shots
                    else ()
                ),
                ("Exact duplicates", f"{counts.duplicates}"),
                ("Not readable, duplicates included", f"{content.unreadable - content.no_picture}"),
                *(
                    (("Not a picture: text or a document, duplicates included", f"{content.no_picture}"),)
                    if content.no_picture
                    else ()
                ),
            ),
            (
                "In brackets: the share of the images judged, then the range that chance allows for (95 % Wilson interval).",
                *((RULE,) if content.shots else ()),
                *((PARTIAL,) if counts.waiting else ()),
            ),
        ),
        _accusations(content),
        Section(
            "What the files say of themselves",
            tuple((said, f"{content.evidence[says]}") for says, said in SAYS.items()),
            (
                "Counted are the images judged whose files name a generator, camera, program or artist, or a source type.",
                f"Anyone can write or remove such claims. Only intact Content Credentials are signed; {_signers(content)}",
            ),
        ),
        Section(
            "Error rates of the model",
            tuple(
                (
                    f"{MEASURED_ON.get(one.split, 'Other works')} (split {one.split}): {one.human} human, {one.ai} AI works",
                    _both(one),
                )
                for one in content.rates
            ),
            (
                "With 95 % intervals, from the model's card. Expect the rates of "
                f"'{EXPECT}': works of generators and sources the model never saw. {_how_thresholds_were_chosen(content)}"
                if content.rates
                else "There are no error rates of this model at hand.",
            ),
        ),
        *_contested(content),
        Section("To reproduce it", tuple(content.hashes.items()), (SHA256,)),
        Section("Limits", sentences=(*LIMITS, *_reach(content))),
    )


def _contested(content: Content) -> tuple[Section, ...]:
    """Return the files on which rulings differ as a section, or nothing."""
    if not content.contested:
        return ()
    pairs = tuple(
        (
            each.row.path,
            "; before that, ".join(_ruled(each.row, one) for one in each.rulings),
        )
        for each in content.contested
    )
    return (
        Section("Rulings that differ", pairs, ("The newest stands in the results. Every ruling is kept.",)),
    )


def _ruled(row: Row, ruling: Ruled) -> str:
    said = told(row.verdict or "", ruling.ruling, ruling.note)
    why = reason(row.verdict or "", ruling.ruling, ruling.note)
    note = f": {why}" if why else ""
    return f"{said}, {_moment(ruling.ruled_at)}, by {ruling.ruled_by}{note}"


def cells(audit: Audit, row: Row, shots: Shots) -> tuple[str, ...]:
    """Return what a table shows of one row of an audit, under `HEADINGS`.

    With its verdict stands the stage that judged, and of a video that its shots disagree.
    """
    said = told(row.verdict or "", row.ruling or "", row.note or "")
    ruled = f"{said}, {_moment(row.ruled_at or '')}, by {row.ruled_by}" if row.ruling else ""
    noted = "; ".join(text for text in (row.error, row.note) if text)
    p_ai = "" if row.p_ai is None else to_three_decimals(row.p_ai)
    verdict = row.verdict or UNDECIDED.get(row.state, "not judged")
    if row.model and row.model != audit.configuration.model:
        verdict += f" ({row.model})"
    of_video = shots.get(row.position if row.original is None else row.original)
    if of_video and not row.part and disagree(of_video):
        verdict += f"; {tally(of_video)}"
    return row.path, verdict, p_ai, row.evidence or "", row.duplicate_of or "", ruled, noted


def _how_thresholds_were_chosen(content: Content) -> str:
    band = content.card.thresholds if content.card else None
    if not band:
        return ""
    explained = f" {OUT_OF_FOLD}" if "out-of-fold" in band.policy else ""
    return f"How the thresholds were chosen: {band.policy}.{explained}"


def _given(audit: Audit, given: Input) -> str:
    """Return an input as whoever asked for the audit knows it: an upload by its name."""
    asked_for_here = audit.output is not None and audit.output.name == audit.id
    if not (
        isinstance(given, Path)
        and audit.output
        and asked_for_here
        and given.is_relative_to(audit.output / UPLOADS)
    ):
        return str(given)
    return "files uploaded one by one" if given.name == PICTURES else f"{given.name}, uploaded"


def _signers(content: Content) -> str:
    if content.audit.configuration.signers:
        return (
            "'signer listed' says that the signer is on the list of trusted signers given to this audit, 'signer unknown' that "
            "it is not."
        )
    return "this audit was given no list of trusted signers, so by whom is not verified."


def _reach(content: Content) -> tuple[str, ...]:
    said = reach(content.card) if content.card else ""
    return (said,) if said else ()


def _accusations(content: Content) -> Section:
    title, found = "Expected false accusations", content.expected
    if found is None:
        return Section(title, sentences=(f"This cannot be estimated. {content.no_estimate}",))
    return Section(
        title,
        (
            (
                "Works by people among those called ai",
                f"{found.accused:.1f} ({found.low:.0f} to {found.high:.0f})",
            ),
            ("Estimated share of AI works among the images judged", rate(found.ai_share)),
        ),
        (METHOD, *((WITHOUT_VIDEOS,) if content.videos else ()), FOR_EXPERTS),
    )


def _moment(moment: str) -> str:
    return moment.replace("T", " ").replace("+00:00", " UTC")


def _both(rates: Rates) -> str:
    return (
        f"human called ai {_interval(rates.human_called_ai, rates.human)}; "
        f"AI called human {_interval(rates.ai_called_human, rates.ai)}"
    )


def _interval(found: Interval | None, works: int) -> str:
    """Write a rate; where no work of those measured was wrong, resampling them says nothing: a Wilson interval does."""
    if found is None:
        return "not stated"
    if found.value == 0 and (none := share_of(0, works)):
        return f"{rate(0)} ({rate(none.low)} to {rate(none.high)}, Wilson)"
    return f"{rate(found.value)} ({rate(found.low)} to {rate(found.high)})"
