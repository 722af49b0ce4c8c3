import pytest

from core.detectors.library import entries, files_of, places_of
from tests.cards import VERSION, head_card, lay, network_card


@pytest.fixture
def models(tmp_path, monkeypatch):
    folder = tmp_path / "models"
    monkeypatch.setenv("VERSO_MODELS", str(folder))
    return folder


def test_a_broken_card_hides_no_other(models):
    lay(network_card("good"), models)
    for name, text in (("cut", b'name = "cut"\n'), ("garbled", b"\xff\xfe"), ("no-toml", b"= 3")):
        (models / name).mkdir()
        (models / name / "card.toml").write_bytes(text)
    (models / "empty").mkdir()
    (models / "folder" / "card.toml").mkdir(parents=True)
    (models / ".hidden").mkdir()
    (models / "EXPERIMENTS.md").write_text("no model")
    found = {entry.name: entry for entry in entries()}
    assert list(found) == ["cut", "empty", "folder", "garbled", "good", "no-toml"]
    assert [name for name, entry in found.items() if entry.card] == ["good"]
    for name, entry in found.items():
        assert entry.problem == "" if name == "good" else f"/{name}" in entry.problem


def test_without_a_folder_of_models_there_are_none(models):
    assert not models.exists()
    assert entries() == []


@pytest.mark.parametrize(
    ("asked", "places"),
    [
        ("", []),
        ("ResNet-18", ["family", "recipe"]),
        ("dalle3", ["generator dall-e-3"]),
        ("OIL cc0", ["medium oil", "known failure", "initial weights"]),
        (VERSION[:12], ["corpus version"]),
        ("oil nowhere", None),
    ],
)
def test_search_finds_every_word_and_says_where(models, asked, places):
    lay(network_card("one"), models)
    found = places_of(entries()[0], asked)
    assert found is None if places is None else sorted(found) == sorted(places)


def test_a_broken_card_is_found_by_its_name_and_its_sentence(models):
    (models / "cut").mkdir(parents=True)
    (entry,) = entries()
    assert places_of(entry, "cut") == ["name", "problem"]
    assert places_of(entry, "holds no card") == ["problem"]
    assert places_of(entry, "resnet18") is None


def test_files_are_named_by_what_they_hold(models):
    folder = lay(head_card("svm"), models, weights=90_000)
    (folder / "predictions.csv").write_text("sha256")
    (folder / "notes.txt").write_text("")
    files = files_of(entries()[0])
    assert [(file.name, file.holds) for file in files if file.name != "card.toml"] == [
        ("pipeline.skops", "the weights"),
        ("predictions.csv", "what it said of every val, test and ood image"),
        ("notes.txt", ""),
    ]
    assert files[0].size == 90_000
