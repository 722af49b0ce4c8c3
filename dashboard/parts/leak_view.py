"""The leak alarm's findings in plain words; every number is read from the file its command wrote."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import plotly.graph_objects as go
import streamlit as st

from core.corpus.leak_findings import LeakFindings
from core.corpus.leakage import FITTED_ON, THRESHOLD, LeakReport
from dashboard.parts.chart_style import BLUE, CONFIG, FONT_SIZE, GREY, VERMILION
from dashboard.parts.escaping import escaped

COMMAND: Final = "python -m core corpus leaks data/manifest.csv --output data/leaks.json"
COLOURS: Final = {"rings": VERMILION, "silent": BLUE}
BADGES: Final = {
    "rings": ":orange-badge[:material/notifications_active: rings]",
    "silent": ":blue-badge[:material/notifications_off: silent]",
}
ROW_HEIGHT: Final = 34
AROUND_ROWS: Final = 90


@dataclass(frozen=True)
class Stage:
    """One of the places the alarm listens at: what it is given there, and what ringing and silence mean."""

    title: str
    given: str
    rings: str
    silent: str


STAGES: Final = {
    "what the detector is fed": Stage(
        "Fed to",
        "the number and size of the windows cut for these models, and how well their pixels pack",
        "The benchmark leaks here: the figures of these models may flatter them and must not be trusted until the leak "
        "is closed.",
        "These facts say too little to flatter these models' figures. Silence covers nothing else: subjects and "
        "backgrounds can still give a label away (see **Datasheet**).",
    ),
    "the files as they are": Stage(
        "The copies as files",
        "format, size, shape, compression and embedded data of the corpus's files",
        "A model must therefore never be given a whole file: no squashing, no padding, the same number of square "
        "windows of every picture.",
        "The files do not give the labels away.",
    ),
    "the originals": Stage(
        "The originals",
        "the file format each source used, and whether a part was cut out",
        "A model fed the originals could score well by telling formats apart. None is: every image is first "
        "re-made as the same kind of JPEG.",
        "How the sources saved their pictures does not give the labels away.",
    ),
}


def leak_summary(findings: LeakFindings | None, corpus: str) -> None:
    """Say at the top of the page what must not be overlooked: a ringing, missing or outdated alarm."""
    if findings is None:
        st.warning("The leak alarm has not been run on this corpus: see **Leak alarm**.")
    elif findings.corpus != corpus:
        st.warning("The leak alarm was run on another version of this corpus: see **Leak alarm**.")
    elif ringing := [name for report in findings.fed if report.verdict == "rings" for name in report.models]:
        st.error(
            f"The leak alarm rings on what {', '.join(map(escaped, ringing))} are fed: their figures may flatter them. "
            "See **Leak alarm**.",
            icon=":material/notifications_active:",
        )


def leak_view(findings: LeakFindings | None, corpus: str) -> None:
    """Draw the findings of the alarm and what they mean; `corpus` is the version of the manifest shown."""
    st.markdown(
        "Can a program tell AI from human works **without looking at the pictures**, by what else differs between "
        "the files? If it can, a detector can cheat the same way, and its score says nothing about art. The alarm "
        f"tries: it learns from such facts of *{FITTED_ON}* and is then given those of other images."
    )
    if findings is None:
        st.info(f"It has not been run on this corpus yet. Run it (it takes some minutes): `{COMMAND}`")
        return
    if findings.corpus != corpus:
        st.warning(
            f"These findings are of another version of the corpus (`{findings.corpus[:12]}`) than the one shown "
            f"(`{corpus[:12]}`). Run the alarm again (it takes some minutes): `{COMMAND}`"
        )
    files = [report for report in findings.reports if not report.models]
    reports = [
        *findings.fed,
        *files[::-1],
    ]  # what models are fed comes first: there the alarm decides something
    st.plotly_chart(
        _figure(reports), config=CONFIG, key="figure-leaks", alt="; ".join(_spoken(one) for one in reports)
    )
    st.caption(
        "How often the alarm picks the AI work of a pair, one AI and one human (the ROC AUC, times 100). Lines are "
        "95 % intervals. Filled: the split that decides; open: another, for comparison. It **rings** where the "
        f"deciding interval lies wholly beyond {THRESHOLD * 100:.0f}."
    )
    for report in reports:
        _draw(report)
    st.caption(f"Written by `{COMMAND}` for corpus version `{findings.corpus[:12]}`.")


def _draw(report: LeakReport) -> None:
    stage = STAGES.get(report.seen)
    with st.container(border=True):
        st.subheader(f"{escaped(_title(report))} {BADGES[report.verdict]}", anchor=False)
        if report.models:
            st.caption(", ".join(map(escaped, report.models)))
        st.markdown(_words(report))
        if stage:
            st.markdown(stage.rings if report.verdict == "rings" else stage.silent)
        with st.expander("Each fact alone"):
            lines = [f"| {fact} | {value * 100:.1f} |" for fact, value in report.alone.items()]
            st.markdown("\n".join(["| fact | times in 100 |", "| :-- | --: |", *lines]))
            st.caption(f"On {report.judged_on}, given only this fact; 50 is guessing.")


def _title(report: LeakReport) -> str:
    title = STAGES[report.seen].title if report.seen in STAGES else report.seen
    if not report.models:
        return title
    others = f" and {len(report.models) - 1} more" if len(report.models) > 1 else ""
    return f"{title} {report.models[0]}{others}"


def _words(report: LeakReport) -> str:
    auc, stage = report.auc, STAGES.get(report.seen)
    strongest, alone = next(iter(report.alone.items()))
    given = f"Given {stage.given}, the alarm" if stage else "The alarm"
    return (
        f"{given} picks the AI work of a pair **{auc.value * 100:.0f} times in 100** (95 % interval "
        f"{auc.low * 100:.0f} to {auc.high * 100:.0f}; 50 is guessing; {auc.images:,} images of *{report.judged_on}*). "
        f"Most telling alone: *{strongest}* ({alone * 100:.0f})."
    )


def _spoken(report: LeakReport) -> str:
    return f"{_title(report)}: {report.verdict}. {_words(report).replace('*', '')}"


def _figure(reports: Sequence[LeakReport]) -> go.Figure:
    figure = go.Figure()
    rows = [(report, split) for report in reports for split in report.by_split]
    for report, split in rows:
        auc, decides = report.by_split[split], split == report.judged_on
        figure.add_scatter(
            x=[auc.value * 100],
            y=[f"{_title(report)}, {split}"],
            error_x={
                "array": [(auc.high - auc.value) * 100],
                "arrayminus": [(auc.value - auc.low) * 100],
                "thickness": 2.5,
                "width": 0,
            },
            mode="markers",
            marker={
                "size": 12,
                "color": COLOURS[report.verdict] if decides else GREY,
                "symbol": "circle" if decides else "circle-open",
                "line_width": 2,
            },
            hovertemplate="%{y}: %{x:.1f}<extra></extra>",
            showlegend=False,
        )
    for at, name, anchor in ((50, "guessing", "right"), (THRESHOLD * 100, "rings beyond", "left")):
        figure.add_vline(at, line_dash="dot", line_width=1.5, line_color=GREY)
        figure.add_annotation(
            x=at, y=1, yref="paper", yanchor="bottom", xanchor=anchor, text=name, showarrow=False
        )
    lowest = min(report.by_split[split].low for report, split in rows) * 100
    figure.update_layout(
        height=AROUND_ROWS + ROW_HEIGHT * len(rows),
        margin={"t": 28, "l": 4, "r": 12, "b": 4},
        font_size=FONT_SIZE,
        dragmode=False,
    )
    figure.update_xaxes(
        title_text="times in 100",
        range=[min(40, lowest - 3), 102],
        fixedrange=True,
        automargin=True,
        tickfont_size=FONT_SIZE,
    )
    figure.update_yaxes(autorange="reversed", fixedrange=True, automargin=True, tickfont_size=FONT_SIZE)
    return figure
