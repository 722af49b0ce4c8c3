"""The IPTC vocabulary of digital source types, https://cv.iptc.org/newscodes/digitalsourcetype/, and C2PA's two of its own."""

from __future__ import annotations

from typing import Final

from core.provenance.evidence import Says

_MEANINGS: Final = {
    "trainedAlgorithmicMedia": (Says.AI, "made by a generator"),
    "compositeWithTrainedAlgorithmicMedia": (Says.AI, "in part made by a generator"),
    "digitalCapture": (Says.HUMAN, "captured by a digital camera or scanner"),
    "computationalCapture": (Says.HUMAN, "captured by a digital device from several exposures"),
    "compositeCapture": (Says.HUMAN, "composed of captured pictures"),
    "negativeFilm": (Says.HUMAN, "digitised from a negative"),
    "positiveFilm": (Says.HUMAN, "digitised from a positive film"),
    "print": (Says.HUMAN, "digitised from a print"),
    "digitalCreation": (Says.HUMAN, "made by a person with digital tools"),
    "digitalArt": (Says.HUMAN, "made by a person with digital tools"),
    "humanEdits": (Says.HUMAN, "altered by a person with digital tools"),
    "minorHumanEdits": (Says.HUMAN, "slightly altered by a person"),
    "algorithmicallyEnhanced": (Says.NEUTRAL, "enhanced by an algorithm"),
    "algorithmicMedia": (Says.NEUTRAL, "made by an algorithm that learned from no pictures"),
    "dataDrivenMedia": (Says.NEUTRAL, "drawn from data"),
    "composite": (Says.NEUTRAL, "composed of several parts"),
    "compositeSynthetic": (Says.NEUTRAL, "composed of parts, some of them synthetic: rendered, or generated"),
    "screenCapture": (Says.NEUTRAL, "captured from a screen"),
    "virtualRecording": (Says.NEUTRAL, "recorded in a virtual world"),
    "softwareImage": (Says.NEUTRAL, "made by software"),
    "empty": (Says.NEUTRAL, "begun as an empty canvas"),
    "trainedAlgorithmicData": (Says.NEUTRAL, "data made by a trained algorithm"),
}


def source_type(value: str) -> tuple[Says, str, str]:
    """Return what a digital source type says, its name, and its meaning in plain words.

    Args:
        value: the address of the term, in full or its last part alone.
    """
    name = value.strip().rstrip("/").rsplit("/", 1)[-1]
    says, meaning = _MEANINGS.get(name, (Says.NEUTRAL, "a type that Verso does not know"))
    return says, name, meaning
