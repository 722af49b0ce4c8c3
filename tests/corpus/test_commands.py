"""`python -m core corpus ...`, as a user types it."""

import shutil
from typing import get_args

import pytest
from typer.testing import CliRunner

from core import markdown_table
from core.corpus import cache, commands, manifest, splits, stats
from core.corpus.charts import CHARTS
from core.errors import CorpusError
from tests.corpus.conftest import draw


@pytest.fixture(autouse=True)
def computer(tmp_path, monkeypatch):
    """A computer with no images but those of a test."""
    monkeypatch.delenv(cache.VARIABLE, raising=False)
    monkeypatch.setattr(cache, "SHARED", tmp_path / "shared")
    monkeypatch.setattr(cache.platformdirs, "user_cache_dir", lambda app: str(tmp_path / "user" / app))
    return tmp_path


def corpus(*arguments):
    return CliRunner().invoke(commands.app, [str(argument) for argument in arguments])


def images(count, **columns):
    return [
        (draw(n), {"label": label, "source": f"folder:{n % 40}", "split": "", **columns})
        for n, label in zip(range(count), ["human", "ai"] * count, strict=False)
    ]


def unsplit(listed):
    return manifest.write(listed.frame.assign(split=""), listed.path, unsplit=True)


@pytest.fixture
def listed(write_images):
    return write_images([(draw(n), {"source_path": f"{n}.png"}) for n in range(8)])


def test_an_untouched_corpus_is_verified_with_exit_code_0(listed):
    result = corpus("verify", listed.path)
    assert result.exit_code == 0
    assert result.stdout == "8 images checked: 0 problems, 0 warnings.\n"


def test_each_kind_of_damage_is_named_with_exit_code_1(listed):
    paths = [next(listed.path.parent.rglob(f"{sha256}.*")) for sha256 in listed.frame["sha256"]]
    data = bytearray(paths[2].read_bytes())
    data[40] ^= 4
    paths[2].write_bytes(data)
    paths[5].unlink()
    result = corpus("verify", listed.path)
    assert result.exit_code == 1
    assert f"problem: altered: row 4, {paths[2].stem}: " in result.stdout
    assert f"problem: missing: row 7, {paths[5].stem}: " in result.stdout
    assert "8 images checked: 2 problems, 0 warnings." in result.stdout


def test_a_malformed_row_is_named_with_exit_code_1(listed):
    listed.path.write_text(listed.path.read_text().replace(",human,", ",robot,", 1))
    result = corpus("verify", listed.path)
    assert result.exit_code == 1
    assert "line 2, column label: expected human or ai, found 'robot'." in result.stdout


def test_an_image_in_two_splits_is_named_with_exit_code_1(listed):
    first = listed.path.read_text().splitlines()[1]
    with listed.path.open("a") as file:
        file.write(first.replace(",train,", ",test,") + "\n")
    result = corpus("verify", listed.path)
    assert result.exit_code == 1
    assert f"found {first[:64]} in split 'test' and, on line 2, in split 'train'" in result.stdout


def test_a_look_alike_in_another_split_is_a_warning_with_exit_code_0(write_images):
    large = (draw(1, (128, 96)), {"width": 128, "height": 96})
    result = corpus("verify", write_images([large, (draw(1), {"split": "val"})]).path)
    assert result.exit_code == 0
    assert result.stdout.startswith("warning: look-alike: row 3, ")
    assert "0 problems, 1 warnings" in result.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("verify",),
        ("verify", "nowhere.csv"),
        ("stats", "nowhere.csv"),
        ("build", "nowhere.csv"),
        ("destroy",),
    ],
)
def test_wrong_usage_has_exit_code_2(arguments):
    assert corpus(*arguments).exit_code == 2


def test_the_schemes_of_the_command_line_are_those_there_are():
    assert set(get_args(commands.Scheme)) == set(splits.SCHEMES)


def test_building_deals_and_the_result_can_be_verified(write_images, computer):
    listed = unsplit(write_images(images(160, split="train")))
    output = computer / "built" / "manifest.csv"
    result = corpus("build", listed.path, "--output", output, "--split", "70-15-15", "--seed", "3")
    assert result.exit_code == 0, result.output
    built = manifest.read(output)
    assert built.version in result.stdout
    assert set(built.frame["split"]) == {"train", "val", "test"}
    shutil.rmtree(listed.path.parent)
    assert corpus("verify", output).exit_code == 0


def test_building_replaces_no_file_but_a_manifest(write_images, tmp_path):
    given = write_images([(draw(0), {})]).path
    photograph = tmp_path / "precious.jpg"
    photograph.write_bytes(b"a photograph")
    result = corpus("build", given, "--output", photograph)
    assert "is no manifest and would be replaced" in str(result.exception)
    assert photograph.read_bytes() == b"a photograph"


def test_building_again_with_the_same_seed_gives_the_same_file(write_images, computer):
    listed = unsplit(write_images(images(160, split="train")))
    versions = []
    for attempt in ("one", "two"):
        corpus("build", listed.path, "--output", computer / f"{attempt}.csv", "--split", "70-15-15")
        versions.append(manifest.read(computer / f"{attempt}.csv").version)
    assert versions[0] == versions[1]


def test_splits_are_kept_unless_they_are_to_be_dealt_again(write_images, computer):
    listed = write_images(images(160, split="test"))
    kept, dealt = computer / "kept.csv", computer / "dealt.csv"
    assert corpus("build", listed.path, "--output", kept).exit_code == 0
    assert corpus("build", listed.path, "--output", dealt, "--split", "70-30", "--again").exit_code == 0
    assert set(manifest.read(kept).frame["split"]) == {"test"}
    assert set(manifest.read(dealt).frame["split"]) == {"train", "test"}


def test_what_is_held_out_lands_in_ood(write_images, computer):
    listed = unsplit(write_images(images(160, split="train")))
    output = computer / "built.csv"
    result = corpus(
        "build", listed.path, "--output", output, "--split", "70-15-15", "--hold-out-source", "folder:3"
    )
    assert result.exit_code == 0, result.output
    built = manifest.read(output).frame
    assert ((built["split"] == "ood") == (built["source"] == "folder:3")).all()


def test_shares_may_miss_the_scheme_as_far_as_is_tolerated(write_images, computer):
    halves = [*images(20, source="folder:one")[:10], *images(20, source="folder:other")[10:]]
    listed = write_images([(data, columns | {"split": "train"}) for data, columns in halves])
    output = computer / "built.csv"
    build = ("build", unsplit(listed).path, "--output", output, "--split", "70-30")
    assert "or allow a larger tolerance" in str(corpus(*build).exception)
    assert not output.exists()
    assert corpus(*build, "--tolerance", "0.2").exit_code == 0
    assert sorted(manifest.read(output).frame["split"]) == ["test"] * 10 + ["train"] * 10


def test_rows_without_a_split_cannot_be_built_without_a_scheme(write_images, computer):
    listed = unsplit(write_images(images(4, split="train")))
    result = corpus("build", listed.path, "--output", computer / "built.csv")
    assert result.exit_code == 2
    assert "images have no split yet: add --split" in " ".join(result.stderr.replace("│", " ").split())
    assert not (computer / "built.csv").exists()


def test_a_column_that_does_not_exist_cannot_group(write_images, computer):
    listed = unsplit(write_images(images(4, split="train")))
    arguments = ("--split", "70-15-15", "--group-by", "sorce")
    result = corpus("build", listed.path, "--output", computer / "built.csv", *arguments)
    assert isinstance(result.exception, CorpusError)
    assert "sorce" in str(result.exception)


def test_stats_shows_every_table_and_markdown_is_what_the_datasheet_holds(listed):
    shown, markdown = corpus("stats", listed.path), corpus("stats", listed.path, "--markdown")
    for table in stats.tables(listed.frame):
        assert table.title in shown.stdout
        assert markdown_table.markdown(table) in markdown.stdout


def test_figures_are_written_as_pages(listed, computer):
    assert corpus("stats", listed.path, "--figures", computer / "figures").exit_code == 0
    pages = {path.stem for path in (computer / "figures").glob("*.html")}
    assert pages == set(CHARTS)


def test_fetching_is_offered_beside_the_other_verbs():
    assert "fetch" in corpus("--help").stdout
    assert "paintings" in corpus("fetch", "--help").stdout


def test_options_of_the_deal_are_refused_without_one(write_images, computer):
    listed = write_images(images(4, split="train"))
    result = corpus("build", listed.path, "--output", computer / "built.csv", "--hold-out-family", "drawn")
    assert result.exit_code == 2
    assert "give --split too" in " ".join(result.stderr.replace("│", " ").split())


def test_manifests_that_name_the_same_image_are_refused(write_images, computer):
    listed = write_images(images(4, split="train"))
    result = corpus("build", listed.path, listed.path, "--output", computer / "built.csv")
    assert "name each image in one of them only" in str(result.exception)
