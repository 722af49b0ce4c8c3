"""What the container of a video holds beside its pictures: programs, cameras, comments, labels, the settings of generators.

Video nodes of ComfyUI write its `prompt` and `workflow` as tags of the container, or both as JSON in its comment.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, TYPE_CHECKING, Final

import av
from av.error import FFmpegError

from core.errors import UnreadableVideoError
from core.images import Metadata
from core.provenance.aigc_label import KEY, read_label
from core.provenance.cameras import read_camera
from core.provenance.evidence import Evidence, Kind, Says, plain
from core.provenance.generators import COMPANIONS, QUOTED, STRUCTURED, WRITTEN, read_generators
from core.provenance.makers import generator_credited, generator_named
from core.provenance.xmp import MOST_BYTES as MOST_XMP
from core.provenance.xmp import read_xmp
from core.video_formats import DEMUXERS

if TYPE_CHECKING:
    from av.container import InputContainer

PLACE: Final = "video tag"
PREFIXES: Final = ("com.apple.quicktime.", "com.android.")
PROGRAMS: Final = ("encoder", "software", "encoded_by", "creation_tool", "writing_application")
"""Tags in which programs name themselves."""
COMMENTS: Final = ("comment", "description")
"""Tags in which anything may stand: they say something only where they are the credit of a generator."""
MAKES, MODELS = ("make", "manufacturer"), ("model",)
SETTINGS: Final = {key.lower(): key for key in (WRITTEN | STRUCTURED)}
XMP: Final = "xmp"


def expect_opens(file: IO[bytes], video_format: str, name: str) -> None:
    """Check that a video can be opened.

    Args:
        file: its bytes, seekable.
        video_format: a key of `DEMUXERS`.
        name: for the message.

    Raises:
        UnreadableVideoError: it cannot.
    """
    try:
        with _opened(file, video_format):
            pass
    except (FFmpegError, OSError) as error:
        raise UnreadableVideoError(
            f"'{name}' starts like a video ({video_format}) but is damaged or of a rare variant "
            f"({getattr(error, 'strerror', None) or error}): check that it plays, or convert it to MP4 (H.264)."
        ) from error


def read_video_metadata(file: IO[bytes], video_format: str) -> list[Evidence]:
    """Return what the tags of a video and of its streams say; the pictures are not decoded.

    Args:
        file: its bytes, seekable.
        video_format: a key of `DEMUXERS`.

    Raises:
        Exception: whatever the library raises on what is no video.
    """
    with _opened(file, video_format) as container:
        tags = _tags(container.metadata)
        of_streams = [_tags(stream.metadata) for stream in container.streams.video]
    packet = tags.pop(XMP, "")
    found = _xmp(packet)
    found += read_label(tags.get(KEY.lower(), ""), f"{PLACE} '{KEY}'")
    found += read_generators(Metadata(_settings(tags), {}, b""), PLACE)
    found += _programs(tags)
    for each in of_streams:
        found += [one for one in _programs(each) if one.says is Says.AI]
    return [*dict.fromkeys(found + _camera(tags))]


def _opened(file: IO[bytes], video_format: str) -> InputContainer:
    file.seek(0)
    return av.open(
        file,
        mode="r",
        format=DEMUXERS[video_format],
        metadata_errors="replace",
        options={"export_xmp": "1"} if video_format == "MP4" else {},
    )


def _tags(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return tags under the names that most formats share."""
    found: dict[str, str] = {}
    for key, value in metadata.items():
        name = key.lower()
        for prefix in PREFIXES:
            name = name.removeprefix(prefix)
        if text := value.strip("\0 \r\n\t"):
            found.setdefault(name, text)
    return found


def _xmp(packet: str) -> list[Evidence]:
    if len(packet) > MOST_XMP:
        return [Evidence.unreadable(Kind.METADATA, "XMP", f"it has more than {MOST_XMP / 1e6:.0f} MB")]
    return read_xmp(Metadata({}, {}, packet.encode()))


def _settings(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags in which generators leave their settings, under the keywords that PNGs have them under."""
    found = {SETTINGS[name]: text for name, text in tags.items() if name in SETTINGS}
    found |= _unfolded(found.get("Comment", ""))
    return found if set(found) - COMPANIONS else {}


def _unfolded(comment: str) -> dict[str, str]:
    if not comment.startswith("{") or len(comment) > STRUCTURED["workflow"]:
        return {}
    try:
        told = json.loads(comment)
    except (ValueError, RecursionError):
        return {}
    held = {key: told[key] for key in STRUCTURED if key in told}
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in held.items()}


def _programs(tags: Mapping[str, str]) -> list[Evidence]:
    found = []
    for name in PROGRAMS:
        if program := tags.get(name):
            generator = generator_named(program)
            says = Says.AI if generator else Says.NEUTRAL
            found.append(_named(name, program, generator or plain(program, 40), says))
    for name in COMMENTS:
        text = tags.get(name, "")
        if generator := generator_credited(text):
            found.append(_named(name, text, generator, Says.AI))
    return found


def _named(tag: str, text: str, word: str, says: Says) -> Evidence:
    return Evidence(Kind.SOFTWARE, f"{PLACE} '{tag}'", f"Names '{plain(text, QUOTED)}'.", word, says)


def _camera(tags: Mapping[str, str]) -> list[Evidence]:
    make, model = (next((tags[name] for name in names if name in tags), "") for names in (MAKES, MODELS))
    return read_camera(make, model, f"{PLACE}s 'make' and 'model'")
