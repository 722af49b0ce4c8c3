"""The only door for untrusted bytes: bytes or a path become an `Artwork`, or one clear `ImageError`.

Nothing else in Verso opens an image; only videos are decoded elsewhere, and their frames come through `frame`. The door

- decides the format by the bytes, never by the file name, and hands the bytes to that one decoder only;
- checks the size on disk before reading, and the picture's size from the header before pixels are allocated;
- decodes the first picture only (animation frame, page), and turns it upright as its orientation tag asks;
- converts to 8-bit sRGB by the rules below, and keeps nothing of the metadata in the picture; `metadata` hands it over.

Conversions: alpha, from whichever source, is laid over white. Deep pixels are scaled to 8 bits, never
clipped (`core.image_pixels`). An embedded colour profile that is not sRGB is honoured; one that is broken or does not
fit the pixels is passed over, as browsers do, because a bad profile says nothing about the picture.
"""

import hashlib
import io
import stat
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import IO, Final

from PIL import ExifTags, Image, ImageFile, features
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from core import image_headers, image_pixels
from core.errors import (
    CorruptImageError,
    EmptyImageError,
    ImageError,
    ImageTooLargeError,
    ImageTooSmallError,
    NoPictureError,
    UnreadableFileError,
    UnsupportedImageError,
)
from core.limits import of_environment
from core.visible_text import printable


@dataclass(frozen=True)
class Limits:
    """What the door lets in.

    `max_bytes` bounds the file, `max_pixels` width x height as the header announces them (of TIFF and WebP,
    Pillow itself reads no more than 178 megapixels). `min_side` (pixels) bounds the shorter side: under it there
    is nothing to judge, only to guess. All are whole numbers from 1.
    """

    max_bytes: int = 50_000_000
    max_pixels: int = 100_000_000
    min_side: int = 32


USUAL_LIMITS: Final = Limits()
DEFAULT_LIMITS: Final = of_environment(USUAL_LIMITS)
"""Those of this computer, see `core.limits`."""
MOST_RUN_LENGTH_PIXELS: Final = 16_000_000
MOST_PIXELS_A_BYTE: Final = 128
"""Of a compressed BMP: a run of two bytes is 255 pixels at most. What is left out is filled up pixel by pixel."""
MOST_WORK: Final = 8
"""Times the pixels of a TIFF's picture that its tiles may have, and times its bytes that they may be read from."""
LITTLE_WORK: Final = 64_000_000
"""Pixels, or bytes, that a TIFF's tiles may have however small it is."""
COLOURS: Final = {"CMYK": "CMYK", "LAB": "CIELAB", "YCbCr": "YCbCr"}
"""Modes of Pillow whose colours are no RGB as they lie in the file."""


@dataclass(frozen=True, eq=False)
class Artwork:
    """A decoded picture and the facts of its file.

    `image` is upright, mode RGB, 8 bits a channel, sRGB, without metadata. `sha256` is the hex digest of the
    file's bytes. `format` is what the bytes are: one of `FORMATS`. `width` and `height` are its upright
    size in pixels; `image` is smaller where less was `enough` for who opened it. `name` is the
    original file name, printable, "" if unknown: for display, never a path to open.
    `file` is the file's bytes, for readers of provenance. A frame of a video has no file: `sha256`, `format` and
    `file` are empty, `size_bytes` is 0.
    """

    image: Image.Image
    sha256: str
    format: str
    width: int
    height: int
    size_bytes: int
    name: str
    file: bytes = field(default=b"", repr=False)

    def preview(self, max_side: int) -> Image.Image:
        """A copy whose longer side is at most `max_side` pixels; a smaller picture keeps its size."""
        scale = max_side / max(self.image.size)
        if scale >= 1:
            return self.image.copy()
        size = (max(1, round(self.image.width * scale)), max(1, round(self.image.height * scale)))
        return self.image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)


@dataclass(frozen=True)
class Header:
    """What an image file says of itself, apart from its picture.

    `width` and `height` are pixels as stored, before any turn. `quantisation` holds the tables of a JPEG, 64
    steps each, and is empty for other formats.
    """

    format: str
    width: int
    height: int
    size_bytes: int
    quantisation: tuple[tuple[int, ...], ...]
    has_exif: bool
    has_profile: bool


@dataclass(frozen=True)
class Metadata:
    """What a file carries beside its picture, as its writer left it: untrusted, and as long as the file allows.

    `texts` are a PNG's by their keywords. `exif` holds the tags of its first and its Exif directory that are text
    or bytes, by number (`PIL.ExifTags`), or is None where the EXIF is damaged. `xmp` is a packet of XML, "" if none.
    `comment` is that of a GIF or JPEG, "" if none.
    """

    texts: Mapping[str, str]
    exif: Mapping[int, str | bytes] | None
    xmp: bytes
    comment: str = ""


def open(  # noqa: A001 - read as `images.open`
    source: bytes | Path,
    *,
    name: str | None = None,
    limits: Limits = DEFAULT_LIMITS,
    enough: int | None = None,
) -> Artwork:
    """Decode an untrusted picture.

    Args:
        source: the file's bytes, or the path of a regular file.
        name: the original file name, for display; by default the path's last part, or "" for bytes.
        limits: bounds checked before the work they bound is done.
        enough: pixels that suffice for each side of `image`: a larger JPEG is decoded at 1/2, 1/4 or 1/8 of its
            scale as long as they are left, which is faster. None decodes every pixel.

    Raises:
        UnreadableFileError: the path is missing, no regular file, or not permitted.
        EmptyImageError: there are no bytes.
        ImageTooLargeError: too many bytes, or too many pixels.
        ImageTooSmallError: the shorter side is under `limits.min_side`.
        UnsupportedImageError: the bytes are not a picture in one of `FORMATS`; a `NoPictureError` where they are text or
            a document, and are not called a picture.
        CorruptImageError: the picture is truncated or damaged, or of a variant that Pillow cannot read.
    """
    if isinstance(source, bytes):
        data, shown = source, printable(name or "")
    else:
        shown = printable(source.name if name is None else name)
        data = read_file(source, shown, limits)
    try:
        image, kind, (width, height) = _decode(data, shown, limits, enough)
        with _clear_errors(shown, kind):
            rgb = image_pixels.to_srgb(image)
    except ImageError as error:
        error.sha256 = hashlib.sha256(data).hexdigest()
        raise
    return Artwork(
        image=rgb,
        sha256=hashlib.sha256(data).hexdigest(),
        format=kind,
        width=width,
        height=height,
        size_bytes=len(data),
        name=shown,
        file=data,
    )


def frame(image: Image.Image, *, name: str = "", limits: Limits = DEFAULT_LIMITS) -> Artwork:
    """Let in a frame of a video, decoded already.

    Args:
        image: upright, mode RGB, sRGB, without metadata.
        name: that of the video, for display.
        limits: of which those of pixels hold.

    Raises:
        ImageTooLargeError: too many pixels.
        ImageTooSmallError: the shorter side is under `limits.min_side`.
    """
    shown = printable(name)
    _check_size(image.size, shown, limits)
    return Artwork(
        image, sha256="", format="", width=image.width, height=image.height, size_bytes=0, name=shown
    )


def metadata(data: bytes, *, limits: Limits = DEFAULT_LIMITS) -> Metadata:
    """Read what a file carries beside its picture, without decoding its pixels.

    Raises:
        ImageError: as `open`, save for damage that only decoding would show.
    """
    needed = image_headers.without_pixels(data, image_headers.recognise(data) or "")
    with _opened(needed, "", limits) as (file, kind):
        texts = {
            key: text for key, text in file.info.items() if isinstance(key, str) and isinstance(text, str)
        }
        xmp = image_headers.gif_xmp(data) if kind == "GIF" else file.info.get("xmp", b"")
        if raw := _raw_profile(texts.get(f"{_RAW_PROFILE}exif", "")):
            file.info.setdefault("exif", raw)  # Pillow would decode the picture before it reads this
        return Metadata(
            texts=texts | _private_texts(file) if isinstance(file, PngImageFile) else {},
            exif=_exif(file) if kind == "TIFF" or "exif" in file.info else {},
            xmp=(xmp if isinstance(xmp, bytes) else b"") or _raw_profile(texts.get(f"{_RAW_PROFILE}xmp", "")),
            comment=_comment(file),
        )


def changes(data: bytes, *, limits: Limits = DEFAULT_LIMITS) -> dict[str, str]:
    """Say what `open` makes of a file's picture before anyone sees it, by what it is about; empty if nothing.

    Raises:
        ImageError: as `open`, save for damage that only decoding would show.
    """
    with _opened(data, "", limits) as (file, _):
        _forget_xmp_of_tiff(file)
        found = {}
        if _orientation(file) in image_pixels.TURNS:
            found["Orientation"] = "turned upright as its EXIF tag asks"
        if file.mode in COLOURS:
            found["Colours"] = f"converted from {COLOURS[file.mode]} to sRGB"
        if file.has_transparency_data and not file.mode.startswith("I"):
            found["Transparency"] = "see-through parts, if any, are laid over white"
        if _has_more_pictures(file):
            found["Pictures in it"] = "several; only the first is judged"
        return found


def decode(data: bytes, *, name: str = "", limits: Limits = DEFAULT_LIMITS) -> Image.Image:
    """The upright first picture in its own mode, for callers that lay alpha over a ground of their own.

    Pixels are as the file stores them (no colour management), except that depths over 8 bits are scaled to
    mode L. `info` holds nothing but what the pixels need: `transparency` and `icc_profile`, where present.

    Raises:
        ImageError: as `open`.
    """
    return _decode(data, printable(name), limits)[0]


def header(source: bytes | Path, *, limits: Limits = DEFAULT_LIMITS) -> Header:
    """Read what an image file says of itself, without decoding its pixels.

    Raises:
        ImageError: as `open`, save for damage that only decoding would show.
    """
    if isinstance(source, bytes):
        data, shown = source, ""
    else:
        shown = printable(source.name)
        data = read_file(source, shown, limits)
    with _opened(data, shown, limits) as (file, kind):
        tables = file.quantization if isinstance(file, JpegImageFile) else {}
        return Header(
            format=kind,
            width=file.width,
            height=file.height,
            size_bytes=len(data),
            quantisation=tuple(tuple(tables[number]) for number in sorted(tables)),
            has_exif="exif" in file.info,
            has_profile="icc_profile" in file.info,
        )


def read_at_most(stream: IO[bytes], most: int) -> bytes:
    """Read a stream to its end, or its first `most` bytes, even if it gives fewer at a time than it is asked for.

    No room is made for more than it holds, which takes time.
    """
    blocks: list[bytes] = []
    while most > 0 and (block := stream.read(min(most, _BLOCK))):
        blocks.append(block)
        most -= len(block)
    return b"".join(blocks)


def encode_jpeg(image: Image.Image, quality: int) -> bytes:
    """The JPEG file of an RGB or L picture, without metadata; `quality` is libjpeg's, 1 to 100."""
    if quality not in range(1, 101):
        msg = f"JPEG quality must be from 1 to 100, not {quality}"
        raise ValueError(msg)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def recompress(image: Image.Image, quality: int) -> Image.Image:
    """The picture after one JPEG round trip in memory, in the same mode (RGB or L), without metadata."""
    again = JpegImageFile(io.BytesIO(encode_jpeg(image, quality))).copy()
    again.info = {}
    return again


# The decoders are called directly: PIL.Image.open would add a pixel limit of its own, which is process-wide.
_DECODERS: Final[dict[str, Callable[[io.BytesIO], ImageFile.ImageFile]]] = {
    "JPEG": JpegImageFile,
    "PNG": PngImageFile,
    "WEBP": WebPImageFile,
    "TIFF": TiffImageFile,
    "BMP": BmpImageFile,
    "GIF": GifImageFile,
}
if features.check("avif"):
    _DECODERS["AVIF"] = AvifImageFile

FORMATS: Final = tuple(_DECODERS)
_EXTENSIONS: Final = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png",),
    "WEBP": (".webp",),
    "TIFF": (".tif", ".tiff"),
    "BMP": (".bmp",),
    "GIF": (".gif",),
    "AVIF": (".avif",),
}
_RAW_PROFILE: Final = "Raw profile type "
_BLOCK: Final = 1 << 20
EXTENSIONS: Final = frozenset(extension for kind in FORMATS for extension in _EXTENSIONS[kind])

# What Pillow's decoders raise on hostile bytes.
_DECODER_FAILURES: Final = (
    OSError,
    EOFError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    RuntimeError,
    struct.error,
)


def _called(name: str) -> str:
    return f"'{name}'" if name else "The picture"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"


def _too_many_bytes(name: str, size: int, limits: Limits) -> ImageTooLargeError:
    return ImageTooLargeError(
        f"{_called(name)} has {_megabytes(size)}, over the limit of {_megabytes(limits.max_bytes)} a file: "
        "save a smaller copy and try that."
    )


def read_file(path: Path, name: str, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """Return the bytes of a regular file, its size checked first; `name` is what errors call it.

    Raises:
        UnreadableFileError: it is missing, not permitted, or a pipe or device, which may never end.
        ImageTooLargeError: it has more bytes than a picture may have.
    """
    try:
        facts = path.stat()
        if stat.S_ISREG(facts.st_mode):
            if facts.st_size > limits.max_bytes:
                raise _too_many_bytes(name, facts.st_size, limits)
            with path.open("rb") as file:
                return read_at_most(file, limits.max_bytes + 1)
    except FileNotFoundError as error:
        msg = f"{_called(name)} does not exist: check the path."
        raise UnreadableFileError(msg) from error
    except PermissionError as error:
        msg = f"{_called(name)} may not be read by this user: change its permissions or choose another file."
        raise UnreadableFileError(msg) from error
    except ImageError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        msg = f"{_called(name)} cannot be read ({error}): check the path and the disk."
        raise UnreadableFileError(msg) from error
    if stat.S_ISDIR(facts.st_mode):
        msg = f"{_called(name)} is a folder, not an image file: choose a file in it."
    else:
        msg = f"{_called(name)} is a device or pipe, not a regular file: choose an image file."
    raise UnreadableFileError(msg)


def _decode(
    data: bytes, name: str, limits: Limits, enough: int | None = None
) -> tuple[Image.Image, str, tuple[int, int]]:
    """The upright picture, its format, and its upright size in pixels before any reduction, see `open`."""
    with _opened(data, name, limits) as (file, kind):
        whole = file.size
        _forget_xmp_of_tiff(file)
        if enough:
            file.draft(None, (enough, enough))
        drafted = file.size
        file.load()
        orientation = _orientation(file)
        depth = image_headers.png_depth(data) if kind == "PNG" else 8
        image = image_pixels.upright(image_pixels.to_8_bit(file, depth), orientation)
        if drafted == whole:
            return image, kind, image.size
        return image, kind, whole[::-1] if orientation in image_pixels.SIDEWAYS else whole


@contextmanager
def _opened(data: bytes, name: str, limits: Limits) -> Iterator[tuple[ImageFile.ImageFile, str]]:
    """The file in its own decoder, within the limits, its pixels not decoded yet."""
    if not data:
        msg = f"{_called(name)} is empty (0 bytes): copy or download it again."
        raise EmptyImageError(msg)
    if len(data) > limits.max_bytes:
        raise _too_many_bytes(name, len(data), limits)
    kind = _kind(data, name)
    if kind == "WEBP" and (announced := image_headers.webp_size(data)):  # Pillow allocates before it tells
        _check_size(announced, name, limits)
    if kind == "PNG":
        data = image_headers.with_short_texts(data)
    with _clear_errors(name, kind), _DECODERS[kind](io.BytesIO(data)) as file:
        _check_size(file.size, name, limits)
        most = min(MOST_RUN_LENGTH_PIXELS, MOST_PIXELS_A_BYTE * len(data))
        if image_headers.is_run_length_bmp(data) and file.width * file.height > most:
            msg = f"{_called(name)} is a compressed BMP that takes too long to read, or was made to: save it anew as PNG."
            raise CorruptImageError(msg)
        if kind == "TIFF":
            _check_tiles(data, file.width * file.height, name)
        yield file, kind


def _kind(data: bytes, name: str) -> str:
    kind = image_headers.recognise(data)
    if kind not in FORMATS:
        found = kind or image_headers.describe_stranger(data)
        msg = (
            f"{_called(name)} is {found}, not a picture in a format that Verso reads here ({', '.join(FORMATS)}): "
            f"{image_headers.REMEDIES.get(found, 'save it as PNG or JPEG and try that')}."
        )
        elsewhere = found in image_headers.NO_PICTURES and PurePath(name).suffix.lower() not in EXTENSIONS
        raise NoPictureError(msg) if elsewhere else UnsupportedImageError(msg)
    most = image_headers.MAX_PARTS.get(kind, 0)
    if image_headers.count_parts(data, kind) > most:
        msg = (
            f"{_called(name)} is a {kind} file of more than {most:,} parts, damaged or made to stall its reader: "
            "save it anew as PNG or JPEG."
        )
        raise CorruptImageError(msg)
    return kind


def _check_size(size: tuple[int, int], name: str, limits: Limits) -> None:
    width, height = size
    if width * height > limits.max_pixels:
        msg = (
            f"{_called(name)} announces {width} x {height} pixels ({width * height / 1e6:,.1f} megapixels), "
            f"over the limit of {limits.max_pixels / 1e6:,.1f} megapixels: save a smaller copy and try that."
        )
        raise ImageTooLargeError(msg)
    if min(size) < limits.min_side:
        msg = (
            f"{_called(name)} has {width} x {height} pixels, too few to judge: each side needs at least "
            f"{limits.min_side} pixels, so use a larger copy."
        )
        raise ImageTooSmallError(msg)


def _check_tiles(data: bytes, pixels: int, name: str) -> None:
    """Refuse a TIFF whose tiles or strips take far more work than a picture of so many pixels needs."""
    work = image_headers.tiff_work(data)
    if any(
        found > max(MOST_WORK * needed, LITTLE_WORK)
        for found, needed in zip(work, (pixels, len(data)), strict=True)
    ):
        msg = (
            f"{_called(name)} is a TIFF file whose tiles hold far more than its picture, damaged or made to stall its "
            "reader: save it anew as PNG or JPEG."
        )
        raise CorruptImageError(msg)


@contextmanager
def _clear_errors(name: str, kind: str) -> Iterator[None]:
    """Turn what a decoder raises into an `ImageError`."""
    try:
        yield
    except ImageError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError) as error:
        msg = f"{_called(name)} needs more memory than one picture may use: save a smaller copy and try that."
        raise ImageTooLargeError(msg) from error
    except _DECODER_FAILURES as error:
        msg = (
            f"{_called(name)} starts like {kind} but is truncated, damaged or of a rare variant: download it "
            "again, or save it anew as PNG or JPEG."
        )
        raise CorruptImageError(msg) from error


def _orientation(file: ImageFile.ImageFile) -> int:
    """The file's EXIF orientation; 1 where its EXIF is damaged, for that does not hurt the picture.

    A loaded TIFF has been turned by Pillow, and names none. Where EXIF says nothing Pillow would ask XMP, which no browser
    does: programs that turn the pixels often leave it as it was. So the EXIF is read anew here.
    """
    try:
        if isinstance(file, TiffImageFile):
            exif = file.getexif()
        else:
            if isinstance(file, PngImageFile) and "exif" not in file.info:
                file.load()  # EXIF may stand behind the pixels
            exif = Image.Exif()
            exif.load(file.info.get("exif") or _raw_profile(file.info.get(f"{_RAW_PROFILE}exif", "")))
        value = exif.get(ExifTags.Base.Orientation, 1)
    except _DECODER_FAILURES:
        return 1
    return value if isinstance(value, int) else 1


def _forget_xmp_of_tiff(file: ImageFile.ImageFile) -> None:
    """Keep Pillow from turning a TIFF as its XMP asks, see `_orientation`."""
    if isinstance(file, TiffImageFile):
        file.info.pop("xmp", None)


def _has_more_pictures(file: ImageFile.ImageFile) -> bool:
    """Whether a file is animated or has further pages, as far as its first ones can be read; moves the file."""
    try:
        return bool(getattr(file, "is_animated", False))
    except _DECODER_FAILURES:
        return False


def _raw_profile(text: str) -> bytes:
    """What ImageMagick saves as a text: its name, its length, and its bytes in hexadecimal, a line each; b"" if damaged."""
    try:
        return bytes.fromhex("".join(text.split("\n")[3:]))
    except ValueError:
        return b""


def _comment(file: ImageFile.ImageFile) -> str:
    comment = file.info.get("comment")
    return comment.decode("utf-8", "replace") if isinstance(comment, bytes) else ""


def _private_texts(file: PngImageFile) -> dict[str, str]:
    """The texts that ComfyUI saves in chunks of its own, by their keywords; they look like PNG's."""
    found = {}
    for name, data, *_ in file.private_chunks:
        key, divided, text = data.partition(b"\0")
        if name == b"comf" and divided:
            found[key.decode("latin-1")] = text.decode("latin-1")
    return found


def _exif(file: ImageFile.ImageFile) -> dict[int, str | bytes] | None:
    try:
        exif = file.getexif()
        found = {**exif, **exif.get_ifd(ExifTags.IFD.Exif)}
    except _DECODER_FAILURES:
        return None
    return {tag: value for tag, value in found.items() if isinstance(value, str | bytes)}
