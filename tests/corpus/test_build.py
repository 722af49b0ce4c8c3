import pytest

from core.corpus import build, manifest, splits
from core.corpus.cache import ImageCache
from core.errors import CorpusError
from tests.corpus.conftest import draw, frame, name, row

COMMIT = "0123456789" * 4


def silent(done, total):
    assert done <= total


def test_joining_fills_in_addresses_and_keeps_those_there_are(tmp_path):
    parts = [
        manifest.write(frame(row(name(1), source="owner/name", commit=COMMIT)), tmp_path / "a.csv"),
        manifest.write(
            frame(row(name(2), source_url=""), row(name(3), source_url="https://example.org/3")),
            tmp_path / "b.csv",
        ),
    ]
    joined = build.join(parts)
    addresses = dict(zip(joined["sha256"], joined["source_url"], strict=True))
    assert addresses[name(1)].startswith(f"https://github.com/owner/name/raw/{COMMIT}/")
    assert addresses[name(2)] == ""
    assert addresses[name(3)] == "https://example.org/3"


def test_dealing_keeps_look_alikes_together(write_images):
    images = [
        (draw(n, (64 * scale, 48 * scale)), {"width": 64 * scale, "height": 48 * scale, "label": label})
        for n, label in enumerate(["human", "ai"] * 40)
        for scale in (1, 2)
    ]
    listed = write_images(images)
    cache = ImageCache(listed.path.parent, (listed.path.parent,))
    pictures = {sha256: cache.find(sha256) for sha256 in listed.frame["sha256"]}
    plan = splits.Plan(splits.SCHEMES["70-15-15"], grouped_by=())
    dealt = build.deal(listed.frame.assign(split=""), cache, plan, silent)
    twins = {draw(n, (64 * scale, 48 * scale)): n for n in range(80) for scale in (1, 2)}
    number = dealt["sha256"].map(lambda sha256: twins[pictures[sha256].read_bytes()])
    assert all(len(set(of_picture)) == 1 for _, of_picture in dealt["split"].groupby(number))
    assert set(dealt["split"]) == {"train", "val", "test"}


def test_dealing_needs_the_images(tmp_path):
    rows = frame(row(name(1)), row(name(2), label="ai")).assign(prompt="")
    cache = ImageCache(tmp_path, (tmp_path,))
    with pytest.raises(CorpusError, match="2 of 2 images are not on this computer"):
        build.deal(rows, cache, splits.Plan(splits.SCHEMES["70-30"]), silent)


def test_only_images_that_are_lacking_are_carried(tmp_path):
    here, there = (ImageCache(tmp_path / side, (tmp_path / side,)) for side in ("here", "there"))
    hashes = [here.add(draw(n)).stem for n in range(3)]
    there.add(draw(0))
    assert build.carry([*hashes, name(1)], here, there) == 2
    assert [there.find(sha256).read_bytes() for sha256 in hashes] == [draw(n) for n in range(3)]
    assert build.carry(hashes, here, there) == 0
