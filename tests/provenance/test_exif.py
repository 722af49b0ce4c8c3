"""Cameras, software and artists that EXIF names."""

import pytest
from PIL import Image
from PIL.ExifTags import Base

from core import images
from core.provenance.evidence import Kind, Says, Trust, strongest, summary
from core.provenance.readers import evidence_of
from tests.provenance.test_xmp import TYPE, packet


@pytest.fixture
def told(drawings):
    def read(tags, kind="JPEG"):
        exif = Image.Exif()
        for tag, value in tags.items():
            exif[tag] = value
        return evidence_of(images.open(drawings.file(drawings.painting(), kind, exif=exif)))

    return read


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_a_camera_speaks_for_a_capture(told, kind):
    (found,) = told({Base.Make: "Canon", Base.Model: "EOS R5"}, kind)
    assert (found.kind, found.says, found.trust) == (Kind.CAMERA, Says.HUMAN, Trust.CLAIM)
    assert "Canon EOS R5" in found.finding


def test_glasses_that_bear_the_name_of_a_generator_photograph(told):
    (found,) = told({Base.Make: "Meta AI", Base.Model: "Ray-Ban Meta Smart Glasses 2"})
    assert found.says is Says.HUMAN
    (found,) = told({Base.Make: "Meta AI"})
    assert found.says is Says.NEUTRAL


@pytest.mark.parametrize(
    ("software", "says"),
    [
        ("Midjourney 6", Says.AI),
        ("DALL·E 3", Says.AI),
        ("Adobe Firefly 3", Says.AI),
        ("GIMP 2.10", Says.NEUTRAL),
        ("Grokking Paint", Says.NEUTRAL),
    ],
)
def test_software_that_is_a_generator_speaks_for_ai(told, software, says):
    (found,) = told({Base.Software: software})
    assert found.says is says


def test_an_artist_is_named_and_speaks_for_nothing(told):
    found = told({Base.Artist: "Midjourney Smith"})
    assert strongest(found) is Says.NEUTRAL
    assert summary(found) == "neutral: artist (Midjourney Smith)"


@pytest.mark.parametrize("broken", [b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0no EXIF at all"])
def test_damaged_exif_does_not_hide_the_rest(drawings, broken):
    xmp = packet(f'Iptc4xmpExt:DigitalSourceType="{TYPE}trainedAlgorithmicMedia"')
    found = evidence_of(images.open(drawings.file(drawings.painting(), "WEBP", exif=broken, xmp=xmp)))
    assert [(each.kind, each.says) for each in found if each.trust is Trust.CLAIM] == [
        (Kind.SOURCE_TYPE, Says.AI)
    ]


def test_exif_that_cannot_be_read_is_a_finding(drawings):
    data = drawings.file(drawings.painting(), "WEBP", exif=b"Exif\0\0no EXIF at all")
    (found,) = evidence_of(images.open(data))
    assert (found.trust, found.finding) == (Trust.UNREADABLE, "Could not be read: it is damaged.")
