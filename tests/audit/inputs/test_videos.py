"""Videos: their shots and the frames that stand for them."""

import dataclasses
import io
import struct

import pytest

from core import video_formats
from core.audit.inputs import videos
from core.audit.inputs.videos import FRAMES_PER_SHOT, Shot, Video, sampled, survey
from core.errors import ImageTooSmallError, UnreadableVideoError
from core.images import Limits
from tests.audit.conftest import COLOURS, film, song


def opened(path):
    return io.BytesIO(path.read_bytes())


def test_a_shot_ends_where_the_colours_change(tmp_path):
    video = survey(opened(film(tmp_path / "a.mp4")), "MP4", "a.mp4")
    assert (video.width, video.height) == (96, 64)
    assert [(shot.first, shot.last) for shot in video.shots] == [(0, 9), (10, 19), (20, 29)]
    assert [shot.start for shot in video.shots] == pytest.approx([0, 1, 2])
    assert [shot.end for shot in video.shots] == pytest.approx([1, 2, 3])


def test_a_still_is_one_shot(tmp_path):
    assert len(survey(opened(film(tmp_path / "a.mp4", COLOURS[:1])), "MP4", "a.mp4").shots) == 1


def test_a_single_frame_lasts_as_long_as_it_is_shown(tmp_path):
    video = survey(opened(film(tmp_path / "a.mp4", COLOURS[:1], frames=1)), "MP4", "a.mp4")
    assert video.weights() == pytest.approx([0.1])


def test_shots_weigh_what_they_last_and_their_frames_where_no_time_is_told():
    shots = (Shot(0, 9, 0.0, 10.0), Shot(10, 39, 10.0, 11.0))
    assert Video(96, 64, shots).weights() == [10, 1]
    timeless = tuple(dataclasses.replace(shot, start=0.0, end=0.0) for shot in shots)
    assert Video(96, 64, timeless).weights() == [10, 30]


def test_sampled_frames_show_their_shot(tmp_path):
    file = opened(film(tmp_path / "a.mp4"))
    video = survey(file, "MP4", "a.mp4")
    frames = list(sampled(file, "MP4", "a.mp4", video))
    assert [number for number, _ in frames] == [0] * 3 + [1] * 3 + [2] * 3
    for number, artwork in frames:
        assert artwork.image.getpixel((40, 30)) == pytest.approx(COLOURS[number], abs=8)


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 100])
def test_samples_lie_inside_the_shot_and_are_never_doubled(frames):
    sample = Shot(7, 6 + frames, 0, 1).sample()
    assert len(sample) == len(set(sample)) == min(frames, FRAMES_PER_SHOT)
    assert min(sample) >= 7
    assert max(sample) <= 6 + frames


def test_a_video_filmed_upright_is_turned_upright(tmp_path):
    path = film(tmp_path / "a.mp4")
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 44
    one = 1 << 16
    data[matrix : matrix + 36] = struct.pack(">9i", 0, one, 0, -one, 0, 0, 0, 0, 1 << 30)
    video = survey(io.BytesIO(data), "MP4", "a.mp4")
    assert (video.width, video.height) == (64, 96)
    _, artwork = next(sampled(io.BytesIO(data), "MP4", "a.mp4", video))
    assert artwork.image.size == (64, 96)


def test_frames_too_small_to_judge_are_refused(tmp_path):
    file = opened(film(tmp_path / "a.mp4", size=(16, 16)))
    video = survey(file, "MP4", "a.mp4")
    with pytest.raises(ImageTooSmallError):
        list(sampled(file, "MP4", "a.mp4", video))


def test_a_frame_may_have_more_bytes_than_a_file_for_it_has_pixels_only(tmp_path):
    file = opened(film(tmp_path / "a.mp4", COLOURS[:1], frames=1, size=(5120, 3328)))  # 51 MB of pixels
    video = survey(file, "MP4", "a.mp4")
    ((_, artwork),) = sampled(file, "MP4", "a.mp4", video)
    assert (artwork.width, artwork.height) == artwork.image.size == (5120, 3328)
    assert artwork.image.getpixel((40, 30)) == pytest.approx(COLOURS[0], abs=8)


@pytest.mark.parametrize("sizes", [[(128, 96)], [(96, 64), (128, 96)]])
def test_frames_over_the_limit_of_pixels_are_refused_wherever_they_come(tmp_path, monkeypatch, sizes):
    films = [film(tmp_path / f"{number}.ts", size=size) for number, size in enumerate(sizes)]
    file = io.BytesIO(b"".join(path.read_bytes() for path in films))
    monkeypatch.setattr(videos, "DEFAULT_LIMITS", Limits(max_pixels=96 * 64))
    with pytest.raises(UnreadableVideoError, match=r"'a\.ts' has frames of 128 x 96 pixels, over the limit"):
        survey(file, "MPEG-TS", "a.ts")


@pytest.mark.parametrize("matrix", [8, 10, 14])
def test_a_video_whose_colours_cannot_be_converted_is_one_error_of_its_own(tmp_path, matrix):
    file = opened(film(tmp_path / "a.mp4", codec="libx264", matrix=matrix))
    with pytest.raises(
        UnreadableVideoError, match=rf"'a\.mp4' holds colours .*matrix {matrix}\): convert it"
    ):
        survey(file, "MP4", "a.mp4")
    video = Video(96, 64, (Shot(0, 29, 0.0, 3.0),))
    with pytest.raises(UnreadableVideoError, match=r"'a\.mp4' holds colours"):
        list(sampled(file, "MP4", "a.mp4", video))


@pytest.mark.parametrize(
    ("limit", "most", "refusal"),
    [
        ("MAX_FRAMES", 30, "more than 29 frames: cut it into parts"),
        ("MAX_SHOTS", 3, "more than 2 shots: cut it into parts"),
        ("MAX_PIXELS", 30 * 96 * 64, "megapixels in all its frames: make a smaller copy"),
    ],
)
def test_a_video_that_would_take_days_is_refused(tmp_path, monkeypatch, limit, most, refusal):
    file = opened(film(tmp_path / "a.mp4"))
    monkeypatch.setattr(videos, limit, most)
    assert len(survey(file, "MP4", "a.mp4").shots) == 3
    monkeypatch.setattr(videos, limit, most - 1)
    with pytest.raises(UnreadableVideoError, match=f"'a.mp4' has .*{refusal}"):
        survey(file, "MP4", "a.mp4")


@pytest.mark.parametrize("cut", [64, 1_000])
def test_a_video_cut_short_is_refused(tmp_path, cut):
    data = film(tmp_path / "a.mp4").read_bytes()[:cut]
    with pytest.raises(UnreadableVideoError, match=r"'a.mp4'.*MP4"):
        survey(io.BytesIO(data), "MP4", "a.mp4")


def test_a_playlist_in_the_clothes_of_a_video_is_not_followed(tmp_path):
    (tmp_path / "secret.txt").write_text("secret")
    playlist = f"#EXTM3U\n#EXTINF:1,\nfile://{tmp_path}/secret.txt\n".encode()
    assert video_formats.recognise(playlist) == ""
    with pytest.raises(UnreadableVideoError):
        survey(io.BytesIO(playlist), "MP4", "list.mp4")


@pytest.mark.parametrize(("suffix", "found"), [("mp4", "MP4"), ("mkv", "MATROSKA"), ("avi", "AVI")])
def test_formats_are_told_by_their_bytes_and_read(tmp_path, suffix, found):
    path = film(tmp_path / f"a.{suffix}", COLOURS[:2]).rename(tmp_path / "a.jpg")
    assert video_formats.recognise(path.read_bytes()[: video_formats.SIGNATURE_BYTES]) == found
    assert len(survey(opened(path), found, path.name).shots) == 2


@pytest.mark.parametrize("word", ["free", "skip", "wide"])
def test_a_text_is_no_video_whatever_its_words(word):
    assert video_formats.recognise(f"The {word} art of the Hague\n".encode()) == ""
    assert video_formats.recognise(f"\t\n\r\n{word}".encode()) == ""
    assert video_formats.recognise(struct.pack(">I4s", 1 << 20, word.encode()) + bytes(20)) == "MP4"


def test_pictures_are_no_videos(drawings):
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "AVIF"):
        assert video_formats.recognise(drawings.file(drawings.painting(), kind)[:512]) == ""
    assert video_formats.recognise(b"\0\0\0\x18ftypheic" + bytes(20)) == ""


@pytest.mark.parametrize(
    ("suffix", "found", "names"),
    [("mp4", "MP4", (b"mp4v", b"esds")), ("mkv", "MATROSKA", (b"MPEG4/ISO/ASP",))],
)
def test_a_video_in_a_code_that_nobody_knows_is_refused(tmp_path, suffix, found, names):
    data = film(tmp_path / f"a.{suffix}").read_bytes()
    for name in names:
        assert name in data
        data = data.replace(name, b"x" * len(name))
    with pytest.raises(UnreadableVideoError, match=r"coded in a way that cannot be told.*convert it to MP4"):
        survey(io.BytesIO(data), found, "a")


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_a_video_that_breaks_off_is_refused_with_what_is_there_of_it(tmp_path, suffix):
    whole = film(tmp_path / f"whole.{suffix}", COLOURS * 4, options={"movflags": "faststart"})
    cut = tmp_path / f"cut.{suffix}"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 3 // 5])
    video_format = {"mkv": "MATROSKA", "mp4": "MP4"}[suffix]
    with whole.open("rb") as file:
        assert survey(file, video_format, "whole").shots[-1].end == pytest.approx(12, abs=0.2)
    with (
        cut.open("rb") as file,
        pytest.raises(UnreadableVideoError, match=r"breaks off after \d.* of 12.0 s"),
    ):
        survey(file, video_format, "cut")


@pytest.mark.parametrize("suffix", ["ts", "mkv", "asf"])
@pytest.mark.parametrize("late", [3600, 5])
def test_shots_are_counted_from_the_start_of_a_recording_whatever_its_clock_says(tmp_path, suffix, late):
    path = film(tmp_path / f"a.{suffix}", late=late)
    found = video_formats.recognise(path.read_bytes()[: video_formats.SIGNATURE_BYTES])
    video = survey(opened(path), found, path.name)
    assert [shot.start for shot in video.shots] == pytest.approx([0, 1, 2])
    assert [shot.end for shot in video.shots] == pytest.approx([1, 2, 3])


def test_pictures_that_follow_the_sound_late_are_counted_from_where_the_sound_starts(tmp_path):
    path = film(tmp_path / "a.ts", late=3602, sound=3600)
    assert survey(opened(path), "MPEG-TS", "a.ts").shots[0].start == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("sound", [None, 0])
def test_an_mp4_that_shows_nothing_at_first_is_counted_from_there(tmp_path, sound):
    path = film(tmp_path / "a.mp4", late=2, sound=sound)
    assert [shot.start for shot in survey(opened(path), "MP4", "a.mp4").shots] == pytest.approx([2, 3, 4])


def test_what_stands_before_the_start_is_counted_too(tmp_path):
    path = film(tmp_path / "a.mkv", late=-1, options={"avoid_negative_ts": "disabled"})
    assert [shot.start for shot in survey(opened(path), "MATROSKA", "a").shots] == pytest.approx([0, 1, 2])


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_a_recording_that_starts_late_and_breaks_off_is_refused(tmp_path, suffix):
    whole = film(tmp_path / f"a.{suffix}", COLOURS * 4, options={"movflags": "faststart"}, late=60)
    data = whole.read_bytes()
    video_format = video_formats.recognise(data)
    assert survey(io.BytesIO(data), video_format, "whole").shots
    with pytest.raises(UnreadableVideoError, match=r"breaks off after \d.* of 12.0 s"):
        survey(io.BytesIO(data[: len(data) * 3 // 5]), video_format, "cut")


def test_a_song_with_a_cover_is_sound_only(tmp_path):
    with pytest.raises(UnreadableVideoError, match=r"'a.m4a' \(MP4\) has no pictures.*sound only"):
        survey(opened(song(tmp_path / "a.mp4")), "MP4", "a.m4a")


def test_a_cover_is_no_part_of_a_film(tmp_path):
    path = song(tmp_path / "a.mp4", film=COLOURS[0])
    (shot,) = survey(opened(path), "MP4", "a.mp4").shots
    assert shot.frames == 10
