from datetime import date

import pytest

from core.corpus.sources.image_models import MODELS, checked_quality, checked_sizes, estimate, warning
from core.errors import SourceError


def test_an_estimate_adds_up_and_says_what_it_rests_on():
    cost = estimate("gpt-image-2", [("medium", "1024x1024"), ("medium", "1024x1536"), ("low", "1024x1536")])
    assert cost.dollars == pytest.approx(0.053 + 0.041 + 0.005)
    text = str(cost)
    assert "3 images, about $0.10" in text
    assert "estimate" in text
    assert "2026" in text
    assert "https://" in text


def test_a_size_or_a_model_without_a_known_price_is_said_so():
    assert "without 1 images whose size has no known price" in str(
        estimate("dall-e-2", [("standard", "64x64")])
    )
    assert "no price is known" in str(estimate("someone-elses-model", [("", "1024x1024")]))


@pytest.mark.parametrize("name", MODELS)
def test_the_price_table_knows_only_sizes_and_qualities_of_the_model(name):
    model = MODELS[name]
    assert model.prices is None or set(model.prices.dollars) == set(model.qualities)
    if model.prices is not None:
        assert all(set(by_size) <= set(model.sizes) for by_size in model.prices.dollars.values())
        assert date(2023, 1, 1) < model.prices.read <= date(2026, 12, 31)


def test_qualities_and_sizes_default_to_the_models_own():
    assert checked_quality("gpt-image-2", "") == "medium"
    assert checked_quality("someone-elses-model", "") == ""
    assert checked_sizes("gpt-image-2", ()) == ("1024x1024", "1024x1536", "1536x1024")
    assert checked_sizes("gpt-image-2", ["512x768"]) == ["512x768"]


def test_what_a_model_does_not_have_is_refused():
    with pytest.raises(
        SourceError, match="gpt-image-2 has no quality 'hd': expected one of medium, low, high"
    ):
        checked_quality("gpt-image-2", "hd")
    for size in ("1024", "0x5", "axb", "1024x1024 "):
        with pytest.raises(SourceError, match="expected WIDTHxHEIGHT"):
            checked_sizes("gpt-image-2", [size])


def test_a_model_that_was_shut_down_is_warned_of_from_that_day_on():
    assert warning("dall-e-3", date(2026, 5, 11)) == ""
    assert "OpenAI shut dall-e-3 down on 12 May 2026; it has gpt-image-2," in warning(
        "dall-e-3", date(2026, 5, 12)
    )
    assert warning("gpt-image-2", date(2030, 1, 1)) == ""
    assert warning("someone-elses-model", date(2030, 1, 1)) == ""
