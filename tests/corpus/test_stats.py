from core.corpus import stats
from tests.corpus.conftest import frame, name, row


def table(rows, title):
    return next(one.frame for one in stats.tables(rows) if one.title == title)


def test_images_by_split_and_label(seven_images):
    counts = table(seven_images, "Images by split and label")
    assert counts.loc["train"].to_dict() == {"human": 2, "ai": 1, "all": 3}
    assert counts.loc["test"].to_dict() == {"human": 0, "ai": 0, "all": 0}
    assert counts.loc["all"].to_dict() == {"human": 3, "ai": 4, "all": 7}


def test_families_count_ai_images_and_media_human_ones(seven_images):
    families = table(seven_images, "AI images by family and split")
    assert families.loc["new"].to_dict() == {"train": 0, "val": 0, "test": 0, "ood": 2, "all": 2}
    assert set(families.index) == {"painter", "new", "all"}
    media = table(seven_images, "Human images by medium and split")
    assert media["all"].to_dict() == {"not stated": 1, "oil": 2, "all": 3}


def test_generators_of_a_family(seven_images):
    assert table(seven_images, "Generators in each family").loc["painter"].tolist() == [1, 2, "painter-1", 2]
    assert table(seven_images, "Generators in each family").loc["new", "generators"] == 2


def test_sources_that_lie_in_several_splits_are_shown(seven_images):
    sharing = table(seven_images, "Sources by the splits they lie in")
    assert sharing.loc["train, val, ood"].to_dict() == {"sources": 1, "images": 3}
    assert sharing["images"].sum() == 7
    shared = table(seven_images, "Sources that lie in ood and in other splits, by family and split")
    assert list(shared.index) == ["folder:c: new", "folder:c: painter", "all"]
    assert shared.loc["all"].to_dict() == {"train": 1, "val": 1, "test": 0, "ood": 1, "all": 3}


def test_formats_licences_shapes_and_sizes(seven_images):
    assert table(seven_images, "Originals by file format and label").loc["JPEG"].tolist() == [2, 0, 2]
    assert table(seven_images, "Images by licence as stated and label").loc["not stated"].tolist() == [
        1,
        0,
        1,
    ]
    assert table(seven_images, "Images by shape and label").loc["square"].tolist() == [1, 1, 2]
    assert table(seven_images, "Images by shape and label").loc["portrait"].tolist() == [0, 1, 1]
    assert table(seven_images, "Width and height by label, in pixels").loc["ai width", "least"] == 30


def test_small_sources_are_summed_up_so_that_all_are_counted():
    rows = frame(*(row(name(n), source=f"folder:{n % 20}") for n in range(50)))
    counts = table(rows, "The 15 largest sources")
    assert len(counts) == 17
    assert counts["all"].iloc[0] == 3
    assert counts.loc["5 others", "all"] == 10
    assert counts.loc["all", "all"] == 50


def test_every_table_of_counts_adds_up_to_its_images(seven_images):
    for one in stats.tables(seven_images):
        if "all" in one.frame.index:
            assert one.frame["all"].iloc[:-1].sum() == one.frame.loc["all", "all"], one.title


def test_a_corpus_without_splits_or_without_one_label_has_tables_all_the_same():
    rows = frame(*(row(name(n), split="") for n in range(3)))
    assert table(rows, "Images by split and label").loc["none yet", "all"] == 3
    assert "AI images by family and split" not in [one.title for one in stats.tables(rows)]
