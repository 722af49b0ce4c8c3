"""Videos: their shots, and a few frames of each.

A shot ends where the colours change at once: the method of colour histograms (Boreczky and Rowe, Comparison of
video shot boundary detection techniques, 1996). Slow fades and a moved camera do not end one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final, cast

import av
import numpy as np
from av.error import FFmpegError
from av.stream import Disposition
from numpy.typing import NDArray
from PIL import Image

from core import images
from core.errors import UnreadableVideoError
from core.images import DEFAULT_LIMITS, Artwork
from core.video_formats import DEMUXERS

if TYPE_CHECKING:
    from av.codec.context import CodecContext
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

CUT = 0.4
"""A shot ends where this share of the pixels changes its colour bin from one frame to the next."""
BINS = 4
"""Colour bins a channel: 64 in all."""
SMALL = (64, 36)
"""Width and height in pixels of the frames whose colours are counted."""
FRAMES_PER_SHOT = 3
WHOLE: Final = 0.8
"""Share of the length a video announces that its pictures must fill."""
MAX_FRAMES: Final = 1_000_000
MAX_PIXELS: Final = 5_000_000_000_000
"""Of all frames together: five hours of 4K at 30 frames a second. Decoding as many takes hours."""
MAX_SHOTS: Final = 20_000
"""Each is judged by frames of its own; a long film has some thousands."""

Histogram = NDArray[np.float64]


@dataclass(frozen=True)
class Shot:
    """Frames between two cuts: `first` to `last` (numbers, both included), `start` to `end` (seconds, as players count).

    `end` is when the next shot starts or, of the last one, when its last frame has been shown.
    """

    first: int
    last: int
    start: float
    end: float

    @property
    def frames(self) -> int:
        """How many frames it has."""
        return self.last - self.first + 1

    def sample(self) -> list[int]:
        """Return the numbers of at most `FRAMES_PER_SHOT` frames, spread evenly, away from the cuts."""
        steps = [(2 * step + 1) / (2 * FRAMES_PER_SHOT) for step in range(FRAMES_PER_SHOT)]
        return list(dict.fromkeys(self.first + int(self.frames * step) for step in steps))


@dataclass(frozen=True)
class Video:
    """What was found in a video: its frame size in pixels and its shots, in order, at least one."""

    width: int
    height: int
    shots: tuple[Shot, ...]

    def weights(self) -> list[float]:
        """Return how long each shot lasts: in seconds or, where the video does not tell the time, in frames."""
        seconds = [shot.end - shot.start for shot in self.shots]
        return seconds if any(seconds) else [float(shot.frames) for shot in self.shots]


def survey(file: IO[bytes], video_format: str, name: str) -> Video:
    """Find the shots of a video; every frame is decoded once, none is kept.

    Args:
        file: its bytes, seekable.
        video_format: a key of `DEMUXERS`.
        name: for messages.

    Raises:
        UnreadableVideoError: it is damaged, over a limit or has no picture.
    """
    shots: list[Shot] = []
    previous: Histogram | None = None
    begun: tuple[int, float] | None = None
    number, time, end, size = -1, 0.0, 0.0, (0, 0)
    for number, told, frame in _frames(file, video_format, name):
        size = (frame.height, frame.width) if frame.rotation % 180 else (frame.width, frame.height)
        time = max(time, told)
        end = max(end, time + _seconds(frame))
        begun = begun or (number, time)
        with _converted(frame, name):
            histogram = colour_histogram(frame)
        if previous is not None and np.abs(histogram - previous).sum() / 2 > CUT:
            shots.append(Shot(begun[0], number - 1, begun[1], time))
            if len(shots) >= MAX_SHOTS:
                raise UnreadableVideoError(f"'{name}' has more than {MAX_SHOTS:,} shots: cut it into parts.")
            begun = (number, time)
        previous = histogram
    if begun is None:
        raise UnreadableVideoError(f"'{name}' is a video without pictures: check that it plays.")
    shots.append(Shot(begun[0], number, begun[1], end))
    return Video(*size, tuple(shots))


def sampled(file: IO[bytes], video_format: str, name: str, video: Video) -> Iterator[tuple[int, Artwork]]:
    """Yield the sampled frames of a video with the number of their shot, in order.

    Each frame goes through the door, so that it is held to the limits of a picture.

    Raises:
        ImageError: the video is damaged, or its frames are not pictures Verso judges.
    """
    wanted = {frame: number for number, shot in enumerate(video.shots) for frame in shot.sample()}
    for number, _, frame in _frames(file, video_format, name):
        if number in wanted:
            with _converted(frame, name):
                picture = Image.fromarray(frame.to_ndarray(format="rgb24"))
            if frame.rotation:
                picture = picture.rotate(frame.rotation, expand=True)
            yield wanted[number], images.frame(picture, name=name)


def colour_histogram(frame: VideoFrame) -> Histogram:
    """Return the share of a frame's pixels in each colour bin: float64 `[BINS ** 3]`, sum 1."""
    pixels = frame.reformat(*SMALL, format="rgb24").to_ndarray().reshape(-1, 3).astype(np.intp) * BINS // 256
    counts = np.bincount(pixels @ (BINS**2, BINS, 1), minlength=BINS**3)
    share: Histogram = counts / counts.sum()
    return share


@contextmanager
def _converted(frame: VideoFrame, name: str) -> Iterator[None]:
    """Refuse a video whose colours FFmpeg cannot convert: judged by other colours, its verdict would be of another video."""
    try:
        yield
    except (FFmpegError, OSError) as error:
        raise UnreadableVideoError(
            f"'{name}' holds colours in a way that cannot be converted ({frame.format.name}, colour matrix "
            f"{int(frame.colorspace)}): convert it to MP4 (H.264, colours by BT.709) and try that."
        ) from error


def _seconds(frame: VideoFrame) -> float:
    """Return how long a frame is shown, 0 where that is not known."""
    return float(max(frame.duration, 0) * frame.time_base) if frame.duration and frame.time_base else 0.0


def _frames(file: IO[bytes], video_format: str, name: str) -> Iterator[tuple[int, float, VideoFrame]]:
    """Yield the frames with their number and when they are shown: seconds from the start, 0 where that is not known."""
    file.seek(0)
    try:
        with av.open(file, mode="r", format=DEMUXERS[video_format], metadata_errors="replace") as container:
            yield from _decoded(container, video_format, name)
    except (FFmpegError, OSError) as error:
        raise UnreadableVideoError(
            f"'{name}' starts like a video ({video_format}) but is damaged or of a rare variant "
            f"({getattr(error, 'strerror', None) or error}): convert it to MP4 (H.264) and try that."
        ) from error


def _decoded(
    container: InputContainer, video_format: str, name: str
) -> Iterator[tuple[int, float, VideoFrame]]:
    stream = _pictures(container)
    if stream is None:
        raise UnreadableVideoError(
            f"'{name}' ({video_format}) has no pictures that can be read: it is sound only or damaged, so check that it plays."
        )
    if cast("CodecContext | None", stream.codec_context) is None:  # PyAV's types leave that out
        raise UnreadableVideoError(
            f"'{name}' ({video_format}) is coded in a way that cannot be told, or is damaged: convert it to MP4 (H.264) and "
            "try that."
        )
    _check_size(stream.width, stream.height, name)
    stream.thread_type = "AUTO"
    start = _start(container, video_format)
    shown, pixels = 0.0, 0
    for number, frame in enumerate(container.decode(stream)):
        if number >= MAX_FRAMES:
            raise UnreadableVideoError(f"'{name}' has more than {MAX_FRAMES:,} frames: cut it into parts.")
        _check_size(frame.width, frame.height, name)  # a stream may change its mind
        pixels += frame.width * frame.height
        if pixels > MAX_PIXELS:
            raise UnreadableVideoError(
                f"'{name}' has more than {MAX_PIXELS / 1e6:,.0f} megapixels in all its frames: make a smaller copy, or cut it "
                "into parts."
            )
        time = float(frame.time or 0.0)
        shown = max(shown, time + _seconds(frame))
        yield number, max(time - start, 0.0), frame
    _check_whole(container, stream, shown, name)


def _pictures(container: InputContainer) -> VideoStream | None:
    """Return the first stream that is a video; the cover of a song or film is none."""
    films = (each for each in container.streams.video if Disposition.attached_pic not in each.disposition)
    return next(films, None)


def _start(container: InputContainer, video_format: str) -> float:
    """Return the time from which players count, in seconds: that of the first picture or sound.

    An MP4 tells itself when its pictures begin (ISO/IEC 14496-12, 8.6.6) and shows none until then.
    """
    return (container.start_time or 0) / av.time_base if video_format != "MP4" else 0.0


def _check_whole(container: InputContainer, stream: VideoStream, shown: float, name: str) -> None:
    """Refuse a video that breaks off long before the end it announces; one that announces none is taken as it is.

    Where its pictures start late, some announce how long they last, and some when they end: the shorter counts.
    """
    if stream.duration and stream.time_base:
        announced = float(stream.duration * stream.time_base)
    elif container.duration and len(container.streams) == 1:  # else that of the sound, which may go on
        announced = container.duration / av.time_base
    else:
        return
    start = float((stream.start_time or 0) * (stream.time_base or 0))
    shown = max(shown - start, 0.0)
    announced -= start if 0 < start < announced else 0.0
    if shown < WHOLE * announced:
        raise UnreadableVideoError(
            f"'{name}' breaks off after {shown:.1f} of {announced:.1f} seconds: it is cut off or damaged, so get the whole "
            "file."
        )


def _check_size(width: int, height: int, name: str) -> None:
    if width * height > DEFAULT_LIMITS.max_pixels:
        raise UnreadableVideoError(
            f"'{name}' has frames of {width} x {height} pixels, over the limit of "
            f"{DEFAULT_LIMITS.max_pixels / 1e6:,.0f} megapixels: make a smaller copy."
        )
