"""XMP as the programs of the field write it."""

import pytest
from PIL.PngImagePlugin import PngInfo

from core import images
from core.provenance.evidence import LONGEST, Says, Trust
from core.provenance.readers import evidence_of
from core.provenance.source_types import source_type
from core.provenance.xmp import MOST_FINDINGS

HEAD = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
    'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"'
)
TAIL = "</rdf:Description></rdf:RDF></x:xmpmeta>"
TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/"


def packet(attributes="", inside=""):
    return f"{HEAD} {attributes}>{inside}{TAIL}".encode()


@pytest.fixture
def told(drawings):
    def read(xmp, kind="JPEG"):
        return evidence_of(images.open(drawings.file(drawings.painting(), kind, xmp=xmp)))

    return read


@pytest.mark.parametrize(
    "xmp",
    [
        packet(f'Iptc4xmpExt:DigitalSourceType="{TYPE}trainedAlgorithmicMedia"'),
        packet(
            inside=f"<Iptc4xmpExt:DigitalSourceType>{TYPE}trainedAlgorithmicMedia</Iptc4xmpExt:DigitalSourceType>"
        ),
        packet(inside=f'<Iptc4xmpExt:DigitalSourceType rdf:resource="{TYPE}trainedAlgorithmicMedia"/>'),
    ],
)
def test_the_digital_source_type_is_read_however_it_is_written(told, xmp):
    (found,) = told(xmp)
    assert (found.word, found.says, found.trust) == ("trainedAlgorithmicMedia", Says.AI, Trust.CLAIM)


def test_what_a_placed_part_says_of_itself_is_not_told_of_the_picture(told):
    part = f'<rdf:li xmp:CreatorTool="Midjourney" Iptc4xmpExt:DigitalSourceType="{TYPE}trainedAlgorithmicMedia"/>'
    pantry = f'<p:Pantry xmlns:p="http://ns.adobe.com/xap/1.0/mm/"><rdf:Bag>{part}</rdf:Bag></p:Pantry>'
    own = f'Iptc4xmpExt:DigitalSourceType="{TYPE}digitalCreation"'
    assert [each.says for each in told(packet(own, pantry))] == [Says.HUMAN]
    assert Says.AI in [each.says for each in told(packet(own, part))]


def test_a_generator_is_told_however_many_other_findings_stand_before_it(told):
    types = "".join(f'<rdf:li Iptc4xmpExt:DigitalSourceType="{TYPE}other{number}"/>' for number in range(20))
    found = told(packet(inside=types + '<rdf:li xmp:CreatorTool="Midjourney"/>'))
    assert len(found) == MOST_FINDINGS
    assert (found[0].word, found[0].says) == ("Midjourney", Says.AI)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "AVIF"])
def test_xmp_is_found_in_every_format_that_has_it(drawings, kind):
    xmp = packet(f'Iptc4xmpExt:DigitalSourceType="{TYPE}digitalCapture"')
    options = {"xmp": xmp}
    if kind == "TIFF":
        options = {"tiffinfo": {700: xmp}}
    elif kind == "PNG":
        words = PngInfo()
        words.add_itxt("XML:com.adobe.xmp", xmp.decode())
        options = {"pnginfo": words}
    (found,) = evidence_of(images.open(drawings.file(drawings.painting(), kind, **options)))
    assert found.says is Says.HUMAN


def in_a_gif(drawings, xmp, at):
    """A moving GIF with an extension of XMP (XMP Specification Part 3, 1.1.2) before or behind its pictures."""
    frames = [drawings.painting(seed=seed) for seed in (1, 2)]
    data = drawings.file(frames[0], "GIF", save_all=True, append_images=frames[1:])
    end = {"before": 13 + (3 << (data[10] & 7) + 1), "behind": len(data) - 1}[at]
    extension = b"!\xff\x0bXMP DataXMP" + xmp + b"\1" + bytes(range(255, -1, -1)) + b"\0"
    return data[:end] + extension + data[end:]


@pytest.mark.parametrize("at", ["before", "behind"])
def test_xmp_is_found_in_a_gif(drawings, at):
    xmp = packet(f'Iptc4xmpExt:DigitalSourceType="{TYPE}trainedAlgorithmicMedia"')
    (found,) = evidence_of(images.open(in_a_gif(drawings, xmp, at)))
    assert (found.word, found.says) == ("trainedAlgorithmicMedia", Says.AI)


@pytest.mark.parametrize("xmp", [b"<x:xmpmeta", packet(inside=" " * 1_000_001)])
def test_damaged_or_endless_xmp_of_a_gif_is_one_finding(drawings, xmp):
    (found,) = evidence_of(images.open(in_a_gif(drawings, xmp, "behind")))
    assert found.trust is Trust.UNREADABLE


@pytest.mark.parametrize(
    ("attribute", "says"),
    [
        ('xmp:CreatorTool="Adobe Firefly"', [Says.AI]),
        ('xmp:CreatorTool="Adobe Photoshop 25.0"', [Says.NEUTRAL]),
        ('photoshop:Credit="Made with Google AI"', [Says.AI]),
        ('photoshop:Credit="Firefly Photography"', []),
        ('photoshop:Credit="Edited with Google AI"', [Says.AI]),
        ('xmp:CreatorTool="https://www.midjourney.com"', [Says.AI]),
        ('xmp:CreatorTool="Microsoft Bing Image Creator"', [Says.AI]),
        ('xmp:CreatorTool="Not made with Midjourney"', [Says.NEUTRAL]),
        ('xmp:CreatorTool="Glaze 2.0 (against Stable Diffusion)"', [Says.NEUTRAL]),
        ('xmp:CreatorTool="Midjourney-free brush pack 2"', [Says.NEUTRAL]),
        ('xmp:CreatorTool="Grok JPEG 2000 12.0"', [Says.NEUTRAL]),
    ],
)
def test_programs_that_name_themselves(told, attribute, says):
    assert [each.says for each in told(packet(attribute))] == says


@pytest.mark.parametrize(
    "xmp",
    [
        b"<x:xmpmeta",
        b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><x>&b;</x>',
        b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>',
        b"\xff\xfe\x00",
    ],
)
def test_damaged_and_hostile_xml_is_one_finding(told, xmp):
    (found,) = told(xmp)
    assert found.trust is Trust.UNREADABLE


def test_too_much_xmp_is_left_alone(told):
    (found,) = told(packet(inside=" " * 1_000_001), "WEBP")
    assert found.trust is Trust.UNREADABLE


def test_what_strangers_write_is_cut_and_printable(told):
    (found,) = told(packet(f'xmp:CreatorTool="\u202egpj\u0007.{"x" * 5000}"'.replace("\u0007", "")))
    assert len(found.finding) <= LONGEST
    assert found.finding.isprintable()


def test_parts_that_are_synthetic_may_be_rendered_and_accuse_nobody():
    says, name, _ = source_type(f"{TYPE}compositeSynthetic")
    assert (says, name) == (Says.NEUTRAL, "compositeSynthetic")
