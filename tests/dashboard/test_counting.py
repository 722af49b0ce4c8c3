import pytest

from dashboard.parts.counting import counted


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 files"), (1, "1 file"), (2, "2 files"), (1204, "1,204 files")]
)
def test_one_is_no_plural(count, said):
    assert counted(count, "file") == said


def test_a_plural_of_its_own_is_kept():
    assert counted(2, "shot of a video", "shots of videos") == "2 shots of videos"
