import plotly.graph_objects as go
import pytest

from core.corpus.charts import CHARTS
from tests.corpus.conftest import frame, name, row


@pytest.mark.parametrize("figure", list(CHARTS))
def test_every_figure_shows_every_image_it_is_about(seven_images, figure):
    drawn = CHARTS[figure](seven_images)
    assert isinstance(drawn, go.Figure)
    assert drawn.layout.title.text
    about = {"families": 4, "media": 3}.get(figure, 7)
    if figure == "sizes":
        shown = sum(len(trace.x) for trace in drawn.data)
    elif figure == "sources":
        shown = sum(
            n
            for n, parent in zip(drawn.data[0]["values"], drawn.data[0].parents, strict=True)
            if parent == ""
        )
    else:
        horizontal = drawn.data[0].orientation == "h"
        shown = sum(sum(trace.x if horizontal else trace.y) for trace in drawn.data)
    assert shown == about


@pytest.mark.parametrize("figure", list(CHARTS))
def test_figures_of_one_label_alone_can_be_drawn(figure):
    rows = frame(*(row(name(n), split="") for n in range(3)))
    assert CHARTS[figure](rows).to_json()
