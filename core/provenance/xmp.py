"""XMP: the digital source type of IPTC, China's label, and the program that a file says it was made with.

IPTC Photo Metadata Standard 2023.2 (`Iptc4xmpExt:DigitalSourceType`), XMP Specification Part 1 (`xmp:CreatorTool`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from defusedxml import ElementTree

from core.images import Metadata
from core.provenance.aigc_label import KEY, XMP_NAMES, read_label
from core.provenance.evidence import Evidence, Kind, Says, foremost
from core.provenance.makers import generator_named
from core.provenance.source_types import source_type

MOST_BYTES: Final = 1_000_000
MOST_FINDINGS: Final = 8
SOURCE_TYPES: Final = (
    "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType",
    "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}digitalSourceType",
)
TOOL: Final = ("{http://ns.adobe.com/xap/1.0/}CreatorTool",)
CREDIT: Final = ("{http://ns.adobe.com/photoshop/1.0/}Credit",)
BY_GOOGLE: Final = "with Google AI"
"""End of the credit lines that Google's generators write; other credits name people."""
OF_OTHERS: Final = "{http://ns.adobe.com/xap/1.0/mm/}"
"""The namespace of properties that hold the XMP of what a picture was made from, such as `xmpMM:Pantry` (XMP Part 2, 2.2)."""
RESOURCE: Final = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}resource"


def read_xmp(metadata: Metadata) -> list[Evidence]:
    """Return what a file's XMP says of how the picture came to be.

    Raises:
        Exception: whatever the parser raises on what is no XML, or has entities.
    """
    packet = metadata.xmp.strip(b"\0 \r\n\t")
    if not packet:
        return []
    if len(packet) > MOST_BYTES:
        return [Evidence.unreadable(Kind.METADATA, "XMP", f"it has more than {MOST_BYTES / 1e6:.0f} MB")]
    root = ElementTree.fromstring(packet)
    found = [_of_type(value) for value in _values(root, SOURCE_TYPES)]
    for value in _values(root, XMP_NAMES):
        found += read_label(value, f"XMP {KEY}")
    found += [_of_maker("XMP CreatorTool", value) for value in _values(root, TOOL)]
    found += [_of_maker("XMP Credit", value) for value in _values(root, CREDIT) if value.endswith(BY_GOOGLE)]
    return foremost(found, MOST_FINDINGS)


def _values(root: ElementTree.Element, names: tuple[str, ...]) -> Iterator[str]:
    """Yield what a property is set to, which XMP writes as an attribute, as text, or as the address of a resource."""
    for element in _of_the_picture(root):
        said = [element.attrib[name] for name in names if name in element.attrib]
        if element.tag in names:
            said += [element.attrib.get(RESOURCE) or "".join(element.itertext())]
        yield from (value.strip() for value in said if value.strip())


def _of_the_picture(root: ElementTree.Element) -> Iterator[ElementTree.Element]:
    """Yield an element and those in it, but for what tells of other pictures: the versions and parts this one was made from."""
    waiting = [root]
    while waiting:
        element = waiting.pop()
        if not element.tag.startswith(OF_OTHERS):
            yield element
            waiting.extend(reversed(element))


def _of_type(value: str) -> Evidence:
    says, name, meaning = source_type(value)
    return Evidence(Kind.SOURCE_TYPE, "XMP DigitalSourceType", f"{name}: {meaning}.", name, says)


def _of_maker(where: str, value: str) -> Evidence:
    generator = generator_named(value)
    says = Says.AI if generator else Says.NEUTRAL
    return Evidence(Kind.SOFTWARE, where, f"Names '{value}'.", generator or value[:40], says)
