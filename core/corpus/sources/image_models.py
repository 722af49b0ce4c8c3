"""The models of the OpenAI Images API: what they accept and what a picture is estimated to cost.

Prices are US dollars for the output of one image; the few prompt tokens come on top, and the bill decides.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from core.errors import SourceError

SQUARE, TALL, WIDE = "1024x1024", "1024x1536", "1536x1024"
GUIDE = "https://developers.openai.com/api/docs/guides/image-generation"


@dataclass(frozen=True)
class Prices:
    """Dollars an image, by quality and then by size. `source` states them, `read` is the day it did."""

    dollars: Mapping[str, Mapping[str, float]]
    source: str
    read: date


@dataclass(frozen=True)
class ImageModel:
    """A model. Qualities and sizes come with the default first; `shut_down` is the day OpenAI ends it."""

    family: str
    sizes: Sequence[str] = (SQUARE, TALL, WIDE)
    qualities: Sequence[str] = ("medium", "low", "high")
    chooses_answer: bool = False
    shut_down: date | None = None
    prices: Prices | None = None


@dataclass(frozen=True)
class Estimate:
    """What images may cost: `dollars` for all whose price is known, and how many have no known price."""

    images: int
    dollars: float
    unpriced: int
    prices: Prices | None

    def __str__(self) -> str:
        """The estimate as a sentence that says what it rests on."""
        if self.prices is None:
            return f"{self.images} images; no price is known for this model, so the cost is not either."
        known = (
            f"{self.images} images, about ${self.dollars:,.2f} (an estimate from the prices of "
            f"{self.prices.read:%d %B %Y}, {self.prices.source}; the provider's bill decides)"
        )
        if self.unpriced:
            known += f", without {self.unpriced} images whose size has no known price"
        return f"{known}."


def _per_image(square: float, tall: float, wide: float) -> dict[str, float]:
    return {SQUARE: square, TALL: tall, WIDE: wide}


GPT_IMAGE_2_5 = ImageModel(
    family="gpt-image",
    qualities=("medium", "low", "high", "xhigh", "max"),
    prices=Prices(
        # 196, 439, 1 756, 3 122 and 7 024 tokens for a square image, at $30 a million.
        {
            "low": {SQUARE: 0.006},
            "medium": {SQUARE: 0.013},
            "high": {SQUARE: 0.053},
            "xhigh": {SQUARE: 0.094},
            "max": {SQUARE: 0.211},
        },
        source="https://github.com/sanand0/blog, posts/2026/quality-levels-of-gpt-image-2.5-flare.md",
        read=date(2026, 9, 26),
    ),
)

MODELS: Mapping[str, ImageModel] = {
    "gpt-image-2": ImageModel(
        family="gpt-image",
        prices=Prices(
            {
                "low": _per_image(0.006, 0.005, 0.005),
                "medium": _per_image(0.053, 0.041, 0.041),
                "high": _per_image(0.211, 0.165, 0.165),
            },
            source=GUIDE,
            read=date(2026, 5, 6),
        ),
    ),
    "gpt-image-2.5-flare": GPT_IMAGE_2_5,
    "gpt-image-2.5-sunburst": GPT_IMAGE_2_5,
    "gpt-image-2.6-flare": ImageModel("gpt-image", qualities=GPT_IMAGE_2_5.qualities),
    "gpt-image-2.6-sunburst": ImageModel("gpt-image", qualities=GPT_IMAGE_2_5.qualities),
    "gpt-image-1.5": ImageModel(
        family="gpt-image",
        shut_down=date(2026, 12, 1),
        prices=Prices(
            {
                "low": _per_image(0.009, 0.013, 0.013),
                "medium": _per_image(0.034, 0.051, 0.050),
                "high": _per_image(0.133, 0.200, 0.199),
            },
            source="https://community.openai.com/t/1371851",
            read=date(2026, 11, 22),
        ),
    ),
    "gpt-image-1-mini": ImageModel(
        family="gpt-image",
        shut_down=date(2026, 12, 1),
        prices=Prices(
            {
                "low": _per_image(0.005, 0.006, 0.006),
                "medium": _per_image(0.011, 0.015, 0.015),
                "high": _per_image(0.036, 0.052, 0.052),
            },
            source="https://developers.openai.com/api/docs/models/gpt-image-1-mini",
            read=date(2026, 11, 22),
        ),
    ),
    "gpt-image-1": ImageModel(
        family="gpt-image",
        shut_down=date(2026, 10, 23),
        prices=Prices(
            {
                "low": _per_image(0.011, 0.017, 0.016),
                "medium": _per_image(0.043, 0.064, 0.063),
                "high": _per_image(0.167, 0.250, 0.249),
            },
            source="https://community.openai.com/t/1275254",
            read=date(2026, 11, 22),
        ),
    ),
    "dall-e-3": ImageModel(
        family="dall-e-3",
        sizes=(SQUARE, "1024x1792", "1792x1024"),
        qualities=("standard", "hd"),
        chooses_answer=True,
        shut_down=date(2026, 5, 12),
        prices=Prices(
            {
                "standard": {SQUARE: 0.040, "1024x1792": 0.080, "1792x1024": 0.080},
                "hd": {SQUARE: 0.080, "1024x1792": 0.120, "1792x1024": 0.120},
            },
            source="https://openai.com/pricing",
            read=date(2023, 12, 25),
        ),
    ),
    "dall-e-2": ImageModel(
        family="dall-e-2",
        sizes=(SQUARE, "512x512", "256x256"),
        qualities=("standard",),
        chooses_answer=True,
        shut_down=date(2026, 5, 12),
        prices=Prices(
            {"standard": {SQUARE: 0.020, "512x512": 0.018, "256x256": 0.016}},
            source="https://openai.com/pricing",
            read=date(2023, 12, 25),
        ),
    ),
}


def image_model(name: str) -> ImageModel:
    """What is known of a model; of an unknown one (another provider's), only that it is its own family."""
    return MODELS.get(name, ImageModel(family=name, sizes=(SQUARE,), qualities=("",)))


def checked_quality(name: str, quality: str) -> str:
    """The quality to ask a model for: the one given, or its default.

    Raises:
        SourceError: the model is known and has no such quality.
    """
    known = image_model(name).qualities
    if name in MODELS and quality and quality not in known:
        raise SourceError(f"{name} has no quality {quality!r}: expected one of {', '.join(known)}.")
    return quality or known[0]


def checked_sizes(name: str, sizes: Sequence[str]) -> Sequence[str]:
    """The sizes to ask a model for: those given, or all that it is known for.

    Raises:
        SourceError: a size is not written WIDTHxHEIGHT.
    """
    for size in sizes:
        if not re.fullmatch(r"[1-9]\d*x[1-9]\d*", size):
            raise SourceError(f"{size!r} is not a size: expected WIDTHxHEIGHT in pixels, such as {SQUARE}.")
    return sizes or image_model(name).sizes


def estimate(name: str, wanted: Sequence[tuple[str, str]]) -> Estimate:
    """What images may cost in all; each is given by its quality and its size."""
    prices = image_model(name).prices
    table = prices.dollars if prices else {}
    known = [table[quality][size] for quality, size in wanted if size in table.get(quality, {})]
    return Estimate(len(wanted), sum(known), len(wanted) - len(known), prices)


def warning(name: str, today: date) -> str:
    """What to know before ordering from OpenAI a model that it has shut down, or ""."""
    end = image_model(name).shut_down
    if end is None or today < end:
        return ""
    current = ", ".join(other for other, model in MODELS.items() if model.shut_down is None)
    return f"OpenAI shut {name} down on {end:%d %B %Y}; it has {current}."
