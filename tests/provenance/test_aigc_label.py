"""The label that China asks of generated content, wherever files hold it."""

import io
import json

import pytest
from PIL import Image
from PIL.ExifTags import IFD, Base
from PIL.PngImagePlugin import PngInfo

from core import images
from core.provenance.evidence import LONGEST, Kind, Says, Trust
from core.provenance.readers import evidence_of, evidence_of_video
from tests.provenance.test_videos import FORMATS, film
from tests.provenance.test_xmp import packet

LABEL = {
    "Label": "1",
    "ContentProducer": "001191110102MAD55U9H0F10002",
    "ProduceID": "98ae6b12",
    "ReservedCode1": "",
    "ContentPropagator": "",
    "PropagateID": "",
    "ReservedCode2": "",
}
NAMESPACE = 'xmlns:TC260="http://www.tc260.org.cn/ns/AIGC/1.0/"'


def quoted(label):
    return json.dumps(label).replace('"', "&quot;")


def labels(found):
    return [each for each in found if each.kind is Kind.LABEL]


@pytest.fixture
def of_text(drawings):
    def read(text, key="AIGC"):
        words = PngInfo()
        words.add_text(key, text)
        return labels(evidence_of(images.open(drawings.file(drawings.painting(), pnginfo=words))))

    return read


@pytest.mark.parametrize("label", [LABEL, LABEL | {"Label": 1}, {"AIGC": LABEL}])
def test_a_label_among_the_texts_of_a_png_says_that_a_generator_made_it(of_text, label):
    (found,) = of_text(json.dumps(label))
    assert (found.says, found.trust, found.word) == (Says.AI, Trust.CLAIM, "AIGC label 1")
    assert "made by a generator; producer '001191110102MAD55U9H0F10002'" in found.finding


@pytest.mark.parametrize("number", ["2", "3"])
def test_a_label_that_only_suspects_accuses_nobody(of_text, number):
    (found,) = of_text(json.dumps(LABEL | {"Label": number}))
    assert (found.says, found.word) == (Says.NEUTRAL, f"AIGC label {number}")


@pytest.mark.parametrize(
    "xmp",
    [
        packet(NAMESPACE, f"<TC260:AIGC>{quoted(LABEL)}</TC260:AIGC>"),
        packet(f'{NAMESPACE} TC260:AIGC="{quoted(LABEL)}"'),
    ],
)
def test_a_label_in_xmp_is_read_however_it_is_written(drawings, xmp):
    (found,) = evidence_of(images.open(drawings.file(drawings.painting(), "JPEG", xmp=xmp)))
    assert (found.kind, found.says, found.where) == (Kind.LABEL, Says.AI, "XMP AIGC")


def test_a_label_in_the_comment_of_exif_is_read(drawings):
    exif = Image.Exif()
    exif.get_ifd(IFD.Exif)[Base.UserComment] = b"ASCII\0\0\0" + json.dumps({"AIGC": LABEL}).encode()
    (found,) = evidence_of(images.open(drawings.file(drawings.painting(), "JPEG", exif=exif)))
    assert (found.kind, found.says, found.where) == (Kind.LABEL, Says.AI, "EXIF UserComment")


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
def test_a_label_among_the_tags_of_a_video_is_read(suffix):
    data = film(suffix, AIGC=json.dumps(LABEL))
    (found,) = labels(evidence_of_video(io.BytesIO(data), FORMATS[suffix]))
    assert (found.says, found.where) == (Says.AI, "video tag 'AIGC'")


@pytest.mark.parametrize(
    "text",
    [
        "AIGC",
        "{",
        "[1]",
        '{"AIGC": 1}',
        '{"Label": "1"}',
        json.dumps(LABEL | {"Label": "0"}),
        json.dumps(LABEL | {"Label": {}}),
        json.dumps(LABEL | {"ReservedCode1": "x" * 30_000}),
        "{" * 10_000,
        '{"a":' * 3_000,
    ],
)
def test_what_is_no_label_says_nothing(of_text, text):
    assert of_text(text) == []


def test_a_label_under_another_name_is_not_looked_for(of_text):
    assert of_text(json.dumps(LABEL), "Notes") == []


def test_what_a_producer_calls_itself_is_cut_and_printable(of_text):
    (found,) = of_text(json.dumps(LABEL | {"ContentProducer": "\u202egpj" + "x" * 5_000}))
    assert len(found.finding) <= LONGEST
    assert found.finding.isprintable()
