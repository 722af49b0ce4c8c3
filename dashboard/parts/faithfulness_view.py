"""Whether a model's maps show what it judges by; every number is computed from the file its command wrote."""

import streamlit as st

from core.detectors.library import Entry
from core.errors import EvaluationError
from core.evaluation import faithfulness
from core.evaluation.faithfulness import SPLIT, Measured
from core.evaluation.tables import cell
from core.review.maps import BASELINES, METHOD_NAMES
from dashboard.parts.escaping import escaped


def faithfulness_view(entry: Entry) -> None:
    """Draw what was measured of a model's maps, or say how to measure it."""
    st.subheader("Whether its maps show what it judges by", anchor=False)
    try:
        frame = faithfulness.read(entry.folder)
    except EvaluationError as error:
        st.warning(escaped(str(error)))
        return
    if frame is None:
        st.caption(
            f"Not measured for the model as it is now: `python -m core faithfulness {entry.name}` does, where the model has "
            "maps."
        )
        return
    of_methods = {str(name): faithfulness.summary(rows) for name, rows in frame.groupby("method")}
    any_method = next(iter(of_methods.values()))
    lines = [_line(METHOD_NAMES[method], "map", found) for method, found in of_methods.items()]
    lines += [_line(title, name, any_method) for name, title in BASELINES.items()]
    st.markdown(
        "\n".join(
            [
                "| taken away or put back by | taken away (lower is better) | put back (higher is better) |",
                "| :-- | --: | --: |",
                *lines,
            ]
        )
    )
    for method, found in of_methods.items():
        gains = " ".join(_gain(found, baseline) for baseline in BASELINES)
        st.markdown(
            f"**{METHOD_NAMES[method]}**: {gains} With random weights the map is another one: their rank correlation is "
            f"{cell(found['randomised'])}, where 1 would be the same map whatever the model learned."
        )
    st.caption(
        f"On {any_method['randomised'].images} images of *{SPLIT}*. The most telling parts are taken away, or put back into a "
        f"blurred copy, in {faithfulness.STEPS} steps; the figures are the areas under the probability of the class the map "
        "speaks for. Brackets: 95 % intervals over sources."
    )


def _line(title: str, name: str, found: dict[str, Measured]) -> str:
    return f"| {title} | {cell(found[f'deletion_{name}'])} | {cell(found[f'insertion_{name}'])} |"


def _gain(found: dict[str, Measured], baseline: str) -> str:
    """Say whether the map beats a baseline by both measures."""
    told = []
    for kind, title in (("deletion", "taken away"), ("insertion", "put back")):
        gain = found[f"{kind}_gain_{baseline}"]
        how = "better than" if gain.low > 0 else "**worse** than" if gain.high < 0 else "not told from"
        told.append(
            f"{how} {BASELINES[baseline]} where parts are {title} ({gain.low:+z.3f} to {gain.high:+z.3f})"
        )
    return f"The map is {' and '.join(told)}."
