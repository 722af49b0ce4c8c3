import plotly.graph_objects as go
import pytest

from core.corpus import manifest, stats
from tests.corpus.conftest import frame, name, row


@pytest.fixture
def corpus(tmp_path):
    """Seven images whose counts are known by eye."""
    rows = [
        row(name(1), split="train", source="folder:a", medium="oil", original_format="JPEG"),
        row(name(2), split="train", source="folder:a", medium="", original_format="JPEG", license=""),
        row(name(3), split="ood", source="folder:b", width=48, height=48),
        row(name(4), label="ai", split="train", source="folder:c", width=48, height=48),
        row(name(5), label="ai", split="val", source="folder:c", width=30, height=60),
        row(name(6), label="ai", split="ood", source="folder:c", family="new", generator="new-1"),
        row(name(7), label="ai", split="ood", source="folder:d", family="new", generator="new-2|x"),
    ]
    return manifest.write(frame(*rows), tmp_path / "manifest.csv").frame


def table(corpus, title):
    return next(one.frame for one in stats.tables(corpus) if one.title == title)


def test_images_by_split_and_label(corpus):
    counts = table(corpus, "Images by split and label")
    assert counts.loc["train"].to_dict() == {"human": 2, "ai": 1, "all": 3}
    assert counts.loc["test"].to_dict() == {"human": 0, "ai": 0, "all": 0}
    assert counts.loc["all"].to_dict() == {"human": 3, "ai": 4, "all": 7}


def test_families_count_ai_images_and_media_human_ones(corpus):
    families = table(corpus, "AI images by family and split")
    assert families.loc["new"].to_dict() == {"train": 0, "val": 0, "test": 0, "ood": 2, "all": 2}
    assert set(families.index) == {"painter", "new", "all"}
    media = table(corpus, "Human images by medium and split")
    assert media["all"].to_dict() == {"not stated": 1, "oil": 2, "all": 3}


def test_generators_of_a_family(corpus):
    assert table(corpus, "Generators in each family").loc["painter"].tolist() == [1, 2, "painter-1", 2]
    assert table(corpus, "Generators in each family").loc["new", "generators"] == 2


def test_sources_that_lie_in_several_splits_are_shown(corpus):
    sharing = table(corpus, "Sources by the splits they lie in")
    assert sharing.loc["train, val, ood"].to_dict() == {"sources": 1, "images": 3}
    assert sharing["images"].sum() == 7
    shared = table(corpus, "Sources that lie in ood and in other splits, by family and split")
    assert list(shared.index) == ["folder:c: new", "folder:c: painter", "all"]
    assert shared.loc["all"].to_dict() == {"train": 1, "val": 1, "test": 0, "ood": 1, "all": 3}


def test_formats_licences_shapes_and_sizes(corpus):
    assert table(corpus, "Originals by file format and label").loc["JPEG"].tolist() == [2, 0, 2]
    assert table(corpus, "Images by licence as stated and label").loc["not stated"].tolist() == [1, 0, 1]
    assert table(corpus, "Images by shape and label").loc["square"].tolist() == [1, 1, 2]
    assert table(corpus, "Images by shape and label").loc["portrait"].tolist() == [0, 1, 1]
    assert table(corpus, "Width and height by label, in pixels").loc["ai width", "least"] == 30


def test_small_sources_are_summed_up_so_that_all_are_counted():
    rows = frame(*(row(name(n), source=f"folder:{n % 20}") for n in range(50)))
    counts = table(rows, "The 15 largest sources")
    assert len(counts) == 17
    assert counts["all"].iloc[0] == 3
    assert counts.loc["5 others", "all"] == 10
    assert counts.loc["all", "all"] == 50


def test_every_table_of_counts_adds_up_to_its_images(corpus):
    for one in stats.tables(corpus):
        if "all" in one.frame.index:
            assert one.frame["all"].iloc[:-1].sum() == one.frame.loc["all", "all"], one.title


def test_a_corpus_without_splits_or_without_one_label_has_tables_all_the_same():
    rows = frame(*(row(name(n), split="") for n in range(3)))
    assert table(rows, "Images by split and label").loc["none yet", "all"] == 3
    assert "AI images by family and split" not in [one.title for one in stats.tables(rows)]


def test_markdown_sets_numbers_to_the_right_and_escapes_text():
    rows = frame(row(name(1), source="a|b", label="human"), *(row(name(n)) for n in range(2, 1200)))
    text = stats.markdown(stats.Table("Title", table(rows, "The 15 largest sources")))
    lines = text.splitlines()
    assert lines[0] == "**Title**"
    assert lines[2] == "| source | label | train | val | test | ood | all |"
    assert lines[3] == "| :-- | :-- | --: | --: | --: | --: | --: |"
    assert lines[4] == "| folder:studio | human | 1 198 | 0 | 0 | 0 | 1 198 |"
    assert lines[5].startswith("| a\\|b | human | 1 |")


@pytest.mark.parametrize("figure", list(stats.FIGURES))
def test_every_figure_shows_every_image_it_is_about(corpus, figure):
    drawn = stats.FIGURES[figure](corpus)
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


@pytest.mark.parametrize("figure", list(stats.FIGURES))
def test_figures_of_one_label_alone_can_be_drawn(figure):
    rows = frame(*(row(name(n), split="") for n in range(3)))
    assert stats.FIGURES[figure](rows).to_json()
