from itertools import pairwise

import pandas as pd

from core.evaluation.curves import CLEAN
from dashboard.parts.model_colours import lines
from dashboard.parts.robustness_curves import _figure

MODELS = [f"model-{number}" for number in range(28)]


def test_models_are_told_apart_by_more_than_colour():
    styles = list(lines(MODELS).values())
    for one, next_one in pairwise(styles):
        assert one["color"] != next_one["color"]
        assert one["dash"] != next_one["dash"]
    assert len({(style["color"], style["dash"]) for style in styles}) == len(MODELS)


def test_a_model_keeps_its_line_where_one_before_it_was_not_measured():
    rows = pd.DataFrame({"model": MODELS[1:3], "condition": CLEAN, "figure": "auc", "value": [0.9, 0.8]})
    drawn = _figure(rows, "ROC AUC", MODELS[:3]).data
    assert [(line.name, line.line.color, line.line.dash) for line in drawn] == [
        (model, style["color"], style["dash"])
        for model, style in lines(MODELS).items()
        if model in MODELS[1:3]
    ]
