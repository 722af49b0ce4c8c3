"""Names before folders."""

from pathlib import Path

import pytest

from core.audit.inputs.address import input_of
from core.audit.places import called, place_of

ZIP, FOLDER = Path("/srv/queue/uploads/entries.zip"), Path("/srv/works")


@pytest.mark.parametrize(
    ("path", "inputs", "place"),
    [
        ("entries.zip/open call/drawing/01.jpg", [ZIP], ("01.jpg", "open call/drawing")),
        ("entries.zip/01.jpg", [ZIP], ("01.jpg", "")),
        ("/srv/works/sub/01.jpg", [FOLDER], ("01.jpg", "sub")),
        ("/srv/works/sub/01.jpg", [FOLDER, ZIP], ("01.jpg", "works/sub")),
        ("entries.zip/late/01.jpg", [FOLDER, ZIP], ("01.jpg", "entries.zip/late")),
        ("/srv/workshop/01.jpg", [FOLDER], ("01.jpg", "/srv/workshop")),
        ("a.jpg", [Path("/srv/queue/uploads/pictures")], ("a.jpg", "")),
        ("s3://bucket/works/sub/1.jpg", [input_of("s3://bucket/works/")], ("1.jpg", "sub")),
    ],
)
def test_a_file_is_told_by_its_name_and_its_folder_without_what_all_share(path, inputs, place):
    assert place_of(path, inputs) == place


def test_a_shot_is_told_by_its_seconds():
    assert called("clip.mp4#t=0.000,2.400", 1) == "shot 1, 0.0 to 2.4 s, of clip.mp4"
    assert called("no#t=0.000,2.400", 0) == "no#t=0.000,2.400"
