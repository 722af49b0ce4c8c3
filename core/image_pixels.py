"""What a decoder gives becomes upright 8-bit sRGB: depths, orientation, alpha and colour profiles.

For `core.images` alone, which says what is converted how, and turns what these functions raise into an `ImageError`.
"""

import io
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageCms, ImageFile
from PIL.TiffImagePlugin import TiffImageFile

_UNSIGNED: Final = 1  # a TIFF's SampleFormat
TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
BYTE: Final = 8
"""Bits of a channel as most files have them."""
SIDEWAYS: Final = frozenset({5, 6, 7, 8})
"""Turns that swap width and height."""
_SRGB: Final = frozenset(
    {
        "sRGB",  # Skia, as in Chrome and Android, and darktable
        "sRGB IEC61966-2.1",  # Hewlett-Packard's, which Adobe, Apple and Microsoft pass on
        "sRGB IEC61966-2-1 black scaled",  # the next three are the ICC's
        "sRGB2014",
        "sRGB v4 ICC preference perceptual intent beta",
        "sRGB built-in",  # LittleCMS
        "GIMP built-in sRGB",
        "sRGB-elle-V2-srgbtrc.icc",  # Krita
        "Artifex sRGB Profile",  # Ghostscript, this and the next
        "Artifex Software sRGB ICC Profile",
    }
)
"""What profiles of sRGB itself are called. Other names may hold that word as well, as those of linear sRGB do."""


def to_8_bit(file: ImageFile.ImageFile, depth: int) -> Image.Image:
    """A copy with at most 8 bits a channel, keeping in `info` only what the pixels need.

    Of a PNG, the one transparent colour that it may name is scaled as its pixels were, from `depth` bits a channel; with
    16 it is passed over, for it has no counterpart among 8.

    Raises:
        ValueError: if pixels are not numbers, as floats may be.
    """
    info: dict[str | tuple[int, int], Any] = {
        key: file.info[key] for key in ("transparency", "icc_profile") if key in file.info
    }
    clear = info.get("transparency")
    if depth > BYTE and isinstance(clear, int | tuple):
        del info["transparency"]
    elif depth < BYTE and isinstance(clear, int) and file.mode in {"1", "L"}:
        info["transparency"] = clear * 255 // (2**depth - 1)
    if file.mode.startswith("I;16") or file.mode in {"I", "F"}:
        image = Image.fromarray(_deep_grey(file))
        info.pop("transparency", None)
    elif file.mode in {"La", "RGBa"}:  # premultiplied
        image = file.convert(file.mode.upper())
    else:
        image = file.copy()
    image.info = info
    return image


def _deep_grey(file: ImageFile.ImageFile) -> npt.NDArray[np.uint8]:
    """The greys of a picture with more than 8 bits, scaled and rounded, uint8 `[H, W]`; white is 255.

    Up to 16 bits, white is the top of the depth (12 bits where a TIFF says so). 32-bit integers and floats have
    no agreed white: it is the first of 1 (floats only), 255, 65 535 and the brightest pixel that no pixel
    exceeds. Black is 0, or the darkest pixel if that is negative.
    """
    tags = file.tag_v2 if isinstance(file, TiffImageFile) else {}
    levels = np.asarray(file)
    if file.mode.startswith("I;16"):
        grey = _scaled_16_bit(levels, tags.get(ExifTags.Base.BitsPerSample, (16,))[0])
    elif file.mode == "I" and tags.get(ExifTags.Base.SampleFormat, (1,))[0] == _UNSIGNED:
        grey = _scaled_32_bit(levels.view(np.uint32))  # Pillow has them as signed
    else:
        grey = _scaled_32_bit(levels)
    white_is_zero = tags.get(ExifTags.Base.PhotometricInterpretation) == 0  # Pillow minds it in 8 bits only
    return 255 - grey if white_is_zero else grey


def _scaled_16_bit(levels: npt.NDArray[np.uint16], depth: int) -> npt.NDArray[np.uint8]:
    white = 2**depth - 1
    table = (np.minimum(np.arange(65_536, dtype=np.uint32), white) * 255 + white // 2) // white
    return np.take(table.astype(np.uint8), levels)


def _scaled_32_bit(levels: npt.NDArray[np.int32 | np.uint32 | np.float32]) -> npt.NDArray[np.uint8]:
    darkest, brightest = float(levels.min()), float(levels.max())
    if not np.isfinite([darkest, brightest]).all():
        msg = "pixels that are not numbers"
        raise ValueError(msg)
    whites = (1.0, 255.0, 65_535.0) if levels.dtype.kind == "f" else (255.0, 65_535.0)
    black = min(0.0, darkest)
    white = next((level for level in whites if brightest <= level), brightest)
    per_level = 255 / (white - black)
    scaled = np.multiply(levels, per_level, dtype=np.float32)
    scaled -= black * per_level
    return np.rint(scaled, out=scaled).astype(np.uint8)


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """The picture turned and mirrored as an EXIF orientation (1 to 8) asks; other values ask for nothing."""
    turn = TURNS.get(orientation)
    if turn is None:
        return image
    turned = image.transpose(turn)
    turned.info = image.info
    return turned


def to_srgb(image: Image.Image) -> Image.Image:
    """The picture in sRGB, mode RGB, laid over white where it is transparent."""
    profile = image.info.get("icc_profile")
    alpha = None
    if image.has_transparency_data:
        image = image if "A" in image.getbands() else image.convert("RGBA")
        alpha = image.getchannel("A")
    rgb = _through_profile(_opaque(image), profile)
    if alpha is not None:
        rgb = Image.composite(rgb, Image.new("RGB", rgb.size, "white"), alpha)
    rgb.info = {}
    return rgb


def _opaque(image: Image.Image) -> Image.Image:
    """The colours alone, in a mode that colour management knows: L, RGB, CMYK or LAB."""
    if image.mode in {"L", "RGB", "CMYK", "LAB"}:
        return image
    return image.convert("L" if image.mode in {"1", "LA"} else "RGB")


def _through_profile(image: Image.Image, icc: object) -> Image.Image:
    """RGB in sRGB: through the embedded profile if usable, else by Pillow's plain rule."""
    if image.mode == "LAB":
        return _transformed(image, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")))
    if isinstance(icc, bytes) and icc:
        try:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
            if profile.profile.profile_description not in _SRGB:
                grey_in_rgb = image.mode == "L" and profile.profile.xcolor_space == "RGB "
                return _transformed(image.convert("RGB") if grey_in_rgb else image, profile)
        except (OSError, ValueError):  # broken, or made for other channels: see the module's docstring
            pass
    return image if image.mode == "RGB" else image.convert("RGB")


def _transformed(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    return ImageCms.ImageCmsTransform(profile, srgb, image.mode, "RGB").apply(image)
