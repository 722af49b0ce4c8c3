"""All readers together, over files nobody meant well with."""

import random

import numpy as np
import pytest
from PIL import Image
from PIL.ExifTags import IFD, Base
from PIL.PngImagePlugin import PngInfo

from core import images
from core.errors import ImageError
from core.provenance import readers
from core.provenance.evidence import LONGEST, Evidence, Kind, Says, Trust, strongest, summary
from core.provenance.readers import evidence_of
from tests.provenance.damage import damaged
from tests.provenance.signing import Studio
from tests.provenance.test_generators import A1111
from tests.provenance.test_xmp import TYPE, packet

XMP = packet(f'Iptc4xmpExt:DigitalSourceType="{TYPE}trainedAlgorithmicMedia"')


def test_a_file_without_traces_has_no_evidence(drawings):
    for kind in images.FORMATS:
        found = evidence_of(images.open(drawings.file(drawings.painting(), kind)))
        assert found == ()
    assert summary(()) == ""
    assert strongest(()) is None


@pytest.fixture(scope="module")
def talkative(drawings):
    """A file of each format with every trace that it can hold."""
    exif = Image.Exif()
    exif[Base.Make], exif[Base.Software] = "Canon", "Midjourney"
    exif.get_ifd(IFD.Exif)[Base.UserComment] = b"ASCII\0\0\0" + A1111.encode()
    words = PngInfo()
    words.add_text("parameters", A1111)
    words.add_itxt("XML:com.adobe.xmp", XMP.decode())
    studio = Studio()
    return [
        studio.sign(
            drawings.file(drawings.painting(), kind, exif=exif, **options), mime, "trainedAlgorithmicMedia"
        )
        for kind, mime, options in (
            ("JPEG", "image/jpeg", {"xmp": XMP}),
            ("PNG", "image/png", {"pnginfo": words}),
            ("WEBP", "image/webp", {"xmp": XMP}),
        )
    ]


def test_every_trace_of_a_file_is_found(talkative):
    for data in talkative:
        found = evidence_of(images.open(data))
        kinds = {each.kind for each in found}
        assert kinds == {Kind.CREDENTIALS, Kind.SOURCE_TYPE, Kind.GENERATOR, Kind.CAMERA, Kind.SOFTWARE}
        assert strongest(found) is Says.AI


def test_damage_anywhere_raises_nothing_and_tells_nothing_odd(talkative):
    """1,200 files with bytes changed, cut out or doubled, the same on every run."""
    chance = random.Random(5)  # noqa: S311
    read = 0
    for number in range(1_200):
        data = damaged(talkative[number % len(talkative)], chance)
        try:
            artwork = images.open(data)
        except ImageError:
            continue
        read += 1
        for each in evidence_of(artwork):
            assert all(
                text.isprintable() and len(text) <= LONGEST for text in (each.where, each.finding, each.word)
            )
    assert read > 100


def test_a_reader_that_fails_is_a_finding(drawings, monkeypatch):
    def fail(_):
        raise MemoryError

    monkeypatch.setattr(readers, "read_exif", fail)
    (found,) = evidence_of(images.open(drawings.file(drawings.painting())))
    assert found.trust is Trust.UNREADABLE


def test_evidence_leaves_the_picture_as_it_is(drawings, talkative):
    with_traces = images.open(talkative[1])
    plain = images.open(drawings.file(drawings.painting()))
    assert np.array_equal(np.asarray(with_traces.image), np.asarray(plain.image))


def test_texts_of_strangers_are_bounded_on_construction():
    found = Evidence(Kind.SOFTWARE, "here\n", "\x1b[31m" + "x" * 10_000, "\u202eabc")
    assert found.where == "here"
    assert len(found.finding) == LONGEST
    assert found.finding.isprintable()
    assert found.word.isprintable()
