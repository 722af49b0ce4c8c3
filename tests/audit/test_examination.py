"""From files to findings."""

import dataclasses
import hashlib

import av
import numpy as np
import pytest

from core import images
from core.audit import examination
from core.audit.examination import examine, look
from core.audit.inputs.sources import sources_of
from core.audit.store.records import Planned
from core.corpus.duplicates import NEAR, perceptual_hash
from tests.audit.conftest import Pair, Stub, card, film


def planned(path, position=0):
    artwork = images.open(path)
    return Planned(position, str(path), 0, str(path).encode(), 0, 0, "", artwork.sha256, "", None, 0)


def test_the_verdict_follows_from_the_probability_that_is_kept(folder):
    path = folder / "00.jpg"

    class Sure(Stub):
        def predict(self, artworks):
            return np.full(len(artworks), 0.7000001, np.float32)

    (finding,) = examine(Sure(card()), sources_of([path]), [planned(path)])
    assert (finding.p_ai, finding.verdict) == (0.7, "inconclusive")


def test_large_pictures_are_not_all_held_at_once(folder, monkeypatch):
    monkeypatch.setattr(examination, "MAX_PIXELS", 3 * 64 * 48)
    stub = Stub(card())
    paths = [folder / f"{number:02}.jpg" for number in range(7)]
    findings = examine(stub, sources_of([folder]), [planned(path, n) for n, path in enumerate(paths)])
    assert stub.batches == [3, 3, 1]
    assert [finding.position for finding in findings] == list(range(7))


@pytest.mark.parametrize(("decoded_side", "side"), [(None, 512), (200, 256)])
def test_a_jpeg_is_decoded_down_to_what_the_card_allows(drawings, tmp_path, decoded_side, side):
    path = tmp_path / "large.jpg"
    path.write_bytes(drawings.file(drawings.painting((512, 512)), "JPEG"))
    described = card()
    fed = described.preprocessing.model_copy(update={"decoded_side": decoded_side})

    class Sized(Stub):
        def predict(self, artworks):
            sizes.extend(artwork.image.size for artwork in artworks)
            return super().predict(artworks)

    sizes: list[tuple[int, int]] = []
    detector = Sized(described.model_copy(update={"preprocessing": fed}))
    (finding,) = examine(detector, sources_of([path]), [planned(path)])
    assert sizes == [(side, side)]
    assert (finding.width, finding.height) == (512, 512)


def watched(path, detector):
    sources = sources_of([path])
    return examine(detector, sources, [planned_video(path)])


def planned_video(path):
    data = path.read_bytes()
    sha256 = hashlib.sha256(data).hexdigest()
    return Planned(0, str(path), 0, str(path).encode(), len(data), 0, "", sha256, "MP4", None, 0)


def test_large_frames_of_a_video_are_not_all_held_at_once(tmp_path, monkeypatch):
    path = film(tmp_path / "clip.mp4")  # 9 frames are looked at
    whole, parts = Stub(card()), Stub(card())
    found = watched(path, whole)
    monkeypatch.setattr(examination, "MAX_PIXELS", 4 * 96 * 64)
    assert watched(path, parts) == found
    assert (whole.batches, parts.batches) == ([9], [4, 4, 1])


def test_a_refused_entry_gets_its_sentence(folder):
    refused = dataclasses.replace(planned(folder / "00.jpg"), refused="It is a link.", sha256="")
    (finding,) = examine(Stub(card()), sources_of([folder]), [refused])
    assert finding.error == "It is a link."


@pytest.mark.parametrize("size", [(1024, 700), (300, 400)])
def test_the_quick_look_is_near_the_full_one(drawings, size):
    artwork = images.open(drawings.file(drawings.painting(size, 3)))
    assert (look(artwork) ^ int(perceptual_hash(artwork))).bit_count() <= NEAR


def test_a_finding_names_the_stage_that_judged(folder):
    paths = [folder / f"{number:02}.jpg" for number in range(20)]
    chunk = [planned(path, number) for number, path in enumerate(paths)]
    pair = Pair(card("pair"))
    findings = examine(pair, sources_of([folder]), chunk)
    stages = pair.predict_by_stage([images.open(path) for path in paths])[1]
    assert [finding.model for finding in findings] == stages
    assert set(stages) == {"quick", "slow"}
    assert {finding.model for finding in examine(Stub(card()), sources_of([folder]), chunk)} == {"stub"}


def test_a_video_names_every_stage_that_judged_its_frames(tmp_path):
    path = film(tmp_path / "clip.mp4", ((10, 10, 10), (250, 250, 250)))
    found = watched(path, Pair(card("pair")))
    assert [finding.model for finding in found] == ["quick + slow", "quick", "slow"]


@pytest.mark.parametrize("judged", [0, 1])
@pytest.mark.parametrize("damaged", [False, True])
def test_a_video_that_is_another_than_planned_gets_no_verdict(tmp_path, judged, damaged):
    path, other = film(tmp_path / "clip.mp4"), film(tmp_path / "other.mp4", ((250, 250, 250),))

    def swap():
        path.write_bytes(other.read_bytes()[: 500 if damaged else None])

    class Swapping(Stub):
        def predict(self, artworks):
            swap()
            return super().predict(artworks)

    item = planned_video(path)
    if not judged:
        swap()
    (finding,) = examine(Swapping(card()) if judged else Stub(card()), sources_of([path]), [item])
    assert "'clip.mp4' changed while it was being audited" in finding.error
    assert finding.verdict is None


def test_a_long_shot_of_few_frames_outweighs_a_short_one_of_many(tmp_path):
    path = film(tmp_path / "clip.mp4", ((10, 10, 10), (250, 250, 250)))
    slow = tmp_path / "slow.mp4"
    with av.open(path) as read, av.open(slow, "w") as written:
        stream = written.add_stream_from_template(read.streams.video[0])
        for packet in read.demux(video=0):
            if packet.pts is None:
                continue
            second = packet.pts // packet.duration  # the first ten frames last a second each
            packet.pts = packet.dts = (
                min(second, 10) * packet.duration * 10 + max(second - 10, 0) * packet.duration
            )
            packet.stream = stream
            written.mux(packet)
    whole, dark, bright = watched(slow, Stub(card()))
    assert whole.p_ai == pytest.approx((10 * dark.p_ai + bright.p_ai) / 11, abs=1e-4)
