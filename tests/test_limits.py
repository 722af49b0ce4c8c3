import os
import subprocess
import sys

import pytest

from core.archives import USUAL_ARCHIVE_LIMITS
from core.errors import SettingWarning
from core.images import USUAL_LIMITS
from core.limits import of_environment, told


def test_what_the_environment_sets_holds_and_is_told(monkeypatch):
    monkeypatch.setenv("VERSO_MAX_BYTES", "80000000")
    monkeypatch.setenv("VERSO_MAX_MEMBERS", "50000")
    limits, archives = of_environment(USUAL_LIMITS), of_environment(USUAL_ARCHIVE_LIMITS)
    assert (limits.max_bytes, limits.max_pixels) == (80_000_000, USUAL_LIMITS.max_pixels)
    assert archives.max_members == 50_000
    assert told(limits, USUAL_LIMITS) == "max_bytes 80000000"
    assert told(USUAL_LIMITS, USUAL_LIMITS) == ""


@pytest.mark.parametrize("text", ["a lot", "-5", "0", "1e9", "50.5"])
def test_what_is_no_positive_whole_number_changes_nothing_and_is_told(text, monkeypatch):
    monkeypatch.setenv("VERSO_MAX_PIXELS", text)
    with pytest.warns(SettingWarning, match=f"VERSO_MAX_PIXELS is '{text}'.*100000000 holds instead"):
        assert of_environment(USUAL_LIMITS) == USUAL_LIMITS


def test_the_door_of_the_command_line_keeps_to_them(tmp_path, drawings):
    (tmp_path / "a.png").write_bytes(drawings.file(drawings.painting((200, 200))))
    answer = subprocess.run(
        [sys.executable, "-m", "core", "evidence", str(tmp_path / "a.png")],
        env=os.environ | {"VERSO_MAX_PIXELS": "1600"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 1
    assert "megapixels" in answer.stdout + answer.stderr
