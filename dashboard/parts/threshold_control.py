"""Where the models cut: each its own band, one threshold for all, or one for each."""

from collections.abc import Sequence
from typing import Final

import streamlit as st

from core.evaluation.rules import Cut, Rule, Rules, the_same
from core.verdict import Thresholds
from dashboard.parts.escaping import escaped

OWN: Final = "own bands"
ONE: Final = "one for all"
EACH: Final = "one each"
MODE: Final = "thresholds"
CUT: Final = "cut"
MEANINGS: Final = {
    OWN: "Each model at the band of its card; between its edges it says *inconclusive*.",
    ONE: "*AI* above the threshold, *human* up to it, nothing inconclusive.",
    EACH: "*AI* above a model's threshold, *human* up to it, nothing inconclusive.",
}
WIDTH: Final = 300


def threshold_control(models: Sequence[str], bands: Rules) -> Rules:
    """Draw the control and return the rule of each model.

    Args:
        models: names, as on the cards.
        bands: the band each model ships with.
    """
    line = st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="thresholds-line")
    mode = line.segmented_control(
        "Thresholds", [OWN, ONE, EACH], default=OWN, required=True, key=MODE, bind="query-params"
    )
    match mode:
        case "one for all":
            rules: Rules = the_same(models, Cut(_slider(line, "AI above, for all models", CUT)))
        case "one each":
            rules = {
                model: Cut(_slider(line, f"{escaped(model)}: AI above", f"{CUT}-{model}")) for model in models
            }
        case _:
            rules = {model: bands[model] for model in models}
    said = MEANINGS[mode or OWN]
    if mode == OWN:
        said = f"{said} {'; '.join(f'{escaped(model)}: {in_words(rules[model])}' for model in models)}."
    st.caption(said)
    return rules


def keys(models: Sequence[str]) -> tuple[str, ...]:
    """Return the names under which the control stands in the address."""
    return (MODE, CUT, *(f"{CUT}-{model}" for model in models))


def in_words(rule: Rule) -> str:
    """Say where a rule cuts."""
    if isinstance(rule, Thresholds):
        return f"human below {rule.human_below:.3f}, AI above {rule.ai_above:.3f}"
    return f"AI above {rule.at:.2f}"


def _slider(line: st.delta_generator.DeltaGenerator, label: str, key: str) -> float:
    value: float = line.slider(
        label, 0.0, 1.0, 0.5, 0.01, format="%.2f", key=key, bind="query-params", width=WIDTH
    )
    return value
