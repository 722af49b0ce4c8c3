"""What it says that a file names the device that it was made with."""

from __future__ import annotations

from typing import Final

from core.provenance.evidence import Evidence, Kind, Says, plain
from core.provenance.makers import generator_named

GLASSES: Final = "Meta AI"
"""The maker that cameras in glasses name, beside their model: photographs, whatever else bears the name."""
QUOTED: Final = 120


def read_camera(make: str, model: str, where: str) -> list[Evidence]:
    """Return what a device's maker and model say, nothing if both are "": one called as a generator is says neither.

    Args:
        make: as the file names it.
        model: likewise.
        where: the place in the file.
    """
    camera = f"{make} {model}".strip()
    if not camera:
        return []
    named, word = f"Names the device '{plain(camera, QUOTED)}'", plain(camera, 40)
    if generator_named(camera) and not (make == GLASSES and model):
        return [Evidence(Kind.CAMERA, where, f"{named}, but that is the name of a generator.", word)]
    return [Evidence(Kind.CAMERA, where, f"{named}, as cameras and scanners do.", word, Says.HUMAN)]
