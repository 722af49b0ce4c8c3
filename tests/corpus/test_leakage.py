import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

from core.corpus import leakage
from core.corpus.cache import ImageCache
from core.errors import CorpusError
from tests.corpus.conftest import draw, frame, name, row

FITTED, JUDGED = 60, 30


def listed(write_images, look):
    """A corpus whose images `look` draws, given (number, label): bytes, and further columns of the row."""
    images = []
    for split, count in (("train", FITTED), ("val", JUDGED)):
        for label in ("human", "ai"):
            for n in range(count):
                data, columns = look(len(images), label)
                source = f"folder:{label} {n % 10}"
                images.append((data, {"label": label, "split": split, "source": source, **columns}))
    return write_images(images)


def cache_of(manifest):
    return ImageCache(home=manifest.path.parent, roots=(manifest.path.parent,))


def whole(artwork):
    return np.asarray(artwork.image)[None]


def square(artwork):
    return np.asarray(artwork.image.crop((0, 0, 40, 40)))[None]


@pytest.fixture
def one_png_one_jpeg(write_images):
    return listed(
        write_images,
        lambda n, label: (draw(n, image_format="PNG" if label == "ai" else "JPEG"), {}),
    )


@pytest.fixture
def alike(write_images):
    return listed(write_images, lambda n, _: (draw(n, image_format=("PNG", "JPEG")[n % 2]), {}))


@pytest.fixture
def one_square_one_not(write_images):
    def look(n, label):
        width = 48 if label == "ai" else 64
        return draw(n, cut=(0, 0, width, 48)), {"width": width}

    return listed(write_images, look)


def test_one_class_png_and_one_jpeg_rings(one_png_one_jpeg):
    report = leakage.of_files(one_png_one_jpeg, cache_of(one_png_one_jpeg))
    assert report.verdict == "rings"
    assert report.auc.low > 0.99
    assert report.alone["format"] > 0.99
    assert report.sentence.startswith("The leak alarm rings on the files as they are")


def test_the_same_leak_is_gone_from_what_a_detector_is_fed(one_png_one_jpeg):
    report = leakage.of_fed(one_png_one_jpeg, cache_of(one_png_one_jpeg), square)
    assert report.verdict == "silent"
    assert report.sentence.startswith("The leak alarm is silent on what the detector is fed")


def test_files_that_differ_in_nothing_but_the_picture_are_silent(alike):
    report = leakage.of_files(alike, cache_of(alike))
    assert report.verdict == "silent"
    assert report.auc.low < 0.5 < report.auc.high


def test_facts_that_no_file_has_say_nothing(write_images):
    all_png = listed(write_images, lambda n, _: (draw(n), {}))
    report = leakage.of_files(all_png, cache_of(all_png))
    assert report.alone["quantisation, first table"] == 0.5


def test_a_shape_that_survives_the_transform_rings(one_square_one_not):
    cache = cache_of(one_square_one_not)
    assert leakage.of_fed(one_square_one_not, cache, whole).verdict == "rings"
    assert leakage.of_fed(one_square_one_not, cache, square).verdict == "silent"


def test_a_number_of_windows_that_follows_the_shape_rings(one_square_one_not):
    def as_many_as_fit(artwork):
        return np.concatenate([square(artwork)] * (artwork.width // 32))

    report = leakage.of_fed(one_square_one_not, cache_of(one_square_one_not), as_many_as_fit)
    assert report.verdict == "rings"
    assert next(iter(report.alone)) == "windows"


@pytest.mark.parametrize(
    ("options", "feature"),
    [
        ({"image_format": "JPEG", "quality": 50}, "quantisation, first table"),
        ({"image_format": "JPEG", "quality": 85, "exif": b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"}, "has EXIF"),
        ({"image_format": "JPEG", "quality": 85, "icc_profile": b"profile"}, "has colour profile"),
    ],
)
def test_what_the_header_of_one_class_tells_is_seen(write_images, options, feature):
    plain = {"image_format": "JPEG", "quality": 85}
    corpus = listed(write_images, lambda n, label: (draw(n, **(options if label == "ai" else plain)), {}))
    report = leakage.of_files(corpus, cache_of(corpus))
    assert report.alone[feature] > 0.99
    assert report.verdict == "rings"


def test_the_originals_format_and_cutting_ring_without_any_image():
    rows = [
        row(
            name(n),
            label=label,
            split=split,
            original_format="WEBP" if label == "ai" else "JPEG",
            crop="0 0 64 48" if label == "ai" else "",
        )
        for n, (split, label) in enumerate(
            (split, label) for split in ("train", "val") for label in ("human", "ai") for _ in range(50)
        )
    ]
    listing = leakage.Manifest(frame=frame(*rows), version="", path=None)
    report = leakage.of_originals(listing)
    assert report.verdict == "rings"
    assert min(report.alone.values()) > 0.99


def rows_of(splits, labels=("human", "ai"), sources=10, count=40):
    return frame(
        *(
            row(
                name(f"{split} {label} {n}"), label=label, split=split, source=f"folder:{label} {n % sources}"
            )
            for split in splits
            for label in labels
            for n in range(count)
        )
    )


def noise(rows, strength, seed=1):
    chance = np.random.default_rng(seed)
    return frame(*({"x": strength * (label == "ai") + chance.normal()} for label in rows["label"]))


def test_the_verdict_is_that_of_val_and_test_is_reported_beside_it():
    rows = rows_of(["train", "val", "test"])
    features = noise(rows, 3)
    features.loc[rows["split"] == "test", "x"] = 0.0
    report = leakage.alarm(features, rows, seen="the files", rounds=50)
    assert report.judged_on == "val"
    assert report.verdict == "rings"
    assert report.by_split["test"].value == 0.5


def test_without_val_the_verdict_is_that_of_test():
    rows = rows_of(["train", "test"])
    assert leakage.alarm(noise(rows, 3), rows, seen="the files", rounds=50).judged_on == "test"


def test_rows_of_ood_are_never_looked_at():
    rows = rows_of(["train", "val", "ood"])
    features = noise(rows, 3)
    spoilt = features.copy()
    spoilt.loc[rows["split"] == "ood", "x"] = 99.0
    reports = [leakage.alarm(one, rows, seen="the files", rounds=50) for one in (features, spoilt)]
    assert reports[0] == reports[1]
    assert list(reports[0].by_split) == ["val"]


def test_the_interval_is_wider_when_images_stand_or_fall_with_their_source():
    rows = rows_of(["train", "val"], sources=4)
    of_source = dict(zip(sorted(set(rows["source"])), np.random.default_rng(3).normal(size=8), strict=True))
    features = noise(rows, 1) + rows["source"].map(of_source).to_numpy()[:, None]
    each_its_own = rows.assign(source=rows["sha256"])
    bound, free = (
        leakage.alarm(features, one, seen="the files", rounds=300).auc for one in (rows, each_its_own)
    )
    assert bound.value == free.value
    assert bound.high - bound.low > free.high - free.low


def test_a_label_of_one_source_is_drawn_by_image():
    rows = rows_of(["train", "val"], sources=1)
    auc = leakage.alarm(noise(rows, 1), rows, seen="the files", rounds=200).auc
    assert auc.low < auc.value < auc.high


def test_the_auc_is_that_of_scikit_learn_ties_included():
    rows = rows_of(["train", "val"])
    features = noise(rows, 1).round(0)
    judged = rows["split"] == "val"
    fitted = rows["split"] == "train"
    fewest = int((rows["label"][fitted] == "ai").sum())
    assert fewest == int((rows["label"][fitted] == "human").sum())
    model = HistGradientBoostingClassifier(
        min_samples_leaf=min(20, fewest // 4), categorical_features="from_dtype", random_state=0
    )
    model.fit(features[fitted], rows["label"][fitted] == "ai")
    expected = roc_auc_score(rows["label"][judged] == "ai", model.predict_proba(features[judged])[:, 1])
    assert leakage.alarm(features, rows, seen="x", rounds=50).auc.value == pytest.approx(expected)


@pytest.mark.parametrize("fewest", [4, 16, 19])
def test_a_leak_rings_in_a_small_corpus_and_where_one_class_is_small(fewest):
    labels = ["ai"] * fewest + ["human"] * 100
    rows = pd.DataFrame({"split": ["train"] * len(labels) + ["val"] * len(labels), "label": labels * 2})
    rows["source"] = [f"source {number % 9}" for number in range(len(rows))]
    features = pd.DataFrame({"size": np.where(rows["label"] == "ai", 3.0, 0.5)})
    assert leakage.alarm(features, rows, seen="x", rounds=50).verdict == "rings"


def test_the_same_seed_gives_the_same_report():
    rows = rows_of(["train", "val"])
    one, other = (leakage.alarm(noise(rows, 1), rows, seen="x", rounds=50) for _ in range(2))
    assert one == other


@pytest.mark.parametrize("rows", [rows_of(["val"]), rows_of(["train"]), rows_of(["train", "val"], ["ai"])])
def test_without_both_labels_to_fit_and_judge_there_is_no_verdict(rows):
    with pytest.raises(CorpusError, match="needs images of both labels in train and in val or test"):
        leakage.alarm(noise(rows, 1), rows, seen="the files")


def test_a_missing_image_is_named(alike):
    cache = cache_of(alike)
    gone = alike.frame["sha256"][3]
    cache.find(gone).unlink()
    with pytest.raises(CorpusError, match=f"1 of 180 images are not on this computer .*{gone}"):
        leakage.of_files(alike, cache)


def test_progress_reaches_the_end(alike):
    told = []
    leakage.of_files(alike, cache_of(alike), lambda done, total: told.append((done, total)))
    assert told == [(n, 180) for n in range(1, 181)]
