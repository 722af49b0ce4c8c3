"""The label that China asks of what generators make: a JSON object `AIGC` in the file (GB 45438-2025, annex E).

Its `Label` says whether something is generated (1), may be (2) or is suspected to be (3). In XMP it stands in the namespace of
TC260, the committee of the standard, else under the key `AIGC`; some write it as the comment of EXIF.
"""

from __future__ import annotations

import json
from typing import Final

from core.images import Metadata
from core.provenance.evidence import Evidence, Kind, Says, plain
from core.provenance.exif import user_comment

KEY: Final = "AIGC"
XMP_NAMES: Final = ("{http://www.tc260.org.cn/ns/AIGC/1.0/}AIGC",)
_MEANINGS: Final = {
    "1": (Says.AI, "made by a generator"),
    "2": (Says.NEUTRAL, "perhaps made by a generator"),
    "3": (Says.NEUTRAL, "suspected to be made by a generator"),
}
_MAKERS: Final = ("ContentProducer", "ProduceID", "ContentPropagator", "PropagateID")
"""Who made or spread the content, and under which number; a label names one at least."""
LONGEST: Final = 20_000
"""Characters of a label."""
QUOTED: Final = 120


def read_labels(metadata: Metadata) -> list[Evidence]:
    """Return what the label of a picture says, where it stands as a text of a PNG or as the comment of EXIF."""
    found = read_label(metadata.texts.get(KEY, ""), f"PNG text '{KEY}'")
    return found + read_label(user_comment(metadata), "EXIF UserComment")


def read_label(text: str, where: str) -> list[Evidence]:
    """Return what a label says, nothing if the text is none.

    Args:
        text: JSON, the label itself or an object that holds it as `AIGC`.
        where: the place in the file.
    """
    label = _label(text)
    number = str(label.get("Label"))
    if number not in _MEANINGS or not any(name in label for name in _MAKERS):
        return []
    says, meaning = _MEANINGS[number]
    producer = plain(str(label.get("ContentProducer") or ""), QUOTED)
    said = f"Label {number} of GB 45438-2025: {meaning}" + (f"; producer '{producer}'." if producer else ".")
    return [Evidence(Kind.LABEL, where, said, f"{KEY} label {number}", says)]


def _label(text: str) -> dict[str, object]:
    if not text.lstrip().startswith("{") or len(text) > LONGEST:
        return {}
    try:
        told = json.loads(text.strip("\0 \r\n\t"))
    except (ValueError, RecursionError):
        return {}
    held = told.get(KEY, told)
    return held if isinstance(held, dict) else {}
